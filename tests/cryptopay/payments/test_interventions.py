"""By hand, with a reason: each story ends in a status, in books that are true, and in what the merchant is told."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from cryptopay.payments import interventions, lifecycle
from cryptopay.payments.errors import InvoiceClosed, InvoicePaid, InvoiceStandsSo, ReasonMissing, UnknownInvoice
from cryptopay.payments.lifecycle import NewInvoice
from cryptopay.payments.models import Intervention, Invoice, Payment
from cryptopay.webhooks.models import Event
from ledger import balances, chart, manual
from ledger.appendonly import RowIsPermanent
from ledger.errors import BelowFloor, UnknownAccount
from ledger.journal import Leg
from ledger.models import Asset, Book, JournalEntry
from tests.cryptopay.payments.conftest import Ticker

pytestmark = pytest.mark.django_db

Status = Invoice.Status
DUE = 100_000


@pytest.fixture
def anns(alice: Book) -> Invoice:
    """0.001 BTC of Ann's, to be paid in bitcoin."""
    order = NewInvoice(amount="0.001", currency="BTC", methods=["BTC"], customer_ref="ann")
    return lifecycle.open_invoice(alice, order).invoice


def mark(invoice: Invoice, outcome: Status) -> Intervention:
    return interventions.mark(invoice.pk, invoice.book, outcome, reason="Agreed by telephone", by="rosa")


def cancel(invoice: Invoice) -> Intervention:
    return interventions.cancel(invoice.pk, invoice.book, reason="Out of stock", by="rosa")


def standing(invoice: Invoice) -> tuple[str, str]:
    invoice.refresh_from_db()
    return invoice.status, invoice.exception


def told(invoice: Invoice) -> list[str]:
    return list(Event.objects.filter(subject=invoice.public_id).order_by("sequence").values_list("type", flat=True))


def posted(book: Book, code: str) -> int:
    try:
        return balances.balance(chart.find(book.pk, code, Asset.objects.get(code="BTC"))).posted
    except UnknownAccount:
        return 0


def anns_and_sales(book: Book) -> tuple[int, int]:
    return posted(book, "liabilities:customers:ann"), posted(book, "income:sales")


def receive(bitcoin: Ticker, invoice: Invoice, base_units: int, minutes: int = 0) -> None:
    bitcoin.see(invoice, base_units, at=timezone.now() + timedelta(minutes=minutes), mined=True)
    bitcoin.bury()
    bitcoin.drain()


def expire(bitcoin: Ticker, *, minutes: int = 16) -> None:
    later = timezone.now() + timedelta(minutes=minutes)
    bitcoin.read(later)
    lifecycle.sweep(later)


def test_cancelled_before_anything_was_seen(anns: Invoice, alice: Book) -> None:
    done = cancel(anns)
    assert standing(anns) == ("cancelled", "none")
    assert told(anns) == ["invoice.created", "invoice.cancelled"]
    assert (done.status_before, done.status, done.reason, done.by) == ("new", "cancelled", "Out of stock", "rosa")
    assert not JournalEntry.objects.filter(book=alice).exists()
    assert lifecycle.sweep(timezone.now() + timedelta(days=3)) == 0
    with pytest.raises(InvoiceClosed):
        lifecycle.choose_method(anns.pk, alice, "ETH")
    with pytest.raises(InvoiceClosed):
        cancel(anns)


def test_a_payment_after_the_cancellation_is_the_customers_and_is_told(
    anns: Invoice, alice: Book, bitcoin: Ticker
) -> None:
    cancel(anns)
    receive(bitcoin, anns, DUE)
    assert standing(anns) == ("cancelled", "paid_late")
    assert anns_and_sales(alice) == (DUE, 0)
    assert told(anns)[2:] == ["payment.detected", "payment.confirmed"]
    said = Event.objects.get(subject=anns.public_id, type="payment.confirmed").payload["data"]
    assert (said["payment"]["late"], said["invoice"]["status"]) == (True, "cancelled")


def test_what_came_before_and_was_dropped_is_told_when_it_comes_back(anns: Invoice, bitcoin: Ticker) -> None:
    transfer = bitcoin.see(anns, DUE)
    bitcoin.drain()
    bitcoin.drop(transfer)
    bitcoin.drain()
    cancel(anns)
    bitcoin.take_in(transfer)
    bitcoin.drain()
    assert standing(anns) == ("cancelled", "paid_late")


@pytest.mark.parametrize("taken_in", [True, False])
def test_nothing_that_was_seen_is_cancelled(anns: Invoice, bitcoin: Ticker, taken_in: bool) -> None:
    """Also in the moment between the monitor, which has seen it, and the intake."""
    bitcoin.see(anns, DUE // 2)
    if taken_in:
        bitcoin.drain()
    with pytest.raises(InvoicePaid):
        cancel(anns)
    assert not Intervention.objects.exists()
    bitcoin.drain()
    assert standing(anns) == ("new", "paid_partial")


def test_what_was_agreed_on_with_no_coins_is_no_income(anns: Invoice, alice: Book) -> None:
    mark(anns, Status.SETTLED)
    assert standing(anns) == ("settled", "marked")
    assert told(anns) == ["invoice.created", "invoice.settled"]
    assert not JournalEntry.objects.filter(book=alice).exists()
    assert lifecycle.sweep(timezone.now() + timedelta(days=3)) == 0
    assert standing(anns) == ("settled", "marked")


def test_too_little_is_accepted_and_sold_as_it_is(anns: Invoice, alice: Book, bitcoin: Ticker) -> None:
    receive(bitcoin, anns, 90_000)
    assert standing(anns) == ("new", "paid_partial")
    mark(anns, Status.SETTLED)
    assert standing(anns) == ("settled", "marked")
    assert anns_and_sales(alice) == (0, 90_000)


def test_a_late_payment_is_accepted(anns: Invoice, alice: Book, bitcoin: Ticker) -> None:
    expire(bitcoin)
    receive(bitcoin, anns, DUE + 5, minutes=17)
    assert (standing(anns), anns_and_sales(alice)) == (("expired", "paid_late"), (DUE + 5, 0))
    mark(anns, Status.SETTLED)
    assert standing(anns) == ("settled", "marked")
    assert anns_and_sales(alice) == (5, DUE)
    payment = Payment.objects.get()
    assert (payment.late, payment.accepted) == (True, True)


def test_what_is_received_after_the_mark_is_sold_then_and_what_comes_anew_is_not(
    anns: Invoice, alice: Book, bitcoin: Ticker
) -> None:
    bitcoin.see(anns, 60_000, mined=True)
    bitcoin.drain()
    mark(anns, Status.SETTLED)
    assert anns_and_sales(alice) == (0, 0)
    bitcoin.bury()
    bitcoin.drain()
    assert anns_and_sales(alice) == (0, 60_000)
    receive(bitcoin, anns, 40_000)
    assert anns_and_sales(alice) == (40_000, 60_000)
    assert standing(anns) == ("settled", "marked")
    assert list(Payment.objects.order_by("pk").values_list("late", "accepted")) == [(False, False), (True, False)]


def test_two_that_are_received_after_the_mark_are_sold_together(anns: Invoice, alice: Book, bitcoin: Ticker) -> None:
    bitcoin.see(anns, 60_000, mined=True)
    bitcoin.see(anns, 70_000, mined=True)
    bitcoin.drain()
    mark(anns, Status.SETTLED)
    bitcoin.bury()
    bitcoin.drain()
    assert anns_and_sales(alice) == (30_000, DUE)


def test_a_reorg_takes_the_coins_and_their_sale_and_leaves_the_mark(
    anns: Invoice, alice: Book, bitcoin: Ticker
) -> None:
    receive(bitcoin, anns, 90_000)
    mark(anns, Status.SETTLED)
    bitcoin.reorg()
    bitcoin.drain()
    assert anns_and_sales(alice) == (0, 0)
    assert standing(anns) == ("settled", "marked")
    assert told(anns)[-1] == "payment.reversed"


def test_an_invoice_given_up_leaves_the_coins_with_the_customer(anns: Invoice, alice: Book, bitcoin: Ticker) -> None:
    receive(bitcoin, anns, DUE)
    assert (standing(anns), anns_and_sales(alice)) == (("settled", "none"), (0, DUE))
    mark(anns, Status.INVALID)
    assert standing(anns) == ("invalid", "marked")
    assert anns_and_sales(alice) == (DUE, 0)
    assert told(anns)[-1] == "invoice.invalid"
    mark(anns, Status.SETTLED)
    assert (standing(anns), anns_and_sales(alice)) == (("settled", "marked"), (0, DUE))
    assert [row.status for row in anns.interventions.order_by("pk")] == ["invalid", "settled"]


def test_what_was_given_up_while_it_was_processing_is_not_sold(anns: Invoice, alice: Book, bitcoin: Ticker) -> None:
    bitcoin.see(anns, DUE, mined=True)
    bitcoin.drain()
    mark(anns, Status.INVALID)
    bitcoin.bury()
    bitcoin.drain()
    assert standing(anns) == ("invalid", "marked")
    assert anns_and_sales(alice) == (DUE, 0)


def test_what_the_customer_has_spent_is_sold_to_nobody(anns: Invoice, alice: Book, bitcoin: Ticker) -> None:
    """The books would owe less than nothing: it is refused, and nothing has changed."""
    expire(bitcoin)
    receive(bitcoin, anns, DUE, minutes=17)
    coin = Asset.objects.get(code="BTC")
    legs = [
        Leg(chart.customer(alice.pk, "ann", coin), debit=DUE),
        Leg(chart.find(alice.pk, "income:fees", coin), credit=DUE),
    ]
    manual.enter(alice, legs, effective_at=timezone.now(), description="Spent", reason="A test", by="rosa")
    with pytest.raises(BelowFloor):
        mark(anns, Status.SETTLED)
    assert standing(anns) == ("expired", "paid_late")
    assert not Intervention.objects.exists()
    assert told(anns)[-1] == "payment.confirmed"
    assert not Payment.objects.get().accepted


@pytest.mark.parametrize(
    ("first", "second"),
    [("settled", "settled"), ("invalid", "invalid"), ("cancelled", "invalid"), ("new", "cancelled")],
)
def test_nobody_marks_what_stands_so(anns: Invoice, first: str, second: str) -> None:
    if first == "cancelled":
        cancel(anns)
    elif first != "new":
        mark(anns, Status(first))
    before = standing(anns), told(anns)
    with pytest.raises(InvoiceStandsSo):
        mark(anns, Status(second))
    assert (standing(anns), told(anns)) == before


def test_cancelled_and_sold_after_all(anns: Invoice, alice: Book, bitcoin: Ticker) -> None:
    cancel(anns)
    receive(bitcoin, anns, DUE)
    mark(anns, Status.SETTLED)
    assert (standing(anns), anns_and_sales(alice)) == (("settled", "marked"), (0, DUE))


@pytest.mark.parametrize("reason", ["", "   ", "x" * 301, "bell\a"])
def test_a_reason_is_asked(anns: Invoice, reason: str) -> None:
    for act in (
        lambda: interventions.cancel(anns.pk, anns.book, reason=reason, by="rosa"),
        lambda: interventions.mark(anns.pk, anns.book, Status.SETTLED, reason=reason, by="rosa"),
    ):
        with pytest.raises(ReasonMissing):
            act()
    assert standing(anns) == ("new", "none")


def test_threat_39_of_another_book_it_is_unknown(anns: Invoice) -> None:
    other = Book.objects.create(name="Charlie's")
    for act in (
        lambda: interventions.cancel(anns.pk, other, reason="Mine now", by="charlie"),
        lambda: interventions.mark(anns.pk, other, Status.SETTLED, reason="Mine now", by="charlie"),
    ):
        with pytest.raises(UnknownInvoice):
            act()
    assert standing(anns) == ("new", "none")


def test_the_record_and_the_quote_are_for_good(anns: Invoice) -> None:
    done, quoted = mark(anns, Status.SETTLED), anns.methods.get()
    for row in (done, quoted):
        with pytest.raises(RowIsPermanent):
            row.save()
        with pytest.raises(RowIsPermanent):
            type(row).objects.filter(pk=row.pk).update(book=anns.book)
        for statement in ("UPDATE {} SET id = id", "DELETE FROM {}"):
            with (
                pytest.raises(DatabaseError, match=r"permission denied|permanent"),
                transaction.atomic(),
                connection.cursor() as cursor,
            ):
                cursor.execute(statement.format(row._meta.db_table))
