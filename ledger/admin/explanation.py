"""Explain this balance: a page to print, from a figure down to payment, transaction, block and rate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ledger import evidence, spans
from ledger.admin.journal import author, fact_lines
from ledger.admin.pricing import said, unpriced
from ledger.balances import DEBIT_NORMAL, Line
from ledger.explaining import Explanation, Group, Part, explain
from ledger.models import Account, JournalEntry, Posting
from ledger.readonly import amount, moment, url_of


@dataclass(frozen=True, slots=True)
class DrawnLine:
    when: SafeString | str
    what: str
    entry_url: str
    trail: SafeString
    change: SafeString | str
    balance: SafeString | str


@dataclass(frozen=True, slots=True)
class DrawnGroup:
    title: str
    count: int
    change: SafeString | str
    lines: list[DrawnLine]


@dataclass(frozen=True, slots=True)
class DrawnPart:
    title: str
    url: str
    debits: SafeString | str
    credits: SafeString | str
    closing: SafeString | str


def answer(request: HttpRequest, account: Account, context: dict[str, Any]) -> HttpResponse:
    """`as_of` (a day) or `through` (a line's number) says which balance; `from` or `after`, since when."""
    asked = request.GET
    through, after = _posting(account, asked.get("through", "")), _posting(account, asked.get("after", ""))
    as_of, since = spans.day_of(asked.get("as_of", "")), spans.day_of(asked.get("from", ""))
    found = explain(account, as_of or spans.today(), since=since, after=after, through=through)
    whole = since is None and after is None
    return TemplateResponse(request, "ledger/explanation.html", context | _drawn(found, through, asked, whole=whole))


def _posting(account: Account, seq: str) -> Posting | None:
    if not seq.isdecimal() or len(seq) > 18:  # noqa: PLR2004 - more digits than the column holds
        return None
    postings = Posting.objects.filter(book=account.book_id, account=account, layer=Posting.Layer.POSTED)
    return postings.filter(account_seq=int(seq)).first()


def _drawn(found: Explanation, through: Posting | None, asked: Mapping[str, str], *, whole: bool) -> dict[str, Any]:
    account, unit = found.account, found.account.asset
    entries = [line.posting.entry for group in found.groups for line in group.lines]
    return {
        "title": "Explain this balance",
        "account": account,
        "found": found,
        "whole": whole,
        "through": through,
        "through_when": moment(through.effective_at) if through else "",
        "as_of": asked.get("as_of", ""),
        "since": asked.get("from", ""),
        "today": spans.today(),
        "opening": amount(found.opening, unit),
        "debits": amount(found.debits, unit),
        "credits": amount(found.credits, unit),
        "closing": amount(found.closing, unit),
        "raised_by_debits": account.kind in DEBIT_NORMAL,
        "count": len(entries),
        "groups": _groups(account, found.groups, entries),
        "parts": [_part(account, part) for part in found.parts],
        "statement": f"{url_of(account)}?{urlencode({'from': found.first, 'to': found.last})}",
    }


def _groups(account: Account, groups: Sequence[Group], entries: list[JournalEntry]) -> list[DrawnGroup]:
    facts, prices = evidence.behind(entries), said(account.book, entries)
    return [
        DrawnGroup(
            group.title,
            len(group.lines),
            amount(group.change, account.asset),
            [
                _line(account, line, fact_lines(facts[line.posting.entry_id]), prices.get(line.posting.entry_id))
                for line in group.lines
            ],
        )
        for group in groups
    ]


def _line(account: Account, line: Line, facts: SafeString, prices: list[str] | None) -> DrawnLine:
    posting, entry = line.posting, line.posting.entry
    raised = posting.debit - posting.credit
    change = raised if account.kind in DEBIT_NORMAL else -raised
    priced: SafeString | str = prices[0] if prices else unpriced(account.book, [account.asset])
    if entry.rate and not prices:
        priced = format_html("{}, observed {}", str(entry.rate), moment(entry.rate.observed_at))
    return DrawnLine(
        when=moment(posting.effective_at),
        what=entry.description,
        entry_url=url_of(entry),
        trail=format_html(
            "{}<div class='fact'><span>Rate</span> {}</div><div class='fact'><span>Written</span> {}</div>",
            facts,
            priced,
            author(entry),
        ),
        change=amount(change, account.asset),
        balance=amount(line.balance, account.asset),
    )


def _part(account: Account, part: Part) -> DrawnPart:
    """A sum, with the page on which it is explained in its turn."""
    query: dict[str, object] = {"from": part.first}
    query |= {"after": part.after.account_seq} if part.after else {}
    query |= {"through": part.through.account_seq} if part.through else {"as_of": part.last}
    return DrawnPart(
        title=_title(part),
        url=f"{url_of(account, 'explain')}?{urlencode(query)}",
        debits=amount(part.debits, account.asset) if part.debits else "",
        credits=amount(part.credits, account.asset) if part.credits else "",
        closing=amount(part.closing, account.asset),
    )


def _title(part: Part) -> str:
    if part.lines is not None:
        return f"{part.first:%-d %b %Y}, {part.lines} postings"
    if part.first == part.last:
        return f"{part.first:%-d %b %Y}"
    return f"{part.first:%-d %b} to {part.last:%-d %b %Y}"
