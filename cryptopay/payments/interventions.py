"""What is done to an invoice by hand, with a reason that is kept: cancelled, marked settled, marked invalid.

What a mark means in the books stands in `entries`; from where to where, in `machine.BY_HAND`.
"""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from cryptopay.payments import entries, events, lifecycle, machine, status
from cryptopay.payments.errors import InvoiceClosed, InvoicePaid, InvoiceStandsSo, ReasonMissing, UnknownInvoice
from cryptopay.payments.holding import HeldInvoices
from cryptopay.payments.models import Intervention, Invoice, Payment
from cryptopay.payments.status import Reading
from cryptopay.webhooks import outbox
from ledger import journal
from ledger.models import Book
from ledger.rows import among
from monitor.models import Deposit

Status = Invoice.Status

LONGEST_REASON = 300


@transaction.atomic
def cancel(invoice_id: int, book: Book, *, reason: str, by: str) -> Intervention:
    """Ask the payer no more. Only while nothing was seen; what arrives later is the customer's, and told.

    Raises `UnknownInvoice`, `ReasonMissing`, `InvoiceClosed`, `InvoicePaid`.
    """
    held, reading = _held(invoice_id, book)
    invoice = reading.invoice
    if invoice.status not in machine.BY_HAND[Status.CANCELLED]:
        raise InvoiceClosed(f"the invoice is {invoice.get_status_display().lower()}")
    if _anything_seen(reading):
        raise InvoicePaid("coins were seen for the invoice; it can be marked, but not be cancelled any more")
    done = _intervention(invoice, Status.CANCELLED, reason, by)
    events.tell(events.InvoiceCancelled(status.state(reading)))
    held.write()
    return done


@transaction.atomic
def mark(invoice_id: int, book: Book, outcome: Status, *, reason: str, by: str) -> Intervention:
    """Say that it is settled, or invalid, whatever the chains say. Its books follow what was received for it.

    Raises `UnknownInvoice`, `ReasonMissing`, `InvoiceStandsSo`, and `BelowFloor` where the customer has spent meanwhile
    what was received for it: then it is not marked.
    """
    with journal.together(), outbox.together():
        held, reading = _held(invoice_id, book)
        before, now = Status(reading.invoice.status), timezone.now()
        if outcome == Status.CANCELLED or before not in machine.BY_HAND[outcome]:
            raise InvoiceStandsSo(f"the invoice is {before.label.lower()} and cannot be marked {outcome.label.lower()}")
        done = _intervention(reading.invoice, outcome, reason, by)
        reading.invoice.exception = Invoice.Exceptional.MARKED
        _book(reading, before, now)
        events.tell(events.REACHED[outcome](status.state(reading)))
        held.write()
    return done


def _held(invoice_id: int, book: Book) -> tuple[HeldInvoices, Reading]:
    own = list(Invoice.objects.filter(book=book, pk=invoice_id).values_list("pk", flat=True))
    held = HeldInvoices(own)
    if invoice_id not in held.readings:
        raise UnknownInvoice("there is no such invoice")
    return held, held.readings[invoice_id]


def _anything_seen(reading: Reading) -> bool:
    """Also what the monitor has seen and nobody has taken in yet."""
    if any(payment.state in status.COUNTED for payments in reading.payments.values() for payment in payments):
        return True
    there = Deposit.objects.filter(state__in=[Deposit.State.SEEN, Deposit.State.CONFIRMED])
    return among(there, "watched", [method.watched_id for method in reading.methods]).exists()


def _intervention(invoice: Invoice, outcome: Status, reason: str, by: str) -> Intervention:
    """The record of it; the invoice, in memory, is there from now on."""
    reason = reason.strip()
    if not 0 < len(reason) <= LONGEST_REASON or not reason.isprintable():
        raise ReasonMissing(f"a reason has 1 to {LONGEST_REASON} visible characters", "/reason")
    before, invoice.status = invoice.status, outcome
    return Intervention.objects.create(
        book_id=invoice.book_id, invoice=invoice, status_before=before, status=outcome, reason=reason, by=by
    )


def _book(reading: Reading, before: Status, now: datetime) -> None:
    if before == Status.SETTLED:
        entries.sale_taken_back(reading, now)
    if reading.invoice.status == Status.SETTLED:
        _accept(reading)
        lifecycle.settle(reading, now)


def _accept(reading: Reading) -> None:
    """What came late, and is there now, counts: whoever marks the invoice settled has seen it."""
    late = [payment for payments in reading.payments.values() for payment in payments if payment.late]
    for payment in late:
        payment.accepted = True
    Payment.objects.filter(pk__in=[payment.pk for payment in late]).update(accepted=True)
