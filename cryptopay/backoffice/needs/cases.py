"""Differences between the chains and the books that nobody has explained."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse

from cryptopay.backoffice.needs.need import SHOWN, Asked, Heading, Need, Row, age, page
from cryptopay.backoffice.scoping import book_ids_where, permission_to
from cryptopay.monthend.cases import open_cases
from cryptopay.monthend.models import Case
from ledger.readonly import amount

HEADING = Heading("Chain and books differ", "balance")


def find(request: HttpRequest) -> Sequence[QuerySet[Any]]:
    books = book_ids_where(request, permission_to("view", Case))
    return [open_cases(books).select_related("asset", "run", "book")[:SHOWN]]


def draw(request: HttpRequest, found: Sequence[list[Case]]) -> Need:
    rows: list[Row] = [
        (page(case), case, amount(case.run.difference, case.asset), case.book, age(case.opened_at)) for case in found[0]
    ]
    empty = "No difference between the chains and the books is open."
    return Need(HEADING, empty, rows, reverse("admin:reconciliation"), urgent=bool(rows))


ASKED = Asked(HEADING, Case, find, draw)
