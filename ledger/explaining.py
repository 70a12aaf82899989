"""What a balance is made of, down to single postings, so that every level adds up to the one above.

A balance is an opening balance and what was posted since. Few postings are listed, in groups by what happened; many
are summed by month, a month by day, a day by runs of lines, and each sum is explained in the same way in its turn.
All amounts are base units in the account's normal direction, but debits and credits, which are what they say.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import islice
from typing import Any

from django.db.models import Min, Q, QuerySet, Sum, Value
from django.db.models.functions import Coalesce, TruncMonth

from ledger import balances, spans
from ledger.balances import DEBIT_NORMAL, Line, Statement
from ledger.models import Account, Day, JournalEntry, Posting
from ledger.money import TotalField

MOST_LINES = 200
_KINDS = JournalEntry.Kind
_TITLES = {
    ("chain", _KINDS.SETTLE): "Validated by the chain",
    ("chain", _KINDS.REVERSE): "Taken back by a reorganisation of the chain",
    ("invoice", _KINDS.POST): "Sales",
    ("invoice", _KINDS.REVERSE): "Sales taken back",
    ("manual", _KINDS.POST): "Entries by hand",
    ("manual", _KINDS.REVERSE): "Reversed by hand",
}
"""By the first word of an entry's source and its kind; others are named by both."""


@dataclass(frozen=True, slots=True)
class Part:
    """Many postings as one sum: those from `first` to `last`, of a day perhaps only those behind `after`, through
    `through`. `closing` is the balance behind it."""

    first: date
    last: date
    debits: int
    credits: int
    closing: int
    after: Posting | None = None
    through: Posting | None = None
    lines: int | None = None


@dataclass(slots=True)
class Group:
    """Lines of one sort, and what they add to the account."""

    title: str
    change: int = 0
    lines: list[Line] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Explanation:
    """opening + debits - credits = closing (the other way round where credits raise the account). Either `groups` or
    `parts` make up the difference; both are empty where nothing was posted."""

    account: Account
    first: date
    last: date
    opening: int
    debits: int
    credits: int
    closing: int
    groups: list[Group]
    parts: list[Part]


def explain(
    account: Account,
    as_of: date,
    *,
    since: date | None = None,
    after: Posting | None = None,
    through: Posting | None = None,
    most: int = MOST_LINES,
) -> Explanation:
    """The balance at the end of a day (UTC), or behind one posting: what was before `since`, or through `after`, in one
    sum, then what was posted. Without `since` all there ever was is explained, and the opening balance is 0."""
    last = through.effective_at.date() if through else as_of
    first = after.effective_at.date() if after else since or first_day(account) or last
    found = balances.statement(account, min(first, last), last)
    found = replace(found, postings=found.postings.select_related("entry__rate"))
    if through is not None:
        found = replace(found, postings=found.postings.exclude(_behind(through)))
    lines = list(found.lines(after=after, limit=most + 1))
    opening = lines[0].balance - _change(account, lines[0].posting) if lines else _all_of(found)
    if len(lines) <= most:
        debited, credited = sum(line.posting.debit for line in lines), sum(line.posting.credit for line in lines)
        return _explanation(found, opening, debited, credited, groups=_groups(account, lines))
    rest = found.postings.filter(_behind(after)) if after else found.postings
    parts = list(_parts(found, rest, opening, most, runs=after is not None or first == last, through=through))
    return _explanation(found, opening, sum(p.debits for p in parts), sum(p.credits for p in parts), parts=parts)


def first_day(account: Account) -> date | None:
    """The first day on which something was posted to the account."""
    days = Day.objects.filter(book=account.book_id, account=account)
    first: date | None = days.aggregate(first=Min("day"))["first"]
    return first


def title_of(entry: JournalEntry) -> str:
    """What sort of fact it is, in an accountant's words."""
    source = entry.source.partition(":")[0]
    return _TITLES.get((source, _KINDS(entry.kind)), f"{entry.get_kind_display()}, {source}")


def _explanation(found: Statement, opening: int, debited: int, credited: int, **content: Any) -> Explanation:
    closing = opening + _signed(found.account, debited, credited)
    return Explanation(
        **{"groups": [], "parts": [], **content},
        account=found.account,
        first=found.first,
        last=found.last,
        opening=opening,
        debits=debited,
        credits=credited,
        closing=closing,
    )


def _groups(account: Account, lines: list[Line]) -> list[Group]:
    groups: dict[str, Group] = {}
    for line in lines:
        title = title_of(line.posting.entry)
        group = groups.setdefault(title, Group(title))
        group.lines.append(line)
        group.change += _change(account, line.posting)
    return list(groups.values())


def _parts(
    found: Statement, rest: QuerySet[Posting], balance: int, most: int, *, runs: bool, through: Posting | None
) -> Iterator[Part]:
    """Months; of one month days; of one day runs of lines."""
    if runs:
        yield from _runs(found.account, rest, balance, most)
        return
    for first, last, debited, credited in _by_day(found, whole_months=_month(found.first) != _month(found.last)):
        ends_here = through if through is not None and last == found.last else None
        if ends_here is not None:  # the rest of that day or month is not in this balance
            debited, credited = _moved(rest.filter(effective_at__gte=spans.begin_of(first)))  # noqa: PLW2901
        balance += _signed(found.account, debited, credited)
        yield Part(first, last, debited, credited, balance, through=ends_here)


def _by_day(found: Statement, *, whole_months: bool) -> Iterator[tuple[date, date, int, int]]:
    account = found.account
    days = Day.objects.filter(book=account.book_id, account=account, day__range=(found.first, found.last))
    if whole_months:
        months = days.annotate(month=TruncMonth("day")).values("month")
        for total in months.annotate(debits=_sum("debit"), credits=_sum("credit")).order_by("month"):
            first, last = max(total["month"], found.first), min(_last_of(total["month"]), found.last)
            yield first, last, int(total["debits"]), int(total["credits"])
    else:
        yield from ((row.day, row.day, row.debit, row.credit) for row in days.order_by("day"))


def _runs(account: Account, postings: QuerySet[Posting], balance: int, most: int) -> Iterator[Part]:
    after: Posting | None = None
    for run in _batches(postings.iterator(chunk_size=2000), most):
        debited, credited = sum(row.debit for row in run), sum(row.credit for row in run)
        balance += _signed(account, debited, credited)
        first, last = run[0].effective_at.date(), run[-1].effective_at.date()
        yield Part(first, last, debited, credited, balance, after, run[-1], len(run))
        after = run[-1]


def _batches(rows: Iterable[Posting], size: int) -> Iterator[list[Posting]]:
    left = iter(rows)
    while batch := list(islice(left, size)):
        yield batch


def _behind(posting: Posting) -> Q:
    """What stands behind this one in a statement."""
    return Q(effective_at__gt=posting.effective_at) | Q(
        effective_at=posting.effective_at, account_seq__gt=posting.account_seq
    )


def _all_of(found: Statement) -> int:
    """The balance where no line follows."""
    return found.opening + _signed(found.account, *_moved(found.postings))


def _change(account: Account, posting: Posting) -> int:
    return _signed(account, posting.debit, posting.credit)


def _signed(account: Account, debited: int, credited: int) -> int:
    return debited - credited if account.kind in DEBIT_NORMAL else credited - debited


def _moved(postings: QuerySet[Posting]) -> tuple[int, int]:
    moved = postings.order_by().aggregate(debits=_sum("debit"), credits=_sum("credit"))
    return int(moved["debits"]), int(moved["credits"])


def _sum(column: str) -> Coalesce:
    return Coalesce(Sum(column), Value(0), output_field=TotalField())


def _month(day: date) -> date:
    return day.replace(day=1)


def _last_of(month: date) -> date:
    return _month(month + timedelta(days=31)) - timedelta(days=1)
