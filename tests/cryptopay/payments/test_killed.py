"""Kill -9 between any two statements of the intake loses nothing and doubles nothing."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from cryptopay.payments import addresses, intake, lifecycle
from cryptopay.payments.lifecycle import NewInvoice
from cryptopay.payments.models import ChainNotice, Credit, IntakePosition, Invoice, Payment
from cryptopay.webhooks.models import Delivery, Event
from ledger.models import Balance, Book, JournalEntry, Posting
from monitor import watches
from monitor.connectors.base import Transfer
from monitor.models import ChainEvent, TransactionEvent, WatchedTransaction
from tests import people
from tests.cryptopay.payments.conftest import Ticker
from tests.killing import killed_at

DUE = 100_000
COUNTED = (JournalEntry, Posting, Payment, Credit, ChainNotice, Event, Delivery)


def snapshot() -> dict[str, Any]:
    """Everything the intake writes."""
    return {
        "position": list(IntakePosition.objects.values_list("last_event_id", "last_transaction_event_id")),
        "balances": list(
            Balance.objects.order_by("pk").values_list("account__code", "posted", "pending_in", "pending_out", "seq")
        ),
        "invoices": list(Invoice.objects.order_by("pk").values_list("status", "exception", "settlements")),
        "payments": list(Payment.objects.order_by("pk").values_list("state", flat=True)),
        **{model.__name__: model._default_manager.count() for model in COUNTED},
    }


def a_busy_hour(book: Book, bitcoin: Ticker) -> None:
    """Three invoices: overpaid and settled; dropped; settled and taken back by a reorg."""
    order = NewInvoice(amount="0.001", currency="BTC", methods=["BTC"])
    settled, dropped, reorged = (lifecycle.open_invoice(book, order).invoice for _ in range(3))
    bitcoin.see(reorged, DUE, mined=True)
    bitcoin.bury()
    bitcoin.reorg()
    gone = bitcoin.see(dropped, DUE)
    bitcoin.drop(gone)
    bitcoin.see(settled, DUE + 1, mined=True)
    bitcoin.bury()


def a_quiet_hour(book: Book, bitcoin: Ticker) -> None:
    """No invoice: coins at a customer's own address, and a transaction that is watched."""
    own, _ = addresses.give(book, bitcoin.chain, "ann")
    txid = f"{book.pk:x}".rjust(64, "f")
    bitcoin.take_in(Transfer(f"{txid}:0", txid, bytes(own.address.destination), DUE), mined=True)
    bitcoin.bury()
    watch, _ = watches.watch_transaction(book.pk, bitcoin.chain, txid)
    TransactionEvent.objects.create(
        book=book,
        chain_code=bitcoin.chain.code,
        transaction=WatchedTransaction.objects.get(watch=watch),
        kind=ChainEvent.Kind.SEEN,
        appearance=1,
        happened_at=watch.created_at,
    )


@pytest.fixture
def _three_events_a_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "EVENTS_A_COMMIT", 3)


@pytest.mark.usefixtures("_three_events_a_commit")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("hour", "least_kills", "least_commits"), [(a_busy_hour, 100, 3), (a_quiet_hour, 30, 2)])
def test_threat_04_killed_between_any_two_statements(
    hour: Callable[[Book, Ticker], None], least_kills: int, least_commits: int, bitcoin: Ticker
) -> None:
    people.record_rates()
    book = people.merchant("Alice").test_book
    hour(book, bitcoin)
    IntakePosition.objects.create(chain_code=bitcoin.chain.code)
    known, kills, commits, statement = snapshot(), 0, 0, 1
    while killed_at(statement, bitcoin.drain):
        kills += 1
        now = snapshot()
        if now["position"] == known["position"]:
            assert now == known, f"half-written after a kill at statement {statement}"
            statement += 1
        else:  # a commit came through before the kill: from there on anew
            known, commits, statement = now, commits + 1, 1
    connection.close()
    assert kills > least_kills
    assert commits >= least_commits
    assert bitcoin.drain() == 0
    assert final(book) == undisturbed(hour, bitcoin)


def undisturbed(hour: Callable[[Book, Ticker], None], bitcoin: Ticker) -> dict[str, Any]:
    """The same hour at another merchant, with nobody killed."""
    book = people.merchant("Bob").test_book
    hour(book, bitcoin)
    bitcoin.drain()
    return final(book)


def final(book: Book) -> dict[str, Any]:
    """What stands in one merchant's books and outbox at the end."""
    mine = {"book": book}
    return {
        "balances": sorted(
            Balance.objects.filter(**mine).values_list("account__code", "posted", "pending_in", "pending_out", "seq")
        ),
        "entries": sorted(JournalEntry.objects.filter(**mine).values_list("kind", flat=True)),
        "invoices": list(Invoice.objects.filter(**mine).order_by("pk").values_list("status", "exception")),
        "notices": list(ChainNotice.objects.filter(**mine).order_by("pk").values_list("kind", "sequence")),
        "credits": list(Credit.objects.filter(**mine).values_list("state", "base_units")),
        "events": sorted(Event.objects.filter(**mine).values_list("type", flat=True)),
        "postings": Posting.objects.filter(**mine).count(),
    }
