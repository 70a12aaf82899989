"""Payments that were seen and are not yet received: the oldest first, how deep each lies, and why it waits."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from cryptopay.backoffice.awaited import SEEN
from cryptopay.backoffice.needs.need import SHOWN, Asked, Heading, Need, Row, age, listed, mine, page
from cryptopay.payments.models import Payment
from cryptopay.payments.status import PaymentState, payment_states
from ledger.readonly import amount
from monitor.expectation import State
from monitor.wording import outlook

HEADING = Heading("Not yet received", "hourglass_top")
AGED = timedelta(days=1)
"""No chain of ours takes so long by itself: a fee was too low, or the chain stands still."""


def find(request: HttpRequest) -> Sequence[QuerySet[Any]]:
    waiting = mine(request, Payment).filter(SEEN).order_by("pk")
    return [waiting.select_related("deposit__expectation", "asset", "invoice", "method__asset")[:SHOWN]]


def draw(request: HttpRequest, found: Sequence[list[Payment]]) -> Need:
    payments = found[0]
    rows: list[Row] = [
        (page(each), each.invoice, amount(each.base_units, each.asset), why(state), age(each.seen_at))
        for each, state in zip(payments, payment_states(payments), strict=True)
    ]
    aged = any(each.seen_at < timezone.now() - AGED for each in payments)
    empty = "No payment is waiting for confirmations."
    return Need(HEADING, empty, rows, listed(Payment, "?state__exact=seen"), urgent=aged)


def why(state: PaymentState) -> str:
    """ "1 of 6, 3 to 9 hours"; "0 of 2, stuck"."""
    reached = (
        "waits for finality"
        if state.required_confirmations is None
        else f"{min(state.confirmations, state.required_confirmations)} of {state.required_confirmations}"
    )
    if state.deposit.held_since is not None:
        return f"{reached}, held: {state.deposit.held_because}"
    said = "stuck" if state.expected.state == State.STUCK else outlook(state.expected)
    return f"{reached}, {said[:1].lower()}{said[1:]}" if said else reached


ASKED = Asked(HEADING, Payment, find, draw)
