"""Money is an integer of an asset's base units; a float never comes near it.

The text form is a plain decimal ("0.00150000"), with exactly the asset's decimals, in a point, without an exponent.
"""

import re
from decimal import Decimal
from typing import Any, ClassVar, Protocol

import msgspec
from django.core.exceptions import ValidationError
from django.db import models

LARGEST_BASE_UNITS = 10**78 - 1
"""What numeric(78,0) holds; 2**256 - 1, the largest value of the EVM, has 78 digits and fits."""

_LONGEST_TEXT = 400
"""More than 78 digits and the 255 decimals a token may have."""
_PLAIN_DECIMAL = re.compile(r"(0|[1-9][0-9]*)(?:\.([0-9]+))?", re.ASCII)


class BadAmount(ValueError):
    """A text that is not a positive or zero amount of the asset; `code` is stable and reaches the API."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Unit(Protocol):
    """What `Amount` needs of an asset: the model `ledger.Asset` and the chain rows both have it."""

    @property
    def code(self) -> str: ...
    @property
    def decimals(self) -> int: ...


class Amount(msgspec.Struct, frozen=True):
    """`base_units` of `asset`: satoshis, litoshis, wei. Never negative: a direction is a debit or a credit."""

    base_units: int
    asset: Unit

    def __post_init__(self) -> None:
        if isinstance(self.base_units, bool) or not isinstance(self.base_units, int):
            raise TypeError("base units are an int")
        if not 0 <= self.base_units <= LARGEST_BASE_UNITS:
            raise BadAmount("amount_out_of_range", f"{self.base_units} base units cannot be stored")

    @property
    def text(self) -> str:
        """The exact decimal, e.g. "0.00150000"."""
        return to_text(self.base_units, self.asset.decimals)

    def __str__(self) -> str:
        return f"{self.text} {self.asset.code}"


def to_text(base_units: int, decimals: int) -> str:
    """Exact decimal text of an integer of base units; works for negative balances, too."""
    sign, digits = ("-" if base_units < 0 else ""), str(abs(base_units)).rjust(decimals + 1, "0")
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}" if decimals else f"{sign}{digits}"


def parse(text: str, asset: Unit) -> Amount:
    """Read a plain decimal as an amount of `asset`.

    Raises `BadAmount`: `amount_malformed` (sign, exponent, NaN, spaces, other digits), `amount_too_precise` (a non-zero
    digit below the base unit), `amount_out_of_range`.
    """
    match = _PLAIN_DECIMAL.fullmatch(text) if isinstance(text, str) and len(text) <= _LONGEST_TEXT else None
    if match is None:
        raise BadAmount(
            "amount_malformed",
            'an amount is a text of digits and one point, like "1200.00"',
        )
    whole, fraction = match[1], (match[2] or "").rstrip("0")
    if len(fraction) > asset.decimals:
        raise BadAmount("amount_too_precise", f"{asset.code} has {asset.decimals} decimals")
    return Amount(int(whole + fraction.ljust(asset.decimals, "0")), asset)


def parse_typed(text: str, asset: Unit) -> Amount:
    """`parse`, for what people write: to some of them 1.200 EUR is twelve hundred.

    Raises `BadAmount` as it does; `amount_too_precise` for zeros below the base unit, too.
    """
    amount = parse(text, asset)
    if len(text.partition(".")[2]) > asset.decimals:
        raise BadAmount("amount_too_precise", f"{asset.code} has {asset.decimals} decimals, behind a point")
    return amount


def plain(value: Decimal) -> str:
    """The exact text of a decimal without trailing zeros: "0.001". `Decimal.normalize` would cut it to 28 digits."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def to_decimal(base_units: int, decimals: int) -> Decimal:
    """The exact value for arithmetic with rates, unrounded."""
    return Decimal(base_units).scaleb(-decimals) if base_units == 0 else Decimal(to_text(base_units, decimals))


class BaseUnitsField(models.DecimalField[int, int]):
    """An integer of base units, numeric(78,0): holds 2**256 - 1. Reads as `int`."""

    digits: ClassVar[int] = 78

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "max_digits": self.digits, "decimal_places": 0})

    def deconstruct(self) -> tuple[str, str, list[object], dict[str, object]]:
        name, path, args, kwargs = super().deconstruct()
        del kwargs["max_digits"], kwargs["decimal_places"]
        return name, path, list(args), kwargs

    def from_db_value(self, value: object, *_: object) -> int | None:
        return None if value is None else int(value)  # type: ignore[call-overload]

    def to_python(self, value: object) -> object:
        """Raises `TypeError` for a float, `ValidationError` for a fraction: nothing is rounded on its way in."""
        if isinstance(value, float):
            raise TypeError("base units are an int, never a float")
        decimal = super().to_python(value)
        if decimal is None:
            return None
        if decimal != int(decimal):
            raise ValidationError("base units have no fraction", code="invalid")
        return int(decimal)


class TotalField(BaseUnitsField):
    """A sum of base units: numeric(96,0) holds the sum of 10^18 of the largest amounts."""

    digits = 96
