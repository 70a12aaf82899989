"""Any report as a page and as CSV, over the books of whoever looks."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from cryptopay.backoffice.scoping import books_where
from reports.cells import Money, to_csv
from reports.registry import REPORTS, Report

READS_THE_BOOKS = "ledger.view_journalentry"


def overview(request: HttpRequest) -> HttpResponse:
    """All reports there are."""
    _check(request)
    context = {**admin.site.each_context(request), "title": "Reports", "reports": REPORTS.values()}
    return TemplateResponse(request, "backoffice/reports.html", context)


def report(request: HttpRequest, name: str) -> HttpResponse:
    """One report; `?as=csv` downloads it."""
    _check(request)
    if name not in REPORTS:
        raise Http404
    wanted = REPORTS[name]
    rows = wanted.rows(books_where(request, READS_THE_BOOKS))
    if request.GET.get("as") == "csv":
        return _download(wanted, rows)
    context: dict[str, Any] = {**admin.site.each_context(request), "title": wanted.title, "report": wanted}
    context["rows"] = [[(cell, isinstance(cell, Money)) for cell in row] for row in rows]
    return TemplateResponse(request, "backoffice/report.html", context)


def _check(request: HttpRequest) -> None:
    if not request.user.has_perm(READS_THE_BOOKS):
        raise PermissionDenied


def _download(wanted: Report, rows: list[Any]) -> HttpResponse:
    name = f"{wanted.name}-{timezone.now():%Y-%m-%d}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(to_csv(wanted.columns, rows), content_type="text/csv; charset=utf-8", headers=headers)
