"""An account's statement: opening, every posting of the period with its running balance, closing; a page or CSV."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString

from ledger import balances, chart, spans
from ledger.balances import Line, Statement
from ledger.explaining import first_day
from ledger.models import Account, JournalEntry, Posting
from ledger.money import to_text
from ledger.readonly import amount, moment, url_of
from ledger.spans import Span
from ledger.spreadsheet import csv_text, harmless

LINES = 100
NAMED_LEGS = 16
"""An entry with more legs is not searched for the accounts on its other side."""
COLUMNS = ["Date", "Description", "Other side", "Debit", "Credit", "Balance", "Asset", "Entry"]


@dataclass(frozen=True, slots=True)
class Printed:
    """A line as it is drawn."""

    posting: Posting
    when: SafeString | str
    what: str
    entry_url: str
    other_side: str
    debit: SafeString | str
    credit: SafeString | str
    balance: SafeString | str
    explained: str


def answer(request: HttpRequest, account: Account, context: dict[str, Any]) -> HttpResponse:
    """The page; `?as=csv` downloads all lines of the period."""
    span = spans.span_of(request.GET, spans.this_month())
    found = balances.statement(account, span.first, span.last)
    if request.GET.get("as") == "csv":
        return _download(found)
    return TemplateResponse(request, "ledger/statement.html", context | _page(found, request.GET.get("page", "")))


def _page(found: Statement, asked: str) -> dict[str, Any]:
    account, number = found.account, int(asked) if asked.isdecimal() and len(asked) < 7 else 1  # noqa: PLR2004
    number = max(number, 1)
    lines = list(_lines_of(found, number))
    shown = lines[:LINES]
    last = shown[-1].balance if shown else found.opening
    unit = account.asset
    now = balances.balance(account)
    return {
        "title": f"{account.name}, {unit.code}",
        "account": account,
        "statement": found,
        "purpose": chart.purpose(account),
        "togglable": not chart.stays_open(account.code),
        "offered": [(title, span, span == Span(found.first, found.last)) for title, span in _offered(account)],
        "opening": amount(found.opening, unit),
        "debits": amount(found.debits, unit),
        "credits": amount(found.credits, unit),
        "closing": amount(found.closing, unit),
        "opening_explained": _explained(account, found.first - timedelta(days=1)),
        "closing_explained": _explained(account, found.last),
        "now": {
            "validated": amount(now.posted, unit),
            "pending_in": amount(now.pending_in, unit),
            "pending_out": amount(now.pending_out, unit),
            "available": amount(now.available, unit),
        },
        "lines": printed(account, shown),
        "number": number,
        "brought": amount(_before(found, shown), unit) if number > 1 else None,
        "carried": amount(last, unit) if len(lines) > LINES else None,
    }


def _offered(account: Account) -> list[tuple[str, Span]]:
    return spans.offered(first_day(account))


def _lines_of(found: Statement, number: int) -> Iterator[Line]:
    """A page of lines and one more, which tells whether another page follows."""
    if number == 1:
        return found.lines(limit=LINES + 1)
    before = found.postings[LINES * (number - 1) - 1 : LINES * (number - 1)].first()
    return found.lines(after=before, limit=LINES + 1) if before else iter(())


def _before(found: Statement, shown: Sequence[Line]) -> int:
    if not shown:
        return found.closing
    first = shown[0]
    change = first.posting.debit - first.posting.credit
    return first.balance - (change if found.account.kind in balances.DEBIT_NORMAL else -change)


def _explained(account: Account, day: date) -> str:
    return f"{url_of(account, 'explain')}?as_of={day}"


def printed(account: Account, lines: Sequence[Line]) -> list[Printed]:
    """The lines drawn, with the accounts on the other side of their entries."""
    unit = account.asset
    others = other_sides(account, [line.posting.entry for line in lines])
    explain = url_of(account, "explain")
    return [
        Printed(
            posting=line.posting,
            when=moment(line.posting.effective_at),
            what=line.posting.entry.description,
            entry_url=url_of(line.posting.entry),
            other_side=others[line.posting.entry_id],
            debit=amount(line.posting.debit, unit) if line.posting.debit else "",
            credit=amount(line.posting.credit, unit) if line.posting.credit else "",
            balance=amount(line.balance, unit),
            explained=f"{explain}?through={line.posting.account_seq}",
        )
        for line in lines
    ]


def other_sides(account: Account, entries: Iterable[JournalEntry]) -> dict[int, str]:
    """The names of the other accounts of these entries of its book; what would be a long list is "Several"."""
    by_id = {entry.pk: entry for entry in entries}
    readable = {pk for pk, entry in by_id.items() if entry.legs <= NAMED_LEGS}
    legs = Posting.objects.filter(book=account.book_id, entry__in=readable, layer=Posting.Layer.POSTED)
    named: dict[int, dict[str, None]] = defaultdict(dict)
    for pk, name in legs.exclude(account=account).order_by("leg").values_list("entry", "account__name"):
        named[pk][name] = None
    return {pk: ", ".join(named[pk]) if pk in readable else "Several accounts" for pk in by_id}


def _download(found: Statement) -> HttpResponse:
    account = found.account
    lines = list(found.lines())
    others = other_sides(account, [line.posting.entry for line in lines])
    first, last = f"{found.first:%Y-%m-%d}", f"{found.last:%Y-%m-%d}"
    rows = [
        [first, "Opening balance", "", "", "", _text(found.opening, account), account.asset.code, ""],
        *(_row(account, line, others[line.posting.entry_id]) for line in lines),
        [last, "Closing balance", "", "", "", _text(found.closing, account), account.asset.code, ""],
    ]
    headers = {"Content-Disposition": f'attachment; filename="statement-{account.pk}-{first}-{last}.csv"'}
    return HttpResponse(csv_text(COLUMNS, rows), content_type="text/csv; charset=utf-8", headers=headers)


def _row(account: Account, line: Line, other_side: str) -> list[str]:
    posting = line.posting
    return [
        posting.effective_at.astimezone(UTC).isoformat(sep=" ", timespec="seconds"),
        harmless(posting.entry.description),
        harmless(other_side),
        _text(posting.debit, account) if posting.debit else "",
        _text(posting.credit, account) if posting.credit else "",
        _text(line.balance, account),
        harmless(account.asset.code),
        str(posting.entry_id),
    ]


def _text(base_units: int, account: Account) -> str:
    return to_text(base_units, account.asset.decimals)
