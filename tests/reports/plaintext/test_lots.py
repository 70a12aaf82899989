"""Beancount books the lots of an exported book itself, and finds our costs and gains; the others find what it is worth.

Random books with prices, with coins in several accounts, with more leaving than there is, with reversals of either
side, with another method from a day on, and with entries nobody has priced.
"""

from collections import defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal, localcontext
from pathlib import Path
from random import Random

import pytest
from beancount import loader
from beancount.core.data import Transaction
from beancount.core.inventory import Inventory

from ledger import chart, journal, lots
from ledger.carrying import carried
from ledger.models import Account, Asset, CostMethod, Rate
from tests.reports.plaintext.conftest import DAY, Shop
from tests.reports.plaintext.tools import LOTS, TOOLS, Refused, bean_check

DAYS = 30
LATER = date(2026, 12, 31)
ROOTS = {"A": "Assets", "L": "Liabilities", "E": "Equity", "I": "Income", "X": "Expenses"}


class Trade:
    """Coins of two kinds, in three accounts of ours, that come, go, move about and are taken back."""

    def __init__(self, shop: Shop, seed: int, *, unpriced: bool = False) -> None:
        self.shop, self.random, self.unpriced = shop, Random(seed), unpriced
        self.posted: list[tuple[int, int]] = []
        self.coins = [chart.asset("BTC", "bitcoin", 8), chart.asset("ETH", "ethereum", 18)]
        self.rates = {
            (coin.code, day): Rate.objects.create(
                asset_code=coin.code,
                currency="EUR",
                price=Decimal(self.random.randint(1, 9_999_999)) / 100,
                source="test",
                observed_at=DAY + timedelta(days=day),
            ).pk
            for coin in self.coins
            for day in range(DAYS)
        }

    def owned(self, coin: Asset) -> list[Account]:
        codes = ("assets:cold wallet", "assets:in transit")
        return [chart.custody(self.shop.book.pk, coin), *(self.shop.account(code, coin, "A") for code in codes)]

    def others(self, coin: Asset) -> list[Account]:
        return [
            self.shop.account("income:sales", coin, "I"),
            self.shop.account("equity:conversion", coin, "E"),
            self.shop.customer("bob", coin),
        ]

    def run(self, steps: int) -> None:
        for number in range(steps):
            self.step(number * DAYS // steps)

    def step(self, day: int) -> None:
        if self.posted and self.random.random() < 0.15:
            entry, _ = self.posted.pop(self.random.randrange(len(self.posted)))
            journal.reverse(self.shop.of(entry, days=day))
            return
        coin = self.random.choice(self.coins)
        held, *more = self.random.sample(self.owned(coin), 2)
        units = self.random.choice([1, 7, 10**4, self.random.randint(1, 10**coin.decimals)])
        other = self.random.choice([*self.others(coin), *more])
        # Twice as much comes as goes, and now and then it is not there.
        legs = [(held, units), (other, -units)] if self.random.random() < 0.6 else [(other, units), (held, -units)]
        if self.random.random() < 0.2:
            legs += [(more[0], 3), (self.others(coin)[0], -3)]
        rate = None if self.unpriced and day > DAYS // 2 and coin.code == "ETH" else self.rates[coin.code, day]
        self.posted.append((self.shop.post(legs, days=day, rate_id=rate), day))


def _choose(shop: Shop, *methods: str) -> None:
    """One after the other, from a day on."""
    for number, method in enumerate(methods):
        CostMethod.objects.create(
            book=shop.book, method=method, from_day=DAY.date() + timedelta(days=number * 10), reason="Tried", by="ann"
        )


METHODS: list[tuple[str, ...]] = [("fifo",), ("average",), ("fifo", "average", "fifo"), ("average", "fifo", "average")]


@pytest.mark.parametrize("methods", METHODS, ids="-".join)
def test_beancount_finds_our_costs_and_gains(shop: Shop, methods: tuple[str, ...]) -> None:
    _choose(shop, *methods)
    Trade(shop, len(methods[0]) + len(methods)).run(150)
    book = shop.export("beancount")
    bean_check(book)
    _has_our_costs(shop, book)


def _has_our_costs(shop: Shop, book: Path) -> None:
    """What it has in lots is what we hold, at what we say it cost; what it gained is what we posted."""
    inventory, valuation = _inventory(book)
    held = {one.asset.code: one for one in lots.positions(shop.book, LATER) if one.account is None}
    assert held
    for code, position in held.items():
        lots_of = [one for one in inventory if one.units.currency == code and one.cost is not None]
        with localcontext(prec=60):
            assert sum(one.units.number for one in lots_of).scaleb(position.asset.decimals) == position.quantity
            cost = sum(one.units.number * one.cost.number for one in lots_of)
        assert abs(cost * 100 - position.cost) < 2
    assert valuation
    assert all(abs(rest) < Decimal("0.02") for rest in valuation.values()), valuation


def _inventory(book: Path) -> tuple[Inventory, dict[str, Decimal]]:
    """All lots; and what is left of each valuation account beside what is told of its lots."""
    entries, errors, _ = loader.load_file(str(book))
    assert errors == []
    held, valuation = Inventory(), defaultdict[str, Decimal](Decimal)
    for entry in entries:
        for posting in entry.postings if isinstance(entry, Transaction) else []:
            if posting.cost is not None:
                held.add_position(posting)
            if posting.account.startswith("Assets:Valuation:"):
                valuation[posting.account.removesuffix(LOTS)] += posting.units.number
    return held, valuation


@pytest.mark.parametrize("unpriced", [False, True])
def test_every_tool_finds_a_priced_book_sound(open_shop: Callable[..., Shop], *, unpriced: bool) -> None:
    shop = open_shop()
    _choose(shop, "fifo", "average")
    Trade(shop, 11, unpriced=unpriced).run(150)
    for tool in TOOLS:
        book = shop.export(tool.format)
        tool.check(book)
        middle = DAY.date() + timedelta(days=15)
        assert tool.balances(book, shop.decimals()) == shop.balances(tool)
        assert tool.balances(book, shop.decimals(), before=middle) == shop.balances(tool, before=middle)
        until = shop.export(tool.format, until=middle - timedelta(days=1))
        tool.check(until)
        assert tool.balances(until, shop.decimals()) == shop.balances(tool, before=middle)


@pytest.mark.parametrize("format", ["hledger", "ledger"])
def test_at_cost_it_is_the_balance_sheet(shop: Shop, format: str) -> None:  # noqa: A002
    """Coins at what their entries were worth, and the valuation accounts beside them: that is what they cost."""
    Trade(shop, 5).run(100)
    tool = next(one for one in TOOLS if one.format == format)
    book = shop.export(format)
    sheet: dict[str, int] = defaultdict(int)
    for one in carried(shop.book, LATER):
        assert one.account is not None
        sheet[ROOTS[one.account.kind]] += one.minor_units
    assert len(sheet) == 4
    found = tool.rows_at_cost(book)
    assert {(name, commodity) for name, _, commodity in found} == {(name, "EUR") for name in sheet}
    assert {name: round(Decimal(number) * 100) for name, number, _ in found} == sheet


def test_lots_go_as_far_as_there_are_prices(shop: Shop) -> None:
    Trade(shop, 3, unpriced=True).run(120)
    text = shop.export("beancount").read_text()
    parts = [part for part in text.split("\n\n") if " ETH" in part]
    first = next(number for number, part in enumerate(parts) if "kind: " in part and "rate: " not in part)
    assert any("{{" in part for part in parts[:first])
    assert not any("ETH {" in part or "ETH @@" in part for part in parts[first:] if "Assets:" in part)


def test_control_a_wrong_cost_is_refused(shop: Shop) -> None:
    Trade(shop, 5).run(60)
    book = shop.export("beancount")
    text = book.read_text()
    opened = text.index("{{")
    book.write_text(text[:opened] + "{{1" + text[opened + 2 :])
    with pytest.raises(Refused, match="does not balance"):
        bean_check(book)
