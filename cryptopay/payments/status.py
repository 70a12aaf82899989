"""How an invoice stands, for everyone who shows it: API, checkout, webhooks, back office. Reads only.

Amounts are exact; nothing is rounded but `remaining`, which rounds up so that paying it is enough.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from math import ceil
from operator import attrgetter
from types import MappingProxyType
from typing import TypeVar

import msgspec
from django.db.models import Model, QuerySet, prefetch_related_objects
from django.utils import timezone

from cryptopay.payments import uris
from cryptopay.payments.machine import Facts
from cryptopay.payments.models import Intervention, Invoice, InvoiceLine, Payment, PaymentMethod
from cryptopay.payments.quotes import quoted_price
from keys import issuing
from ledger.models import Asset, Rate
from ledger.money import Amount
from ledger.rows import among
from monitor import confirmations, lookout
from monitor.chains import Chain
from monitor.expectation import Expected
from monitor.models import Cursor, Deposit

_M = TypeVar("_M", bound=Model)

COUNTED = (Payment.State.SEEN, Payment.State.CONFIRMED)
_NOTHING = Fraction(0)


class PaymentState(msgspec.Struct, frozen=True):
    """One payment: what arrived, and how deep it is buried where its chain was read up to `cursor`."""

    public_id: str
    invoice_id: str
    deposit: Deposit
    cursor: Cursor | None
    payment: Payment
    amount: Amount

    @property
    def state(self) -> Payment.State:
        return Payment.State(self.payment.state)

    @property
    def late(self) -> bool:
        return self.payment.late

    @property
    def seen_at(self) -> datetime:
        return self.payment.seen_at

    @property
    def txid(self) -> str:
        return self.deposit.txid

    @property
    def chain(self) -> Chain:
        return self.deposit.chain

    @property
    def height(self) -> int | None:
        return self.deposit.block_height

    @property
    def confirmations(self) -> int:
        return confirmations.confirmations(self.deposit, self.cursor)

    @property
    def required_confirmations(self) -> int | None:
        """None: the chain itself says when a block is final."""
        return self.deposit.required_confirmations

    @property
    def expected(self) -> Expected:
        """When it will count, as far as one can see."""
        return lookout.expected(self.deposit, self.cursor)


class MethodState(msgspec.Struct, frozen=True):
    """One way to pay. `address` was verified now; it and `uri` are empty where the address did not derive from the
    merchant's key (an alarm was raised, nothing may be shown) and where only amounts were asked for.
    """

    asset: Asset
    chain: Chain
    address: str
    uri: str
    due: Amount
    paid: Amount
    """Seen and confirmed, in time."""
    confirmed: Amount
    remaining: Amount
    rate: Rate | None
    payments: Sequence[PaymentState]
    quote: PaymentMethod
    """The row that fixed it, for good."""

    @property
    def quoted_price(self) -> Decimal | None:
        """Of a coin in this invoice: its rate less the merchant's spread. None: the invoice is in that coin."""
        return quoted_price(self.rate.price, self.quote.spread) if self.rate else None

    @property
    def fixed_at(self) -> datetime:
        """When the price was."""
        return self.quote.chosen_at


@dataclass(frozen=True, slots=True)
class InvoiceState:
    """An invoice with its methods and payments."""

    invoice: Invoice
    methods: Sequence[MethodState]
    interventions: Sequence[Intervention] = ()
    """What was done to it by hand, oldest first; read where the invoice is shown, not where it is told of."""
    lines: Sequence[InvoiceLine] = ()
    """Read there, too."""

    @property
    def payments(self) -> list[PaymentState]:
        return [payment for method in self.methods for payment in method.payments]


@dataclass(frozen=True, slots=True)
class Reading:
    """An invoice with its methods and payments, and how far their chains were read. Whoever holds the invoice's lock
    may change them: they stay what is so."""

    invoice: Invoice
    methods: Sequence[PaymentMethod]
    payments: Mapping[int, list[Payment]]
    """By their method's key."""
    cursors: Mapping[str, Cursor]


def state_of(invoice: Invoice, *, with_addresses: bool = True) -> InvoiceState:
    """How this invoice stands now, read anew."""
    return states_of([invoice], with_addresses=with_addresses)[0]


def states_of(invoices: Sequence[Invoice], *, with_addresses: bool = True) -> list[InvoiceState]:
    """The same for a page of invoices, in a constant number of queries."""
    prefetch_related_objects(invoices, "customer")
    methods = PaymentMethod.objects.select_related("asset", "rate", "address")
    readings = read(invoices, methods, Payment.objects.select_related("deposit__expectation", "asset"), to_show=True)
    addresses = [method.address for reading in readings for method in reading.methods] if with_addresses else []
    shown = issuing.verified_many(addresses) if addresses else {}
    by_hand = _interventions([invoice for invoice in invoices if invoice.ended_by_hand])
    lines = _lines([invoice for invoice in invoices if invoice.tax_totals is not None])
    return [
        replace(
            state(reading, shown),
            interventions=by_hand.get(reading.invoice.pk, ()),
            lines=lines.get(reading.invoice.pk, ()),
        )
        for reading in readings
    ]


def read(
    invoices: Sequence[Invoice],
    methods: QuerySet[PaymentMethod],
    payments: QuerySet[Payment],
    *,
    to_show: bool = False,
) -> list[Reading]:
    """Their methods and payments, of these querysets, in the order in which they came; three queries.

    `to_show`: how far chains were read is asked only if there are payments; the machine must know in any case.
    """
    by_invoice: dict[int, list[PaymentMethod]] = {invoice.pk: [] for invoice in invoices}
    for method in _as_they_came(among(methods, "invoice", by_invoice)):
        by_invoice[method.invoice_id].append(method)
    by_method: dict[int, list[Payment]] = {method.pk: [] for found in by_invoice.values() for method in found}
    paid = _as_they_came(among(payments, "method", by_method)) if by_method else []
    for payment in paid:
        by_method[payment.method_id].append(payment)
    cursors = _cursors() if paid or not to_show else {}
    return [Reading(invoice, by_invoice[invoice.pk], by_method, cursors) for invoice in invoices]


def _as_they_came(rows: QuerySet[_M]) -> list[_M]:
    """Sorted here: it is less work than to put the order into words."""
    return sorted(rows.order_by(), key=attrgetter("pk"))


def state(reading: Reading, shown: Mapping[int, str] = MappingProxyType({})) -> InvoiceState:
    """How an invoice stands. `shown`: its verified addresses, by their keys; without them, no address is."""
    return InvoiceState(reading.invoice, [_method_state(method, reading, shown) for method in reading.methods])


def state_at_opening(
    invoice: Invoice, methods: Sequence[PaymentMethod], lines: Sequence[InvoiceLine] = ()
) -> InvoiceState:
    """How an invoice stands in the transaction that opens it: nobody can have paid it yet.

    `methods` are those just chosen. Addresses are empty until given; `issue_address` verifies each as it gives it.
    """
    return InvoiceState(invoice, [_unpaid(method) for method in methods], lines=lines)


def payment_states(payments: Sequence[Payment]) -> list[PaymentState]:
    """For a page of payments, in a constant number of queries."""
    prefetch_related_objects(payments, "deposit__expectation", "asset", "method__asset", "invoice")
    cursors = _cursors()
    return [_payment_state(payment, payment.invoice, cursors) for payment in payments]


def depth(payment: PaymentState) -> str:
    """ "2 of 6 confirmations"; where the chain says what is final, how many there are."""
    if payment.required_confirmations is None:
        waits = payment.state == Payment.State.SEEN
        return f"{payment.confirmations} confirmations{', not final yet' if waits else ''}"
    needed = payment.required_confirmations
    return f"{min(payment.confirmations, needed)} of {needed} confirmations"


def facts(reading: Reading, now: datetime | None = None) -> Facts:
    """What the machine decides on."""
    now, invoice = now or timezone.now(), reading.invoice
    assets = {method.pk: method.asset_id for method in reading.methods}
    paid = [p for method in reading.methods for p in reading.payments[method.pk] if p.state in COUNTED]
    cancelled = invoice.status == Invoice.Status.CANCELLED
    return Facts(
        seen=share(reading, COUNTED),
        confirmed=share(reading, (Payment.State.CONFIRMED,)),
        needed=1 - Fraction(invoice.tolerance),
        paid_late=any(payment.late and not payment.accepted for payment in paid) or (cancelled and bool(paid)),
        paid_other=any(payment.asset_id != assets[payment.method_id] for payment in paid),
        deadline_passed=_passed(invoice.expires_at, now, reading),
        monitoring_over=_passed(invoice.monitored_until, now, reading),
        marked=invoice.exception == Invoice.Exceptional.MARKED,
    )


def sold_shares(reading: Reading) -> list[tuple[PaymentMethod, int]]:
    """What a settled invoice takes of each coin's confirmed base units, up to the due amount, first chosen first."""
    left, shares = Fraction(1), []
    for method in reading.methods:
        taken = min(_paid(method, reading, (Payment.State.CONFIRMED,)), ceil(left * method.due_base_units))
        if taken > 0:
            shares.append((method, taken))
            left = max(Fraction(0), left - Fraction(taken, method.due_base_units))
    return shares


def _passed(moment: datetime, now: datetime, reading: Reading) -> bool:
    """The moment is over, and every chain the invoice can be paid on has been read beyond it.

    While a node is silent nobody knows whether the payer paid in time, so nothing expires. A chain that an operator
    has retired is not waited for.
    """
    if now < moment:
        return False
    cursors = [reading.cursors.get(method.chain.code) for method in reading.methods]
    return all(cursor is not None and cursor.settles(moment) for cursor in cursors)


def _interventions(invoices: Sequence[Invoice]) -> dict[int, list[Intervention]]:
    """By invoice; most have none, and cost nothing."""
    found: dict[int, list[Intervention]] = {invoice.pk: [] for invoice in invoices}
    for row in among(Intervention.objects.all(), "invoice", found).order_by("pk") if found else ():
        found[row.invoice_id].append(row)
    return found


def _lines(invoices: Sequence[Invoice]) -> dict[int, list[InvoiceLine]]:
    """The same of lines."""
    found: dict[int, list[InvoiceLine]] = {invoice.pk: [] for invoice in invoices}
    for row in among(InvoiceLine.objects.all(), "invoice", found).order_by("invoice", "position") if found else ():
        found[row.invoice_id].append(row)
    return found


def _cursors() -> dict[str, Cursor]:
    """Of all chains: they are few."""
    return {row.chain_code: row for row in Cursor.objects.all()}


def _paid(method: PaymentMethod, reading: Reading, states: Collection[Payment.State]) -> int:
    """In what the method asks for; other coins that came to its address are no part of the price."""
    found = [p for p in reading.payments[method.pk] if not p.late or p.accepted]
    return sum(p.base_units for p in found if p.state in states and p.asset_id == method.asset_id)


def share(reading: Reading, states: Collection[Payment.State]) -> Fraction:
    """Paid of the whole due amount, over all methods, exactly."""
    found = ((_paid(method, reading, states), method.due_base_units) for method in reading.methods)
    shares = [Fraction(paid, due) for paid, due in found if paid]
    return sum(shares[1:], shares[0]) if shares else _NOTHING


def remaining(method: PaymentMethod, paid: Fraction) -> int:
    """Base units still due in this coin when that share is paid; up, so that paying them is enough."""
    return ceil(max(_NOTHING, 1 - paid) * method.due_base_units)


def _method_state(method: PaymentMethod, reading: Reading, shown: Mapping[int, str]) -> MethodState:
    left = Amount(remaining(method, share(reading, COUNTED)), method.asset)
    address = shown.get(method.address_id, "")
    payments = reading.payments[method.pk]
    return MethodState(
        asset=method.asset,
        chain=method.chain,
        address=address,
        uri=uris.payment_uri(method.chain, address, left, method.asset.contract) if address else "",
        due=Amount(method.due_base_units, method.asset),
        paid=Amount(_paid(method, reading, COUNTED), method.asset),
        confirmed=Amount(_paid(method, reading, (Payment.State.CONFIRMED,)), method.asset),
        remaining=left,
        rate=method.rate,
        payments=[_payment_state(payment, reading.invoice, reading.cursors) for payment in payments],
        quote=method,
    )


def _unpaid(method: PaymentMethod) -> MethodState:
    due, nothing = Amount(method.due_base_units, method.asset), Amount(0, method.asset)
    address = method.address.text if method.address_id else ""
    return MethodState(
        asset=method.asset,
        chain=method.chain,
        address=address,
        uri=uris.payment_uri(method.chain, address, due, method.asset.contract) if address else "",
        due=due,
        paid=nothing,
        confirmed=nothing,
        remaining=due,
        rate=method.rate,
        payments=[],
        quote=method,
    )


def _payment_state(payment: Payment, invoice: Invoice, cursors: Mapping[str, Cursor]) -> PaymentState:
    deposit = payment.deposit
    return PaymentState(
        public_id=payment.public_id,
        invoice_id=invoice.public_id,
        deposit=deposit,
        cursor=cursors.get(deposit.chain_code),
        payment=payment,
        amount=Amount(payment.base_units, payment.asset),
    )
