"""Differences between the chains and the books that nobody has explained."""

from django.http import HttpRequest
from django.urls import reverse

from cryptopay.backoffice.needs.need import SHOWN, Asked, Need, Row, age, page
from cryptopay.backoffice.scoping import books_where, permission_to
from cryptopay.monthend.cases import open_cases
from cryptopay.monthend.models import Case
from ledger.readonly import amount


def draw(request: HttpRequest) -> Need:
    books = books_where(request, permission_to("view", Case)).values_list("pk", flat=True)
    found = open_cases(books).select_related("asset", "run", "book")[:SHOWN]
    rows: list[Row] = [
        (page(case), case, amount(case.run.difference, case.asset), case.book, age(case.opened_at)) for case in found
    ]
    empty = "What lies on the chains is what the books say."
    return Need("Chain and books differ", "balance", empty, rows, reverse("admin:reconciliation"), urgent=bool(rows))


ASKED = Asked(Case, draw)
