import dataclasses
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from pytest_django import DjangoAssertNumQueries

from ledger import chart, errors, journal
from ledger.balances import balance
from ledger.chart import TEMPLATES
from ledger.journal import Leg
from ledger.models import Account, Balance, Book
from tests.ledger.conftest import Shop

pytestmark = pytest.mark.django_db


def test_an_account_is_opened_once_with_a_balance_of_nothing(shop: Shop) -> None:
    again = chart.custody(shop.book.pk, shop.coin)
    assert again == shop.custody
    assert Balance.objects.filter(account=again).count() == 1
    found = balance(again)
    assert (found.posted, found.pending_in, found.pending_out, found.available) == (0, 0, 0, 0)


def test_the_codes_are_those_an_accountant_knows(shop: Shop) -> None:
    guests = chart.customer(shop.book.pk, "", shop.coin)
    codes = [account.code for account in (shop.custody, shop.customer, guests, shop.sales)]
    assert codes == ["assets:custody:btc-chain", "liabilities:customers:bob", "liabilities:guests", "income:sales"]
    floors = dict(Balance.objects.values_list("account__code", "floor"))
    assert [floors[code] for code in codes] == [None, 0, 0, None]


def test_one_code_holds_one_account_for_each_coin(shop: Shop) -> None:
    ether = chart.asset("ETH", "eth-chain", 18)
    assert chart.sales(shop.book.pk, ether) != shop.sales


@pytest.mark.parametrize(("code", "decimals"), [("BTC", 9), ("XBT", 8)])
def test_a_coin_keeps_its_name_and_its_decimals(shop: Shop, code: str, decimals: int) -> None:
    assert chart.asset("BTC", shop.coin.chain, 8) == shop.coin
    with pytest.raises(ValueError, match="pinned"):
        chart.asset(code, shop.coin.chain, decimals)


def _six_times_at_once(act: Callable[[], Any]) -> list[Any]:
    """What each of six threads got, on connections of their own."""
    found: list[Any] = []
    start = threading.Barrier(6)

    def run() -> None:
        try:
            start.wait()
            found.append(act())
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return found


@pytest.mark.django_db(transaction=True)
def test_many_opening_one_account_at_once_get_the_same() -> None:
    book, coin = Book.objects.create(name="Alice"), chart.asset("BTC", "btc-chain", 8)
    found = _six_times_at_once(lambda: chart.customer(book.pk, "bob", coin).pk)
    assert len(found) == 6
    assert len(set(found)) == 1
    assert Account.objects.count() == Balance.objects.count() == 1


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_opens_its_accounts_in_each_asset_once(name: str) -> None:
    book = Book.objects.create(name="Alice")
    coins = [chart.asset("BTC", "btc-chain", 8), chart.asset("ETH", "eth-chain", 18)]
    opened = chart.open_template(book.pk, name, coins)
    assert opened == chart.open_template(book.pk, name, coins) != []
    assert len(opened) == 2 * len(TEMPLATES[name].lines) == Account.objects.count() == Balance.objects.count()
    for coin in coins:
        for line in TEMPLATES[name].lines:
            account = chart.find(book.pk, line.code.format(chain=coin.chain), coin)
            assert (account.kind, account.floor, account.balance.floor) == (line.kind, line.floor, line.floor)
            assert account.clears_within_days == line.clears_within_days
            assert "{" not in account.code + account.name
            assert balance(account).posted == 0


def test_a_template_completes_what_is_there_and_changes_none_of_it(shop: Shop) -> None:
    before = list(Account.objects.order_by("pk").values_list())
    opened = chart.open_template(shop.book.pk, "shop", [shop.coin])
    assert {shop.custody, shop.sales} <= set(opened)
    assert list(Account.objects.order_by("pk").values_list())[: len(before)] == before
    assert Account.objects.filter(balance=None).count() == 0


def test_a_template_is_opened_in_few_statements(shop: Shop, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    coins = [shop.coin, *(chart.asset(f"T{n}", f"chain-{n}", n) for n in range(20))]
    with django_assert_num_queries(2):
        assert len(chart.open_template(shop.book.pk, "shop", coins)) == 21 * len(TEMPLATES["shop"].lines)


def test_money_of_no_chain_has_no_custody() -> None:
    book, euro = Book.objects.create(name="Alice"), chart.asset("EUR", "", 2, "EUR")
    codes = {account.code for account in chart.open_template(book.pk, "shop", [euro])}
    assert not any(code.startswith(chart.CUSTODY) for code in codes)
    assert {"income:sales", "equity:opening", "suspense"} <= codes


@pytest.mark.django_db(transaction=True)
def test_many_opening_a_template_at_once_open_it_once() -> None:
    book = Book.objects.create(name="Alice")
    coins = [chart.asset("BTC", "btc-chain", 8), chart.asset("ETH", "eth-chain", 18)]
    found = _six_times_at_once(lambda: chart.open_template(book.pk, "shop", coins))
    assert len(found) == 6
    assert all(accounts == found[0] for accounts in found)
    assert Account.objects.count() == Balance.objects.count() == 2 * len(TEMPLATES["shop"].lines)


def test_every_line_has_a_code_of_its_own_that_says_its_kind_and_a_purpose_in_a_sentence() -> None:
    kinds: dict[str, tuple[object, ...]] = {}
    for template in TEMPLATES.values():
        codes = [line.code for line in template.lines]
        assert len(set(codes)) == len(codes)
        for line in template.lines:
            chart.check_code(line.code.format(chain="btc-chain"))
            assert line.purpose.endswith(".")
            nature = (line.kind, line.floor, line.clears_within_days)
            assert kinds.setdefault(line.code, nature) == nature  # the same code is the same account in every template
    assert {code.partition(":")[0] for code in kinds} == set(chart.KIND_OF_ROOT)


def test_what_an_account_is_for_is_said_in_a_sentence(shop: Shop) -> None:
    assert chart.purpose(shop.custody) == "Coins on our addresses of that chain."
    assert "paid in" in chart.purpose(shop.customer)
    assert chart.purpose(shop.owner) == ""


@pytest.mark.parametrize(
    "code",
    [
        *("", " ", ":", "assets:", ":assets", "assets::bank", "Assets:bank", "assets:Bank", "expense: rent"),
        *("expense:rent ", "expense:a  b", "expense:a;b", "expense:a\tb", "expense:\nb", "expense:\u202ea", "e" * 201),
        *("liabilities:customers:", "liabilities:customers:\n", "liabilities:customers:" + "x" * 200),
    ],
)
def test_a_malformed_code_opens_nothing(shop: Shop, code: str) -> None:
    with pytest.raises(errors.AccountCodeInvalid) as refusal:
        chart.open_account(shop.book.pk, code, "Name", shop.coin, Account.Kind.EXPENSE)
    assert refusal.value.code == "account_code_invalid"
    assert not Account.objects.filter(code=code).exists()


@pytest.mark.parametrize(
    "code", ["expense:büro", "expense:rent:berlin 2", "assets:cash-box", "equity:a&b", "income:x.y/z"]
)
def test_a_code_is_of_lower_case_words_in_any_language(shop: Shop, code: str) -> None:
    assert chart.add_account(shop.book.pk, code, "Name", shop.coin).code == code


@pytest.mark.parametrize("reference", ["Bob", "a:b", "=cmd|' /C calc'!A0", "  x", "Ünï:CODE", "x" * 64])
def test_a_customers_reference_is_any_text(shop: Shop, reference: str) -> None:
    assert chart.customer(shop.book.pk, reference, shop.coin).code == f"liabilities:customers:{reference}"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("assets:bank", "A"),
        ("liabilities:loans", "L"),
        ("equity:owner", "E"),
        ("income:tips", "I"),
        ("expense:rent", "X"),
    ],
)
def test_an_account_by_hand_is_what_its_branch_says(shop: Shop, code: str, kind: str) -> None:
    account = chart.add_account(shop.book.pk, code, "By hand", shop.coin)
    assert account.kind == kind
    assert chart.add_account(shop.book.pk, code, "Otherwise", shop.coin) == account


@pytest.mark.parametrize("code", ["rent", "office:rent", "assets:custody:btc-chain", "liabilities:customers:eve"])
def test_no_account_by_hand_outside_the_chart_or_where_payments_open_them(shop: Shop, code: str) -> None:
    with pytest.raises(errors.AccountCodeInvalid):
        chart.add_account(shop.book.pk, code, "By hand", shop.coin)


def test_an_empty_account_is_closed_and_reopened(shop: Shop) -> None:
    chart.close_account(shop.owner)
    entry = shop.entry(Leg(shop.custody, debit=1), Leg(shop.owner, credit=1))
    with pytest.raises(errors.AccountClosed):
        journal.post(entry)
    chart.reopen_account(shop.owner)
    journal.post(entry)
    assert shop.holds(shop.owner).posted == 1


@pytest.mark.parametrize("write", [journal.post, journal.record])
def test_an_account_with_something_on_it_or_on_its_way_is_not_closed(
    shop: Shop, write: Callable[[journal.Entry], int]
) -> None:
    write(shop.entry(Leg(shop.custody, debit=1), Leg(shop.owner, credit=1)))
    with pytest.raises(errors.AccountNotEmpty) as refusal:
        chart.close_account(shop.owner)
    assert refusal.value.code == "account_not_empty"
    assert not Account.objects.exclude(closed_at=None).exists()


def test_accounts_that_payments_write_to_stay_open(shop: Shop) -> None:
    guests = chart.customer(shop.book.pk, "", shop.coin)
    for account in (shop.custody, shop.customer, guests, shop.sales):
        with pytest.raises(errors.AccountStaysOpen) as refusal:
            chart.close_account(account)
        assert refusal.value.code == "account_stays_open"


@pytest.mark.django_db(transaction=True)
def test_closing_waits_for_who_is_writing(shop: Shop) -> None:
    """Else the writer's coins would come to lie on a closed account."""
    refused = threading.Event()

    def close() -> None:
        try:
            chart.close_account(shop.owner)
        except errors.AccountNotEmpty:
            refused.set()
        finally:
            connection.close()

    closer = threading.Thread(target=close)
    with transaction.atomic():
        journal.post(shop.entry(Leg(shop.custody, debit=1), Leg(shop.owner, credit=1)))
        closer.start()
        closer.join(0.5)
        assert closer.is_alive()
    closer.join(30)
    assert refused.is_set()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("carry", [True, False])
def test_who_writes_waits_for_the_closing_and_is_refused(shop: Shop, carry: bool) -> None:
    refused = threading.Event()
    entry = dataclasses.replace(shop.entry(Leg(shop.custody, debit=1), Leg(shop.owner, credit=1)), carry=carry)

    def write() -> None:
        try:
            journal.post(entry)
        except errors.AccountClosed:
            refused.set()
        finally:
            connection.close()

    writer = threading.Thread(target=write)
    with transaction.atomic():
        chart.close_account(shop.owner)
        writer.start()
        writer.join(0.5)
        assert writer.is_alive()
    writer.join(30)
    assert refused.is_set()
    assert shop.holds(shop.owner).posted == 0
