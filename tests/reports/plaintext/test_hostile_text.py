"""Whatever a merchant or a payer writes stays in its place: no tool finds a transaction, a tag or a date in it."""

import random
from datetime import date

import pytest

from ledger import chart
from tests.reports.plaintext.conftest import Shop
from tests.reports.plaintext.tools import Tool

EVIL = "2026-03-01 * {0}evil{0}\n    Assets:Custody:Bitcoin  1.00000000 BTC\n    Income:Sales  -1.00000000 BTC\n"
LINE_ENDS = ["\n", "\r", "\r\n", "\n\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"]
ATTACKS = [
    *(f"1{end}{EVIL.format('')}".replace("\n", end) for end in LINE_ENDS),
    *(f'1"{end}{EVIL.format(chr(34))}' for end in LINE_ENDS),
    *('"', "\\", '\\"', '\\\\"', '"\ninclude "/etc/passwd"\n"', "\ninclude /etc/passwd\n", "\nend comment\n"),
    *("; evil", "a  ; evil: tag", "a\t; evil: tag", "a, date: 2020-01-01, entry: 0", "a,date2:2020-01-01", ":a:b:"),
    *("[2020-01-01]", "[=2020-01-01]", "[2020-01-01=2020-02-02]", "[2020-99-99]", f"[{'9' * 290}]", "key:: (1/0)"),
    *("| payee", "= expr", "~ monthly", "! x", "* x", "(code) x", "@@ 5 EUR", "{{5 EUR}}", "  x  ", "\u00a0x\u00a0"),
    *("%0A", "100%", "%%41", "\x1b[2J", "\u202eevil", "\u200b", "\ufeff", "a  b", "A", "0", "é日🍕", "x" * 290),
]
CUSTOMER = len(chart.CUSTOMERS)


def _random_texts(seed: int) -> list[str]:
    chosen = random.Random(seed)
    alphabet = "\n\r\t \"\\;:,[]()=@|%*!~{}#^'-aZ0é日🍕\u2028\x85\x01"
    return ["".join(chosen.choices(alphabet, k=chosen.randint(1, 60))) + "x" for _ in range(120)]


@pytest.mark.parametrize("texts", [ATTACKS, _random_texts(1)], ids=["attacks", "random"])
def test_threat_text_stays_in_its_place(shop: Shop, tool: Tool, texts: list[str]) -> None:
    coin = chart.asset("BTC", "bitcoin", 8)
    custody, sales = chart.custody(shop.book.pk, coin), chart.sales(shop.book.pk, coin)
    orders = {}
    for number, text in enumerate(texts, 1):
        customer = shop.customer(text[: 200 - CUSTOMER], coin)
        entry = shop.post(
            [(custody, number), (customer, -number)],
            description=text[:300],
            idem=f"{number}:{text}"[:300],
            source=text[:64],
            meta={"order": text, "customer": text, "other": {text: text}},
        )
        orders[entry] = text
        shop.post([(customer, number), (sales, -number)], meta={"order": "plain"}, days=1)
    book = shop.export(tool.format)
    tool.check(book)
    if tool.format != "beancount":
        assert not [line for line in book.read_text().splitlines() if line.startswith("    ; ") and "[" in line]
    found = tool.orders(book)
    assert len(found) == 2 * len(texts)
    assert {entry: found[entry] for entry in orders} == orders
    assert tool.balances(book, {"BTC": 8}) == shop.balances(tool)
    day = date(2026, 3, 2)
    assert tool.balances(book, {"BTC": 8}, before=day) == shop.balances(tool, before=day)


def test_the_longest_text_fits_on_a_line(shop: Shop, tool: Tool) -> None:
    """Every character of it takes twelve to be written, and ledger-cli takes 4,096 on a line."""
    coin, unseen = chart.asset("BTC", "bitcoin", 8), "\U000e0041"
    customer = shop.customer(unseen * (200 - CUSTOMER), coin)
    shop.post(
        [(chart.custody(shop.book.pk, coin), 5), (customer, -5)],
        description=unseen * 300,
        meta={"order": unseen * 5000, "other": unseen * 5000},
    )
    book = shop.export(tool.format)
    tool.check(book)
    assert tool.balances(book, {"BTC": 8}) == shop.balances(tool)
