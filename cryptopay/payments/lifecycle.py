"""An invoice from opening to its end. The only room that acts on keys, monitor and ledger together.

Every function is one transaction: invoice, address, watch, journal and outbox are committed together or not at all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any, TypeAlias

import structlog
from django.db import connection, transaction
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Subquery, When
from django.utils import timezone

from cryptopay.merchants import onboarding
from cryptopay.payments import assets, entries, events, lines, machine, status
from cryptopay.payments.errors import (
    ExpiryInvalid,
    InvoiceClosed,
    ToleranceInvalid,
    UnknownCurrency,
    UnknownInvoice,
    UnknownMethod,
)
from cryptopay.payments.holding import HeldInvoices
from cryptopay.payments.lines import NewLine
from cryptopay.payments.models import Invoice, Payment, PaymentMethod, Terms
from cryptopay.payments.quotes import price, quote
from cryptopay.payments.status import Reading
from cryptopay.webhooks import outbox
from keys import issuing
from ledger import chart, journal, rows
from ledger.currencies import FIAT_DECIMALS, Fiat
from ledger.models import Asset, Book
from monitor import nodes, tokens
from monitor.chains import Chain
from monitor.models import Cursor
from monitor.tokens import Token
from monitor.watching import watch

log = structlog.get_logger(__name__)

News: TypeAlias = tuple[type[events.PaymentEvent], Payment]
"""What happened to which payment."""

MONITORING = timedelta(hours=24)
"""How long after its deadline an invoice waits for what was seen in time to confirm."""
SHORTEST_SECONDS, LONGEST_SECONDS = 60, 30 * 24 * 3600
SWEPT_AT_ONCE = 500
MOST_CONFIRMATIONS = 1000
"""Beyond that a merchant asks for what no payer waits for."""

_TERMS_FIELDS = [field.attname for field in Terms._meta.concrete_fields]
_TERMS = f"SELECT {', '.join(_TERMS_FIELDS)} FROM payments_terms WHERE book_id = %s"  # noqa: S608


@dataclass(frozen=True, slots=True, kw_only=True)
class NewInvoice:
    """What a merchant asks. `amount` is a plain decimal; `methods` are chosen at once, others by `choose_method`."""

    amount: str
    currency: str
    order_id: str = ""
    description: str = ""
    customer_ref: str = ""
    return_url: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    expires_in_seconds: int | None = None
    """None, and a tolerance of None: as the book's terms have it."""
    tolerance: str | None = None
    least_confirmations: int = 0
    methods: Sequence[str] = ()
    lines: Sequence[NewLine] = ()


@dataclass(frozen=True)
class Offer:
    """A coin or token this book can be paid in now."""

    asset_code: str
    chain: Chain
    token: Token | None = None

    @property
    def method(self) -> str:
        """Names it in requests."""
        return f"{self.asset_code}@{self.chain.code}"

    @cached_property
    def asset(self) -> Asset:
        """Its row, read once."""
        if self.token is None:
            return chart.asset(self.asset_code, self.chain.code, self.chain.native.decimals)
        return assets.of_token(self.token)

    @property
    def minimum_base_units(self) -> int:
        return self.chain.minimum_base_units if self.token is None else self.token.minimum_base_units


@transaction.atomic(savepoint=False)
def open_invoice(book: Book, order: NewInvoice) -> status.InvoiceState:
    """Open an invoice, tell the merchant, and say how it stands.

    Raises `UnknownCurrency`, `BadAmount`, `AmountNotPositive`, `ToleranceInvalid`, `ExpiryInvalid`, what `lines.read`
    raises, and what `choose_method` raises for each of `order.methods`.
    """
    available, terms = offers(book), terms_of(book.pk)
    unit = _unit(available, order.currency)
    amount = price(order.amount, unit)
    asked_for = lines.read(order.lines, amount, unit)
    deadline = timezone.now() + _duration(order.expires_in_seconds, terms)
    invoice = Invoice(
        book=book,
        customer=onboarding.customer(book, order.customer_ref) if order.customer_ref else None,
        order_id=order.order_id,
        description=order.description,
        amount=amount,
        currency=order.currency,
        tolerance=terms.tolerance if order.tolerance is None else _tolerance(order.tolerance),
        tax_totals=lines.tax_totals(asked_for),
        least_confirmations=order.least_confirmations,
        return_url=order.return_url,
        metadata=dict(order.metadata),
        expires_at=deadline,
        monitored_until=deadline + MONITORING,
    )
    rows.insert([invoice])
    lines.store(asked_for, invoice)
    chosen = dict.fromkeys(_offer(available, method) for method in order.methods)  # each once, in their order
    methods = [_priced(invoice, offer, terms) for offer in chosen]
    events.tell(events.InvoiceCreated(status.state_at_opening(invoice, methods)))
    _give_addresses(methods)
    return status.state_at_opening(invoice, methods, asked_for)


@transaction.atomic
def choose_method(invoice_id: int, book: Book, method: str) -> PaymentMethod:
    """Fix the price in that coin and give the invoice an address of its own there; the same again is the same row.

    `method` is an asset's code, with "@chain" where that is ambiguous. Raises `UnknownInvoice`, `InvoiceClosed`,
    `UnknownMethod`, `AmountBelowMinimum`, the rates' errors (`ledger.rates.current`) and the keys' (`keys.issuing`).
    """
    invoice = Invoice.objects.select_for_update().filter(book=book, pk=invoice_id).first()
    if invoice is None:
        raise UnknownInvoice("there is no such invoice")
    offer = _offer(offers(book), method)
    chosen = invoice.methods.filter(asset=offer.asset).first()
    if chosen is None:
        chosen = _priced(invoice, offer, terms_of(book.pk))
        _give_addresses([chosen])
    return chosen


def offers(book: Book) -> list[Offer]:
    """Coins this book can be paid in, and the tokens of their chains: a node is set for the chain, and the book has a
    key there."""
    with_key = issuing.chains_with_key(book.pk)
    chains = [chain for chain in nodes.switched_on() if chain.live is not book.is_test and chain.code in with_key]
    native = [Offer(chain.native.code, chain) for chain in chains]
    enabled = tokens.enabled([chain.code for chain in chains if chain.has_tokens])
    return native + [Offer(token.code, token.chain, token) for token in enabled]


def advance(reading: Reading, at: datetime, news: News | None = None, now: datetime | None = None) -> None:
    """Move a held invoice to where the facts put it, post its sale if it settles, and tell the merchant each step.

    `news` is what happened to a payment, told first. `at` dates the sale; `now` is the clock that deadlines are held
    against.
    """
    invoice, facts = reading.invoice, status.facts(reading, now)
    invoice.exception = machine.exception(facts)
    path = machine.path(Invoice.Status(invoice.status), facts)
    if not news and not path:
        return
    state = status.state(reading)
    if news is not None:
        event, payment = news
        events.tell(event(state, payment.public_id))
    for reached in path:
        invoice.status = reached
        if reached == Invoice.Status.SETTLED:
            settle(reading, at)
        events.tell(events.REACHED[reached](state))


def settle(reading: Reading, at: datetime) -> None:
    """Post the sale of a held invoice that is paid."""
    reading.invoice.settlements += 1
    for number, (method, base_units) in enumerate(status.sold_shares(reading)):
        entries.sale(reading.invoice, method, base_units, at, with_tax=number == 0)


def sweep(now: datetime | None = None) -> int:
    """Expire what is overdue and end monitoring where it is over; how many invoices were looked at.

    Due work is read from the database; nothing is remembered in memory. All in one commit; should it fail, one by one,
    so that only a bad one waits. The first failure is raised when all were tried.
    """
    now = now or timezone.now()
    ids = list(_due(now).order_by("pk").values_list("pk", flat=True)[:SWEPT_AT_ONCE])
    try:
        _end_due(ids, now)
    except Exception:
        failures = [failure for invoice_id in ids if (failure := _failure_of(invoice_id, now))]
        if failures:
            raise failures[0] from None
    return len(ids)


def _failure_of(invoice_id: int, now: datetime) -> Exception | None:
    try:
        _end_due([invoice_id], now)
    except Exception as error:
        log.exception("sweep.failed", invoice=invoice_id)
        return error
    return None


@transaction.atomic
def _end_due(ids: Sequence[int], now: datetime) -> None:
    with journal.together(), outbox.together():
        held = HeldInvoices(ids, skip_locked=True)
        for reading in held.readings.values():
            advance(reading, now, now=now)
        held.write()


def _due(now: datetime) -> QuerySet[Invoice]:
    """Overdue, and every chain it can be paid on was read since: a chain that is not read holds up no other's.

    One that an operator has retired is not waited for.
    """
    overdue = Q(status=Invoice.Status.NEW, expires_at__lte=now)
    over = Q(status=Invoice.Status.PROCESSING, monitored_until__lte=now)
    read_at = Cursor.objects.filter(chain_code=OuterRef("asset__chain"), height=F("node_height")).values("checked_at")
    retired = Cursor.objects.filter(chain_code=OuterRef("asset__chain"), retired_at__isnull=False)
    unread = PaymentMethod.objects.annotate(read_at=Subquery(read_at)).filter(
        Q(read_at__isnull=True) | Q(read_at__lt=OuterRef("deadline")), ~Exists(retired), invoice=OuterRef("pk")
    )
    deadline = Case(When(status=Invoice.Status.NEW, then=F("expires_at")), default=F("monitored_until"))
    return Invoice.objects.filter(overdue | over).annotate(deadline=deadline).filter(~Exists(unread))


def terms_of(book_id: int) -> Terms:
    """The book's, or those of whoever has said nothing."""
    with connection.cursor() as sql:  # plain: every invoice asks this
        sql.execute(_TERMS, [book_id])
        found = sql.fetchone()
    return Terms.from_db("default", _TERMS_FIELDS, found) if found else Terms(book_id=book_id)


def _priced(invoice: Invoice, offer: Offer, terms: Terms) -> PaymentMethod:
    """A method with its price and, as yet, without an address; not stored."""
    if invoice.status != Invoice.Status.NEW or invoice.expires_at <= timezone.now():
        raise InvoiceClosed(f"the invoice is {invoice.get_status_display().lower()}")
    asked, least = (invoice.amount, invoice.currency), offer.minimum_base_units
    fixed = quote(invoice.book_id, *asked, offer.asset, offer.chain, least, terms.spread)
    return PaymentMethod(
        book_id=invoice.book_id,
        invoice=invoice,
        asset=offer.asset,
        due_base_units=fixed.due_base_units,
        rate=fixed.rate,
        spread=fixed.spread,
    )


def _give_addresses(methods: Sequence[PaymentMethod]) -> None:
    """Give each its address, put that under watch, and store the methods.

    Indexes, and now and then a key's row, are locked from here to the commit: call it last. All take the keys in the
    same order, so that two invoices with the same coins never wait for each other in a circle.
    """
    for method in sorted(methods, key=lambda method: method.chain.code):
        method.address = issuing.issue_address(method.book_id, method.chain)
        destination, least = bytes(method.address.destination), method.invoice.least_confirmations
        method.watched = watch(method.book_id, method.chain, method.address.text, destination, least)
    rows.insert(methods)


def _offer(available: Sequence[Offer], method: str) -> Offer:
    fitting = [offer for offer in available if method in (offer.asset_code, offer.method)]
    if len(fitting) != 1:
        known = ", ".join(offer.method for offer in fitting or available) or "none"
        raise UnknownMethod(f"{method} cannot be chosen here; there is: {known}", "/method")
    return fitting[0]


def _unit(available: Sequence[Offer], currency: str) -> Fiat | Asset:
    if currency in FIAT_DECIMALS:
        return Fiat(currency)
    named = [offer.asset for offer in available if offer.asset_code == currency]
    if named:  # a token may have other decimals on another chain: the finest can say every price
        return max(named, key=lambda asset: asset.decimals)
    raise UnknownCurrency(f"{currency} is neither a known currency nor a coin this book can be paid in", "/currency")


def _duration(asked: int | None, terms: Terms) -> timedelta:
    seconds = terms.expires_in_seconds if asked is None else asked
    if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
        raise ExpiryInvalid(f"from {SHORTEST_SECONDS} to {LONGEST_SECONDS} seconds", "/expires_in_seconds")
    return timedelta(seconds=seconds)


def _tolerance(text: str) -> Decimal:
    try:
        share = Decimal(text)
    except InvalidOperation:
        share = Decimal(-1)
    if not share.is_finite() or not 0 <= share < 1 or share != share.quantize(Decimal("0.0001")):
        raise ToleranceInvalid("a share from 0 to below 1 with at most four decimals", "/tolerance")
    return share
