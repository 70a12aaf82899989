"""Takes the monitor's events in: in order, exactly once.

One commit holds what an event causes (journal, ledger, payment, invoice, outbox) and the position behind it. Killed at
any statement, the next run starts at the same event; run twice, it finds the position moved.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import structlog
from django.db import transaction
from django.utils import timezone

from cryptopay.payments import assets, crediting, entries, events, lifecycle, notices, sharing, status
from cryptopay.payments.arrivals import expect, move
from cryptopay.payments.docket import Docket
from cryptopay.payments.errors import IntakeOutOfStep
from cryptopay.payments.models import IntakePosition, Invoice, Payment, PaymentMethod
from cryptopay.webhooks import outbox
from ledger import journal
from ledger.behind import behind
from ledger.models import Asset
from monitor.chains import CHAINS
from monitor.models import ChainEvent, TransactionEvent

log = structlog.get_logger(__name__)

EVENTS_A_COMMIT = 2000
"""What they change is read and written together, their entries as one batch a book."""

_NOT_NEEDED = [f"deposit__{name}" for name in ("block_time", "held_since", "held_because", "seen_at", "sender", "memo")]
"""Of deposits there may be thousands."""


def drain(chain_code: str) -> int:
    """Take in all events of a chain; how many. One that cannot be taken in stops the chain's intake and is raised."""
    IntakePosition.objects.get_or_create(chain_code=chain_code)
    sharing.watch_accounts(CHAINS[chain_code])
    total = _tell_of_transactions(chain_code)
    try:
        while taken := _take(chain_code, EVENTS_A_COMMIT):
            total += taken
    except Exception as error:
        log.warning("intake.one_by_one", chain=chain_code, error=str(error))
        total += _one_by_one(chain_code)
    return total


def _one_by_one(chain_code: str) -> int:
    """One event a commit, so that only a bad one and those behind it wait; after a passing trouble, none does."""
    taken = 0
    try:
        while _take(chain_code, 1):
            taken += 1
    except Exception as error:
        log.critical("intake.stopped", chain=chain_code, error=str(error))
        _note_failure(chain_code, error)
        raise
    return taken


@transaction.atomic
def _take(chain_code: str, most: int) -> int:
    position = IntakePosition.objects.select_for_update().get(chain_code=chain_code)
    batch = list(
        ChainEvent.objects.filter(chain_code=chain_code, pk__gt=position.last_event_id)
        .select_related("deposit")
        .defer(*_NOT_NEEDED)
        .order_by("pk")[:most]
    )
    if not batch:
        return 0
    with behind():
        with journal.together(likely=2 * len(batch)), outbox.together():
            docket = Docket(batch)
            for event in batch:
                _take_in(event, docket)
        docket.write()
    notices.tell_of_deposits(batch, docket.customers)
    position.last_event_id, position.failing_since, position.failure = batch[-1].pk, None, ""
    position.save()
    return len(batch)


def _tell_of_transactions(chain_code: str) -> int:
    """Watched transactions are told and not booked, so that nothing the books say holds them up."""
    told = 0
    while taken := _take_transactions(chain_code):
        told += taken
    return told


@transaction.atomic
def _take_transactions(chain_code: str) -> int:
    position = IntakePosition.objects.select_for_update().get(chain_code=chain_code)
    batch = list(
        TransactionEvent.objects.filter(chain_code=chain_code, pk__gt=position.last_transaction_event_id)
        .select_related("transaction__watch")
        .order_by("pk")[:EVENTS_A_COMMIT]
    )
    if batch:
        notices.tell_of_transactions(batch)
        position.last_transaction_event_id = batch[-1].pk
        position.save(update_fields=["last_transaction_event_id"])
    return len(batch)


def _take_in(event: ChainEvent, docket: Docket) -> None:
    method, place = docket.method(event), docket.place(event)
    if method is not None:
        _ACTIONS[ChainEvent.Kind(event.kind)](event, method, docket)
    elif place is not None:
        crediting.take_in(event, place, docket)


def _seen(event: ChainEvent, method: PaymentMethod, docket: Docket) -> None:
    reading, asset = docket.reading(method), _asset(event, method)
    invoice = reading.invoice
    if asset.pk != method.asset_id:  # the invoice may ask for it elsewhere: then it counts there
        method = next((other for other in reading.methods if other.asset_id == asset.pk), method)
    entry_id = entries.seen(event, entries.payment_of(invoice, asset))
    payment = docket.payment(event)
    if payment is None:
        payment = Payment(
            book_id=event.book_id,
            invoice=invoice,
            method=method,
            asset=asset,
            deposit=event.deposit,
            base_units=event.deposit.base_units,
            late=event.happened_at > invoice.expires_at or invoice.ended_by_hand,
            pending_entry_id=entry_id,
        )
        docket.add_payment(payment)
    else:
        expect(payment, Payment.State.DROPPED, Payment.State.REVERSED)
        move(payment, Payment.State.SEEN, pending_entry_id=entry_id, settled_entry_id=None)
    lifecycle.advance(reading, event.happened_at, (events.PaymentDetected, payment))


def _confirmed(event: ChainEvent, method: PaymentMethod, docket: Docket) -> None:
    """An invoice that was marked settled before its coins were received is sold anew from what is there now."""
    reading, payment = docket.reading(method), _payment(event, docket)
    expect(payment, Payment.State.SEEN)
    sold = status.sold_shares(reading) if reading.invoice.settled_by_hand else None
    settled_entry_id = entries.confirmed(
        event, entries.payment_of(reading.invoice, payment.asset), payment.pending_entry_id
    )
    move(payment, Payment.State.CONFIRMED, settled_entry_id=settled_entry_id)
    lifecycle.advance(reading, event.happened_at, (events.PaymentConfirmed, payment))
    if sold is not None and sold != status.sold_shares(reading):
        entries.sale_taken_back(reading, event.happened_at)
        lifecycle.settle(reading, event.happened_at)


def _dropped(event: ChainEvent, method: PaymentMethod, docket: Docket) -> None:
    reading, payment = docket.reading(method), _payment(event, docket)
    expect(payment, Payment.State.SEEN)
    entries.dropped(event, entries.payment_of(reading.invoice, payment.asset), payment.pending_entry_id)
    move(payment, Payment.State.DROPPED)
    lifecycle.advance(reading, event.happened_at, (events.PaymentDropped, payment))


def _taken_back(event: ChainEvent, method: PaymentMethod, docket: Docket) -> None:
    """The sale goes first: the coins must be back on the customer's account before they can leave it."""
    reading, payment = docket.reading(method), _payment(event, docket)
    expect(payment, Payment.State.CONFIRMED)
    was_settled = reading.invoice.status == Invoice.Status.SETTLED
    if was_settled:
        entries.sale_taken_back(reading, event.happened_at)
    assert payment.settled_entry_id is not None  # noqa: S101 - a confirmed one has it
    entries.taken_back(event, entries.payment_of(reading.invoice, payment.asset), payment.settled_entry_id)
    move(payment, Payment.State.REVERSED)
    lifecycle.advance(reading, event.happened_at, (events.PaymentReversed, payment))
    if was_settled and reading.invoice.status == Invoice.Status.SETTLED:
        lifecycle.settle(reading, event.happened_at)  # other payments still suffice: sold again from them


_ACTIONS: Mapping[ChainEvent.Kind, Callable[[ChainEvent, PaymentMethod, Docket], None]] = MappingProxyType(
    {
        ChainEvent.Kind.SEEN: _seen,
        ChainEvent.Kind.CONFIRMED: _confirmed,
        ChainEvent.Kind.DROPPED: _dropped,
        ChainEvent.Kind.REORGED: _taken_back,
    }
)


def _asset(event: ChainEvent, method: PaymentMethod) -> Asset:
    """What arrived. An address of a chain with tokens can be paid in any of them, whatever was asked for there."""
    return method.asset if method.asset.contract == event.deposit.contract else assets.of_deposit(event.deposit)


def _payment(event: ChainEvent, docket: Docket) -> Payment:
    payment = docket.payment(event)
    if payment is None:
        raise IntakeOutOfStep(f"{event.kind} of a deposit that was never seen: {event.deposit.key}")
    return payment


def _note_failure(chain_code: str, error: Exception) -> None:
    rows = IntakePosition.objects.filter(chain_code=chain_code)
    rows.filter(failing_since__isnull=True).update(failing_since=timezone.now())
    rows.update(failure=str(error)[:300])
