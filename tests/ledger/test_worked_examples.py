"""The books of a small shop, as an accountant would check them. Amounts in base units."""

from collections.abc import Callable

import pytest

from ledger import chart, journal
from ledger.balances import AccountBalance
from ledger.errors import BelowFloor
from ledger.journal import Leg
from ledger.models import Posting
from tests.ledger.conftest import Shop

pytestmark = pytest.mark.django_db


def _ledger(shop: Shop) -> dict[str, int]:
    """Validated balances that are not zero."""
    accounts = [shop.custody, shop.customer, shop.sales, shop.owner]
    return {account.code: held for account in accounts if (held := shop.holds(account).posted)}


def test_coins_are_seen_then_confirmed_then_become_a_sale(shop: Shop) -> None:
    seen = journal.record(shop.receipt(500))
    assert shop.holds(shop.custody) == AccountBalance(posted=0, pending_in=500, pending_out=0)
    assert shop.holds(shop.customer) == AccountBalance(posted=0, pending_in=500, pending_out=0)
    assert shop.holds(shop.customer).available == 0

    journal.settle(shop.of(seen))
    assert shop.holds(shop.custody) == AccountBalance(posted=500, pending_in=0, pending_out=0)
    assert _ledger(shop) == {"assets:custody:btc-chain": 500, "liabilities:customers:bob": 500}

    journal.post(shop.entry(Leg(shop.customer, debit=450), Leg(shop.sales, credit=450)))
    assert _ledger(shop) == {
        "assets:custody:btc-chain": 500,
        "liabilities:customers:bob": 50,
        "income:sales": 450,
    }


def test_a_replaced_payment_leaves_no_trace_in_the_ledger_and_one_in_the_journal(shop: Shop) -> None:
    seen = journal.record(shop.receipt(500))
    journal.void(shop.of(seen))
    assert shop.holds(shop.custody) == shop.holds(shop.customer) == AccountBalance(0, 0, 0)
    assert Posting.objects.filter(book=shop.book).count() == 4


def test_a_reorg_takes_sale_and_receipt_back_and_the_coins_come_again(shop: Shop) -> None:
    first = journal.settle(shop.of(journal.record(shop.receipt(500))))
    sale = journal.post(shop.entry(Leg(shop.customer, debit=500), Leg(shop.sales, credit=500)))
    journal.reverse(shop.of(sale))
    journal.reverse(shop.of(first))
    assert _ledger(shop) == {}

    journal.settle(shop.of(journal.record(shop.receipt(500))))
    assert _ledger(shop) == {"assets:custody:btc-chain": 500, "liabilities:customers:bob": 500}


def test_a_receipt_cannot_be_taken_back_while_the_coins_are_sold(shop: Shop) -> None:
    receipt = journal.settle(shop.of(journal.record(shop.receipt(500))))
    journal.post(shop.entry(Leg(shop.customer, debit=1), Leg(shop.sales, credit=1)))
    with pytest.raises(BelowFloor):
        journal.reverse(shop.of(receipt))
    assert _ledger(shop)["assets:custody:btc-chain"] == 500


def test_a_promised_payout_can_be_promised_once_only(shop: Shop) -> None:
    shop.received(100)
    promised = journal.record(shop.payout(70))
    assert shop.holds(shop.customer) == AccountBalance(posted=100, pending_in=0, pending_out=70)
    assert shop.holds(shop.customer).available == 30
    with pytest.raises(BelowFloor):
        journal.record(shop.payout(31))
    with pytest.raises(BelowFloor):
        journal.post(shop.payout(31))
    journal.post(shop.payout(30))
    journal.settle(shop.of(promised))
    assert shop.holds(shop.customer) == shop.holds(shop.custody) == AccountBalance(0, 0, 0)


def test_coins_on_their_way_in_do_not_cover_what_goes_out(shop: Shop) -> None:
    journal.record(shop.receipt(100))
    with pytest.raises(BelowFloor):
        journal.record(shop.payout(1))
    assert shop.holds(shop.customer) == AccountBalance(posted=0, pending_in=100, pending_out=0)


def test_coming_and_going_are_told_apart_on_one_account(shop: Shop) -> None:
    shop.received(100)
    going = journal.record(shop.payout(40))
    coming = journal.record(shop.receipt(25))
    assert shop.holds(shop.custody) == AccountBalance(posted=100, pending_in=25, pending_out=40)
    journal.void(shop.of(going))
    journal.settle(shop.of(coming))
    assert shop.holds(shop.custody) == AccountBalance(posted=125, pending_in=0, pending_out=0)


def test_a_network_fee_is_an_expense(shop: Shop) -> None:
    fees = chart.open_account(shop.book.pk, "expense:network fees", "Network fees", shop.coin, shop.sales.Kind.EXPENSE)
    shop.received(100)
    journal.post(
        shop.entry(Leg(shop.customer, debit=90), Leg(fees, debit=10), Leg(shop.custody, credit=100), idem="payout")
    )
    assert shop.holds(fees).posted == 10
    assert shop.holds(shop.customer).posted == 10
    assert shop.holds(shop.custody).posted == 0


def test_one_entry_exchanges_two_coins_each_balanced_by_itself(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop()
    ether = chart.asset("ETH", "eth-chain", 18)
    custody, owner = (
        chart.custody(shop.book.pk, ether),
        chart.open_account(shop.book.pk, "equity:owner", "Owner", ether, shop.owner.Kind.EQUITY),
    )
    journal.post(
        shop.entry(
            Leg(shop.owner, debit=5), Leg(shop.custody, credit=5), Leg(custody, debit=10**18), Leg(owner, credit=10**18)
        )
    )
    assert shop.holds(shop.custody).posted == -5
    assert shop.holds(shop.owner).posted == -5


def test_an_account_twice_in_one_entry_runs_through_both_legs(shop: Shop) -> None:
    journal.post(
        shop.entry(Leg(shop.owner, credit=30), Leg(shop.custody, debit=10), Leg(shop.custody, debit=20), idem="twice")
    )
    postings = Posting.objects.filter(account=shop.custody).order_by("account_seq")
    assert list(postings.values_list("account_seq", "debit", "balance_after")) == [(1, 10, 10), (2, 20, 30)]


@pytest.mark.parametrize("most", [2**256 - 1, 10**78 - 1])
def test_the_largest_amounts_are_kept_to_the_last_unit(open_shop: Callable[..., Shop], most: int) -> None:
    shop = open_shop(code="ETH", decimals=18)
    settled = journal.settle(shop.of(journal.record(shop.receipt(most))))
    assert shop.holds(shop.custody).posted == most
    assert [p.debit + p.credit for p in Posting.objects.filter(entry=settled)] == [most] * 4
    journal.post(shop.entry(Leg(shop.customer, debit=1), Leg(shop.sales, credit=1)))
    assert shop.holds(shop.customer).posted == most - 1
    journal.post(shop.entry(Leg(shop.sales, debit=1), Leg(shop.customer, credit=1)))
    journal.reverse(shop.of(settled))
    assert shop.holds(shop.custody).posted == 0
