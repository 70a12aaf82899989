"""What nobody here wrote finds the exported books sound, and counts what we count, to the last base unit."""

import random
from collections.abc import Callable
from datetime import date

import pytest
from django.db.models import Q

from ledger import chart, errors, journal
from ledger.models import Account, Asset, Book
from reports import trial_balance
from reports.cells import Money
from reports.plaintext.names import account_name
from tests.reports.plaintext.conftest import Shop
from tests.reports.plaintext.tools import TOOLS, Refused, Tool, bean_check, bean_query

LARGEST = 2**256 - 1
REFERENCES = ("bob", "Bob", "a:b", "a", "a; b", "two  spaces", "日本", "Ärger", "👩‍👩‍👧", "x", "X-", "-", "--3a-", "é", "é", "%41")
OTHERS = (
    ("income:sales", "I"),
    ("expense:network fees", "X"),
    ("equity:opening", "E"),
    ("suspense", "A"),
    ("assets:in transit", "A"),
)


def _coins() -> list[Asset]:
    return [
        chart.asset("BTC", "bitcoin", 8),
        chart.asset("BTC", "bitcoin-regtest", 8),
        chart.asset("USDT", "ethereum", 6, "0xdac17f958d2ee523a2206206994597c13d831ec7"),
        chart.asset("USDT", "tron", 6, "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"),
        chart.asset("ETH", "ethereum", 18),
        chart.asset("stETH", "ethereum", 18, "0xae7ab96520de3a18e5e111b5eaab095312d7fe84"),
        chart.asset("1INCH", "ethereum", 18, "0x111111111117dc0aa78b770fa6a738034120c302"),
        chart.asset("TRUE", "ethereum", 0, "0x4c19596f5aaff459fa38b0f7ed92f11ae6543784"),
        chart.asset("a;\"\n", "ethereum", 2, "0x0000000000000000000000000000000000000001"),
    ]


class Trade:
    """Random verbs on a book: some refused by a floor, many effective before what was written earlier."""

    def __init__(self, shop: Shop, seed: int) -> None:
        self.shop, self.random = shop, random.Random(seed)
        self.pending: list[int] = []
        self.posted: list[int] = []
        self.coins = _coins()

    def accounts(self, coin: Asset) -> list[Account]:
        book = self.shop.book.pk
        return [
            chart.custody(book, coin),
            *(chart.customer(book, reference, coin) for reference in self.random.sample(REFERENCES, 3)),
            *(self.shop.account(code, coin, kind) for code, kind in self.random.sample(OTHERS, 2)),
        ]

    def legs(self) -> list[tuple[Account, int]]:
        legs = []
        for coin in self.random.sample(self.coins, self.random.choice([1, 1, 2])):
            most = self.random.choice([9, 10**6, 10**20, 10**27, LARGEST // 4])
            first, *others = self.random.sample(self.accounts(coin), self.random.choice([2, 2, 3]))
            amounts = [self.random.randint(1, most) * self.random.choice([1, -1, 1]) for _ in others]
            if sum(amounts):
                legs += [*zip(others, amounts, strict=True), (first, -sum(amounts))]
        return legs

    def step(self) -> None:
        days, draw = self.random.randint(0, 20), self.random.random()
        if draw < 0.5 or not (self.pending and self.posted):
            if legs := self.legs():
                verb, kept = self.random.choice([(journal.post, self.posted), (journal.record, self.pending)])
                kept.append(verb(self.shop.entry(legs, days=days, description=self.random.choice(REFERENCES))))
        elif draw < 0.75:
            self.posted.append(journal.settle(self.shop.of(self.pending.pop(), days=days)))
        elif draw < 0.85:
            journal.void(self.shop.of(self.pending.pop(), days=days))
        else:
            journal.reverse(self.shop.of(self.posted.pop(self.random.randrange(len(self.posted))), days=days))

    def run(self, steps: int) -> None:
        for _ in range(steps):
            try:
                self.step()
            except errors.BelowFloor:
                continue


@pytest.mark.parametrize("seed", range(4))
def test_the_tools_find_a_book_sound_and_count_what_we_count(open_shop: Callable[..., Shop], seed: int) -> None:
    shop, other = open_shop(f"Seed {seed}; \"quoted\"\n"), open_shop("Another book")
    Trade(other, seed + 100).run(10)
    Trade(shop, seed).run(80)
    decimals, past = shop.decimals(), date(2026, 3, 9)
    for tool in TOOLS:
        book = shop.export(tool.format)
        tool.check(book)
        assert shop.balances(tool)
        assert tool.balances(book, decimals) == shop.balances(tool)
        assert tool.balances(book, decimals, before=past) == shop.balances(tool, before=past)
        assert shop.balances(tool, before=past) not in ({}, shop.balances(tool))
