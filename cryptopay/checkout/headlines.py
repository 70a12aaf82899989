"""The state of an invoice in one sentence, and what its payer should do in another."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from django.utils.translation import gettext as _

from cryptopay.payments.models import Invoice
from cryptopay.payments.status import InvoiceState, MethodState

Status, Exceptional = Invoice.Status, Invoice.Exceptional


class Tone(StrEnum):
    """How the status bar looks; the words say the same to those who do not see it."""

    WAIT = "wait"
    GOOD = "good"
    CARE = "care"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Headline:
    """The state in one sentence, and what to do about it in another."""

    text: str
    advice: str
    tone: Tone


def headline(standing: str, state: InvoiceState, method: MethodState | None) -> Headline:
    """`standing` is the status as its payer sees it; of one that is not known here it is said that it is closed."""
    return _new(state, method) if standing == Status.NEW else _TOLD.get(standing, _closed)(state)


def _processing(_state: InvoiceState) -> Headline:
    words = _("The network is confirming it. You can close this page; the shop will be told.")
    return Headline(_("Payment seen, waiting for confirmations"), words, Tone.WAIT)


def _new(state: InvoiceState, method: MethodState | None) -> Headline:
    if method is not None and not method.address:
        words = _("Its address could not be verified, so it is not shown. Do not pay; the shop has been alerted.")
        return Headline(_("This way to pay is unavailable"), words, Tone.BAD)
    if state.invoice.exception == Exceptional.PAID_PARTIAL:
        return Headline(_("Part of the amount has arrived"), _("Please send what is still due."), Tone.CARE)
    if state.invoice.exception == Exceptional.PAID_OTHER:
        words = _("It is not lost: it is recorded with your order. Please send what is due, or contact the shop.")
        return Headline(_("Another coin than was asked for has arrived"), words, Tone.CARE)
    if method is None:
        return Headline(_("Choose how to pay"), "", Tone.WAIT)
    return Headline(_("Waiting for your payment"), _("Send exactly this amount, in one payment."), Tone.WAIT)


def _settled(state: InvoiceState) -> Headline:
    if state.invoice.exception == Exceptional.PAID_OVER:
        words = _("More arrived than was due. The surplus stays yours.")
        return Headline(_("Paid, and more than was due"), words, Tone.GOOD)
    if state.invoice.exception == Exceptional.MARKED:
        return Headline(_("Paid"), _("The shop has accepted the payment. Thank you."), Tone.GOOD)
    return Headline(_("Paid"), _("The payment is confirmed. Thank you."), Tone.GOOD)


def _expired(state: InvoiceState) -> Headline:
    if state.invoice.exception == Exceptional.PAID_LATE:
        words = _("It is not lost: it is recorded with your order. Please contact the shop.")
        return Headline(_("Your payment came after the deadline"), words, Tone.CARE)
    if state.payments:
        words = _("What you sent is recorded. Please contact the shop, and send nothing more.")
        return Headline(_("Expired before it was paid in full"), words, Tone.CARE)
    words = _("Do not pay it any more. Go back to the shop for a new one.")
    return Headline(_("This invoice has expired"), words, Tone.CARE)


def _invalid(state: InvoiceState) -> Headline:
    if state.payments and state.invoice.exception != Exceptional.MARKED:
        words = _("The network did not confirm your payment in time. Please contact the shop.")
        return Headline(_("Payment not confirmed"), words, Tone.BAD)
    words = _("The shop does not accept it any more. Do not pay it; please contact the shop.")
    return Headline(_("This invoice is closed"), words, Tone.BAD)


def _cancelled(_state: InvoiceState) -> Headline:
    words = _("Do not pay it any more. Go back to the shop for a new one.")
    return Headline(_("The shop has cancelled this invoice"), words, Tone.CARE)


def _closed(_state: InvoiceState) -> Headline:
    return Headline(_("This invoice is closed"), _("Do not pay it any more. Please contact the shop."), Tone.CARE)


_TOLD: Mapping[str, Callable[[InvoiceState], Headline]] = MappingProxyType(
    {
        Status.PROCESSING: _processing,
        Status.SETTLED: _settled,
        Status.EXPIRED: _expired,
        Status.INVALID: _invalid,
        Status.CANCELLED: _cancelled,
    }
)
