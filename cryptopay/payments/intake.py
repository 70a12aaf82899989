"""Takes the monitor's events in: in order, exactly once.

One commit holds what an event causes (journal, ledger, payment, invoice, outbox) and the position behind it. Killed at
any statement, the next run starts at the same event; run twice, it finds the position moved.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import structlog
from django.db import transaction
from django.utils import timezone

from cryptopay.payments import assets, crediting, entries, events, lifecycle, notices, sharing
from cryptopay.payments.arrivals import expect, move
from cryptopay.payments.errors import IntakeOutOfStep
from cryptopay.payments.models import CustomerAddress, IntakePosition, Invoice, Payment, PaymentMethod, SharedAccount
from cryptopay.webhooks import outbox
from ledger import journal
from ledger.models import Asset
from monitor.chains import CHAINS
from monitor.models import ChainEvent, TransactionEvent

log = structlog.get_logger(__name__)

EVENTS_A_COMMIT = 200
"""Their entries are written as one batch a book."""


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
        .select_related("deposit__watched")
        .order_by("pk")[:most]
    )
    owners = _owners(batch)
    with journal.together(), outbox.together():
        for event in batch:
            _take_in(event, owners)
            position.last_event_id = event.pk
    if batch:
        notices.tell_of_deposits(batch, owners.customers)
        position.failing_since, position.failure = None, ""
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


@dataclass(frozen=True, slots=True)
class _Owners:
    """What a batch's addresses were given for, by the row that watches them."""

    methods: Mapping[int, PaymentMethod]
    customers: Mapping[int, CustomerAddress]
    accounts: Mapping[int, SharedAccount]


def _owners(batch: list[ChainEvent]) -> _Owners:
    """In three questions."""
    watched = {event.deposit.watched_id for event in batch}
    if not watched:
        return _Owners({}, {}, {})
    methods = PaymentMethod.objects.filter(watched__in=watched).select_related("asset")
    customers = CustomerAddress.objects.filter(watched__in=watched).select_related("customer", "book", "address")
    accounts = SharedAccount.objects.filter(watched__in=watched).select_related("book", "watched")
    return _Owners(
        {row.watched_id: row for row in methods},
        {row.watched_id: row for row in customers},
        {row.watched_id: row for row in accounts},
    )


def _take_in(event: ChainEvent, owners: _Owners) -> None:
    watched_id = event.deposit.watched_id
    method = owners.methods.get(watched_id)
    place = owners.customers.get(watched_id) or owners.accounts.get(watched_id)
    if method is not None:
        invoice = Invoice.objects.select_for_update(of=("self",)).select_related("book").get(pk=method.invoice_id)
        method.invoice = invoice
        _ACTIONS[ChainEvent.Kind(event.kind)](event, method, invoice)
    elif place is not None:
        crediting.take_in(event, place)


def _seen(event: ChainEvent, method: PaymentMethod, invoice: Invoice) -> None:
    asset = _asset(event, method)
    if asset.pk != method.asset_id:  # the invoice may ask for it elsewhere: then it counts there
        method = invoice.methods.filter(asset=asset).first() or method
    entry_id = entries.seen(event, entries.payment_of(invoice, asset))
    payment, made = Payment.objects.get_or_create(
        deposit=event.deposit,
        defaults={
            "book_id": event.book_id,
            "invoice": invoice,
            "method": method,
            "asset": asset,
            "base_units": event.deposit.base_units,
            "late": event.happened_at > invoice.expires_at,
            "pending_entry_id": entry_id,
        },
    )
    if not made:
        expect(payment, Payment.State.DROPPED, Payment.State.REVERSED)
        move(payment, Payment.State.SEEN, pending_entry_id=entry_id, settled_entry_id=None)
    lifecycle.advance(invoice, event.happened_at, news=events.PaymentDetected(invoice, payment.public_id))


def _confirmed(event: ChainEvent, _: PaymentMethod, invoice: Invoice) -> None:
    payment = _payment(event, invoice)
    expect(payment, Payment.State.SEEN)
    settled_entry_id = entries.confirmed(event, entries.payment_of(invoice, payment.asset), payment.pending_entry_id)
    move(payment, Payment.State.CONFIRMED, settled_entry_id=settled_entry_id)
    lifecycle.advance(invoice, event.happened_at, news=events.PaymentConfirmed(invoice, payment.public_id))


def _dropped(event: ChainEvent, _: PaymentMethod, invoice: Invoice) -> None:
    payment = _payment(event, invoice)
    expect(payment, Payment.State.SEEN)
    entries.dropped(event, entries.payment_of(invoice, payment.asset), payment.pending_entry_id)
    move(payment, Payment.State.DROPPED)
    lifecycle.advance(invoice, event.happened_at, news=events.PaymentDropped(invoice, payment.public_id))


def _taken_back(event: ChainEvent, _: PaymentMethod, invoice: Invoice) -> None:
    """The sale goes first: the coins must be back on the customer's account before they can leave it."""
    payment = _payment(event, invoice)
    expect(payment, Payment.State.CONFIRMED)
    was_settled = invoice.status == Invoice.Status.SETTLED
    if was_settled:
        entries.sale_taken_back(invoice, event.happened_at)
    assert payment.settled_entry_id is not None  # noqa: S101 - a confirmed one has it
    entries.taken_back(event, entries.payment_of(invoice, payment.asset), payment.settled_entry_id)
    move(payment, Payment.State.REVERSED)
    lifecycle.advance(invoice, event.happened_at, news=events.PaymentReversed(invoice, payment.public_id))
    if was_settled and invoice.status == Invoice.Status.SETTLED:
        lifecycle.settle(invoice, event.happened_at)  # other payments still suffice: sold again from them
        invoice.save(update_fields=["settlements"])


_ACTIONS: Mapping[ChainEvent.Kind, Callable[[ChainEvent, PaymentMethod, Invoice], None]] = MappingProxyType(
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


def _payment(event: ChainEvent, invoice: Invoice) -> Payment:
    payment = Payment.objects.select_related("asset").filter(deposit=event.deposit).first()
    if payment is None:
        raise IntakeOutOfStep(f"{event.kind} of a deposit that was never seen: {event.deposit.key}")
    payment.invoice = invoice
    return payment


def _note_failure(chain_code: str, error: Exception) -> None:
    rows = IntakePosition.objects.filter(chain_code=chain_code)
    rows.filter(failing_since__isnull=True).update(failing_since=timezone.now())
    rows.update(failure=str(error)[:300])
