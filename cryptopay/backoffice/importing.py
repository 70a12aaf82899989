"""Import: rates or entries by hand from a bank's or an exchange's CSV file. First a preview, which writes nothing.

Not by django-import-export: there each row is a model's instance that is saved, and its columns are named in code. Here
several rows make one entry, a verb of the ledger posts it or puts it before a second person, people say which column is
which, and between preview and writing the file is kept nowhere but in their form.
"""

from base64 import b64decode, b64encode
from binascii import Error as NoBase64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from cryptopay.backoffice.scoping import books_where
from cryptopay.monthend import columns, entry_files
from cryptopay.monthend.entry_files import Drafted, RowError
from cryptopay.monthend.errors import FileUnreadable
from ledger import rate_files
from ledger.admin.asking import MAY_ASK, chosen
from ledger.errors import LedgerError
from ledger.models import Book
from ledger.money import plain
from ledger.readonly import amount, moment, table

SHOWN = 200
ENTRIES, RATES = "entries", "rates"
KINDS = {ENTRIES: "Entries by hand", RATES: "Rates"}
_MAY = {ENTRIES: MAY_ASK, RATES: "ledger.add_rate"}
_OURS = {ENTRIES: entry_files.COLUMNS, RATES: (*rate_files.COLUMNS, rate_files.OPTIONAL_COLUMN)}
_SPARE = {ENTRIES: (), RATES: (rate_files.OPTIONAL_COLUMN,)}
_SAMPLES = (
    (
        KINDS[ENTRIES],
        "Rows of one reference are one entry: the same date, description and reason, and debits equal to credits.",
        entry_files.SAMPLE,
    ),
    (KINDS[RATES], "The price of one whole coin, and when it was so; the source may be left out.", rate_files.SAMPLE),
)


@dataclass(frozen=True, slots=True)
class _File:
    """As it was sent, and by what columns it is read."""

    name: str
    content: bytes
    table: columns.Table
    named: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Found:
    """What the preview shows."""

    rows: Sequence[tuple[object, ...]]
    errors: Sequence[RowError]
    summary: str
    write: Any
    """Called to write all of it."""


def page(request: HttpRequest) -> HttpResponse:
    """The file, its columns, what it holds row by row; then all of it is written, or nothing."""
    said = request.POST if request.method == "POST" else request.GET
    kind = said.get("kind", ENTRIES)
    if kind not in KINDS:
        raise PermissionDenied
    books = sorted(books_where(request, _MAY[kind]), key=lambda book: (book.name, book.is_test, book.pk))
    book = chosen(books, said.get("book"))
    if book is None:
        raise PermissionDenied
    context: dict[str, Any] = {"title": "Import", "books": books, "book": book, "kind": kind, "kinds": KINDS.items()}
    context["samples"] = _SAMPLES
    if request.method == "POST":
        try:
            file = _file(request, book, kind)
            found = _read(request, book, kind, file)
            if "confirm" in request.POST and not found.errors:
                messages.success(request, found.write())
                columns.remember(book.pk, kind, file.named)
                return HttpResponseRedirect(f"{reverse('admin:import')}?kind={kind}&book={book.pk}")
            context |= _preview(kind, file, found)
        except (FileUnreadable, LedgerError) as refused:
            context["refused"] = f"{str(refused)[:1].upper()}{str(refused)[1:]}."
    return TemplateResponse(request, "backoffice/import.html", admin.site.each_context(request) | context)


def _file(request: HttpRequest, book: Book, kind: str) -> _File:
    """New, or the one that was previewed: it comes back with the form, for nothing is kept of it. Raises
    `FileUnreadable`."""
    sent = request.FILES.get("file")
    if sent is not None:
        name, content = str(sent.name), sent.read(columns.LARGEST_BYTES + 1)
    else:
        try:
            name, content = request.POST.get("name", ""), b64decode(request.POST.get("content", ""), validate=True)
        except NoBase64:
            raise FileUnreadable("it did not arrive whole: choose it again") from None
    found, ours = columns.table(content), _OURS[kind]
    if sent is not None:
        named = columns.guessed(found.names, ours, columns.remembered(book.pk, kind))
    else:
        named = {one: request.POST.get(f"column_{one}", "") or _always(request, one) for one in ours}
    return _File(name[:60], content, found, named)


def _always(request: HttpRequest, name: str) -> str:
    return columns.always(request.POST.get(f"always_{name}", "").strip())


def _read(request: HttpRequest, book: Book, kind: str, file: _File) -> _Found:
    if missing := _missing(kind, file):
        wrong = [RowError(1, "column_missing", f"no column is {name}") for name in missing]
        return _Found([], wrong, "", None)
    by = request.user.get_username()
    return (_entries if kind == ENTRIES else _rates)(book, file, by)


def _missing(kind: str, file: _File) -> list[str]:
    """Columns that nobody has named yet, nor said what they always are."""
    needed = [name for name in _OURS[kind] if name not in (*_SPARE[kind], "debit", "credit")]
    if kind == ENTRIES and not (file.named["debit"] or file.named["credit"]):
        needed += ["debit", "credit"]
    return [name for name in needed if not file.named[name]]


def _entries(book: Book, file: _File, by: str) -> _Found:
    entries, wrong = entry_files.read(book, file.table.named(file.named))
    summary = ""
    if not wrong:
        done, wrong = entry_files.rehearse(book, entries, file=file.content, by=by)
        summary = (
            f"{done.written} entries will be written, {done.proposed} wait for a second person, "
            f"{done.known} are known already."
        )

    def write() -> str:
        done = entry_files.write(book, entries, file=file.content, by=by)
        return f"{done.written} entries written, {done.proposed} wait for a second person, {done.known} were known."

    return _Found([row for entry in entries[:SHOWN] for row in _drawn(entry)], wrong, summary, write)


def _drawn(entry: Drafted) -> list[tuple[object, ...]]:
    return [
        (
            entry.rows[place] if place < len(entry.rows) else "",
            f"{entry.day:%-d %b %Y}",
            entry.reference if place == 0 else "",
            entry.description if place == 0 else "",
            leg.account.code,
            amount(leg.debit, leg.account.asset) if leg.debit else "",
            amount(leg.credit, leg.account.asset) if leg.credit else "",
        )
        for place, leg in enumerate(entry.legs)
    ]


def _rates(book: Book, file: _File, by: str) -> _Found:
    lines, wrong = rate_files.read_rows(file.table.named(file.named), file.name)
    errors = [RowError(line.number, "rate_invalid", line.why) for line in wrong]
    rows = [(line.pair, plain(line.price), moment(line.observed_at), line.source) for line in lines[:SHOWN]]

    def write() -> str:
        done = rate_files.write(lines, book.pk, by=by)
        return f"{done.new} rates recorded, {done.known} were known, {done.suspect} are suspect."

    return _Found(rows, errors, f"{len(lines)} rates can be recorded.", write)


def _preview(kind: str, file: _File, found: _Found) -> dict[str, Any]:
    headings = {
        ENTRIES: ["Line", "Date", "Reference", "Description", "Account", "Debit", "Credit"],
        RATES: ["Pair", "Price", "Observed", "Source"],
    }[kind]
    fields = [
        (name, file.named[name], file.named[name].removeprefix("=") if file.named[name].startswith("=") else "")
        for name in _OURS[kind]
    ]
    missing = ", ".join(_missing(kind, file))
    return {
        "file": file,
        "missing": missing and f"Say first which column of the file is: {missing}; or what it always is.",
        "content": b64encode(file.content).decode(),
        "fields": fields,
        "summary": "" if found.errors else found.summary,
        "wrong": len(found.errors),
        "errors": table(
            ["Line", "What is wrong", "Code"],
            [(error.number, error.words, error.code) for error in found.errors[:SHOWN]],
            "",
        ),
        "rows": table(headings, found.rows, "No row can be read yet."),
    }
