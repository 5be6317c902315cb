"""Amounts of money in minor units (cents), computed in decimals."""

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Final

from .errors import RecordError

# Digits after the point where they are not two. Source: ISO 4217.
_DIGITS: Final = {
    **dict.fromkeys(
        [
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "UYI",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ],
        0,
    ),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
    **dict.fromkeys(["CLF", "UYW"], 4),
}
_MINOR_MAX: Final = (1 << 63) - 1


def currency_digits(currency: str) -> int:
    """Returns how many digits a currency has after the point."""
    return _DIGITS.get(currency, 2)


def minor_units(amount: Decimal, currency: str) -> int:
    """Returns an amount in minor units of its currency, rounded half up (away from zero).

    Errors: RecordError.
    """
    try:
        scaled = amount.scaleb(currency_digits(currency)).quantize(Decimal(1), ROUND_HALF_UP)
    except InvalidOperation:
        raise RecordError(f"value: {amount} is not an amount of money") from None
    if abs(scaled) > _MINOR_MAX:
        raise RecordError(f"value: {amount} is too large")
    return int(scaled)


def decimal_of(value: object, field: str) -> Decimal:
    """Returns a number or a text of one as a decimal. Errors: RecordError."""
    try:
        # str first: Decimal(0.1) would show the binary fraction.
        found = Decimal(str(value).strip())
    except InvalidOperation:
        found = Decimal("NaN")
    if isinstance(value, bool) or not found.is_finite():
        raise RecordError(f"{field}: `{str(value)[:64]}` is not a number")
    return found
