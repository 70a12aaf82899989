"""Invoices that are half paid, or paid and not yet confirmed."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest

from cryptopay.backoffice.needs.need import SHOWN, Asked, Heading, Need, Row, age, listed, mine, page
from cryptopay.payments.models import Invoice
from cryptopay.payments.quotes import asked

HEADING = Heading("Invoices in between", "receipt_long")
_OPEN = Q(status=Invoice.Status.PROCESSING) | Q(
    exception=Invoice.Exceptional.PAID_PARTIAL, status__in=[Invoice.Status.NEW, Invoice.Status.EXPIRED]
)


def find(request: HttpRequest) -> Sequence[QuerySet[Any]]:
    return [mine(request, Invoice).filter(_OPEN).select_related("customer").order_by("pk")[:SHOWN]]


def draw(request: HttpRequest, found: Sequence[list[Invoice]]) -> Need:
    rows: list[Row] = [(page(each), each, _asked(each), _words(each), age(each.created_at)) for each in found[0]]
    return Need(HEADING, "No invoice is half paid or waiting.", rows, listed(Invoice))


def _asked(invoice: Invoice) -> str:
    return f"{asked(invoice.amount, invoice.currency)} {invoice.currency}"


def _words(invoice: Invoice) -> str:
    special = invoice.exception != Invoice.Exceptional.NONE
    return str(invoice.get_exception_display() if special else invoice.get_status_display())


ASKED = Asked(HEADING, Invoice, find, draw)
