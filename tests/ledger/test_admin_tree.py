"""The chart as a tree: its sums are the books', at any date, and crowds of customers cost no more than a few."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ledger import balances, chart, journal
from ledger.admin import tree
from ledger.admin.tree import Node
from ledger.journal import Leg
from ledger.models import Account, Asset, Book

from .conftest import NOON, Shop

pytestmark = pytest.mark.django_db
TODAY = NOON.date()


def _customers(shop: Shop, count: int, *, first: int = 0, base_units: int = 10) -> None:
    """As many customers, with money of theirs, in one batch."""
    entries = []
    for number in range(first, first + count):
        account = chart.customer(shop.book.pk, f"c:{number}", shop.coin)
        entries.append(shop.entry(Leg(shop.custody, debit=base_units), Leg(account, credit=base_units)))
    journal.post_batch(entries)


def _leaves(node: Node) -> dict[tuple[str, int], int]:
    found = {(node.code, asset): sums.net for asset, sums in node.own.items()}
    for child in node.children.values():
        found |= _leaves(child)
    return found


def _at(root: Node, code: str) -> Node:
    for part in code.split(":"):
        root = root.children[part]
    return root


def test_every_account_hangs_on_its_branch_with_its_balance(shop: Shop) -> None:
    shop.received(100)
    journal.post(shop.entry(Leg(shop.customer, debit=40), Leg(shop.sales, credit=40)))
    journal.record(shop.receipt(7))
    root = tree.grow(shop.book)
    trial = {(row.account.code, row.account.asset_id): row.balance for row in balances.trial_balance(shop.book.pk)}
    assert _leaves(root) == trial
    assert root.children.keys() == {"assets", "equity", "income", "liabilities"}
    custody = _at(root, "assets:custody").sums[shop.coin.pk]
    assert (custody.net, custody.pending_in, custody.pending_out) == (100, 7, 0)
    assert _at(root, "liabilities").sums[shop.coin.pk].net == -60


def test_the_tree_of_a_past_day_is_that_days(shop: Shop) -> None:
    journal.post(shop.entry(Leg(shop.custody, debit=5), Leg(shop.owner, credit=5), minutes=-60 * 24 * 10))
    shop.received(100)
    before = tree.grow(shop.book, TODAY - timedelta(days=1))
    trial = balances.trial_balance(shop.book.pk, as_of=TODAY - timedelta(days=1))
    assert _leaves(before) == {(row.account.code, row.account.asset_id): row.balance for row in trial}
    assert _at(before, "assets").sums[shop.coin.pk].net == 5
    assert not _leaves(tree.grow(shop.book, date(2020, 1, 1), hide_zero=True))


def test_assets_are_summed_apart(shop: Shop) -> None:
    same_name = Asset.objects.create(code=shop.coin.code, chain="another-chain", decimals=2)
    other = chart.custody(shop.book.pk, same_name)
    owner = chart.open_account(shop.book.pk, "equity:owner", "Owner", same_name, Account.Kind.EQUITY)
    journal.post(shop.entry(Leg(other, debit=3), Leg(owner, credit=3)))
    shop.received(100)
    assets = _at(tree.grow(shop.book), "assets")
    assert {asset: sums.net for asset, sums in assets.sums.items()} == {shop.coin.pk: 100, same_name.pk: 3}
    figures = next(row for row in tree.page([shop.book], {})["rows"] if row.node and row.node.code == "assets").figures
    assert [figure.asset for figure in figures] == ["BTC@another-chain", "BTC@btc-chain"]


def test_a_branch_of_both_directions_says_which_side_its_sum_is_on(shop: Shop) -> None:
    odd = chart.open_account(shop.book.pk, "income:discounts", "Discounts", shop.coin, Account.Kind.EXPENSE)
    journal.post(shop.entry(Leg(odd, debit=30), Leg(shop.owner, credit=30)))
    journal.post(shop.entry(Leg(shop.owner, debit=20), Leg(shop.sales, credit=20)))
    rows = {row.node.code: row for row in tree.page([shop.book], {})["rows"] if row.node}
    assert "0.00000010" in rows["income"].figures[0].balance
    assert rows["income"].figures[0].balance.endswith("debit")
    assert not rows["income:discounts"].figures[0].balance.endswith("debit")


def test_many_customers_are_one_line_with_their_sum(shop: Shop) -> None:
    _customers(shop, 61)
    root = tree.grow(shop.book)
    customers = _at(root, "liabilities:customers")
    assert (customers.crowd, customers.children) == (62, {})
    assert customers.crowd_sums[shop.coin.pk].net == customers.sums[shop.coin.pk].net == -610
    assert _at(root, "liabilities").sums[shop.coin.pk].net == -610
    past = tree.grow(shop.book, TODAY)
    assert _at(past, "liabilities:customers").sums[shop.coin.pk].net == -610
    assert _at(tree.grow(shop.book, TODAY - timedelta(days=1)), "liabilities:customers").crowd == 62
    rows = [row for row in tree.page([shop.book], {})["rows"] if row.kind == "crowd"]
    assert [row.more.split("?")[1] for row in rows] == [
        f"branch=liabilities%3Acustomers%3A&book__id__exact={shop.book.pk}"
    ]


def test_an_account_may_be_a_branch_as_well(shop: Shop) -> None:
    parent = chart.open_account(shop.book.pk, "equity:owner:loans", "Loans", shop.coin, Account.Kind.EQUITY)
    journal.post(shop.entry(Leg(shop.custody, debit=9), Leg(parent, credit=9)))
    journal.post(shop.entry(Leg(shop.custody, debit=1), Leg(shop.owner, credit=1)))
    owner = _at(tree.grow(shop.book), "equity:owner")
    assert owner.sums[shop.coin.pk].net == -10
    assert owner.own[shop.coin.pk].net == -1
    kinds = [(row.kind, row.node.code if row.node else "") for row in tree.page([shop.book], {})["rows"]]
    begin = kinds.index(("open", "equity:owner"))
    assert kinds[begin + 1 : begin + 4] == [
        ("account", "equity:owner"),
        ("account", "equity:owner:loans"),
        ("close", ""),
    ]


def test_the_tree_asks_the_same_of_few_and_of_thousands(shop: Shop) -> None:
    def asked(**given: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            tree.page([shop.book], given)
        return len(queries)

    few, few_past = asked(), asked(as_of=str(TODAY))
    _customers(shop, 2000)
    assert asked() <= few + 1  # the crowd's own sums
    assert asked(as_of=str(TODAY)) <= few_past + 2
    assert asked(as_of=str(TODAY)) <= 8


def test_another_book_is_another_tree(shop: Shop, open_shop: object) -> None:
    other = open_shop("Bob", "LTC")  # type: ignore[operator]
    other.received(8)
    assert all(asset != other.coin.pk for _, asset in _leaves(tree.grow(shop.book)))
    page = tree.page([shop.book], {"book": str(other.book.pk)})
    assert (page["book"], page["rows"]) == (None, [])
    assert tree.page([], {})["rows"] == []
    assert Book.objects.count() == 2
