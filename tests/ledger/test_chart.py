import threading

import pytest
from django.db import connection

from ledger import chart
from ledger.balances import balance
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


@pytest.mark.django_db(transaction=True)
def test_many_opening_one_account_at_once_get_the_same() -> None:
    book, coin = Book.objects.create(name="Alice"), chart.asset("BTC", "btc-chain", 8)
    found: list[int] = []
    start = threading.Barrier(6)

    def open_it() -> None:
        try:
            start.wait()
            found.append(chart.customer(book.pk, "bob", coin).pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 6
    assert len(set(found)) == 1
    assert Account.objects.count() == Balance.objects.count() == 1
