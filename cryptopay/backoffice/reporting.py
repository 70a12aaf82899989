"""Any report as a page and as CSV, over the books of whoever looks, now or as of the end of a day."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from cryptopay.backoffice.scoping import books_where
from ledger import spans
from reports.cells import AccountCode, Cell, Money, to_csv
from reports.registry import REPORTS, Report

READS_THE_BOOKS = "ledger.view_journalentry"
PAGE_ROWS = 1000
"""What a page shows; the download holds all rows."""


def overview(request: HttpRequest) -> HttpResponse:
    """All reports there are."""
    _check(request)
    context = {**admin.site.each_context(request), "title": "Reports", "reports": REPORTS.values()}
    return TemplateResponse(request, "backoffice/reports.html", context)


def report(request: HttpRequest, name: str) -> HttpResponse:
    """One report; `until` names a day, `?as=csv` downloads it."""
    _check(request)
    if name not in REPORTS:
        raise Http404
    wanted, until = REPORTS[name], spans.day_of(request.GET.get("until", ""))
    rows = wanted.rows(books_where(request, READS_THE_BOOKS), until)
    if request.GET.get("as") == "csv":
        return _download(wanted, rows, until)
    context: dict[str, Any] = {**admin.site.each_context(request), "title": wanted.title, "report": wanted}
    context |= {"until": until, "today": spans.today(), "left_out": max(len(rows) - PAGE_ROWS, 0)}
    context["rows"] = [_drawn(row, until) for row in rows[:PAGE_ROWS]]
    return TemplateResponse(request, "backoffice/report.html", context)


def _check(request: HttpRequest) -> None:
    if not request.user.has_perm(READS_THE_BOOKS):
        raise PermissionDenied


def _drawn(row: Sequence[Cell], until: date | None) -> list[tuple[Cell, bool, str]]:
    """Each cell, whether it is money, and where it leads: a code to its account's statement, what is last in the row
    of an account to what it is made of.
    """
    account = next((cell.account_id for cell in row if isinstance(cell, AccountCode)), None)
    drawn = [(cell, isinstance(cell, Money), _statement(cell, until)) for cell in row]
    if account is not None and isinstance(row[-1], Money):
        query = f"?as_of={until}" if until else ""
        drawn[-1] = (row[-1], True, reverse("admin:ledger_account_explain", args=[account]) + query)
    return drawn


def _statement(cell: Cell, until: date | None) -> str:
    if not isinstance(cell, AccountCode):
        return ""
    return reverse("admin:ledger_account_change", args=[cell.account_id]) + (f"?to={until}" if until else "")


def _download(wanted: Report, rows: list[Any], until: date | None) -> HttpResponse:
    name = f"{wanted.name}-{until or spans.today():%Y-%m-%d}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(to_csv(wanted.columns, rows), content_type="text/csv; charset=utf-8", headers=headers)
