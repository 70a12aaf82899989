"""What merchants are told. A webhook event is a class here and one `tell`; its name is its type."""

from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from cryptopay.payments import representation
from cryptopay.payments.event_data import (
    AmountTold,
    ChainData,
    DriftData,
    InvoiceData,
    InvoiceWithMethods,
    PaymentData,
    PeriodData,
)
from cryptopay.payments.models import ChainNotice, Invoice
from cryptopay.payments.status import InvoiceState
from cryptopay.webhooks import outbox
from cryptopay.webhooks.outbox import Hold, Told
from ledger.models import PeriodChange
from ledger.money import to_text
from monitor.reconciliations import Reconciliation


@dataclass(frozen=True, slots=True)
class InvoiceEvent:
    """An invoice changed; `data.invoice` is how it stands now."""

    type: ClassVar[str]
    state: InvoiceState

    @property
    def invoice(self) -> Invoice:
        return self.state.invoice

    def data(self) -> InvoiceData:
        return InvoiceData(invoice=_invoice_data(self.state))


class InvoiceCreated(InvoiceEvent):
    """An invoice was opened."""

    type = "invoice.created"


class InvoiceProcessing(InvoiceEvent):
    """Enough was seen; it is not yet received. Do not ship."""

    type = "invoice.processing"


class InvoiceReopened(InvoiceEvent):
    """A payment that had been seen is gone, and what is left does not suffice."""

    type = "invoice.reopened"


class InvoiceSettled(InvoiceEvent):
    """Enough is confirmed: the money is received. With the exception `marked`: somebody answers for it."""

    type = "invoice.settled"


class InvoiceExpired(InvoiceEvent):
    """Its deadline passed before enough was seen."""

    type = "invoice.expired"


class InvoiceInvalid(InvoiceEvent):
    """What was seen did not confirm while the invoice was monitored, or (`marked`) somebody gave it up."""

    type = "invoice.invalid"


class InvoiceCancelled(InvoiceEvent):
    """It was cancelled before anything was seen for it."""

    type = "invoice.cancelled"


@dataclass(frozen=True, slots=True)
class PaymentEvent(InvoiceEvent):
    """Something happened to one payment: `data.payment`, and `data.invoice` with its exception as it is now.

    If the invoice's status moves because of it, an event of its own follows.
    """

    payment_id: str

    def data(self) -> PaymentData:
        payment = next(payment for payment in self.state.payments if payment.public_id == self.payment_id)
        return PaymentData(payment=representation.payment(payment), invoice=_invoice_data(self.state))


class PaymentDetected(PaymentEvent):
    """Coins were seen on their way. Advice, not money."""

    type = "payment.detected"


class PaymentConfirmed(PaymentEvent):
    """The chain confirmed them: they are in the ledger."""

    type = "payment.confirmed"


class PaymentDropped(PaymentEvent):
    """The transaction was replaced, double-spent or forgotten before it confirmed."""

    type = "payment.dropped"


class PaymentReversed(PaymentEvent):
    """A reorganisation of the chain took a confirmed payment back; the ledger has the reversing entry."""

    type = "payment.reversed"


@dataclass(frozen=True, slots=True)
class PeriodEvent:
    """The books were closed through another day; `data.period` says through which, who asked, who approved, and why."""

    type: ClassVar[str]
    change: PeriodChange
    closed_before: date | None

    def data(self) -> PeriodData:
        change = self.change
        return {
            "period": {
                "closed_through": _day(change.closed_through),
                "closed_before": _day(self.closed_before),
                "reason": change.reason,
                "asked_by": change.asked_by,
                "approved_by": change.approved_by,
            }
        }


class PeriodClosed(PeriodEvent):
    """Nothing more is written on that day or before."""

    type = "ledger.period_closed"


class PeriodReopened(PeriodEvent):
    """The books stay closed only through an earlier day, or not at all."""

    type = "ledger.period_reopened"


@dataclass(frozen=True, slots=True)
class DriftFound:
    """A node's balance of your addresses and your books differ: your accountants have a case to resolve."""

    type: ClassVar[str] = "reconciliation.drift"
    run: Reconciliation

    def data(self) -> DriftData:
        run = self.run
        return {
            "drift": {
                "chain": run.chain_code,
                "node": _amount(run, run.node_base_units),
                "custody": _amount(run, run.custody_base_units),
                "on_its_way": _amount(run, run.on_its_way_base_units),
                "difference": _amount(run, run.difference),
                "height": run.height,
                "block_hash": run.block_hash,
                "asked_at": representation.moment(run.asked_at),
            }
        }


@dataclass(frozen=True, slots=True)
class ChainNoticeEvent:
    """Something happened at an address or to a transaction that a program asked for; `data.chain_event` says what."""

    type: ClassVar[str]
    notice: ChainNotice

    def data(self) -> ChainData:
        return ChainData(chain_event=self.notice.payload)


class ChainSeen(ChainNoticeEvent):
    """Seen, in the mempool or in a block. Advice, not money."""

    type = "chain.seen"


class ChainConfirmed(ChainNoticeEvent):
    """Deep enough, or final."""

    type = "chain.confirmed"


class ChainDropped(ChainNoticeEvent):
    """Replaced, double-spent or forgotten before it was confirmed."""

    type = "chain.dropped"


class ChainReversed(ChainNoticeEvent):
    """A reorganisation of the chain took back what was confirmed."""

    type = "chain.reversed"


REACHED: dict[str, type[InvoiceEvent]] = {
    Invoice.Status.NEW: InvoiceReopened,
    Invoice.Status.PROCESSING: InvoiceProcessing,
    Invoice.Status.SETTLED: InvoiceSettled,
    Invoice.Status.EXPIRED: InvoiceExpired,
    Invoice.Status.INVALID: InvoiceInvalid,
    Invoice.Status.CANCELLED: InvoiceCancelled,
}
"""What is told when an invoice reaches a status."""

HEARD: dict[str, type[ChainNoticeEvent]] = {
    ChainNotice.Kind.SEEN: ChainSeen,
    ChainNotice.Kind.CONFIRMED: ChainConfirmed,
    ChainNotice.Kind.DROPPED: ChainDropped,
    ChainNotice.Kind.REVERSED: ChainReversed,
}
"""What is told of a notice."""


def tell(event: InvoiceEvent) -> Told:
    """Put it into the outbox, in the caller's transaction, which has made the invoice or locked it: so events of one
    invoice keep their order."""
    invoice, hold = event.invoice, Hold.NEW if isinstance(event, InvoiceCreated) else Hold.LOCKED
    return outbox.enqueue(invoice.book_id, event.type, invoice.public_id, event.data(), hold)


def tell_of_chain(notice: ChainNotice) -> Told:
    """The webhook of a notice; those of one subject keep their order."""
    event = HEARD[notice.kind](notice)
    return outbox.enqueue(notice.book_id, event.type, notice.subject, event.data())


def tell_of_period(change: PeriodChange, closed_before: date | None) -> Told:
    """The ledger calls it in the commit that closes or reopens a period (`ledger.periods.on_change`)."""
    closes = change.closed_through is not None and (closed_before is None or change.closed_through > closed_before)
    event = (PeriodClosed if closes else PeriodReopened)(change, closed_before)
    return outbox.enqueue(change.book_id, event.type, f"book_{change.book_id}", event.data())


def tell_of_drift(run: Reconciliation, case: int) -> Told:
    """In the commit that opens the case, or finds another difference for it; those of one case keep their order."""
    event = DriftFound(run)
    return outbox.enqueue(run.book_id, event.type, f"case_{case}", event.data())


def _amount(run: Reconciliation, base_units: int) -> AmountTold:
    asset = run.asset
    return {"asset": asset.code, "amount": to_text(base_units, asset.decimals), "base_units": str(base_units)}


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _invoice_data(state: InvoiceState) -> InvoiceWithMethods:
    return {**representation.invoice(state), "methods": [representation.method(method) for method in state.methods]}
