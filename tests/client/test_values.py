"""Plain values become attributes, money, moments and events exactly, or are refused by name."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kairos import Money, attributes, event, time_us, values_of
from kairos.v1 import event_pb2

PLAIN = st.one_of(
    st.text(max_size=20),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.floats(allow_nan=False),
    st.booleans(),
    st.none(),
    # In UTC: elsewhere an hour that comes twice makes moments unequal to themselves.
    st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
NAMES = st.text(st.characters(min_codepoint=97, max_codepoint=122), min_size=1, max_size=8)


@given(st.dictionaries(NAMES, PLAIN, max_size=6))
def test_values_come_back_as_they_were(plain) -> None:
    assert values_of(attributes(plain)) == plain
    kinds = [type(value) for value in values_of(attributes(plain)).values()]
    assert kinds == [type(value) for value in plain.values()]


def test_mappings_become_dotted_names() -> None:
    nested = {"viewport": {"width": 360, "screen": {"dark": True}}, "empty": {}}
    assert values_of(attributes(nested)) == {"viewport.width": 360, "viewport.screen.dark": True}


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        ([1], TypeError, "a.b: an attribute cannot hold a list"),
        (Decimal(1), TypeError, "a.b: an attribute cannot hold a Decimal"),
        (b"x", TypeError, "a.b: an attribute cannot hold a bytes"),
        (1 << 63, ValueError, "a.b: 9223372036854775808 does not fit"),
        (datetime(2026, 1, 1), ValueError, "a.b: .* has no time zone"),  # noqa: DTZ001
    ],
)
def test_what_no_attribute_holds_is_named(value, error, words) -> None:
    with pytest.raises(error, match=words):
        attributes({"a": {"b": value}})


@given(st.integers(0, 253402300799999999), st.integers(-720, 840))
def test_moments_are_exact_microseconds(microseconds, offset) -> None:
    zone = timezone(timedelta(minutes=offset))
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    try:
        moment = moment.astimezone(zone)
    except OverflowError:
        return
    assert time_us(moment) == microseconds == time_us(microseconds)


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [("19.99", "EUR", 1999), (5, "EUR", 500), ("-0.10", "USD", -10), ("1200", "JPY", 1200),
     ("1.234", "KWD", 1234), (Decimal("0.0001"), "CLF", 1), ("1e2", "EUR", 10_000)],
)  # fmt: skip
def test_money_counts_minor_units(amount, currency, minor) -> None:
    assert Money.of(amount, currency) == Money(minor, currency)


@pytest.mark.parametrize("amount", ["0.001", "NaN", "Infinity", "much", "1.5"])
def test_amounts_that_a_currency_does_not_have_are_refused(amount) -> None:
    with pytest.raises(ValueError, match=f"{amount}"):
        Money.of(amount, "JPY")


def test_floats_are_no_amounts() -> None:
    with pytest.raises(TypeError, match="not float"):
        Money.of(19.99, "EUR")  # type: ignore[arg-type]


def test_event_of_plain_values() -> None:
    made = event(
        "purchase", "ada", {"items": 2}, event_id="e1", session="s", occurred=5, device="mobile",
        channel="web", urgency="high", persona="p", url="/a", referrer="/b",
        value=Money.of("19.99", "EUR"), traits={"plan": "pro"}, user_agent="u",
        consents={"marketing": True, "profiling": False}, subject_type="device",
        identifiers={"email": "ada@example.com"},
    )  # fmt: skip
    assert made == event_pb2.Event(
        event_type="purchase", subject_id="ada", event_id="e1", session_id="s", occurred_time_us=5,
        attributes=[event_pb2.Attribute(name="items", int_value=2)],
        device_type="DEVICE_TYPE_MOBILE", channel="CHANNEL_WEB", urgency="URGENCY_HIGH",
        persona="p", url="/a", referrer="/b", value_minor=1999, currency_code="EUR",
        traits=[event_pb2.Attribute(name="plan", string_value="pro")], user_agent="u",
        consents=[
            event_pb2.ConsentChange(purpose="marketing", status="CONSENT_STATUS_GRANTED"),
            event_pb2.ConsentChange(purpose="profiling", status="CONSENT_STATUS_DENIED"),
        ],
        subject_type="IDENTIFIER_TYPE_DEVICE",
        identifiers=[
            event_pb2.Identifier(type="IDENTIFIER_TYPE_EMAIL", value="ada@example.com")
        ],
    )  # fmt: skip
    assert not event("view", "ada").HasField("occurred_time_us")


def test_unknown_names_are_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="`phone` is not one of mobile, desktop, tablet"):
        event("view", "ada", device="phone")
