"""What customers do: most pay what is asked, some too much, too little or too late; some chains change their mind."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from random import Random  # noqa: TID251 - predictable on purpose

from cryptopay.devnet.year.market import COINS, Coin, Market, Quote, base_units
from ledger.models import Asset

CUSTOMERS = 400
_NAMED_PARTS = 7
"""So many of ten pay under a name."""
_CONFIRMED_AFTER = timedelta(minutes=25)


class Story(Enum):
    """How an order goes; the value is how many of a thousand do."""

    EXACT = 882
    OVERPAID = 40
    PARTIAL = 30
    LATE = 25
    REORGED = 10
    LOST = 5
    DROPPED = 8


_STORIES, _WEIGHTS = [*Story], [story.value for story in Story]


@dataclass(frozen=True, slots=True)
class Order:
    """One payment of the year. Amounts in base units; `customer` is empty for a guest."""

    number: int
    story: Story
    coin: Coin
    customer: str
    cents: int
    due: int
    paid: int
    quoted: Quote
    ordered_at: datetime
    seen_at: datetime

    @property
    def confirmed_at(self) -> datetime:
        return self.seen_at + _CONFIRMED_AFTER

    @property
    def reorged_at(self) -> datetime:
        """The chain took the block back, and with luck another one has the payment."""
        return self.confirmed_at + timedelta(minutes=9)

    @property
    def confirmed_again_at(self) -> datetime:
        return self.reorged_at + _CONFIRMED_AFTER

    @property
    def is_sold(self) -> bool:
        """Something of it is the merchant's in the end."""
        return self.story in (Story.EXACT, Story.OVERPAID, Story.REORGED)

    @property
    def surplus(self) -> int:
        """What stays the customer's."""
        if self.story in (Story.LOST, Story.DROPPED):
            return 0
        return self.paid - (self.due if self.is_sold else 0)


def of_day(
    day: date, numbers: Sequence[int], market: Market, assets: dict[str, Asset], chance: Random
) -> Iterator[Order]:
    for number in numbers:
        (coin,) = chance.choices(COINS, [coin.weight for coin in COINS])
        (story,) = chance.choices(_STORIES, _WEIGHTS)
        ordered_at = datetime.combine(day, time(), UTC) + timedelta(seconds=chance.randrange(22 * 3600))
        quoted = market.at(coin, ordered_at)
        cents = chance.choice((990, 1990, 2500, 4900, 9900, 14_900)) + chance.randrange(100)
        due = base_units(cents, quoted, assets[coin.code])
        customer = f"customer-{chance.randrange(CUSTOMERS):03}" if chance.randrange(10) < _NAMED_PARTS else ""
        seen_at = ordered_at + timedelta(seconds=chance.randrange(20, 800))
        order = Order(number, story, coin, customer, cents, due, due, quoted, ordered_at, seen_at)
        yield _as_told(order, chance)


def _as_told(order: Order, chance: Random) -> Order:
    match order.story:
        case Story.OVERPAID:
            return replace(order, paid=order.due + order.due * chance.randrange(1, 40) // 100)
        case Story.PARTIAL:
            return replace(order, paid=order.due * chance.randrange(10, 95) // 100)
        case Story.LATE:
            return replace(order, seen_at=order.ordered_at + timedelta(minutes=chance.randrange(20, 60)))
    return order
