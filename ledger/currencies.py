"""Fiat currencies as units of amounts, and the one a book is valued in."""

from dataclasses import dataclass

from ledger import chart
from ledger.models import Asset, Book

FIAT_DECIMALS = {
    "AUD": 2, "BRL": 2, "CAD": 2, "CHF": 2, "CNY": 2, "CZK": 2, "DKK": 2, "EUR": 2, "GBP": 2, "HKD": 2, "HUF": 2,
    "INR": 2, "JPY": 0, "KRW": 0, "KWD": 3, "MXN": 2, "NOK": 2, "NZD": 2, "PLN": 2, "SEK": 2, "SGD": 2, "TRY": 2,
    "USD": 2, "ZAR": 2,
}  # fmt: skip
"""Fiat currencies and their minor units, by ISO 4217."""
_USUAL_DECIMALS = 2


@dataclass(frozen=True, slots=True)
class Fiat:
    """A fiat currency as a unit of amounts."""

    code: str

    @property
    def decimals(self) -> int:
        return FIAT_DECIMALS.get(self.code, _USUAL_DECIMALS)


def money_of(book: Book) -> Asset:
    """The asset that stands for the book's own currency, in minor units (cents); made at first use.

    Of no chain, its contract the currency's code: no token that calls itself EUR is it.
    """
    return chart.asset(book.currency, "", Fiat(book.currency).decimals, book.currency)
