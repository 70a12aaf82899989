"""Six coins and a year of their prices, four quotes a day and one at its end. Whole numbers: prices in 1/10,000."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random  # noqa: TID251 - predictable on purpose

from ledger.costing import share
from ledger.models import Asset, Book, Rate
from ledger.rows import insert

PARTS = 10_000
_QUOTED_DECIMALS = 8
_QUOTED_AT = (time(0, 0), time(6, 0), time(12, 0), time(18, 0), time(23, 55))


@dataclass(frozen=True, slots=True)
class Coin:
    code: str
    chain: str
    decimals: int
    price: int
    """In the year's first hour, in 1/10,000 of the book's currency."""
    swing: int
    """How far a quote is from the one before, at most, in 1/10,000."""
    weight: int
    """How many of a hundred payers choose it."""


COINS = (
    Coin("BTC", "bitcoin-regtest", 8, 62_000 * PARTS, 180, 38),
    Coin("ETH", "ethereum-dev", 18, 2_600 * PARTS, 220, 24),
    Coin("LTC", "litecoin-regtest", 8, 85 * PARTS, 240, 14),
    Coin("XMR", "monero-regtest", 12, 150 * PARTS, 200, 12),
    Coin("BCH", "bitcoincash-regtest", 8, 410 * PARTS, 250, 8),
    Coin("EOS", "eos-dev", 4, 6_400, 280, 4),
)


@dataclass(frozen=True, slots=True)
class Quote:
    rate: Rate
    price: int


class Market:
    """The quotes of a year, on record as the book's own rates."""

    def __init__(self, book: Book, year: int, chance: Random) -> None:
        self._moments = [datetime.combine(day, at, UTC) for day in days_of(year) for at in _QUOTED_AT]
        self._quotes: Mapping[str, Sequence[Quote]] = {coin.code: self._walk(book, coin, chance) for coin in COINS}
        insert([quote.rate for quotes in self._quotes.values() for quote in quotes])

    def at(self, coin: Coin, moment: datetime) -> Quote:
        """The newest quote at that moment."""
        return self._quotes[coin.code][max(bisect_right(self._moments, moment) - 1, 0)]

    def _walk(self, book: Book, coin: Coin, chance: Random) -> list[Quote]:
        price, quotes = coin.price, []
        for moment in self._moments:
            price = max(price * (PARTS + chance.randint(-coin.swing, coin.swing)) // PARTS, 1)
            rate = Rate(
                book_id=book.pk,
                asset_code=coin.code,
                currency=book.currency,
                price=Decimal(price) / PARTS,
                source="A year's market",
                origin=Rate.Origin.RECORDED,
                observed_at=moment,
                suspect="",
                by="",
                reason="",
                recorded_at=moment,
            )
            quotes.append(Quote(rate, price))
        return quotes


def base_units(cents: int, quote: Quote, asset: Asset) -> int:
    """What so many cents are in the coin, rounded up to 8 decimals, as a quote is."""
    units = cents * PARTS * 10**_QUOTED_DECIMALS // (100 * quote.price) + 1
    return share(units, int(10**asset.decimals), 10**_QUOTED_DECIMALS) or 1


def days_of(year: int) -> list[date]:
    first = date(year, 1, 1)
    return [first + timedelta(days=number) for number in range((date(year + 1, 1, 1) - first).days)]
