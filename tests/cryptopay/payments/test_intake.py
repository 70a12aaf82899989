"""Events in, money out: each story ends in an invoice's state, balances and what the merchant is told."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from cryptopay.payments import entries, lifecycle
from cryptopay.payments.errors import IntakeOutOfStep
from cryptopay.payments.lifecycle import NewInvoice
from cryptopay.payments.models import IntakePosition, Invoice, Payment
from cryptopay.webhooks.models import Event
from ledger import balances, chart, rates
from ledger.models import Asset, Book, JournalEntry, Posting
from monitor.models import ChainEvent
from tests.cryptopay.payments.conftest import Ticker

pytestmark = pytest.mark.django_db

DUE = 100_000


def told(invoice: Invoice) -> list[str]:
    return list(Event.objects.filter(subject=invoice.public_id).order_by("sequence").values_list("type", flat=True))


def held(book: Book, code: str, asset: str = "BTC") -> tuple[int, int]:
    """Posted and pending in."""
    found = balances.balance(chart.find(book.pk, code, Asset.objects.get(code=asset)))
    return found.posted, found.pending_in


def standing(invoice: Invoice) -> tuple[str, str]:
    invoice.refresh_from_db()
    return invoice.status, invoice.exception


def test_seen_is_not_received(alice: Book, invoice: Invoice, bitcoin: Ticker) -> None:
    bitcoin.see(invoice, DUE)
    assert bitcoin.drain() == 1
    assert standing(invoice) == ("processing", "none")
    assert held(alice, "assets:custody:bitcoin-regtest") == (0, DUE)
    assert held(alice, "liabilities:guests") == (0, DUE)
    assert told(invoice) == ["invoice.created", "payment.detected", "invoice.processing"]


def test_confirmed_is_received_and_sold(alice: Book, invoice: Invoice, bitcoin: Ticker) -> None:
    bitcoin.see(invoice, DUE, mined=True)
    bitcoin.bury()
    bitcoin.drain()
    assert standing(invoice) == ("settled", "none")
    assert held(alice, "assets:custody:bitcoin-regtest") == (DUE, 0)
    assert held(alice, "liabilities:guests") == (0, 0)
    assert held(alice, "income:sales") == (DUE, 0)
    assert told(invoice)[2:] == ["invoice.processing", "payment.confirmed", "invoice.settled"]


def test_the_entry_of_a_receipt_carries_rate_and_references(alice: Book, invoice: Invoice, bitcoin: Ticker) -> None:
    transfer = bitcoin.see(invoice, DUE, mined=True)
    bitcoin.bury()
    bitcoin.drain()
    settled = JournalEntry.objects.get(book=alice, kind=JournalEntry.Kind.SETTLE)
    assert settled.rate is not None
    assert settled.rate.price == 60000
    assert settled.meta["txid"] == transfer.txid
    assert settled.meta["invoice"] == invoice.public_id


def test_a_sale_is_priced_at_the_quote(alice: Book, bitcoin: Ticker) -> None:
    invoice = lifecycle.open_invoice(alice, NewInvoice(amount="60", currency="EUR", methods=["BTC"])).invoice
    quoted = invoice.methods.get().rate
    rates.record("BTC", "EUR", Decimal(61000), "later", timezone.now())
    bitcoin.see(invoice, DUE, mined=True)
    bitcoin.bury()
    bitcoin.drain()
    sale = JournalEntry.objects.get(book=alice, kind=JournalEntry.Kind.POST)
    receipt = JournalEntry.objects.get(book=alice, kind=JournalEntry.Kind.SETTLE)
    assert sale.rate == quoted
    assert receipt.rate is not None
    assert receipt.rate.source == "later"


def test_a_merchant_may_ask_for_more_confirmations_never_for_fewer(alice: Book, bitcoin: Ticker) -> None:
    patient, hasty = (
        lifecycle.open_invoice(
            alice, NewInvoice(amount="0.001", currency="BTC", methods=["BTC"], least_confirmations=least)
        ).invoice
        for least in (10, 1)
    )
    bitcoin.see(patient, DUE, mined=True)
    bitcoin.see(hasty, DUE, mined=True)
    bitcoin.bury(0)
    bitcoin.drain()
    assert standing(hasty) == ("processing", "none")
    bitcoin.bury(8)
    bitcoin.drain()
    assert (standing(patient), standing(hasty)) == (("processing", "none"), ("settled", "none"))
    bitcoin.bury(1)
    bitcoin.drain()
    assert standing(patient) == ("settled", "none")


def test_received_without_a_rate_is_received_all_the_same(alice: Book, invoice: Invoice, bitcoin: Ticker) -> None:
    Book.objects.filter(pk=alice.pk).update(currency="CHF")
    bitcoin.see(invoice, DUE, mined=True)
    bitcoin.bury()
    bitcoin.drain()
    assert standing(invoice) == ("settled", "none")
    assert JournalEntry.objects.get(book=alice, kind=JournalEntry.Kind.SETTLE).rate is None


def test_underpaid_then_topped_up(alice: Book, invoice: Invoice, bitcoin: Ticker) -> None:
    bitcoin.see(invoice, 40_000)
    bitcoin.drain()
    assert standing(invoice) == ("new", "paid_partial")
    detected = Event.objects.get(subject=invoice.public_id, type="payment.detected")
    assert detected.payload["data"]["invoice"]["exception"] == "paid_partial"
    bitcoin.see(invoice, 60_000)
    bitcoin.drain()
    assert standing(invoice) == ("processing", "none")


def test_an_overpayment_stays_the_customers(alice: Book, bitcoin: Ticker) -> None:
    order = NewInvoice(amount="0.001", currency="BTC", methods=["BTC"], customer_ref="ann")
    invoice = lifecycle.open_invoice(alice, order).invoice
    bitcoin.see(invoice, DUE + 7, mined=True)
    bitcoin.bury()
    bitcoin.drain()
    assert standing(invoice) == ("settled", "paid_over")
    assert held(alice, "liabilities:customers:ann") == (7, 0)
    assert held(alice, "income:sales") == (DUE, 0)


def test_a_late_payment_is_credited_and_said(alice: Book, invoice: Invoice, bitcoin: Ticker) -> None:
    later = timezone.now() + timedelta(minutes=16)
    bitcoin.read(later)
    lifecycle.sweep(later)
    assert standing(invoice) == ("expired", "none")
    bitcoin.see(invoice, DUE, at=timezone.now() + timedelta(minutes=17), mined=True)
    bitcoin.bury()
    bitcoin.drain()
    assert standing(invoice) == ("expired", "paid_late")
    assert held(alice, "liabilities:guests") == (DUE, 0)
    for told_as in ("payment.detected", "payment.confirmed"):
        data = Event.objects.get(subject=invoice.public_id, type=told_as).payload["data"]
        assert (data["payment"]["late"], data["invoice"]["exception"]) == (True, "paid_late")


def test_nothing_expires_while_its_chain_is_not_read(alice: Book, invoice: Invoice, bitcoin: Ticker) -> None:
    """The node is silent: perhaps the payer has paid in time. The payment is found in an old block, and is not late."""
    bitcoin.read(timezone.now())
    later = timezone.now() + timedelta(minutes=16)
    lifecycle.sweep(later)
    assert standing(invoice) == ("new", "none")
    bitcoin.see(invoice, DUE, mined=True)
    bitcoin.bury()
    bitcoin.drain()
    bitcoin.read(later)
    lifecycle.sweep(later)
    assert standing(invoice) == ("settled", "none")


def test_a_silent_chain_holds_up_no_other_chains_expiry(
    alice: Book, invoice: Invoice, bitcoin: Ticker, ethereum: Ticker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "SWEPT_AT_ONCE", 1)
    other = lifecycle.open_invoice(alice, NewInvoice(amount="1", currency="ETH", methods=["ETH"])).invoice
    later = timezone.now() + timedelta(minutes=16)
    bitcoin.read(timezone.now())
    ethereum.read(later)
    assert lifecycle.sweep(later) == 1
    assert standing(invoice) == ("new", "none")
    assert standing(other) == ("expired", "none")


def test_an_invoice_without_a_method_expires_by_the_clock(alice: Book) -> None:
    opened = lifecycle.open_invoice(alice, NewInvoice(amount="5", currency="EUR")).invoice
    lifecycle.sweep(timezone.now() + timedelta(minutes=16))
    assert standing(opened) == ("expired", "none")


def test_a_replaced_payment_is_void(alice: Book, invoice: Invoice, bitcoin: Ticker) -> None:
    transfer = bitcoin.see(invoice, DUE)
    bitcoin.drain()
    bitcoin.drop(transfer)
    bitcoin.drain()
    assert standing(invoice) == ("new", "none")
    assert held(alice, "assets:custody:bitcoin-regtest") == (0, 0)
    assert told(invoice)[-2:] == ["payment.dropped", "invoice.reopened"]
    assert Payment.objects.get().state == Payment.State.DROPPED


def test_a_reorg_after_settlement_reverses_and_recovers(alice: Book, invoice: Invoice, bitcoin: Ticker) -> None:
    transfer = bitcoin.see(invoice, DUE, mined=True)
    bitcoin.bury()
    bitcoin.drain()
    bitcoin.reorg()
    bitcoin.drain()
    assert standing(invoice) == ("new", "none")
    for code in ("assets:custody:bitcoin-regtest", "liabilities:guests", "income:sales"):
        assert held(alice, code) == (0, 0)
    assert told(invoice)[-3:] == ["payment.reversed", "invoice.processing", "invoice.reopened"]
    bitcoin.take_in(transfer, mined=True)
    bitcoin.bury()
    bitcoin.drain()
    assert standing(invoice) == ("settled", "none")
    assert held(alice, "income:sales") == (DUE, 0)
    invoice.refresh_from_db()
    assert invoice.settlements == 2


def test_two_methods_share_one_invoice_and_a_reorg_of_one(alice: Book, bitcoin: Ticker, ethereum: Ticker) -> None:
    order = NewInvoice(amount="60", currency="EUR", methods=["BTC", "ETH"])
    invoice = lifecycle.open_invoice(alice, order).invoice
    bitcoin.see(invoice, 100_000, mined=True)
    ethereum.see(invoice, 2 * 10**16, mined=True)
    for chain in (bitcoin, ethereum):
        chain.bury()
        chain.drain()
    assert standing(invoice) == ("settled", "paid_over")
    assert held(alice, "liabilities:guests", "ETH") == (2 * 10**16, 0)
    bitcoin.reorg()
    bitcoin.drain()
    assert standing(invoice) == ("settled", "none")
    assert held(alice, "liabilities:guests") == (0, 0)
    assert held(alice, "income:sales") == (0, 0)
    assert held(alice, "liabilities:guests", "ETH") == (0, 0)
    assert held(alice, "income:sales", "ETH") == (2 * 10**16, 0)


def test_half_and_half_in_two_coins_is_paid(alice: Book, bitcoin: Ticker, ethereum: Ticker) -> None:
    invoice = lifecycle.open_invoice(alice, NewInvoice(amount="60", currency="EUR", methods=["BTC", "ETH"])).invoice
    bitcoin.see(invoice, 50_000, mined=True)
    ethereum.see(invoice, 10**16, mined=True)
    for chain in (bitcoin, ethereum):
        chain.bury()
        chain.drain()
    assert standing(invoice) == ("settled", "none")
    assert held(alice, "income:sales") == (50_000, 0)
    assert held(alice, "income:sales", "ETH") == (10**16, 0)


def test_draining_twice_changes_nothing(alice: Book, invoice: Invoice, bitcoin: Ticker) -> None:
    bitcoin.see(invoice, DUE, mined=True)
    bitcoin.bury()
    bitcoin.drain()
    before = (JournalEntry.objects.count(), Posting.objects.count(), Event.objects.count())
    assert bitcoin.drain() == 0
    IntakePosition.objects.update(last_event_id=0)
    with pytest.raises(IntakeOutOfStep):
        bitcoin.drain()
    assert before == (JournalEntry.objects.count(), Posting.objects.count(), Event.objects.count())


def test_an_event_that_fits_nothing_stops_the_chain_visibly(alice: Book, invoice: Invoice, bitcoin: Ticker) -> None:
    bitcoin.see(invoice, DUE, mined=True)
    bitcoin.drain()
    Payment.objects.update(state=Payment.State.DROPPED)
    bitcoin.bury()
    with pytest.raises(IntakeOutOfStep):
        bitcoin.drain()
    position = IntakePosition.objects.get(chain_code=bitcoin.chain.code)
    assert position.failing_since is not None
    assert "dropped" in position.failure
    assert position.last_event_id < ChainEvent.objects.latest("pk").pk
    assert held(alice, "assets:custody:bitcoin-regtest") == (0, DUE)


def test_a_passing_trouble_is_overcome_and_leaves_no_alarm(
    alice: Book, invoice: Invoice, bitcoin: Ticker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the database ends a deadlock by refusing one of the two."""
    record, refusals = entries.seen, iter([OperationalError("deadlock detected")])

    def refused_once(*arguments: Any) -> int:
        for refusal in refusals:
            raise refusal
        return record(*arguments)

    monkeypatch.setattr(entries, "seen", refused_once)
    bitcoin.see(invoice, DUE)
    assert bitcoin.drain() == 1
    assert standing(invoice) == ("processing", "none")
    assert IntakePosition.objects.get(chain_code=bitcoin.chain.code).failing_since is None


def test_one_chains_bad_event_does_not_stop_another(
    alice: Book, invoice: Invoice, bitcoin: Ticker, ethereum: Ticker
) -> None:
    other = lifecycle.open_invoice(alice, NewInvoice(amount="1", currency="ETH", methods=["ETH"])).invoice
    bitcoin.see(invoice, DUE, mined=True)
    bitcoin.drain()
    Payment.objects.update(state=Payment.State.DROPPED)
    bitcoin.bury()
    with pytest.raises(IntakeOutOfStep):
        bitcoin.drain()
    ethereum.see(other, 10**18, mined=True)
    ethereum.bury()
    ethereum.drain()
    assert standing(other) == ("settled", "none")


def test_custody_equals_what_we_owe_and_earned(alice: Book, bitcoin: Ticker) -> None:
    for amount in (DUE, DUE - 1, DUE + 1, 3 * DUE):
        invoice = lifecycle.open_invoice(alice, NewInvoice(amount="0.001", currency="BTC", methods=["BTC"])).invoice
        bitcoin.see(invoice, amount, mined=True)
    bitcoin.bury()
    bitcoin.drain()
    custody, _ = held(alice, "assets:custody:bitcoin-regtest")
    owed, _ = held(alice, "liabilities:guests")
    sold, _ = held(alice, "income:sales")
    assert custody == owed + sold == 6 * DUE
    assert sold == 3 * DUE
