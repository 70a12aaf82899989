"""Realised and unrealised gains, to the cent, with the lots behind them."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ledger import chart, journal, lots, revaluation
from ledger.journal import Entry, Leg
from ledger.models import Account, Book, CostMethod, Rate
from reports.cells import Money, Name, Place, Total
from reports.registry import REPORTS

pytestmark = pytest.mark.django_db

COIN = 10**8
FIRST = datetime.fromisoformat("2025-01-01T12:00+00:00")


class Shop:
    """Bought 2 BTC at 10,000 and 20,000, owes 1 of 20,000 more, sold 1.5 at 30,000, and half of the debt at 24,000."""

    def __init__(self) -> None:
        self.book = Book.objects.create(name="Alice", currency="EUR")
        self.coin = chart.asset("BTC", "bitcoin-regtest", 8)
        chart.open_template(self.book.pk, "shop", [self.coin])
        self.custody = chart.custody(self.book.pk, self.coin)
        self.owner = chart.find(self.book.pk, "equity:opening", self.coin)
        self.customer = chart.customer(self.book.pk, "bob", self.coin)
        self.rate(26_000, 31)
        self.bought = [
            self.entry(self.custody, self.owner, 1 * COIN, 10_000, 1),
            self.entry(self.custody, self.owner, 1 * COIN, 20_000, 2),
            self.entry(self.custody, self.customer, 1 * COIN, 20_000, 3),
        ]
        self.sale = self.entry(self.owner, self.custody, 3 * COIN // 2, 30_000, 4)
        self.entry(self.customer, chart.sales(self.book.pk, self.coin), COIN // 2, 24_000, 5)

    def entry(self, debit: Account, credit: Account, units: int, price: int, day: int) -> int:
        return journal.post(
            Entry(
                book_id=self.book.pk,
                idem=f"entry of day {day}",
                legs=[Leg(debit, debit=units), Leg(credit, credit=units)],
                effective_at=FIRST + timedelta(days=day - 1),
                description="An entry",
                source="test",
                rate_id=self.rate(price, day).pk,
            )
        )

    def rate(self, price: int, day: int) -> Rate:
        return Rate.objects.create(
            asset_code="BTC",
            currency="EUR",
            price=Decimal(price),
            source="test",
            observed_at=FIRST + timedelta(days=day - 1),
        )

    def told(self, report: str, **asked: str) -> list[list[Any]]:
        lots.derive(self.book)
        found = REPORTS[report]
        rows = list(found.rows(found.read(self.book, asked)))
        assert {len(row) for row in rows} == {len(found.columns)}
        assert all(isinstance(row, Total) == str(row[0] or row[1]).startswith("Total") for row in rows)
        return [[str(cell) if isinstance(cell, Money) else cell for cell in row] for row in rows]


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_realised_gains_name_the_lot_and_the_entry(shop: Shop) -> None:
    rows = shop.told("realised-gains", **{"from": "2025-01-01", "to": "2025-01-31"})
    first, second, sale = str(shop.bought[0]), str(shop.bought[1]), str(shop.sale)
    fourth, fifth = date(2025, 1, 4), date(2025, 1, 5)
    about = ["BTC", "bitcoin-regtest"]
    assert rows == [
        [
            fourth,
            "Coins that left",
            *about,
            "1.00000000",
            "2025-01-01",
            first,
            "30000.00",
            "10000.00",
            "20000.00",
            sale,
        ],
        [
            fourth,
            "Coins that left",
            *about,
            "0.50000000",
            "2025-01-02",
            second,
            "15000.00",
            "10000.00",
            "5000.00",
            sale,
        ],
        [fifth, "What was owed", *about, "0.50000000", None, None, "-12000.00", "-10000.00", "-2000.00", None],
        [None, "Total, coins that left", *[None] * 5, "45000.00", "20000.00", "25000.00", None],
        [None, "Total, what was owed", *[None] * 5, "-12000.00", "-10000.00", "-2000.00", None],
    ]
    leads = rows[0][-1]
    assert isinstance(leads, Name)
    assert leads.place == Place("entry", shop.sale)
    assert len(shop.told("realised-gains", **{"from": "2025-01-05", "to": "2025-01-31"})) == 3


def test_unrealised_gains_are_of_lots_and_of_debts(shop: Shop) -> None:
    about = ["BTC", "bitcoin-regtest"]
    _, second, third = map(str, shop.bought)
    assert shop.told("unrealised-gains", until="2025-01-31") == [
        [*about, "Held", "2025-01-02", second, "0.50000000", "10000.00", "13000.00", "3000.00"],
        [*about, "Held", "2025-01-03", third, "1.00000000", "20000.00", "26000.00", "6000.00"],
        [*about, "liabilities:customers:bob", None, None, "-0.50000000", "-10000.00", "-13000.00", "-3000.00"],
        ["Total held", *[None] * 5, "30000.00", "39000.00", "9000.00"],
        ["Total owed", *[None] * 5, "-10000.00", "-13000.00", "-3000.00"],
    ]
    (first, *_) = shop.told("unrealised-gains", until="2025-01-15")
    assert first[6:] == ["10000.00", None, None], "no rate of that day"


def test_what_is_owed_is_together_what_the_months_end_posts(shop: Shop) -> None:
    """Five debts of half a cent each, which alone would be a cent each."""
    for number in range(5):
        customer = chart.customer(shop.book.pk, f"guest-{number}", shop.coin)
        shop.entry(shop.owner, customer, 100, 10_000, 6 + number)
    shop.rate(5_000, 32)
    day = date(2025, 2, 1)
    rows = shop.told("unrealised-gains", until="2025-02-01")
    owed = sum(Decimal(row[7]) for row in rows if str(row[2]).startswith(chart.CUSTOMERS))
    (total,) = [Decimal(row[7]) for row in rows if row[0] == "Total owed"]
    (posted,) = [one for one in revaluation.unrealised(shop.book, day) if not one.held]
    assert Decimal(posted.value).scaleb(-2) == total == owed
    assert total == Decimal("-2500.03")


def test_by_the_average_there_are_no_lots(shop: Shop) -> None:
    CostMethod.objects.create(
        book=shop.book, method="average", from_day=date(2025, 1, 4), reason="The tax office asks for it", by="ann"
    )
    realised = shop.told("realised-gains", **{"from": "2025-01-04", "to": "2025-01-04"})
    average = Decimal(50_000) * Decimal("1.5") / 3
    assert [row[5:10] for row in realised if row[-1]] == [
        [None, None, "45000.00", f"{average:.2f}", f"{45_000 - average:.2f}"]
    ]
    (held, *_) = shop.told("unrealised-gains", until="2025-01-31")
    assert held[2:] == ["Held, by the average", None, None, "1.50000000", "25000.00", "39000.00", "14000.00"]
