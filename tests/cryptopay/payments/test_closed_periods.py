"""The books are closed, or corrected by hand, and the chain goes on telling."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.utils import timezone

from cryptopay.payments.models import IntakePosition, Invoice
from cryptopay.webhooks.models import Event
from ledger import balances, chart, manual, periods, proposals
from ledger.journal import Leg
from ledger.models import Account, Asset, Book, JournalEntry, Proposal
from tests.closing import reviewed
from tests.cryptopay.payments.conftest import Ticker

pytestmark = pytest.mark.django_db

DUE = 100_000


def yesterday() -> date:
    return timezone.now().astimezone(UTC).date() - timedelta(days=1)


def close(book: Book, through: date) -> None:
    proposals.approve(
        periods.ask_to_close(book, through, reason="The month is over", by="Bob", review=reviewed(book.pk, through)),
        by="Alice",
    )


def reverse(entry: JournalEntry) -> None:
    done = manual.reverse(entry, reason="Booked twice", by="Bob")
    if isinstance(done, Proposal):
        proposals.approve(done, by="Alice")


def held(book: Book, code: str) -> int:
    return balances.balance(chart.find(book.pk, code, Asset.objects.get(code="BTC"))).posted


def test_a_fact_of_a_closed_day_is_carried_to_the_first_open_one(
    alice: Book, invoice: Invoice, bitcoin: Ticker
) -> None:
    long_ago = timezone.now() - timedelta(days=3)
    close(alice, yesterday())
    bitcoin.see(invoice, DUE, at=long_ago, mined=True)
    bitcoin.bury()
    bitcoin.drain()
    invoice.refresh_from_db()
    assert invoice.status == Invoice.Status.SETTLED
    seen, *_ = entries = list(JournalEntry.objects.filter(book=alice).order_by("pk"))
    assert datetime.fromisoformat(seen.meta["happened_at"]).replace(tzinfo=UTC) == long_ago
    today = datetime.combine(yesterday() + timedelta(days=1), time.min, UTC)
    assert all(entry.effective_at >= today for entry in entries)
    assert held(alice, "income:sales") == DUE


def test_closing_and_reopening_are_told(alice: Book) -> None:
    close(alice, yesterday())
    proposals.approve(periods.ask_to_reopen(alice, None, reason="Forgotten", by="Bob"), by="Alice")
    closed, reopened = Event.objects.filter(book=alice, subject=f"book_{alice.pk}").order_by("sequence")
    assert (closed.type, reopened.type) == ("ledger.period_closed", "ledger.period_reopened")
    assert closed.payload["data"] == {
        "period": {
            "closed_through": yesterday().isoformat(),
            "closed_before": None,
            "reason": "The month is over",
            "asked_by": "Bob",
            "approved_by": "Alice",
        }
    }
    assert reopened.payload["data"]["period"]["closed_before"] == yesterday().isoformat()
    assert reopened.payload["data"]["period"]["closed_through"] is None


def test_what_was_reversed_by_hand_is_not_taken_back_once_more(alice: Book, invoice: Invoice, bitcoin: Ticker) -> None:
    """A reorg of coins whose receipt and sale an accountant took back: nothing is left to do, and nothing stops."""
    transfer = bitcoin.see(invoice, DUE, mined=True)
    bitcoin.bury()
    bitcoin.drain()
    reverse(JournalEntry.objects.get(book=alice, source="invoice"))
    reverse(JournalEntry.objects.get(book=alice, kind=JournalEntry.Kind.SETTLE))
    bitcoin.reorg()
    bitcoin.drain()
    assert (held(alice, "assets:custody:bitcoin-regtest"), held(alice, "income:sales")) == (0, 0)
    assert IntakePosition.objects.get(chain_code=bitcoin.chain.code).failing_since is None
    bitcoin.take_in(transfer, mined=True)
    bitcoin.bury()
    bitcoin.drain()
    assert held(alice, "assets:custody:bitcoin-regtest") == DUE


def test_the_first_coins_of_an_asset_open_the_shops_chart(alice: Book, invoice: Invoice, bitcoin: Ticker) -> None:
    assert not Account.objects.filter(book=alice).exists()
    bitcoin.see(invoice, DUE)
    bitcoin.drain()
    codes = Account.objects.filter(book=alice, asset__code="BTC").values_list("code", flat=True)
    lines = chart.TEMPLATES["shop"].lines
    assert set(codes) == {line.code.format(chain="bitcoin-regtest") for line in lines}


def test_what_was_paid_out_and_then_taken_back_by_a_reorg_is_in_suspense(
    alice: Book, invoice: Invoice, bitcoin: Ticker
) -> None:
    transfer = bitcoin.see(invoice, DUE + 500, mined=True)
    bitcoin.bury()
    bitcoin.drain()
    coin = Asset.objects.get(code="BTC")
    guests, equity = (chart.find(alice.pk, code, coin) for code in ("liabilities:guests", "equity:opening"))
    refund = [Leg(guests, debit=400), Leg(equity, credit=400)]
    done = manual.enter(
        alice, refund, effective_at=timezone.now(), description="Refund in cash", reason="Asked for", by="Bob"
    )
    if isinstance(done, Proposal):
        proposals.approve(done, by="Alice")
    bitcoin.reorg()
    bitcoin.drain()
    assert held(alice, "assets:custody:bitcoin-regtest") == held(alice, "liabilities:guests") == 0
    assert held(alice, "suspense") == -400
    bitcoin.take_in(transfer, mined=True)
    bitcoin.bury()
    bitcoin.drain()
    assert held(alice, "liabilities:guests") == 500
    assert held(alice, "income:sales") == DUE
    assert held(alice, "suspense") == -400
