"""Document texts: what the strict profile takes, and what it says of the rest."""

from zoneinfo import ZoneInfo

import pytest
from kairos_server.catalog import limits, spans
from kairos_server.catalog.documents import read_body, split_documents
from kairos_server.catalog.violations import Fault, edit_distance, nearest


def refused(text: str) -> str:
    with pytest.raises(Fault) as fault:
        read_body(text)
    return f"{fault.value.reason}: {fault.value.description}"


def test_yaml_values_are_what_they_look_like() -> None:
    body = read_body(
        "a: yes\nb: on\nc: 2024-01-01\nd: 12:30\ne: 010\nf: 1_000\ng: 0x10\nh: -5\ni: 1.5\n"
        "j: 1e3\nk: true\n"
        "l: null\nm: ~\nn:\no: .inf\np: '7'\non: 1\n1: x"
    )
    assert body == {
        "a": "yes",
        "b": "on",
        "c": "2024-01-01",
        "d": "12:30",
        "e": "010",
        "f": "1_000",
        "g": "0x10",
        "h": -5,
        "i": 1.5,
        "j": 1000.0,
        "k": True,
        "l": None,
        "m": None,
        "n": None,
        "o": ".inf",
        "p": "7",
        "on": 1,
        "1": "x",
    }
    assert [type(body[key]) for key in "hijk"] == [int, float, float, bool]


def test_json_and_yaml_are_the_same() -> None:
    assert read_body('{"kind": "x", "l": [1, 2.0, "é\\ud83d\\ude00", null, true]}') == read_body(
        'kind: x\nl: [1, 2.0, "é\U0001f600", null, true]'
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: [1,\n", "not YAML"),
        ("a: 1\na: 2", "key a stands twice at line 2, column 1"),
        ('{"a": 1, "a": 2}', "key a stands twice"),
        ("a: &x [1]\nb: *x", "anchors and aliases are refused"),
        ("a: !!python/object:os.system x", "YAML tag"),
        ("a: !!binary aGk=", "YAML tag"),
        ("<<: {a: 1}\nb: !!set {x}", "YAML tag"),
        ("[1, 2]", "not a list"),
        ("just text", "not a text"),
        ("a: 1\n---\nb: 2", "expected one document, found 2"),
        ("", "found 0"),
        ('{"a": NaN}', "NaN is not a number"),
        ('{"a": 1e999}', "a number is too large"),
        ("a: 1e999", "a number is too large at line 1, column 4"),
        ("a: 9223372036854775808", "whole numbers have 64 bits"),
        ('{"a": -9223372036854775809}', "whole numbers have 64 bits"),
        ('{"a": "\\ud800"}', "surrogate"),
        ('{"a": }', "line 1, column 7"),
        ("a: " + "[" * 40 + "]" * 40, "nested deeper than 16"),
        ('{"a": ' + "[" * 40 + "]" * 40 + "}", "nested deeper than 16"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "not JSON"),
        ("a: " + "x" * limits.DOCUMENT_SIZE_MAX, "at most 262144 bytes"),
        ("? [a]\n: 1", "a key is a text"),
        ("a: \x00", "not YAML"),
    ],
)
def test_refused_texts(text: str, message: str) -> None:
    assert message in refused(text)


def test_split_keeps_the_texts() -> None:
    parts = split_documents(
        "# heading\n---\nkind: a\n--- # next\nkind: b\ntext: |\n  --- not here\n---\n\n# nothing\n"
    )
    assert [read_body(part.body)["kind"] for part in parts] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("30s", 30_000_000),
        ("30m", 1_800_000_000),
        ("24h", 86_400_000_000),
        ("7d", 604_800_000_000),
        ("2w", 1_209_600_000_000),
    ],
)
def test_spans(text: str, us: int) -> None:
    assert spans.span_us(text) == us
    assert spans.span_us(spans.span_text(us)) == us


def test_windows() -> None:
    assert spans.window("7d") == (604_800_000_000, 32)
    assert spans.window("7d/64") == (604_800_000_000, 64)
    for bad in ("", "7", "d", "-7d", "1.5h", "7d/3", "7d/257", "0s", "4000d", "7d/", "7d/x", "7 d"):
        with pytest.raises(Fault):
            spans.window(bad)


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("1h30m", 5_400_000_000),
        ("-1.5s", -1_500_000),
        ("720h", 2_592_000_000_000),
        ("0", 0),
        (".5s", 500_000),
        ("1us", 1),
        ("1000ns", 1),
    ],
)
def test_cel_durations(text: str, us: int) -> None:
    assert spans.cel_duration_us(text) == us


def test_times_finer_than_a_microsecond_are_refused() -> None:
    for bad in ("1ns", "1.0000001s", "1d", "", "s", "999999999h"):
        with pytest.raises(Fault):
            spans.cel_duration_us(bad)
    for bad in (
        "2024-01-01",
        "2024-02-30T00:00:00Z",
        "2024-01-01T00:00:00",
        "2024-01-01T00:00:00.1234567Z",
        "2024-01-01T00:00:00+25:00",
    ):
        with pytest.raises(Fault):
            spans.moment_us(bad)


def test_moments() -> None:
    assert spans.moment_us("1970-01-01T00:00:00Z") == 0
    assert spans.moment_us("1970-01-01T01:00:00.000001+01:00") == 1
    assert spans.moment_us("1969-12-31T23:59:59.5Z") == -500_000


def test_schedule_bounds_follow_the_zone() -> None:
    utc, berlin = ZoneInfo("UTC"), ZoneInfo("Europe/Berlin")
    assert spans.bound_us("2024-01-01", utc, end=False) == 1_704_067_200_000_000
    assert spans.bound_us("2024-01-01", utc, end=True) == 1_704_153_600_000_000
    assert spans.bound_us("2024-07-01", berlin, end=False) == spans.moment_us(
        "2024-06-30T22:00:00Z"
    )
    # Chile skips midnight of 2024-09-08: the day starts when the clocks change, at 04:00 UTC.
    assert spans.bound_us("2024-09-08", ZoneInfo("America/Santiago"), end=False) == spans.moment_us(
        "2024-09-08T04:00:00Z"
    )
    # Cuba has midnight of 2024-11-03 once, but 00:30 twice; the first one counts.
    assert spans.bound_us("2024-11-03", ZoneInfo("America/Havana"), end=False) == spans.moment_us(
        "2024-11-03T04:00:00Z"
    )
    for bad in ("Mars/Olympus", "", "../etc/passwd", 5):
        with pytest.raises(Fault):
            spans.zone_of(bad)


def test_nearest_names() -> None:
    assert edit_distance("abc", "acb") == 1
    assert edit_distance("", "abc") == 3
    assert nearest("time_on_pag", ["time_on_page", "type"]) == " Did you mean time_on_page?"
    assert nearest("xyz", ["time_on_page"]) == ""
