"""Events made at will, so that a program can be tried before anything happens. In test books alone.

Those of invoices and payments are about an invoice that is really opened. What would take a chain or an accountant is
made up: it has every field of a real one, says so by `example`, and nothing else has happened.
"""

import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from ulid import ULID

from cryptopay.payments import event_schemas, events, lifecycle, representation
from cryptopay.payments.event_data import ChainAmountTold, ChainEventTold
from cryptopay.payments.lifecycle import NewInvoice
from cryptopay.payments.models import ChainNotice, Invoice, Payment, PaymentMethod, notice_id, payment_id
from cryptopay.payments.status import InvoiceState, MethodState, PaymentState
from cryptopay.webhooks import endpoints, outbox
from cryptopay.webhooks.outbox import EndpointTest
from ledger.models import Asset, Book, PeriodChange
from ledger.money import Amount
from monitor.chains import CHAINS
from monitor.models import Deposit
from monitor.reconciliations import Reconciliation

_CHAIN = CHAINS["bitcoin-regtest"]
_BASE_UNITS = 50_000
_HEIGHT, _DEPTH = 101, 2
_REACHED: Mapping[type, str] = {kind: status for status, kind in events.REACHED.items()}
_KINDS: Mapping[type, str] = {kind: word for word, kind in events.HEARD.items()}
_PAYMENT_STATES: Mapping[type, Payment.State] = {
    events.PaymentDetected: Payment.State.SEEN,
    events.PaymentConfirmed: Payment.State.CONFIRMED,
    events.PaymentDropped: Payment.State.DROPPED,
    events.PaymentReversed: Payment.State.REVERSED,
}


class NotTriggered(Exception):
    """Nothing was told, and the text says why."""


@transaction.atomic
def trigger(book: Book, name: str) -> list[tuple[str, str]]:
    """Type and subject of what was told, in order. Raises `NotTriggered`, and what `lifecycle.open_invoice` raises."""
    if not book.is_test:
        raise NotTriggered(f"{book} is a live book, and its programs ship goods: only test books are told examples.")
    kind = event_schemas.EVENTS.get(name)
    if kind is None:
        raise NotTriggered(f"There is no event {name!r}. There are: {', '.join(event_schemas.EVENTS)}.")
    if kind is EndpointTest:
        return _try_endpoints(book)
    if issubclass(kind, events.InvoiceEvent):
        return _of_an_invoice(book, kind)
    if issubclass(kind, events.PeriodEvent):
        return [_tell(book, kind(_period(book), None), f"book_{book.pk}")]
    if kind is events.DriftFound:
        return [_tell(book, kind(_drift(book)), "case_0")]
    notice = _notice(book, _KINDS[kind])
    return [_tell(book, events.HEARD[notice.kind](notice), notice.subject)]


def _tell(book: Book, event: Any, subject: str) -> tuple[str, str]:
    outbox.enqueue(book.pk, event.type, subject, event.data(), example=True)
    return event.type, subject


def _try_endpoints(book: Book) -> list[tuple[str, str]]:
    listening = endpoints.of_book(book.pk).filter(disabled_at=None)
    if not listening:
        raise NotTriggered("The book has no enabled endpoint.")
    return [(told.type, told.subject) for told in map(outbox.enqueue_test, listening)]


def _of_an_invoice(book: Book, kind: type[events.InvoiceEvent]) -> list[tuple[str, str]]:
    """It is really opened and told; it can be looked up, and expires by itself."""
    order = NewInvoice(amount="5", currency=book.currency, order_id="trigger", description="Made by manage.py trigger")
    invoice = lifecycle.open_invoice(book, order).invoice
    told = [(events.InvoiceCreated.type, invoice.public_id)]
    if kind is not events.InvoiceCreated:
        told.append(_tell(book, _example(invoice, kind), invoice.public_id))
    return told


def _example(invoice: Invoice, kind: type[events.InvoiceEvent]) -> events.InvoiceEvent:
    """As it would be told, were the invoice so; it is not stored."""
    if not issubclass(kind, events.PaymentEvent):
        invoice.status = _REACHED[kind]
        return kind(_state(invoice, []))
    invoice.status = Invoice.Status.PROCESSING if _PAYMENT_STATES[kind] in ("seen", "confirmed") else Invoice.Status.NEW
    payment = _payment(invoice, _PAYMENT_STATES[kind])
    return kind(_state(invoice, [payment]), payment.public_id)


def _state(invoice: Invoice, payments: list[PaymentState]) -> InvoiceState:
    due = Amount(_BASE_UNITS, _asset())
    nothing = Amount(0, _asset())
    paid = due if invoice.status in (Invoice.Status.PROCESSING, Invoice.Status.SETTLED) else nothing
    method = MethodState(
        asset=_asset(),
        chain=_CHAIN,
        address="",
        uri="",
        due=due,
        paid=paid,
        confirmed=due if invoice.status == Invoice.Status.SETTLED else nothing,
        remaining=nothing if paid is due else due,
        rate=None,
        payments=payments,
        quote=PaymentMethod(invoice=invoice, due_base_units=_BASE_UNITS),
    )
    return InvoiceState(invoice, [method])


def _payment(invoice: Invoice, state: Payment.State) -> PaymentState:
    mined = state == Payment.State.CONFIRMED
    deposit = Deposit(
        chain_code=_CHAIN.code,
        txid=secrets.token_hex(32),
        base_units=_BASE_UNITS,
        block_height=_HEIGHT if mined else None,
        required_confirmations=_DEPTH,
    )
    payment = Payment(public_id=payment_id(), state=state)
    return PaymentState(payment.public_id, invoice.public_id, deposit, None, payment, Amount(_BASE_UNITS, _asset()))


def _asset() -> Asset:
    return Asset(code=_CHAIN.native.code, chain=_CHAIN.code, decimals=_CHAIN.native.decimals)


def _period(book: Book) -> PeriodChange:
    yesterday = timezone.now().date() - timedelta(days=1)
    return PeriodChange(
        book=book, closed_through=yesterday, reason="An example", asked_by="an accountant", approved_by="another"
    )


def _drift(book: Book) -> Reconciliation:
    return Reconciliation(
        book=book,
        asset=_asset(),
        chain_code=_CHAIN.code,
        height=_HEIGHT,
        block_hash=secrets.token_hex(32),
        asked_at=timezone.now(),
        node_base_units=0,
        custody_base_units=_BASE_UNITS,
        on_its_way_base_units=0,
        difference=-_BASE_UNITS,
    )


def _notice(book: Book, kind: str) -> ChainNotice:
    mined = kind in (ChainNotice.Kind.CONFIRMED, ChainNotice.Kind.REVERSED)
    payload = ChainEventTold(
        id=notice_id(),
        kind=kind,
        subject=f"wat_{ULID()}".lower(),
        user=None,
        chain=_CHAIN.code,
        address="bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",  # BIP-173's own example
        memo=None,
        txid=secrets.token_hex(32),
        amount=ChainAmountTold(**representation.amount(Amount(_BASE_UNITS, _asset())), contract=None),
        appearance=1,
        height=_HEIGHT if mined else None,
        block_hash=secrets.token_hex(32) if mined else None,
        required_confirmations=_DEPTH,
        happened_at=representation.moment(timezone.now()),
        metadata={},
    )
    return ChainNotice(book=book, kind=kind, subject=payload["subject"], payload=payload)
