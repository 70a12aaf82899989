"""What a payer may ask the shop about: money that came too late, too much, too little, or in another coin.

It is the customer's in the shop's books. Sending it back is the shop's to decide, so the page leads there.
"""

from dataclasses import dataclass
from urllib.parse import quote

from django.utils.translation import gettext as _

from cryptopay.checkout import languages
from cryptopay.payments.models import Invoice, Payment
from cryptopay.payments.status import InvoiceState

Status, Exceptional = Invoice.Status, Invoice.Exceptional
_TOLD_APART = (Exceptional.PAID_OVER, Exceptional.PAID_LATE, Exceptional.PAID_OTHER)


@dataclass(frozen=True, slots=True)
class Claim:
    """What is kept for the payer, and how to ask for it."""

    words: str
    reference: str
    """By which the shop finds it: the order's number, or else the invoice's."""
    link: str
    """To the shop's contact; empty: it named none."""


def claim(standing: str, state: InvoiceState, payee: str, contact: str) -> Claim | None:
    """None where nothing is to be asked for."""
    invoice = state.invoice
    unpaid = standing not in (Status.NEW, Status.PROCESSING, Status.SETTLED)
    alive = {payment.state for payment in state.payments} & {Payment.State.SEEN, Payment.State.CONFIRMED}
    apart = standing != Status.PROCESSING and invoice.exception in _TOLD_APART
    if not alive or not (unpaid or apart):
        return None
    reference = invoice.order_id or invoice.public_id
    words = _words(invoice, received=Payment.State.CONFIRMED in alive)
    return Claim(words % {"shop": languages.isolated(payee)}, reference, _link(contact, reference))


def _words(invoice: Invoice, *, received: bool) -> str:
    if not received:
        return _("Once the network confirms it, your money is kept for you at %(shop)s. Ask them and name this:")
    if invoice.exception == Exceptional.PAID_OVER:
        return _("The surplus is kept for you at %(shop)s. To have it back, or to use it, ask them and name this:")
    return _("What you sent is kept for you at %(shop)s. To have it back, or to use it, ask them and name this:")


def _link(contact: str, reference: str) -> str:
    if contact.startswith("https://"):
        return contact
    return f"mailto:{quote(contact, safe='@')}?subject={quote(reference)}" if "@" in contact else ""
