"""What nobody here wrote finds the exported books sound, and counts what we count, to the last base unit."""

import random
import re
from collections.abc import Callable
from datetime import date

import pytest

from ledger import chart, journal
from ledger.models import Account, Asset, Posting
from reports import trial_balance
from reports.cells import Money, Total
from reports.parameters import Asked
from reports.plaintext.names import account_name
from tests.reports.plaintext.conftest import Legs, Shop
from tests.reports.plaintext.tools import TOOLS, Refused, Tool, bean_check, bean_query

LARGEST = 2**256 - 1
REFERENCES = (
    *("bob", "Bob", "a:b", "a", "a; b", "two  spaces", "日本", "Ärger", "x", "X-", "-", "--3a-", "%41"),
    *("\N{LATIN SMALL LETTER E WITH ACUTE}", "e\N{COMBINING ACUTE ACCENT}", "👩\N{ZERO WIDTH JOINER}👩"),
)
OTHERS = (
    ("income:sales", "I"),
    ("expense:network fees", "X"),
    ("equity:opening", "E"),
    ("suspense", "L"),
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
        chart.asset('a;"\n', "ethereum", 2, "0x0000000000000000000000000000000000000001"),
    ]


class Trade:
    """Random verbs on a book, many effective before what was written earlier."""

    def __init__(self, shop: Shop, seed: int) -> None:
        self.shop, self.random = shop, random.Random(seed)
        self.pending: list[int] = []
        self.posted: list[int] = []
        self.coins = _coins()

    def accounts(self, coin: Asset) -> list[Account]:
        return [
            chart.custody(self.shop.book.pk, coin),
            *(self.shop.customer(reference, coin) for reference in self.random.sample(REFERENCES, 3)),
            *(self.shop.account(code, coin, kind) for code, kind in self.random.sample(OTHERS, 2)),
        ]

    def legs(self) -> Legs:
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
            self.step()


@pytest.mark.parametrize("seed", range(4))
def test_the_tools_find_a_book_sound_and_count_what_we_count(open_shop: Callable[..., Shop], seed: int) -> None:
    shop, other = open_shop(f'Seed {seed}; "quoted"\n'), open_shop("Another book")
    Trade(other, seed + 100).run(10)
    Trade(shop, seed).run(100)
    decimals, past = shop.decimals(), date(2026, 3, 9)
    for tool in TOOLS:
        book = shop.export(tool.format)
        tool.check(book)
        assert shop.balances(tool)
        assert tool.balances(book, decimals) == shop.balances(tool)
        assert tool.balances(book, decimals, before=past) == shop.balances(tool, before=past)
        assert shop.balances(tool, before=past) not in ({}, shop.balances(tool))


def test_their_balances_are_the_trial_balance(shop: Shop, tool: Tool) -> None:
    Trade(shop, 7).run(100)
    kinds = dict(Account.objects.filter(book=shop.book).values_list("code", "kind"))
    assets = {(asset.code, asset.chain): asset for asset in Asset.objects.all()}
    names = shop.commodities()
    column = [column.title for column in trial_balance.REPORT.columns].index
    ours = {}
    for row in trial_balance.rows(Asked(shop.book)):
        if isinstance(row, Total):
            continue
        code, balance = str(row[column("Account")]), row[column("Balance")]
        asset = assets[str(row[column("Asset")]), str(row[column("Chain")])]
        assert isinstance(balance, Money)
        if balance.base_units:
            name = account_name(kinds[code], code, tool.punctuation)
            ours[name, names[asset.chain, asset.contract]] = balance.base_units
    assert ours
    assert tool.balances(shop.export(tool.format), shop.decimals()) == ours


@pytest.mark.parametrize("decimals", [18, 0])
def test_the_largest_amounts_survive(shop: Shop, tool: Tool, decimals: int) -> None:
    coin = chart.asset("HUGE", "ethereum", decimals, f"0x{decimals}")
    one, two, three = (shop.account(code, coin, kind) for code, kind in OTHERS[:3])
    shop.post([(one, LARGEST), (two, -LARGEST)])
    shop.post([(one, LARGEST - 1), (two, 1), (three, -LARGEST)], days=1)
    shop.post([(one, 1), (three, -1)], days=2)
    shop.post([(two, LARGEST // 3), (three, LARGEST - LARGEST // 3), (one, -LARGEST)], days=3)
    book, names = shop.export(tool.format), {"HUGE": decimals}
    tool.check(book)
    assert tool.balances(book, names) == shop.balances(tool)
    assert set(map(abs, shop.balances(tool, before=date(2026, 3, 2)).values())) == {LARGEST}
    assert tool.balances(book, names, before=date(2026, 3, 2)) == shop.balances(tool, before=date(2026, 3, 2))


def test_beancount_itself_counts_everyday_amounts_exactly(shop: Shop) -> None:
    """Without being told to count with more digits: ten thousand million coins of 18 decimals, less a unit."""
    coin, most = chart.asset("ETH", "ethereum", 18), 10**28 - 1
    one, two = (shop.account(code, coin, kind) for code, kind in OTHERS[:2])
    shop.post([(one, most), (two, -most)])
    book = shop.export("beancount")
    bean_check(book)
    rows = bean_query(book, "SELECT account, sum(number) GROUP BY account", more_digits=False)
    assert {account: number.replace(".", "") for account, number in rows} == {
        "Income:Sales": str(most),
        "Expenses:Network--20-fees": f"-{most}",
    }


@pytest.fixture
def sale(shop: Shop) -> Shop:
    """1,000 satoshi received and sold; one receipt still waits and one was dropped."""
    coin = chart.asset("BTC", "bitcoin", 8)
    custody, bob, sales = (
        chart.custody(shop.book.pk, coin),
        shop.customer("bob", coin),
        chart.sales(shop.book.pk, coin),
    )
    meta = {"chain": "bitcoin", "txid": "ab" * 32, "order": "1"}
    seen = journal.record(shop.entry([(custody, 1000), (bob, -1000)], meta=meta))
    journal.record(shop.entry([(custody, 70), (bob, -70)], days=1, description="Still on its way"))
    dropped = journal.record(shop.entry([(custody, 80), (bob, -80)], days=1, description="Later dropped"))
    journal.settle(shop.of(seen, days=2, rate_id=shop.rate().pk))
    journal.void(shop.of(dropped, days=3))
    sold = shop.post([(bob, 1000), (sales, -1000)], days=3, meta={"order": "1", "shelf": ["a", 1]})
    journal.reverse(shop.of(sold, days=4, description="Taken back"))
    return shop


def test_what_is_not_validated_is_a_comment(sale: Shop, tool: Tool) -> None:
    book = sale.export(tool.format)
    tool.check(book)
    lines = book.read_text().splitlines()
    waiting = [line for line in lines if "Still on its way" in line]
    assert len(waiting) == 1
    assert waiting[0].startswith("; 2026-03-02 !")
    assert not [line for line in lines if "Later dropped" in line]
    assert set(tool.balances(book, {"BTC": 8}).values()) == {1000, -1000}


def test_until_a_day_is_the_books_of_that_day(sale: Shop, tool: Tool) -> None:
    book = sale.export(tool.format, until=date(2026, 3, 2))
    tool.check(book)
    assert tool.balances(book, {"BTC": 8}) == sale.balances(tool, before=date(2026, 3, 3)) == {}
    waiting = [line for line in book.read_text().splitlines() if line.startswith("; 2026-")]
    assert len(waiting) == 3


def test_the_file_stands_alone(sale: Shop, tool: Tool) -> None:
    """Who reads it finds the chain's reference, the rate with its source and time, and what was reversed."""
    text = sale.export(tool.format).read_text().replace('"', "")
    seen, _, _, settled, _, sold, back = Posting.objects.order_by("entry").values_list("entry", flat=True).distinct()
    for fact in (
        f"txid: {'ab' * 32}",
        f"settles: {seen}",
        f"entry: {settled}",
        "rate: 1 BTC = 60123.456789 EUR",
        "rate-observed: 2026-03-01T12:00:00+00:00",
        f"entry: {sold}",
        f"reverses: {sold}",
        f"entry: {back}",
        "assets:custody:bitcoin",
        "Name of liabilities:customers:bob",
        "BTC on bitcoin",
    ):
        assert fact in text


def test_an_empty_book_is_sound(shop: Shop, tool: Tool) -> None:
    book = shop.export(tool.format)
    tool.check(book)
    assert tool.balances(book, {}) == {}


def test_control_a_unit_more_is_noticed(sale: Shop, tool: Tool) -> None:
    book = sale.export(tool.format)
    book.write_text(book.read_text().replace("0.00001000 ", "0.00001001 "))
    tool.check(book)
    assert tool.balances(book, {"BTC": 8}) != sale.balances(tool)


def test_control_the_tools_refuse_what_is_not_balanced(sale: Shop, tool: Tool) -> None:
    book = sale.export(tool.format)
    book.write_text(book.read_text().replace(" 0.00001000 ", " 0.00001001 ", 1))
    with pytest.raises(Refused):
        tool.check(book)


def test_control_slices_that_do_not_balance_are_refused(shop: Shop) -> None:
    coin = chart.asset("HUGE", "ethereum", 18, "0x18")
    one, two = (shop.account(code, coin, kind) for code, kind in OTHERS[:2])
    shop.post([(one, LARGEST), (two, -LARGEST)])
    book = shop.export("beancount")
    text = book.read_text()
    lowest = str(LARGEST)[-18:]
    assert text.count(f".{lowest} HUGE") == 2
    book.write_text(text.replace(f".{lowest} HUGE", f".{int(lowest) - 1} HUGE", 1))
    with pytest.raises(Refused, match="does not balance"):
        bean_check(book)


@pytest.mark.parametrize(
    ("tool", "declaration"),
    [
        ("hledger", "account Income"),  # 1.25 knows no check of tags
        ("hledger", 'commodity "BTC"'),
        ("ledger", "account Income"),
        ("ledger", 'commodity "BTC"'),
        ("ledger", "tag txid"),
        ("beancount", "2026-03-01 open Income"),
        ("beancount", "2026-03-01 commodity BTC"),
    ],
    indirect=["tool"],
)
def test_control_nothing_undeclared_passes(sale: Shop, tool: Tool, declaration: str) -> None:
    book = sale.export(tool.format)
    parts = re.split(r"\n(?=\S)", book.read_text())
    kept = [part for part in parts if not part.startswith(declaration)]
    assert len(kept) == len(parts) - 1
    book.write_text("\n".join(kept))
    with pytest.raises(Refused):
        tool.check(book)
