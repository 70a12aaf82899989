"""The books of a small shop, as an accountant would check them. Amounts in base units."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from django.db import connection
from django.utils import timezone

from ledger import balances, chart, journal, manual, periods, proposals
from ledger.balances import AccountBalance
from ledger.errors import AlreadyReversed, BelowFloor, PeriodClosed, SecondPersonNeeded
from ledger.journal import Entry, Leg, Standing, story_heads
from ledger.models import Account, Asset, JournalEntry, Posting, Proposal
from tests.closing import reviewed
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


# Months, days and what was known when


def _at(day: str, hour: int = 12) -> datetime:
    return datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC).replace(hour=hour)


def _on(day: str, entry: Entry, *, carry: bool = False) -> Entry:
    return replace(entry, effective_at=_at(day), carry=carry)


def _account(shop: Shop, code: str, asset: Asset | None = None) -> Account:
    return chart.find(shop.book.pk, code, asset or shop.coin)


def _trial_balance(shop: Shop, day: str) -> dict[str, int]:
    """Debit less credit of what is not zero; it must come out at nothing."""
    rows = balances.trial_balance(shop.book.pk, as_of=date.fromisoformat(day))
    assert sum(row.balance for row in rows) == 0
    return {row.account.code: row.balance for row in rows if row.balance}


def _statement(account: Account, first: str, last: str) -> tuple[int, list[int], int]:
    """Opening, the balance after each line, closing."""
    found = balances.statement(account, date.fromisoformat(first), date.fromisoformat(last))
    return found.opening, [line.balance for line in found.lines()], found.closing


def _close(shop: Shop, through: str) -> None:
    asked = periods.ask_to_close(
        shop.book,
        date.fromisoformat(through),
        reason="The month is over",
        by="bob",
        review=reviewed(shop.book.pk, date.fromisoformat(through)),
    )
    proposals.approve(asked, by="alice")


def _written(entry_id: int) -> JournalEntry:
    return JournalEntry.objects.get(pk=entry_id)


def test_a_shops_month_with_fees_and_a_refund(shop: Shop) -> None:
    chart.open_template(shop.book.pk, "shop", [shop.coin])
    fees, refundable = _account(shop, "expense:network fees"), _account(shop, "liabilities:refundable")
    for day, paid in [("2026-02-03", 1_000), ("2026-02-10", 700), ("2026-02-20", 300)]:
        journal.post(_on(day, shop.receipt(paid)))
        journal.post(_on(day, shop.entry(Leg(shop.customer, debit=paid), Leg(shop.sales, credit=paid))))
    journal.post(_on("2026-02-22", shop.entry(Leg(shop.sales, debit=300), Leg(refundable, credit=300))))
    payout = shop.entry(Leg(refundable, debit=300), Leg(fees, debit=4), Leg(shop.custody, credit=304))
    refund = journal.record(_on("2026-02-22", payout))
    assert shop.holds(refundable) == AccountBalance(posted=300, pending_in=0, pending_out=300)
    journal.settle(replace(shop.of(refund), effective_at=_at("2026-02-23")))

    assert _trial_balance(shop, "2026-02-28") == {
        "assets:custody:btc-chain": 1_696,
        "expense:network fees": 4,
        "income:sales": -1_700,
    }
    assert _statement(shop.custody, "2026-02-10", "2026-02-28") == (1_000, [1_700, 2_000, 1_696], 1_696)
    assert _statement(shop.sales, "2026-02-01", "2026-02-28") == (0, [1_000, 1_700, 2_000, 1_700], 1_700)


def test_a_contribution_is_held_in_escrow_and_released(shop: Shop) -> None:
    """It stays the contributor's while the sale is open; accepted, tokens are owed for it; then it is income."""
    chart.open_template(shop.book.pk, "ico", [shop.coin])
    escrow, allocated = (_account(shop, f"liabilities:contributions:{code}") for code in ("escrow", "allocated"))
    due, income = _account(shop, "liabilities:contributions:refunds due"), _account(shop, "income:token sales")
    for contribution in (600, 400):
        received = journal.record(shop.entry(Leg(shop.custody, debit=contribution), Leg(escrow, credit=contribution)))
        journal.settle(shop.of(received))
    journal.post(shop.entry(Leg(escrow, debit=600), Leg(allocated, credit=600)))
    journal.post(shop.entry(Leg(escrow, debit=400), Leg(due, credit=400)))
    with pytest.raises(BelowFloor):
        journal.post(shop.entry(Leg(escrow, debit=1), Leg(allocated, credit=1)))
    assert shop.holds(income).posted == 0

    journal.post(shop.entry(Leg(allocated, debit=600), Leg(income, credit=600)))
    journal.settle(shop.of(journal.record(shop.entry(Leg(due, debit=400), Leg(shop.custody, credit=400)))))
    accounts = (escrow, allocated, due, shop.custody, income)
    assert [shop.holds(account).posted for account in accounts] == [0, 0, 0, 600, 600]


def test_an_exchange_of_two_coins_passes_through_equity_in_each(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop()
    ether = chart.asset("ETH", "eth-chain", 18)
    there = chart.custody(shop.book.pk, ether)
    exchanged = chart.open_account(shop.book.pk, "equity:owner", "Owner", ether, Account.Kind.EQUITY)
    shop.received(5_000)
    sold = journal.post(
        shop.entry(
            Leg(there, debit=2 * 10**18),
            Leg(shop.owner, debit=5_000),
            Leg(shop.custody, credit=5_000),
            Leg(exchanged, credit=2 * 10**18),
        )
    )
    held = {(row.account.asset.code, row.account.code): row.balance for row in balances.trial_balance(shop.book.pk)}
    assert held["ETH", "assets:custody:eth-chain"] == 2 * 10**18 == -held["ETH", "equity:owner"]
    assert held["BTC", "assets:custody:btc-chain"] == 0
    journal.reverse(shop.of(sold))
    assert (shop.holds(there).posted, shop.holds(shop.custody).posted) == (0, 5_000)


def test_a_back_dated_correction_changes_last_month_and_every_running_balance_after_it(shop: Shop) -> None:
    journal.post(_on("2026-01-10", shop.receipt(100)))
    journal.post(_on("2026-02-10", shop.receipt(50)))
    before = _statement(shop.customer, "2026-02-01", "2026-02-28")
    journal.post(_on("2026-01-20", shop.receipt(7)))
    assert before == (100, [150], 150)
    assert _statement(shop.customer, "2026-01-01", "2026-01-31") == (0, [100, 107], 107)
    assert _statement(shop.customer, "2026-02-01", "2026-02-28") == (107, [157], 157)
    assert balances.balance(shop.customer, as_of=date(2026, 1, 15)).posted == 100
    assert _trial_balance(shop, "2026-01-31") == {"assets:custody:btc-chain": 107, "liabilities:customers:bob": -107}


def _by_hand(shop: Shop, day: str, base_units: int) -> JournalEntry | Proposal:
    legs = shop.receipt(base_units).legs
    return manual.enter(
        shop.book, legs, effective_at=_at(day), description="A forgotten receipt", reason="Found a bill", by="bob"
    )


def test_a_closed_month_carries_chains_refuses_people_and_is_reopened_by_two(shop: Shop) -> None:
    journal.post(_on("2026-01-10", shop.receipt(100)))
    _close(shop, "2026-01-31")

    late = journal.post(_on("2026-01-30", shop.receipt(5), carry=True))
    assert _written(late).effective_at == _at("2026-02-01", hour=0)
    assert _written(late).meta["happened_at"].startswith("2026-01-30T12:00")
    with pytest.raises(PeriodClosed):
        _by_hand(shop, "2026-01-30", 9)
    assert _trial_balance(shop, "2026-01-31")["assets:custody:btc-chain"] == 100

    reopening = periods.ask_to_reopen(shop.book, None, reason="A bill was forgotten", by="bob")
    with pytest.raises(SecondPersonNeeded):
        proposals.approve(reopening, by="bob")
    proposals.approve(reopening, by="alice")
    asked = _by_hand(shop, "2026-01-30", 9)
    assert isinstance(asked, Proposal)
    assert _trial_balance(shop, "2026-01-31")["assets:custody:btc-chain"] == 100
    proposals.approve(asked, by="alice")
    _close(shop, "2026-01-31")

    assert _trial_balance(shop, "2026-01-31")["assets:custody:btc-chain"] == 109
    assert _statement(shop.custody, "2026-01-01", "2026-01-31") == (0, [100, 109], 109)
    assert _statement(shop.custody, "2026-02-01", "2026-02-28") == (109, [114], 114)
    with pytest.raises(PeriodClosed):
        _by_hand(shop, "2026-01-31", 1)


def test_what_the_chain_told_before_the_month_was_closed_is_not_written_again_behind_it(shop: Shop) -> None:
    told = _on("2026-01-30", shop.receipt(5), carry=True)
    first = journal.post(told)
    _close(shop, "2026-01-31")
    assert journal.post(told) == first
    assert journal.post_batch([told]) == [first]
    assert _trial_balance(shop, "2026-02-28")["assets:custody:btc-chain"] == 5


def test_the_books_begin_with_what_was_there_before(shop: Shop) -> None:
    chart.open_template(shop.book.pk, "shop", [shop.coin])
    opening = _account(shop, "equity:opening")
    legs = [Leg(shop.custody, debit=900), Leg(shop.customer, credit=250), Leg(opening, credit=650)]
    journal.post(_on("2026-01-01", shop.entry(*legs)))
    assert _statement(shop.custody, "2026-01-01", "2026-01-31") == (0, [900], 900)
    assert _statement(shop.custody, "2026-02-01", "2026-02-28") == (900, [], 900)
    journal.post(_on("2026-02-02", shop.payout(250)))
    assert _trial_balance(shop, "2026-02-28") == {"assets:custody:btc-chain": 650, "equity:opening": -650}


def test_what_does_not_divide_is_on_the_rounding_account(shop: Shop) -> None:
    """100 among three is 33 each; the one that is left has a place."""
    chart.open_template(shop.book.pk, "shop", [shop.coin])
    rounding = _account(shop, "expense:rounding")
    shop.received(100)
    three = [chart.customer(shop.book.pk, name, shop.coin) for name in ("charlie", "dora", "emil")]
    shares: Sequence[Leg] = [Leg(each, credit=33) for each in three]
    journal.post(shop.entry(Leg(shop.customer, debit=100), *shares, Leg(rounding, credit=1)))
    assert shop.holds(rounding).posted == -1
    assert [shop.holds(each).posted for each in three] == [33, 33, 33]


def test_a_reorg_across_the_end_of_a_month_corrects_the_next_one(shop: Shop) -> None:
    """Validated on the last of January, gone from the chain in February, and validated again in another block."""
    seen = journal.record(_on("2026-01-31", shop.receipt(80), carry=True))
    settled = journal.settle(replace(shop.of(seen), effective_at=_at("2026-01-31", hour=23)))
    _close(shop, "2026-01-31")
    gone = replace(shop.of(settled), effective_at=_at("2026-01-31", hour=23), carry=True)
    reversal = journal.reverse(gone)
    assert journal.reverse(gone) == reversal
    with pytest.raises(AlreadyReversed):
        journal.reverse(shop.of(settled))
    again = journal.record(_on("2026-02-01", shop.receipt(80), carry=True))
    journal.settle(replace(shop.of(again), effective_at=_at("2026-02-01")))

    assert _statement(shop.custody, "2026-01-01", "2026-01-31") == (0, [80], 80)
    assert _statement(shop.custody, "2026-02-01", "2026-02-28") == (80, [0, 80], 80)
    standing = dict(story_heads(JournalEntry.objects.filter(book=shop.book)).values_list("pk", "standing"))
    assert standing == {seen: Standing.REVERSED.value, again: Standing.VALIDATED.value}


def test_a_payout_that_is_under_way_over_the_end_of_a_month(shop: Shop) -> None:
    """January owes the customer everything, and may not promise it twice; February has paid."""
    journal.post(_on("2026-01-05", shop.receipt(500)))
    promised = journal.record(_on("2026-01-31", shop.payout(500)))
    with pytest.raises(BelowFloor):
        journal.record(_on("2026-02-01", shop.payout(1)))
    _close(shop, "2026-01-31")
    journal.settle(replace(shop.of(promised), effective_at=_at("2026-02-01"), carry=True))
    january = balances.balance(shop.customer, as_of=date(2026, 1, 31))
    assert january == AccountBalance(posted=500, pending_in=0, pending_out=500)
    assert january.available == 0
    assert balances.balance(shop.customer, as_of=date(2026, 2, 1)) == AccountBalance(0, 0, 0)


def test_what_was_believed_at_a_moment_and_what_is_known_today(shop: Shop) -> None:
    """A receipt of January was entered in March: until then the books said something else, and still know it."""
    journal.post(_on("2026-01-10", shop.receipt(100)))
    with connection.cursor() as clock:
        clock.execute("SELECT clock_timestamp()")
        third_of_march = clock.fetchone()[0]
    time.sleep(0.002)
    journal.post(_on("2026-01-15", shop.receipt(40)))
    january = date(2026, 1, 31)
    assert balances.balance(shop.custody, as_of=january).posted == 140
    assert balances.balance(shop.custody, as_of=january, known_at=third_of_march).posted == 100
    assert balances.balance(shop.custody, as_of=date(2026, 1, 9), known_at=third_of_march).posted == 0
    assert balances.balance(shop.custody, known_at=third_of_march).posted == 100
    assert balances.balance(shop.custody, known_at=timezone.now()).posted == 140
