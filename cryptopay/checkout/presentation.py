"""What a payer is shown of an invoice. Pure: the state in, words and figures out.

Only what a payer needs leaves this room: no metadata, no customer, of the tenant nothing but its name.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from urllib.parse import urlsplit

import segno
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from cryptopay.checkout import languages
from cryptopay.checkout.claims import Claim, claim
from cryptopay.checkout.headlines import Headline, headline
from cryptopay.payments import quotes, representation
from cryptopay.payments.lifecycle import Offer
from cryptopay.payments.models import Invoice, Payment
from cryptopay.payments.status import InvoiceState, MethodState, PaymentState
from ledger.currencies import FIAT_DECIMALS
from ledger.money import Amount, plain
from monitor.expectation import State
from monitor.wording import length, outlook

QUICK_SECONDS, SLOW_SECONDS = 3, 15
"""How often the page asks again: while a payment is awaited, and after the deadline, when a late one may still come."""

Status = Invoice.Status


@dataclass(frozen=True, slots=True)
class Payee:
    """Who asks, and where payers may ask them."""

    name: str
    contact: str = ""


@dataclass(frozen=True, slots=True)
class PaymentLine:
    """One payment as its payer follows it."""

    amount: str
    txid: str
    words: str
    depth: str
    """How deep it is, without when it will be received."""
    confirmations: int
    required: int | None
    """None: no count to show; the chain itself says what is final."""
    outlook: str
    """When it will be received, in words; empty: there is nothing to wait for."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be sent, where. Exists only for an address that was verified now."""

    figure: str
    unit: str
    address: str
    memo: str
    """Must be sent along: it alone says whose payment it is. Empty where each payer has an address."""
    uri: str
    network: str
    contract: str
    """Of a token: others may have its name. Empty: the chain's own coin."""
    rate: str
    rate_source: str
    qr: SafeString


@dataclass(frozen=True, slots=True)
class Choice:
    """A way to pay: `value` names it in the form."""

    value: str
    title: str
    code: str


@dataclass(frozen=True, slots=True)
class Sums:
    """Shown as soon as something arrived and something is missing, or more came than was due."""

    due: str
    paid: str
    missing: str
    surplus: str


@dataclass(frozen=True, slots=True)
class Page:
    """Everything the template says."""

    invoice: Invoice
    open: bool
    """Still to be paid."""
    payee: str
    asked: str
    headline: Headline
    request: Request | None
    unavailable: str
    """Title of the method whose address failed its verification; empty: none."""
    payments: Sequence[PaymentLine]
    sums: Sums | None
    claim: Claim | None
    choices: Sequence[Choice]
    selected: str
    poll_seconds: int
    """0: nothing more will change."""
    now: datetime

    @property
    def until(self) -> str:
        return languages.moment(self.invoice.expires_at, self.now)

    @property
    def time_left(self) -> str:
        minutes = max(0, ceil((self.invoice.expires_at - self.now) / timedelta(minutes=1)))
        return _("%(duration)s left") % {"duration": length(minutes)}

    @property
    def return_url(self) -> str:
        """Empty: there is none, or it is none that a link may lead to."""
        url = self.invoice.return_url
        return url if urlsplit(url).scheme in ("http", "https") else ""

    @property
    def says(self) -> str:
        """What is told to those who listen, each time it becomes another: the state, what is missing, how deep."""
        missing = self.sums.missing if self.sums else ""
        depths = [payment.depth for payment in self.payments if payment.required]
        return ". ".join(filter(None, [self.headline.text, missing and f"{_('Still due')}: {missing}", *depths]))

    @property
    def mark(self) -> str:
        """Changes when something on the page did, the clock apart."""
        parts = (self.headline, self.request, self.unavailable, self.payments, self.sums, self.claim, self.choices)
        return hashlib.sha256(repr((*parts, self.selected)).encode()).hexdigest()[:16]


def page(state: InvoiceState, payee: Payee, offers: Sequence[Offer], wanted: str, now: datetime) -> Page:
    """`wanted` is the method the payer asked to see; any other text means none."""
    invoice = state.invoice
    method = _shown(state.methods, wanted)
    standing = _standing(invoice, now)
    payable = [offer for offer in offers if _prices(offer, invoice)] if standing == Status.NEW else []
    asks = standing == Status.NEW and method is not None and method.remaining.base_units > 0
    withheld = method is not None and asks and not method.address
    return Page(
        invoice=invoice,
        open=standing == Status.NEW,
        payee=payee.name,
        asked=asked(invoice),
        headline=headline(standing, state, method),
        request=_request(method, now) if method and asks else None,
        unavailable=method.chain.title if method and withheld else "",
        payments=[_line(payment) for payment in state.payments],
        sums=_sums(state, method),
        claim=claim(standing, state, payee.name, payee.contact),
        choices=_choices(payable, method),
        selected=_value(method) if method else "",
        # Each look at a withheld address is an alarm; a person must mend it before there is anything new to see.
        poll_seconds=0 if withheld else _poll_seconds(standing, invoice, now),
        now=now,
    )


def asked(invoice: Invoice) -> str:
    """The invoice's amount: "4.90 EUR"; a coin's as it would be typed."""
    exact = quotes.asked(invoice.amount, invoice.currency)
    shown = languages.number(exact) if invoice.currency in FIAT_DECIMALS else exact
    return f"{shown} {invoice.currency}"


def figure(amount: Amount) -> str:
    """The exact amount without idle zeros, as a person types it."""
    text = amount.text
    return text.rstrip("0").rstrip(".") if "." in text else text


def _value(method: MethodState) -> str:
    return f"{method.asset.code}@{method.chain.code}"


def _shown(methods: Sequence[MethodState], wanted: str) -> MethodState | None:
    """The one asked for, else one that was paid to, else the latest chosen."""
    asked_for = [method for method in methods if _value(method) == wanted]
    paid_to = [method for method in methods if method.payments]
    return next(reversed(asked_for or paid_to or list(methods)), None)


def _standing(invoice: Invoice, now: datetime) -> str:
    """The deadline counts from its very second, though the sweep that records it comes a little later."""
    return Status.EXPIRED if invoice.status == Status.NEW and now >= invoice.expires_at else invoice.status


def _request(method: MethodState, now: datetime) -> Request | None:
    if not method.address:
        return None
    place = representation.place(method.address)
    return Request(
        figure=figure(method.remaining),
        unit=method.asset.code,
        address=place["address"] or "",
        memo=place["memo"] or "",
        uri=method.uri,
        network=method.chain.title,
        contract=method.asset.contract,
        rate=_rate(method),
        rate_source=_rate_source(method, now),
        qr=_qr(method.uri),
    )


def _rate(method: MethodState) -> str:
    """What a coin counts in this invoice."""
    if method.rate is None or method.quoted_price is None:
        return ""
    words = _("1 %(asset)s = %(price)s %(currency)s")
    price = languages.number(plain(method.quoted_price))
    return words % {"asset": method.rate.asset_code, "price": price, "currency": method.rate.currency}


def _rate_source(method: MethodState, now: datetime) -> str:
    """Where the rate is from and of when, what the merchant takes off it, and when it was fixed: it holds as long as
    the invoice does."""
    rate, spread = method.rate, method.quote.spread
    if rate is None:
        return ""
    said = {
        "source": languages.isolated(rate.source),
        "time": languages.moment(rate.observed_at, now),
        "price": languages.isolated(f"{languages.number(plain(rate.price))} {rate.currency}"),
        "share": languages.isolated(f"{languages.number(plain(spread * 100))} %"),
        "fixed": languages.moment(method.fixed_at, now),
    }
    if spread:
        words = _("Rate of %(source)s, %(time)s: %(price)s, less %(share)s; fixed for this invoice at %(fixed)s")
        return words % said
    return _("Rate of %(source)s, %(time)s; fixed for this invoice at %(fixed)s") % said


def _qr(uri: str) -> SafeString:
    """The URI as inline SVG with the quiet zone of ISO/IEC 18004; paths only, so it is safe as markup."""
    svg = segno.make(uri, error="m", micro=False).svg_inline(border=4, omitsize=True, svgclass="qr")
    label = _("QR code of the payment request")
    return mark_safe(svg.replace("<svg ", f'<svg role="img" aria-label="{escape(label)}" ', 1))  # noqa: S308


def _prices(offer: Offer, invoice: Invoice) -> bool:
    """An invoice in a coin is paid in that coin alone."""
    return invoice.currency in FIAT_DECIMALS or invoice.currency == offer.asset_code


def _choices(offers: Sequence[Offer], method: MethodState | None) -> list[Choice]:
    """What else can be chosen than the method shown."""
    shown = _value(method) if method else ""
    return [Choice(offer.method, _title(offer), offer.asset_code) for offer in offers if offer.method != shown]


def _title(offer: Offer) -> str:
    words = _("%(token)s on %(network)s")
    return words % {"token": offer.asset_code, "network": offer.chain.title} if offer.token else offer.chain.title


def _line(payment: PaymentState) -> PaymentLine:
    waits = payment.state == Payment.State.SEEN
    return PaymentLine(
        amount=f"{figure(payment.amount)} {payment.amount.asset.code}",
        txid=payment.txid,
        words=_line_words(payment),
        depth=_depth(payment),
        confirmations=min(payment.confirmations, payment.required_confirmations or 0),
        required=payment.required_confirmations if waits else None,
        outlook=_outlook(payment),
    )


def _line_words(payment: PaymentState) -> str:
    match payment.state:
        case Payment.State.CONFIRMED:
            return _("Received late") if payment.late else _("Received")
        case Payment.State.DROPPED:
            return _("Dropped: it never confirmed")
        case Payment.State.REVERSED:
            return _("Taken back by the network")
    if payment.expected.state == State.CONFIRMING:
        return _("%(depth)s, %(duration)s") % {"depth": _depth(payment), "duration": outlook(payment.expected)}
    return _depth(payment)


def _depth(payment: PaymentState) -> str:
    if payment.required_confirmations is None:
        return _("In a block, waiting until it is final") if payment.confirmations else _("Waiting for a block")
    return _("%(count)d of %(required)d confirmations") % {
        "count": min(payment.confirmations, payment.required_confirmations),
        "required": payment.required_confirmations,
    }


def _outlook(payment: PaymentState) -> str:
    """On a line of its own while it is in no block; how deep it is says the rest."""
    return "" if payment.expected.state in (State.CONFIRMING, State.DROPPED) else outlook(payment.expected)


def _sums(state: InvoiceState, method: MethodState | None) -> Sums | None:
    if method is None or not method.paid.base_units:
        return None
    surplus = method.paid.base_units - method.due.base_units
    if not method.remaining.base_units and surplus <= 0:
        return None
    closed = state.invoice.status in (Status.SETTLED, Status.PROCESSING)
    return Sums(
        due=_with_unit(method.due),
        paid=_with_unit(method.paid),
        missing=_with_unit(method.remaining) if method.remaining.base_units and not closed else "",
        surplus=_with_unit(Amount(surplus, method.asset)) if surplus > 0 else "",
    )


def _with_unit(amount: Amount) -> str:
    return f"{figure(amount)} {amount.asset.code}"


def _poll_seconds(standing: str, invoice: Invoice, now: datetime) -> int:
    """0 once there is nothing to wait for."""
    if standing in (Status.NEW, Status.PROCESSING):
        return QUICK_SECONDS
    return SLOW_SECONDS if standing not in (Status.SETTLED, Status.INVALID) and now < invoice.monitored_until else 0
