"""The committed expectations: that they follow from the raw files,
and hold the numbers that are known elsewhere.
"""

import json
from fractions import Fraction
from pathlib import Path

import expectations
import pytest
from expectation_rules import SubjectState
from kairos_server.demo.datasets import line_value_minor, retail_rows, serenade_rows
from kairos_server.demo.generator import generated_rows

EXPECTED = Path(__file__).parent / "expected"
MINUTE_US = 60 * 1_000_000


def committed(name):
    return json.loads((EXPECTED / f"{name}.json").read_text())


def test_generated_follows_from_the_events():
    rows = json.loads(json.dumps(list(generated_rows())))
    assert expectations.compute(expectations.GENERATED, rows)[0] == committed("generated")


@pytest.fixture(scope="module")
def serenade_expected(shared):
    return list(expectations.consented(expectations.serenade_rows(shared / "data" / "datasets")))


@pytest.fixture(scope="module")
def retail_expected(shared):
    return list(expectations.consented(expectations.retail_rows(shared / "data" / "datasets")))


def test_serenade_follows_from_the_files(serenade_expected):
    found = expectations.compute(expectations.SERENADE, serenade_expected)[0]
    assert found == committed("serenade")


def test_retail_follows_from_the_file(retail_expected):
    found = expectations.compute(expectations.RETAIL, retail_expected)[0]
    assert found == committed("retail")


def test_serenade_counts_are_those_of_the_publisher():
    assert committed("serenade")["events_by_type"]["click"] == 113_601 + 1_451


def test_retail_counts_are_those_of_the_publisher():
    retail = committed("retail")
    lines = retail["events_by_type"]["purchase"] + retail["events_by_type"]["cancellation"]
    assert retail["refused"] == {"SUBJECT_MISSING": 98_056}
    assert lines + 98_056 == 370_931


def test_two_readers_read_the_same_clicks(shared, serenade_expected):
    assert_readers_agree(serenade_expected, serenade_rows(shared / "data" / "datasets"))


def test_two_readers_read_the_same_lines(shared, retail_expected):
    assert_readers_agree(retail_expected, retail_rows(shared / "data" / "datasets"))


def assert_readers_agree(mine, theirs):
    """The demo's reader and the expectations' own agree on every field that counts, row by row."""
    for expected, row in zip(mine, theirs, strict=True):
        # The expectations need no description, quantity or country;
        # the demo sends them all the same.
        assert {name: row[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("quantity", "price", "minor"),
    [
        ("6.0", "2.55", 1530),
        ("1.0", "0.125", 13),
        ("-1.0", "0.125", -13),
        ("3.0", "0.001", 0),
        ("5.0", "0.001", 1),
    ],
)
def test_money_is_rounded_half_up_away_from_zero(quantity, price, minor):
    assert line_value_minor(quantity, price) == minor
    assert expectations.half_up(Fraction(quantity) * Fraction(price) * 100) == minor


def test_a_gap_of_thirty_minutes_does_not_end_a_session():
    subject = SubjectState()
    first = subject.session_of("", 0)
    assert subject.session_of("", 30 * MINUTE_US) is first
    assert subject.session_of("", 30 * MINUTE_US + 1).ordinal == 2


def test_an_event_between_sessions_belongs_to_none():
    subject = SubjectState()
    subject.session_of("", 0)
    subject.session_of("", 300 * MINUTE_US)
    assert subject.session_of("", 150 * MINUTE_US) is None
    assert subject.session_of("", 280 * MINUTE_US).ordinal == 2


def test_a_fifth_session_forgets_the_oldest():
    subject = SubjectState()
    for index in range(5):
        subject.session_of(f"s{index}", index * MINUTE_US)
    assert {session.key for session in subject.sessions} == {"s1", "s2", "s3", "s4"}
    assert subject.session_of("s0", 0).ordinal == 6


@pytest.mark.parametrize("name", ["serenade", "retail", "generated"])
def test_the_guide_states_the_committed_numbers(root, name):
    guide = (root / "docs" / "guides" / "demo.md").read_text()
    expected = committed(name)
    counts = [expected[key] for key in ("sent", "accepted", "duplicates", "subjects", "sessions")]
    counts += [sum(expected[key].values()) for key in ("refused", "triggers")] + [
        expected["events_by_type"]["consent"]
    ]
    assert [count for count in counts if f" {count:,} |" not in guide] == []
