"""Books to break behind the ledger's back, and what the check says of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import connection

from ledger import journal
from ledger.checking import Violation, check
from ledger.models import (
    AccountDay,
    Balance,
    Posting,
)
from tests import database
from tests.ledger.conftest import NOON, Shop


@dataclass(frozen=True)
class Story:
    """A shop's books with every kind of entry, and the rows that tests break."""

    shop: Shop
    other: Shop
    posted: int
    seen: int
    settled: int
    unseen: int
    voided: int
    reversed: int
    open: int

    def posting(self, entry: int, leg: int = 1) -> int:
        return Posting.objects.get(entry=entry, leg=leg).pk

    @property
    def names(self) -> dict[str, int]:
        """For the statements that break something."""
        shop = self.shop
        return {
            **{name: getattr(self, name) for name in ("posted", "seen", "settled", "unseen", "voided", "reversed")},
            "pending": self.open,
            "leg": self.posting(self.posted),
            "leg_2": self.posting(self.posted, 2),
            "newest_leg": Posting.objects.filter(account=shop.custody).latest("account_seq").pk,
            "pending_leg": self.posting(self.open),
            "settled_leg": self.posting(self.settled),
            "balance": Balance.objects.get(account=shop.custody).pk,
            "customers_balance": Balance.objects.get(account=shop.customer).pk,
            "custody": shop.custody.pk,
            "customer": shop.customer.pk,
            "owner": shop.owner.pk,
            "day": AccountDay.objects.get(account=shop.custody).pk,
            "book": shop.book.pk,
            "other_book": self.other.book.pk,
            "coin": shop.coin.pk,
            "other_coin": self.other.coin.pk,
            "other_custody": self.other.custody.pk,
        }


def tell(open_shop: Callable[..., Shop]) -> Story:
    shop, other = open_shop(), open_shop("Bob", "LTC")
    other.received(5)
    posted = shop.received(1000)
    journal.post(replace(shop.receipt(50), effective_at=NOON - timedelta(days=1)))  # so that two days are kept
    seen = journal.record(shop.receipt(300))
    settled = journal.settle(shop.of(seen))
    unseen = journal.record(shop.receipt(70))
    voided = journal.void(shop.of(unseen))
    back = journal.reverse(shop.of(settled))
    journal.post(shop.payout(20))
    return Story(shop, other, posted, seen, settled, unseen, voided, back, journal.record(shop.receipt(9)))


def look_at_the_constraints() -> None:
    """Now, not at the end of a test that has broken them."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")


def tamper(statement: str, names: dict[str, int] | None = None) -> None:
    with database.past_triggers(), connection.cursor() as cursor:
        for one in statement.split(";"):
            cursor.execute(one, names or {})
            assert cursor.rowcount != 0, f"nothing was broken: {one}"


def broken(books: Sequence[int] | None = None, since: datetime | None = None) -> dict[int, list[Violation]]:
    return {outcome.invariant.number: list(outcome.violations) for outcome in check(books, since) if outcome.violations}


def rows(violations: Sequence[Violation]) -> list[tuple[str, int | None]]:
    return [(violation.table.removeprefix("ledger_"), violation.row_id) for violation in violations]
