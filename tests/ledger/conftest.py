"""Two books, one coin, and the accounts of a small shop."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from ledger import balances, chart, checking, journal
from ledger.balances import AccountBalance
from ledger.journal import Entry, Leg, Resolution
from ledger.models import Account, Asset, Book

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
_numbers = count(1)


@dataclass(frozen=True)
class Shop:
    """A book with what its tests say of it; `customer` has the floor 0, `owner` may fall below it."""

    book: Book
    coin: Asset
    custody: Account
    customer: Account
    sales: Account
    owner: Account

    def entry(self, *legs: Leg, idem: str = "", minutes: int = 0) -> Entry:
        return Entry(
            book_id=self.book.pk,
            idem=idem or f"entry {next(_numbers)}",
            legs=legs,
            effective_at=NOON + timedelta(minutes=minutes),
            description="An entry",
            source="test",
        )

    def of(self, entry_id: int, idem: str = "", minutes: int = 0) -> Resolution:
        return Resolution(
            book_id=self.book.pk,
            entry=entry_id,
            idem=idem or f"resolution {next(_numbers)}",
            effective_at=NOON + timedelta(minutes=minutes),
            description="A resolution",
            source="test",
        )

    def receipt(self, base_units: int, idem: str = "") -> Entry:
        """Coins reach custody and are owed to the customer."""
        return self.entry(Leg(self.custody, debit=base_units), Leg(self.customer, credit=base_units), idem=idem)

    def payout(self, base_units: int, idem: str = "") -> Entry:
        return self.entry(Leg(self.customer, debit=base_units), Leg(self.custody, credit=base_units), idem=idem)

    def received(self, base_units: int) -> int:
        return journal.post(self.receipt(base_units))

    def holds(self, account: Account) -> AccountBalance:
        return balances.balance(account)


@pytest.fixture
def open_shop() -> Callable[..., Shop]:
    def open_one(name: str = "Alice", code: str = "BTC", decimals: int = 8) -> Shop:
        book = Book.objects.create(name=name)
        coin = chart.asset(code, f"{code.lower()}-chain", decimals)
        owner = chart.open_account(book.pk, "equity:owner", "Owner", coin, Account.Kind.EQUITY)
        return Shop(
            book,
            coin,
            chart.custody(book.pk, coin),
            chart.customer(book.pk, "bob", coin),
            chart.sales(book.pk, coin),
            owner,
        )

    return open_one


@pytest.fixture
def shop(open_shop: Callable[..., Shop]) -> Shop:
    return open_shop()


@pytest.fixture
def the_ledger_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here are no chains behind custody, which another room's rule would miss."""
    monkeypatch.setattr(checking, "_registered", {})
