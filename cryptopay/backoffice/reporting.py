"""Any report as a page, and as a file of any form, of one book of whoever looks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from cryptopay.backoffice.scoping import books_where, own_books
from ledger.models import Account, Book
from ledger.readonly import readable
from ledger.remembering import remembering
from reports import exporting
from reports.cells import Cell, Column, Kind, Money, Name, Place, Total
from reports.errors import EntriesUnpriced, ParameterMissing, ReportError
from reports.formats import form_of, forms_of
from reports.formats.words import plain_text
from reports.parameters import FIRST, LAST, UNTIL, YEAR, Asked, Parameter
from reports.reading import as_of_one_moment
from reports.registry import REPORTS
from reports.report import Report, Sheet
from reports.sending import answer

READS_THE_BOOKS = "ledger.view_journalentry"
PAGE_ROWS = 1000
"""What a page shows; the files hold all rows."""
_NUMBERS = (Kind.AMOUNT, Kind.COUNT)
_LISTED = {
    "invoice": "payments_invoice",
    "transaction": "ledger_journalentry",
    "customer": "merchants_customer",
    "address": "monitor_deposit",
}
"""What a place's name is looked for among."""
_LONGEST_WORD = 40
_MOST_BOOKS = 1000
"""To choose from; whoever keeps more merchants comes from a book's own page."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A cell on the page. `url`: where it leads, or nothing. `look`: how it may be broken into lines."""

    title: str
    text: str
    is_number: bool
    url: str
    look: str


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter in the form."""

    parameter: Parameter[Any]
    value: str
    offers: list[tuple[str, str]]


def overview(request: HttpRequest) -> HttpResponse:
    """All reports there are, by what they are about."""
    _check(request)
    sections: dict[str, list[Report]] = {}
    for report in REPORTS.values():
        sections.setdefault(report.section, []).append(report)
    context = {**admin.site.each_context(request), "title": "Reports", "sections": sections}
    return TemplateResponse(request, "backoffice/reports.html", context)


@remembering()
def report(request: HttpRequest, name: str) -> HttpResponse:
    """One report as it is asked for in the query string; `?as=xlsx` downloads it, and a POST has it made in the
    background."""
    as_of_one_moment()
    _check(request)
    if name not in REPORTS:
        raise Http404
    wanted, texts = REPORTS[name], request.GET.dict()
    chosen, form = _book(request, texts.pop("book", "")), texts.pop("as", "")
    context = {**admin.site.each_context(request), "title": wanted.title, "report": wanted, "book": chosen}
    if chosen is None:
        return TemplateResponse(request, "backoffice/report.html", context)
    texts = {parameter.name: texts.get(parameter.name, "") for parameter in wanted.parameters}
    context |= _form(request, wanted, chosen, texts)
    try:
        asked = wanted.read(chosen, texts)
        if request.method == "POST":
            exporting.ask(wanted, chosen, texts, request.POST.get("form", ""), asker(request), str(request.user))
            return redirect("admin:exports")
        sheet = Sheet(wanted, asked, str(request.user), timezone.now())
        if form:
            return cast(
                HttpResponse, answer(sheet, form_of(wanted, form))
            )  # the site's pages are typed as if none streamed
    except ReportError as refused:
        context |= {"refused": refused, "asks": isinstance(refused, ParameterMissing)}
        context |= {"unpriced": isinstance(refused, EntriesUnpriced)}
        return TemplateResponse(request, "backoffice/report.html", context, status=_status(refused))
    return TemplateResponse(request, "backoffice/report.html", context | _drawn(sheet))


def asker(request: HttpRequest) -> str:
    """Whose exports they are."""
    return f"user:{request.user.pk}"


def _status(refused: ReportError) -> int:
    """A form that is not filled in yet is no mistake."""
    return 200 if isinstance(refused, ParameterMissing) else 400


def _check(request: HttpRequest) -> None:
    if not request.user.has_perm(READS_THE_BOOKS):
        raise PermissionDenied


def _book(request: HttpRequest, asked: str) -> Book | None:
    """The one that is asked for; else one that is kept, real money before test money."""
    if asked:
        found = next((book for book in own_books(request, READS_THE_BOOKS) if str(book.pk) == asked), None)
        if found is None:
            raise Http404
        return found
    kept = Exists(Account.objects.filter(book=OuterRef("pk")))
    books = books_where(request, READS_THE_BOOKS)
    return books.order_by((~kept).asc(), "is_test", "name", "pk").first()


def _form(request: HttpRequest, wanted: Report, chosen: Book, texts: Mapping[str, str]) -> dict[str, Any]:
    fields = [
        Field(parameter, texts[parameter.name] or _otherwise(parameter), list(parameter.offers(chosen)))
        for parameter in wanted.parameters
    ]
    asked = urlencode({"book": chosen.pk, **{name: text for name, text in texts.items() if text}})
    return {
        "books": own_books(request, READS_THE_BOOKS)[:_MOST_BOOKS],
        "fields": fields,
        "forms": forms_of(wanted),
        "query": asked,
    }


def _otherwise(parameter: Parameter[Any]) -> str:
    found = parameter.otherwise()
    return "" if found is None else str(found)


def _drawn(sheet: Sheet) -> dict[str, Any]:
    rows: Iterator[Any] = iter(sheet.rows())
    shown = list(islice(rows, PAGE_ROWS))
    columns = sheet.report.columns
    drawn = [
        (isinstance(row, Total), [_cell(cell, column, sheet.asked) for cell, column in zip(row, columns, strict=True)])
        for row in shown
    ]
    heads = [(column.title, column.kind in _NUMBERS) for column in columns]
    return {"heads": heads, "rows": drawn, "facts": sheet.facts, "more": next(rows, None) is not None}


def _cell(cell: Cell, column: Column, asked: Asked) -> Drawn:
    place = cell.place if isinstance(cell, Money | Name) else None
    text = readable(cell.base_units, cell.decimals) if isinstance(cell, Money) else plain_text(cell)
    url = _url(place, asked) if place else ""
    return Drawn(column.title, text, column.kind in _NUMBERS, url, _look(text, column))


def _look(text: str, column: Column) -> str:
    """A time stays whole; hashes and addresses are broken anywhere, or they push out the rest."""
    if column.kind in (Kind.DAY, Kind.MOMENT):
        return "moment"
    return "hash" if max(map(len, text.split()), default=0) > _LONGEST_WORD else ""


def _url(place: Place, asked: Asked) -> str:
    match place.kind:
        case "account":
            return reverse("admin:ledger_account_change", args=[place.key]) + _span(asked)
        case "explanation":
            day = asked[LAST] if LAST.name in asked.texts else asked[UNTIL]
            return reverse("admin:ledger_account_explain", args=[place.key]) + (f"?as_of={day}" if day else "")
        case "entry":
            return reverse("admin:ledger_journalentry_change", args=[place.key])
        case "days":
            days = {"book": asked.book.pk, FIRST.name: place.key, LAST.name: place.last}
            return f"{reverse('admin:report', args=['journal'])}?{urlencode(days)}"
    return f"{reverse(f'admin:{_LISTED[place.kind]}_changelist')}?{urlencode({'q': place.key})}"


def _span(asked: Asked) -> str:
    """The days of the report, as an account's statement takes them."""
    said = {"from": asked.texts.get(FIRST.name), "to": asked.texts.get(LAST.name) or asked.texts.get(UNTIL.name)}
    if YEAR.name in asked.values:
        said = {"from": f"{asked[YEAR]}-01-01", "to": f"{asked[YEAR]}-12-31"}
    known = {name: day for name, day in said.items() if day}
    return f"?{urlencode(known)}" if known else ""
