"""A merchant's book with coins received in January 2026, and all that closing that month needs."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from cryptopay.merchants.models import Membership, Merchant, User
from cryptopay.merchants.onboarding import create_merchant
from cryptopay.monthend import cases
from cryptopay.monthend.models import Case
from ledger import chart, journal, rates
from ledger.journal import Entry, Leg
from ledger.models import Asset, Book
from monitor.chains import CHAINS
from monitor.models import Cursor
from monitor.reconciliations import Reconciliation
from monitor.watching import watch

CHAIN = CHAINS["bitcoin-regtest"]
THROUGH = date(2026, 1, 31)
RECEIVED = 3 * 10**8


@dataclass
class Desk:
    """The book, and who works at it."""

    merchant: Merchant
    coin: Asset
    members: dict[str, User]

    @property
    def book(self) -> Book:
        return self.merchant.test_book

    def received(self, base_units: int, at: datetime, **more: Any) -> int:
        """Coins of guests, sold."""
        legs = [
            Leg(chart.custody(self.book.pk, self.coin), debit=base_units),
            Leg(chart.sales(self.book.pk, self.coin), credit=base_units),
        ]
        said = {"description": "A sale", "source": "test", "idem": f"{at} {base_units}", **more}
        return journal.post(Entry(book_id=self.book.pk, legs=legs, effective_at=at, **said))

    def reconciled(self, node: int, custody: int, at: datetime | None = None, *, looked: bool = True) -> Reconciliation:
        """A node said so."""
        run = Reconciliation.objects.create(
            book=self.book,
            asset=self.coin,
            chain_code=CHAIN.code,
            height=100,
            block_hash="00" * 32,
            asked_at=at or timezone.now(),
            way="balances",
            addresses=1,
            node_base_units=node,
            custody_base_units=custody,
            on_its_way_base_units=0,
            difference=node - custody,
        )
        if looked:
            cases.look_at(run)
        return run

    def case(self) -> Case:
        """The open one."""
        return cases.open_cases([self.book.pk]).get()


@pytest.fixture
def nodes(settings: Settings) -> None:
    settings.NODE_URLS = {CHAIN.code: "http://127.0.0.1:9"}


@pytest.fixture
def desk(db: None, nodes: None) -> Desk:
    """One sale, priced; the chain is read to its tip, and the node agrees."""
    found = _desk("Alice")
    Cursor.objects.create(chain_code=CHAIN.code, height=100, node_height=100, hash="00" * 32, checked_at=timezone.now())
    return found


def _desk(name: str) -> Desk:
    merchant = create_merchant(name)
    coin = chart.asset("BTC", CHAIN.code, 8)
    members = {}
    for role in Membership.Role.values:
        members[role] = User.objects.create_user(f"{name}-{role}", is_staff=True)
        Membership.objects.create(merchant=merchant, user=members[role], role=role)
    found = Desk(merchant, coin, members)
    chart.open_template(found.book.pk, "shop", [coin])
    watch(found.book.pk, CHAIN, f"{name}-address", name.encode())
    last = datetime.combine(THROUGH, datetime.min.time(), UTC) + timedelta(hours=23)
    rate = rates.record("BTC", "EUR", Decimal(60_000), "test", last, found.book.pk)
    found.received(RECEIVED, datetime(2026, 1, 10, tzinfo=UTC), rate_id=rate.pk)
    found.reconciled(RECEIVED, RECEIVED)
    return found
