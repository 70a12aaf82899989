"""How an invoice stands, for everyone who shows it: API, checkout, webhooks, back office. Reads only.

Amounts are exact; nothing is rounded but `remaining`, which rounds up so that paying it is enough.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from math import ceil
from typing import Any

from django.db.models import Prefetch, prefetch_related_objects
from django.utils import timezone

from cryptopay.payments import uris
from cryptopay.payments.machine import Facts
from cryptopay.payments.models import Invoice, Payment, PaymentMethod
from keys import issuing
from ledger.models import Asset, Rate
from ledger.money import Amount
from monitor import confirmations, lookout
from monitor.chains import Chain
from monitor.expectation import Expected
from monitor.models import Cursor, Deposit

COUNTED = (Payment.State.SEEN, Payment.State.CONFIRMED)


@dataclass(frozen=True, slots=True)
class PaymentState:
    """One payment: what arrived, and how deep it is buried where its chain was read up to `cursor`."""

    public_id: str
    invoice_id: str
    deposit: Deposit
    cursor: Cursor | None
    amount: Amount
    state: Payment.State
    late: bool
    seen_at: datetime

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


@dataclass(frozen=True, slots=True)
class MethodState:
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


@dataclass(frozen=True, slots=True)
class InvoiceState:
    """An invoice with its methods and payments."""

    invoice: Invoice
    methods: Sequence[MethodState]

    @property
    def payments(self) -> list[PaymentState]:
        return [payment for method in self.methods for payment in method.payments]


def state_of(invoice: Invoice, *, with_addresses: bool = True) -> InvoiceState:
    """How this invoice stands now, read anew."""
    return states_of([invoice], with_addresses=with_addresses)[0]


def states_of(invoices: Sequence[Invoice], *, with_addresses: bool = True) -> list[InvoiceState]:
    """The same for a page of invoices, in a constant number of queries."""
    _read_each_anew(invoices, _TO_SHOW)
    methods = [method for invoice in invoices for method in invoice.methods.all()]
    cursors = _cursors(methods)
    shown = issuing.verified_many(method.address for method in methods) if with_addresses and methods else {}
    return [_state(invoice, cursors, shown) for invoice in invoices]


def read(invoices: Sequence[Invoice]) -> Mapping[str, Cursor]:
    """Read customers, methods and payments of locked invoices anew, and how far their chains were read: what the
    functions below go by, as long as the lock is held."""
    _read_each_anew(invoices, _TO_ACT_ON)
    return _cursors([method for invoice in invoices for method in invoice.methods.all()])


def add_payment(payment: Payment) -> None:
    """One more, beside those that `read` found."""
    payment.method._prefetched_objects_cache["payments"]._result_cache.append(payment)  # type: ignore[attr-defined]


def state_as_read(invoice: Invoice, cursors: Mapping[str, Cursor]) -> InvoiceState:
    """How an invoice stands by what `read` found and has changed since, without addresses."""
    return _state(invoice, cursors, {})


def state_at_opening(invoice: Invoice, methods: Sequence[PaymentMethod]) -> InvoiceState:
    """How an invoice stands in the transaction that opens it: nobody can have paid it yet.

    `methods` are those just chosen. Addresses are empty until given; `issue_address` verifies each as it gives it.
    """
    return InvoiceState(invoice, [_unpaid(method) for method in methods])


def payment_states(payments: Sequence[Payment]) -> list[PaymentState]:
    """For a page of payments, in a constant number of queries."""
    prefetch_related_objects(payments, "deposit__expectation", "asset", "method__asset", "invoice")
    cursors = _cursors_of({payment.deposit.chain_code for payment in payments})
    return [_payment_state(payment, payment.method, payment.invoice, cursors) for payment in payments]


def depth(payment: PaymentState) -> str:
    """ "2 of 6 confirmations"; where the chain says what is final, how many there are."""
    if payment.required_confirmations is None:
        waits = payment.state == Payment.State.SEEN
        return f"{payment.confirmations} confirmations{', not final yet' if waits else ''}"
    needed = payment.required_confirmations
    return f"{min(payment.confirmations, needed)} of {needed} confirmations"


def facts_as_read(invoice: Invoice, cursors: Mapping[str, Cursor], now: datetime | None = None) -> Facts:
    """What the machine decides on, by what `read` found and has changed since."""
    now = now or timezone.now()
    methods = list(invoice.methods.all())
    counted = [payment for method in methods for payment in method.payments.all() if payment.state in COUNTED]
    return Facts(
        seen=_share(methods, COUNTED),
        confirmed=_share(methods, (Payment.State.CONFIRMED,)),
        needed=1 - Fraction(invoice.tolerance),
        paid_late=any(payment.late for payment in counted),
        paid_other=any(payment.asset_id != payment.method.asset_id for payment in counted),
        deadline_passed=_passed(invoice.expires_at, now, methods, cursors),
        monitoring_over=_passed(invoice.monitored_until, now, methods, cursors),
    )


def sold_shares(invoice: Invoice) -> list[tuple[PaymentMethod, int]]:
    """What a settled invoice takes of each coin's confirmed base units, up to the due amount, first chosen first.

    Of the payments that `read` found.
    """
    left, shares = Fraction(1), []
    for method in invoice.methods.all():
        taken = min(_paid(method, (Payment.State.CONFIRMED,)), ceil(left * method.due_base_units))
        if taken > 0:
            shares.append((method, taken))
            left = max(Fraction(0), left - Fraction(taken, method.due_base_units))
    return shares


_TO_SHOW = (
    "customer",
    Prefetch("methods", PaymentMethod.objects.select_related("asset", "rate", "address").order_by("pk")),
    Prefetch("methods__payments", Payment.objects.select_related("deposit__expectation", "asset").order_by("pk")),
)
"""For a page: a query a level."""
_TO_ACT_ON = (
    "customer",
    Prefetch("methods", PaymentMethod.objects.order_by("pk")),
    "methods__asset",
    "methods__rate",
    Prefetch("methods__payments", Payment.objects.order_by("pk")),
    "methods__payments__asset",
    "methods__payments__deposit",
)
"""For a block's: many have few assets and rates among them, which are made once instead of for each."""


def _read_each_anew(invoices: Sequence[Invoice], what: Sequence[str | Prefetch[Any]]) -> None:
    """An instance may be older than the payments that arrived for it."""
    for invoice in invoices:
        getattr(invoice, "_prefetched_objects_cache", {}).pop("methods", None)
    prefetch_related_objects(invoices, *what)


def _passed(moment: datetime, now: datetime, methods: Sequence[PaymentMethod], cursors: Mapping[str, Cursor]) -> bool:
    """The moment is over, and every chain the invoice can be paid on has been read beyond it.

    While a node is silent nobody knows whether the payer paid in time, so nothing expires. A chain that an operator
    has retired is not waited for.
    """
    if now < moment:
        return False
    codes = {method.chain.code for method in methods}
    return all(code in cursors and cursors[code].settles(moment) for code in codes)


def _cursors(methods: Iterable[PaymentMethod]) -> dict[str, Cursor]:
    return _cursors_of({method.chain.code for method in methods})


def _cursors_of(chain_codes: Collection[str]) -> dict[str, Cursor]:
    return {row.chain_code: row for row in Cursor.objects.filter(chain_code__in=chain_codes)} if chain_codes else {}


def _paid(method: PaymentMethod, states: Collection[Payment.State]) -> int:
    """In what the method asks for; other coins that came to its address are no part of the price."""
    counted = (p for p in method.payments.all() if p.state in states and not p.late and p.asset_id == method.asset_id)
    return sum(payment.base_units for payment in counted)


def _share(methods: Sequence[PaymentMethod], states: Collection[Payment.State]) -> Fraction:
    return sum((Fraction(_paid(method, states), method.due_base_units) for method in methods), Fraction(0))


def _state(invoice: Invoice, cursors: Mapping[str, Cursor], shown: Mapping[int, str]) -> InvoiceState:
    return InvoiceState(invoice, [_method_state(method, invoice, cursors, shown) for method in invoice.methods.all()])


def _method_state(
    method: PaymentMethod, invoice: Invoice, cursors: Mapping[str, Cursor], shown: Mapping[int, str]
) -> MethodState:
    left = max(Fraction(0), 1 - _share(list(invoice.methods.all()), COUNTED))
    remaining = Amount(ceil(left * method.due_base_units), method.asset)
    address = shown.get(method.address_id, "")
    return MethodState(
        asset=method.asset,
        chain=method.chain,
        address=address,
        uri=uris.payment_uri(method.chain, address, remaining, method.asset.contract) if address else "",
        due=Amount(method.due_base_units, method.asset),
        paid=Amount(_paid(method, COUNTED), method.asset),
        confirmed=Amount(_paid(method, (Payment.State.CONFIRMED,)), method.asset),
        remaining=remaining,
        rate=method.rate,
        payments=[_payment_state(payment, method, invoice, cursors) for payment in method.payments.all()],
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
    )


def _payment_state(
    payment: Payment, method: PaymentMethod, invoice: Invoice, cursors: Mapping[str, Cursor]
) -> PaymentState:
    deposit = payment.deposit
    return PaymentState(
        public_id=payment.public_id,
        invoice_id=invoice.public_id,
        deposit=deposit,
        cursor=cursors.get(deposit.chain_code),
        amount=Amount(payment.base_units, payment.asset),
        state=Payment.State(payment.state),
        late=payment.late,
        seen_at=payment.seen_at,
    )
