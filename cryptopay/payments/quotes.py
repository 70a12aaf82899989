"""What an invoice costs in a coin: fixed by a recorded rate at the moment a method is chosen, and never changed after.

Rounding: up, to the chain's `quote_decimals`, so that a merchant is never short and a payer can type the amount.
"""

from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from math import ceil

from cryptopay.payments.errors import AmountBelowMinimum, AmountNotPositive, UnknownMethod
from ledger import rates
from ledger.currencies import FIAT_DECIMALS, Fiat
from ledger.models import Asset, Rate
from ledger.money import Amount, parse, plain, to_decimal
from monitor.chains import Chain

_EXACT_DIGITS = 60
"""More than a price (38) and a spread (5) have together."""


def asked(amount: Decimal, currency: str) -> str:
    """An invoice's amount as people write it, exact: fiat with its minor units ("25.00"), coins without spare zeros."""
    whole, _, fraction = plain(amount).partition(".")
    fraction = fraction.ljust(FIAT_DECIMALS.get(currency, 0), "0")
    return f"{whole}.{fraction}" if fraction else whole


@dataclass(frozen=True, slots=True)
class Quote:
    """Due in base units of the coin; `rate` is None, and `spread` 0, where the invoice is in that coin itself."""

    due_base_units: int
    rate: Rate | None
    spread: Decimal = Decimal(0)


def price(text: str, unit: Fiat | Asset) -> Decimal:
    """Read an invoice's amount. Raises `BadAmount`, `AmountNotPositive`."""
    amount = parse(text, unit)
    if amount.base_units == 0:
        raise AmountNotPositive("an invoice asks for more than nothing", "/amount")
    return to_decimal(amount.base_units, unit.decimals)


def quote(
    book_id: int,
    amount: Decimal,
    currency: str,
    asset: Asset,
    chain: Chain,
    minimum_base_units: int | None = None,
    spread: Decimal = Decimal(0),
) -> Quote:
    """`minimum_base_units` is a token's own; without it the chain's, of its coin, holds. `spread`: see `quoted_price`.

    Raises `UnknownMethod`, `AmountBelowMinimum`, `BadAmount` and the errors of `ledger.rates.current`.
    """
    if currency in FIAT_DECIMALS:
        rate = rates.current(book_id, asset.code, currency)
        coins = Fraction(amount) / Fraction(quoted_price(rate.price, spread))
        due = rounded_up(coins, asset.decimals, chain.quote_decimals)
    elif currency == asset.code:
        rate, spread, due = None, Decimal(0), ceil(Fraction(amount) * 10**asset.decimals)
    else:
        raise UnknownMethod(f"an invoice in {currency} is not paid in {asset.code}", "/method")
    minimum = chain.minimum_base_units if minimum_base_units is None else minimum_base_units
    if due < minimum:
        least = Amount(minimum, asset)
        raise AmountBelowMinimum(f"{chain.title} credits {least} at least", "/amount")
    return Quote(Amount(due, asset).base_units, rate, spread)


def quoted_price(price: Decimal, spread: Decimal) -> Decimal:
    """What a coin counts in an invoice: its recorded price less the merchant's spread, exactly."""
    with localcontext(prec=_EXACT_DIGITS):
        return price * (1 - spread)


def rounded_up(coins: Fraction, decimals: int, quote_decimals: int) -> int:
    """Base units of `coins`, rounded up to `quote_decimals`."""
    kept = min(decimals, quote_decimals)
    units: int = ceil(coins * 10**kept) * 10 ** (decimals - kept)
    return units
