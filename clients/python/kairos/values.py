"""Plain Python values as messages of the contract: attributes, money, moments, events."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeAlias

from kairos.v1 import event_pb2

Value: TypeAlias = "str | int | float | bool | datetime | Mapping[str, Value] | None"
"""What an attribute may hold. A mapping is spread into dotted names."""
Moment: TypeAlias = datetime | int
"""A moment: a datetime with a time zone, or microseconds since 1970-01-01 UTC."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_INT_MIN, _INT_MAX = -(1 << 63), (1 << 63) - 1
_DIGITS_DEFAULT: Final = 2
# ISO 4217, list one: currencies whose minor unit is not a hundredth.
_NO_DIGITS: Final = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DIGITS: Final = "BHD IQD JOD KWD LYD OMR TND"
_FOUR_DIGITS: Final = "CLF UYW"
_DIGITS: Final = {
    code: digits
    for digits, codes in ((0, _NO_DIGITS), (3, _THREE_DIGITS), (4, _FOUR_DIGITS))
    for code in codes.split()
}


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units of a currency, for example Money(1999, "EUR")."""

    minor: int
    currency: str

    @classmethod
    def of(cls, amount: Decimal | int | str, currency: str) -> "Money":
        """Returns an amount given in major units: Money.of("19.99", "EUR").

        Errors: TypeError for a float, which cannot hold most amounts; ValueError for more digits
        than the currency has.
        """
        if isinstance(amount, bool) or not isinstance(amount, (Decimal, int, str)):
            raise TypeError(f"an amount is a Decimal, int or str, not {type(amount).__name__}")
        try:
            exact = Decimal(amount).scaleb(_DIGITS.get(currency, _DIGITS_DEFAULT))
        except InvalidOperation:
            raise ValueError(f"`{amount}` is not an amount") from None
        if not exact.is_finite() or exact != exact.to_integral_value():
            raise ValueError(f"{amount} is not a whole number of minor units of {currency}")
        return cls(int(exact), currency)


def time_us(moment: Moment) -> int:
    """Returns microseconds since 1970-01-01 UTC, exactly.

    Errors: ValueError for a datetime without a time zone: the server cannot know which was meant.
    """
    if isinstance(moment, int):
        return moment
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return (moment - _EPOCH) // _MICROSECOND


def attributes(values: Mapping[str, Value]) -> list[event_pb2.Attribute]:
    """Returns attributes of plain values, in the mapping's order.

    Errors: TypeError or ValueError, naming the attribute, for what no attribute can hold.
    """
    return list(_attributes(values, ""))


def _attributes(values: Mapping[str, Value], prefix: str) -> Iterator[event_pb2.Attribute]:
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, str):
            yield event_pb2.Attribute(name=name, string_value=value)
        elif isinstance(value, bool):
            yield event_pb2.Attribute(name=name, bool_value=value)
        elif isinstance(value, int):
            if not _INT_MIN <= value <= _INT_MAX:
                raise ValueError(f"{name}: {value} does not fit 64 bits")
            yield event_pb2.Attribute(name=name, int_value=value)
        elif isinstance(value, float):
            yield event_pb2.Attribute(name=name, double_value=value)
        elif value is None:
            yield event_pb2.Attribute(name=name, null_value=event_pb2.NULL_VALUE_UNSPECIFIED)
        elif isinstance(value, datetime):
            try:
                yield event_pb2.Attribute(name=name, time_value_us=time_us(value))
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        elif isinstance(value, Mapping):
            yield from _attributes(value, f"{name}.")
        else:
            raise TypeError(f"{name}: an attribute cannot hold a {type(value).__name__}")


def values_of(found: Iterable[event_pb2.Attribute]) -> dict[str, Any]:
    """Returns attributes of an answer as plain values, moments as datetimes in UTC; the opposite of
    `attributes` but for nesting.
    """
    plain: dict[str, Any] = {}
    for one in found:
        kind = one.WhichOneof("value")
        value: Any = None if kind in (None, "null_value") else getattr(one, kind)
        plain[one.name] = _EPOCH + value * _MICROSECOND if kind == "time_value_us" else value
    return plain


def event(
    event_type: str,
    subject: str,
    values: Mapping[str, Value] | None = None,
    *,
    event_id: str = "",
    session: str = "",
    occurred: Moment | None = None,
    device: str = "",
    channel: str = "",
    urgency: str = "",
    persona: str = "",
    url: str = "",
    referrer: str = "",
    value: Money | None = None,
    traits: Mapping[str, Value] | None = None,
    consents: Mapping[str, bool] | None = None,
    subject_type: str = "",
    identifiers: Mapping[str, str] | None = None,
    user_agent: str = "",
) -> event_pb2.Event:
    """Returns an event of plain values.

    values: its attributes. device, channel, urgency, subject_type: lower-case names of the
    contract, for example "mobile". consents: purpose -> granted. identifiers: kind -> value, for
    example {"email": "ada@example.com"}.
    Errors: ValueError for a name that the contract does not have.
    """
    made = event_pb2.Event(
        event_id=event_id,
        event_type=event_type,
        subject_id=subject,
        session_id=session,
        persona=persona,
        url=url,
        referrer=referrer,
        user_agent=user_agent,
    )
    if values:
        made.attributes.extend(attributes(values))
    if traits:
        made.traits.extend(attributes(traits))
    if occurred is not None:
        made.occurred_time_us = time_us(occurred)
    if value is not None:
        made.value_minor = value.minor
        made.currency_code = value.currency
    if device:
        made.device_type = enum_of(event_pb2.DeviceType, "DEVICE_TYPE", device)
    if channel:
        made.channel = enum_of(event_pb2.Channel, "CHANNEL", channel)
    if urgency:
        made.urgency = enum_of(event_pb2.Urgency, "URGENCY", urgency)
    if subject_type:
        made.subject_type = enum_of(event_pb2.IdentifierType, "IDENTIFIER_TYPE", subject_type)
    for purpose, granted in (consents or {}).items():
        status = "GRANTED" if granted else "DENIED"
        made.consents.add(purpose=purpose, status=f"CONSENT_STATUS_{status}")
    for kind, text in (identifiers or {}).items():
        number = enum_of(event_pb2.IdentifierType, "IDENTIFIER_TYPE", kind)
        made.identifiers.add(type=number, value=text)
    return made


def enum_of(enum: Any, prefix: str, name: str) -> Any:
    """Returns the number of an enum's value by its lower-case name without prefix."""
    try:
        return enum.Value(f"{prefix}_{name.upper()}")
    except ValueError:
        known = ", ".join(one.removeprefix(f"{prefix}_").lower() for one in enum.keys()[1:])
        raise ValueError(f"`{name}` is not one of {known}") from None
