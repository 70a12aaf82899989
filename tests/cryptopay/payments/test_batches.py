"""A commit's events are taken in together: as if they came one by one, at the cost of a few statements."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cryptopay.payments import addresses, entries, intake, lifecycle
from cryptopay.payments.lifecycle import NewInvoice
from cryptopay.payments.models import Credit, Invoice, Payment
from cryptopay.webhooks import outbox
from cryptopay.webhooks.models import Delivery, Event
from ledger import journal
from ledger.models import Balance, Book, JournalEntry, Posting
from monitor.connectors.base import Transfer
from tests import people
from tests.cryptopay.payments.conftest import Ticker

pytestmark = pytest.mark.django_db

DUE = 100_000


def opened(book: Book, customer: str = "", **more: Any) -> Invoice:
    order = {"amount": "0.001", "currency": "BTC", "methods": ["BTC"], "customer_ref": customer, **more}
    return lifecycle.open_invoice(book, NewInvoice(**order)).invoice


def a_day(book: Book, bitcoin: Ticker) -> None:
    """Paid in parts, over, late, dropped and seen again, taken back by a reorg; with and without customers."""
    parts, over, gone, back, own = opened(book, "ann"), opened(book), opened(book, "bob"), opened(book, "ann"), "cleo"
    bitcoin.see(parts, DUE // 2)
    bitcoin.see(over, DUE + 7, mined=True)
    dropped = bitcoin.see(gone, DUE)
    bitcoin.see(back, DUE, mined=True)
    place, _ = addresses.give(book, bitcoin.chain, own)
    txid = f"{book.pk:x}".rjust(64, "e")
    bitcoin.take_in(Transfer(f"{txid}:0", txid, bytes(place.address.destination), DUE), mined=True)
    bitcoin.bury()
    bitcoin.drop(dropped)
    bitcoin.reorg()
    bitcoin.see(parts, DUE // 2, mined=True)
    bitcoin.take_in(dropped)
    bitcoin.bury()


def standing(book: Book) -> dict[str, Any]:
    mine = {"book": book}
    return {
        "balances": sorted(Balance.objects.filter(**mine).values_list("account__code", "posted", "pending_in")),
        "entries": sorted(JournalEntry.objects.filter(**mine).values_list("kind", "source", "legs")),
        "postings": Posting.objects.filter(**mine).count(),
        "invoices": list(
            Invoice.objects.filter(**mine).order_by("pk").values_list("status", "exception", "settlements")
        ),
        "payments": list(Payment.objects.filter(**mine).order_by("pk").values_list("state", "base_units", "late")),
        "credits": list(Credit.objects.filter(**mine).values_list("state", "base_units")),
        "told": sorted(
            (event.type, event.sequence, event.payload["data"].get("invoice", {}).get("status", ""))
            for event in Event.objects.filter(**mine)
        ),
    }


def test_together_or_one_by_one_it_is_the_same(bitcoin: Ticker, monkeypatch: pytest.MonkeyPatch) -> None:
    people.record_rates()
    found = []
    for name, at_once, written in (("Alice", 1, 1000), ("Bob", 4, 1000), ("Carol", 10_000, 1000), ("Dave", 10_000, 3)):
        monkeypatch.setattr(intake, "EVENTS_A_COMMIT", at_once)
        monkeypatch.setattr(journal, "AT_ONCE", written)
        monkeypatch.setattr(outbox, "AT_ONCE", written)
        book = people.merchant(name).test_book
        a_day(book, bitcoin)
        assert bitcoin.drain() >= 15  # a reorg takes back what the ones before had, too
        found.append(standing(book))
    for subject in found[0]:
        assert found[0][subject] == found[1][subject] == found[2][subject] == found[3][subject], subject


def test_many_are_written_while_more_are_reckoned(
    alice: Book, bitcoin: Ticker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In batches: the balances of all are locked before the first, and hardly anything is asked between them."""
    statements_for(alice, bitcoin, 1, customers=False)
    monkeypatch.setattr(journal, "AT_ONCE", 5)
    monkeypatch.setattr(outbox, "AT_ONCE", 7)
    for number in range(8):
        bitcoin.see(opened(alice, f"customer {number}"), DUE, mined=True)
    bitcoin.bury()
    with CaptureQueriesContext(connection) as queries:
        assert bitcoin.drain() == 16
    said = [query["sql"] for query in queries]
    writes = [number for number, sql in enumerate(said) if "ledger_write_batch" in sql]
    assert len(writes) == 5  # of 24 entries; those of a last, shorter one
    (locks,) = [number for number, sql in enumerate(said) if "ledger_lock_balances" in sql]
    assert locks < writes[0]
    between = [sql for sql in said[writes[0] : writes[-2] + 1] if "ledger_write_batch" not in sql]
    asked = [sql for sql in between if "INSERT INTO webhooks_event" not in sql]
    assert len(asked) == 1, asked  # today's rate


def test_sold_and_taken_back_in_one_commit(alice: Book, bitcoin: Ticker) -> None:
    """The sale is not written yet when the reorg is told."""
    invoice = opened(alice)
    bitcoin.see(invoice, DUE, mined=True)
    bitcoin.bury()
    bitcoin.reorg()
    assert bitcoin.drain() == 3
    invoice.refresh_from_db()
    assert (invoice.status, invoice.settlements) == ("new", 1)
    assert {balance.posted for balance in Balance.objects.filter(book=alice)} == {0}
    kinds = list(JournalEntry.objects.filter(book=alice).order_by("pk").values_list("kind", flat=True))
    assert kinds.count(JournalEntry.Kind.REVERSE) == 2, "the payment and its sale"


def statements_for(book: Book, bitcoin: Ticker, many: int, *, customers: bool) -> int:
    """Of a commit with so many payments, seen and confirmed."""
    for number in range(many):
        bitcoin.see(opened(book, f"customer {many} {number}" if customers else ""), DUE, mined=True)
    bitcoin.bury()
    with CaptureQueriesContext(connection) as queries:
        assert bitcoin.drain() == 2 * many
    return len(queries)


@pytest.mark.parametrize("customers", [False, True])
def test_the_statements_of_a_commit_do_not_grow_with_its_payments(
    alice: Book, bitcoin: Ticker, *, customers: bool
) -> None:
    statements_for(alice, bitcoin, 1, customers=customers)  # opens the accounts
    few, many = (statements_for(alice, bitcoin, payments, customers=customers) for payments in (2, 30))
    assert few == many


def test_every_listener_hears_each_step_of_each(alice: Book, bitcoin: Ticker) -> None:
    invoices = [opened(alice) for _ in range(5)]
    for invoice in invoices:
        bitcoin.see(invoice, DUE, mined=True)
    bitcoin.bury()
    bitcoin.drain()
    for invoice in invoices:
        told = Event.objects.filter(subject=invoice.public_id).order_by("sequence")
        assert list(told.values_list("sequence", "type")) == [
            (1, "invoice.created"), (2, "payment.detected"), (3, "invoice.processing"),
            (4, "payment.confirmed"), (5, "invoice.settled"),
        ]  # fmt: skip
    assert not Delivery.objects.exists()


def test_a_sweep_ends_the_others_where_one_cannot_be_ended(
    alice: Book, bitcoin: Ticker, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoices = [opened(alice) for _ in range(3)]
    overdue = max(invoice.expires_at for invoice in invoices)
    bitcoin.read(overdue + lifecycle.MONITORING)
    whole = lifecycle.advance

    def refuse_one(reading: Any, *rest: Any, **more: Any) -> None:
        if reading.invoice.pk == invoices[1].pk:
            raise entries.UnknownAccount("a bad one")
        whole(reading, *rest, **more)

    monkeypatch.setattr(lifecycle, "advance", refuse_one)
    with pytest.raises(entries.UnknownAccount, match="a bad one"):
        lifecycle.sweep(overdue)
    assert [Invoice.objects.get(pk=invoice.pk).status for invoice in invoices] == ["expired", "new", "expired"]
    monkeypatch.undo()
    lifecycle.sweep(overdue)
    assert not Invoice.objects.filter(status=Invoice.Status.NEW).exists()
