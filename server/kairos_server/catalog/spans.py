"""Texts of spans, moments and schedules -> microseconds."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .limits import BUCKETS_DEFAULT, BUCKETS_MAX, BUCKETS_MIN, WINDOW_S_MAX
from .violations import Fault, Reason

UNIT_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_SPAN = re.compile(r"([0-9]{1,12})(s|m|h|d|w)\Z")
_WINDOW = re.compile(r"([^/]+)(?:/([0-9]{1,4}))?\Z")
_CEL_SPAN = re.compile(r"([-+]?)((?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:h|ms|us|µs|ns|m|s))+\Z")
_CEL_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?(h|ms|us|µs|ns|m|s)")
_CEL_UNIT_NS = {
    "h": 3_600_000_000_000,
    "m": 60_000_000_000,
    "s": 1_000_000_000,
    "ms": 1_000_000,
    "us": 1_000,
    "µs": 1_000,
    "ns": 1,
}
_MOMENT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?"
    r"([Zz]|[-+][0-9]{2}:[0-9]{2})\Z"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# CEL's range of durations: 10,000 years.
_CEL_SPAN_S_MAX = 315_576_000_000


def span_us(text: str) -> int:
    """Returns the microseconds of `30m`, `24h`, `7d`, `2w`; whole numbers of one unit.

    Errors: Fault when it is not such a text, or longer than ten years
    """
    match = _SPAN.match(text)
    if match is None:
        raise Fault(
            Reason.VALUE_INVALID,
            f'"{text}" is not a span; write a whole number and a unit, such as "30m", "24h", "7d", '
            '"2w"',
        )
    seconds = int(match[1]) * UNIT_S[match[2]]
    if seconds > WINDOW_S_MAX:
        raise Fault(Reason.LIMIT_EXCEEDED, f'"{text}" is longer than {WINDOW_S_MAX // 86_400} days')
    return seconds * 1_000_000


def span_text(us: int) -> str:
    """Returns the shortest form of whole seconds in s, m, h or d; the inverse of span_us."""
    seconds = us // 1_000_000
    for unit in ("d", "h", "m"):
        if seconds % UNIT_S[unit] == 0:
            return f"{seconds // UNIT_S[unit]}{unit}"
    return f"{seconds}s"


def window(text: str) -> tuple[int, int]:
    """Returns (microseconds, buckets) of `7d` or `7d/64`.

    Errors: Fault
    """
    match = _WINDOW.match(text)
    if match is None:
        raise Fault(
            Reason.VALUE_INVALID, f'"{text}" is not a window; write "7d", or "7d/64" for 64 buckets'
        )
    us = span_us(match[1])
    buckets = int(match[2]) if match[2] else BUCKETS_DEFAULT
    if us == 0:
        raise Fault(Reason.VALUE_INVALID, "a window is longer than zero")
    if not BUCKETS_MIN <= buckets <= BUCKETS_MAX:
        raise Fault(
            Reason.LIMIT_EXCEEDED,
            f"a window has {BUCKETS_MIN} to {BUCKETS_MAX} buckets, not {buckets}",
        )
    return us, buckets


def cel_duration_us(text: str) -> int:
    """Returns the microseconds of a CEL duration such as `1h30m`, `-1.5s`.

    Errors: Fault when it is not one, or finer than a microsecond (the core keeps microseconds)
    """
    if not _CEL_SPAN.match(text) and text not in ("0", "+0", "-0"):
        raise Fault(
            Reason.VALUE_INVALID,
            f'duration("{text}"): write numbers with units h, m, s, ms, us, such as "1h30m"',
        )
    total_ns, unit_error = 0, False
    for whole, fraction, unit in _CEL_PART.findall(text.lstrip("+-")):
        scale = _CEL_UNIT_NS[unit]
        total_ns += int(whole or 0) * scale
        if fraction:
            part = int(fraction) * scale
            unit_error |= part % 10 ** len(fraction) != 0
            total_ns += part // 10 ** len(fraction)
    if unit_error or total_ns % 1_000:
        raise Fault(Reason.VALUE_INVALID, f'duration("{text}") is finer than a microsecond')
    if total_ns > _CEL_SPAN_S_MAX * 1_000_000_000:
        raise Fault(Reason.VALUE_INVALID, f'duration("{text}") is longer than 10,000 years')
    return -total_ns // 1_000 if text.startswith("-") else total_ns // 1_000


def moment_us(text: str) -> int:
    """Returns the microseconds since 1970 of an RFC 3339 text with its offset.

    Errors: Fault when it is not one, or finer than a microsecond
    """
    match = _MOMENT.match(text)
    if match is None:
        raise Fault(
            Reason.VALUE_INVALID,
            f'"{text}" is not a moment; write it as "2024-01-31T10:00:00Z" (RFC 3339, '
            "with Z or an offset)",
        )
    fraction = (match[7] or "").ljust(9, "0")
    if int(fraction) % 1_000:
        raise Fault(Reason.VALUE_INVALID, f'"{text}" is finer than a microsecond')
    zone = match[8].upper()
    offset_s = 0
    if zone != "Z":
        hours, minutes = int(zone[1:3]), int(zone[4:6])
        if hours > 23 or minutes > 59:
            raise Fault(Reason.VALUE_INVALID, f'"{text}" has an offset that does not exist')
        offset_s = (hours * 3_600 + minutes * 60) * (-1 if zone[0] == "-" else 1)
    try:
        local = datetime.strptime(text[:19].upper(), "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    except ValueError as error:
        raise Fault(Reason.VALUE_INVALID, f'"{text}" does not exist: {error}') from None
    return _us(local) - offset_s * 1_000_000 + int(fraction) // 1_000


def _us(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def zone_of(name: Any) -> ZoneInfo:
    """Returns the IANA time zone.

    Errors: Fault
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise Fault(
            Reason.VALUE_INVALID, f'"{name}" is not an IANA time zone such as Europe/Berlin or UTC'
        ) from None


def bound_us(text: Any, zone: ZoneInfo, *, end: bool) -> int:
    """Returns the moment at which a schedule starts, or the first moment after it ends.

    A date starts at its local midnight and, as an end, holds to the next one. A midnight that a
    change of clocks skips is the moment of the change; one that happens twice is the earlier. A
    text with a time is that moment.

    Errors: Fault
    """
    if not isinstance(text, str):
        raise Fault(
            Reason.TYPE_WRONG,
            'write a date such as "2024-01-31", or a moment such as "2024-01-31T10:00:00Z"',
        )
    if not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z", text):
        return moment_us(text)
    try:
        day = date.fromisoformat(text) + timedelta(days=1 if end else 0)
    except (ValueError, OverflowError):
        raise Fault(Reason.VALUE_INVALID, f'"{text}" does not exist') from None
    return _us(datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC))
