"""The coins of *Today*: what lies on our addresses, and what came in day by day; validated beside not yet received.

Each figure is read off rows that are kept small, balances and days, or off an index of what still waits: none of it
grows with the history.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from django.db.models import F, Q, QuerySet, Sum
from django.db.models.functions import Collate, TruncDate

from cryptopay.backoffice.awaited import ARRIVED, SEEN
from ledger import spans
from ledger.models import Account, Asset, Balance, Book, Day, Posting
from ledger.readonly import amount
from ledger.together import fetched
from reports import receipts

SPANS = (14, 30, 90)
"""Days that a person may choose from; the first unless they do."""
BOOKS_APART = 4
"""So many books are shown each for itself; those of a whole installation are summed up."""
_CUSTODY = "assets:custody:", "assets:custody;"
"""The branch, and what follows it in bytes."""

Moved = dict[int, dict[date, list[int]]]
"""Asset -> day -> validated and not yet received, in base units."""


@dataclass(slots=True)
class Chart:
    """What came in of one asset; `rows` are the exact figures behind the bars, newest day first."""

    asset: Asset
    days: list[date]
    moved: Mapping[date, list[int]]
    data: str = field(init=False)

    def __post_init__(self) -> None:
        self.data = json.dumps({"labels": [f"{day:%-d %b}" for day in self.days], "datasets": self._datasets()})

    @property
    def rows(self) -> list[tuple[date, list[Any]]]:
        return [
            (day, [amount(figure, self.asset) if figure else "" for figure in self.moved[day]])
            for day in sorted(self.moved, reverse=True)
        ]

    @property
    def totals(self) -> list[Any]:
        return [amount(sum(figures), self.asset) for figures in zip(*self.moved.values(), strict=True)]

    def _datasets(self) -> list[dict[str, Any]]:
        series = (("Validated", "var(--color-primary-600)"), ("Not yet received", "var(--color-orange-500)"))
        return [
            {
                "label": label,
                "backgroundColor": colour,
                "stack": "day",
                "maxBarThickness": 24,
                "data": self._bars(column),
            }
            for column, (label, colour) in enumerate(series)
        ]

    def _bars(self, column: int) -> list[float | None]:
        """Heights, not amounts. None where nothing came: of a bar of no height, round corners would still be drawn."""
        scale = 10**self.asset.decimals
        moved = [self.moved[day][column] if day in self.moved else 0 for day in self.days]
        return [units / scale if units else None for units in moved]


def balances(books: QuerySet[Book]) -> list[dict[str, Any]]:
    """An asset a line, and of few books each for itself: validated beside not yet received, as shares of a bar."""
    few = list(books.order_by("pk")[: BOOKS_APART + 1])
    named = {book.pk: str(book) for book in few} if len(few) <= BOOKS_APART else {}
    apart = ["account__book"] if named else []
    sums = Balance.objects.filter(account__in=_custody(books)).order_by().values(*apart, "account__asset")
    sums = sums.annotate(validated=Sum("posted"), pending=Sum("pending_in")).order_by(*apart, "account__asset")
    found, assets = fetched(sums, Asset.objects.all())
    by_key = {asset.pk: asset for asset in assets}
    return [
        _bar(
            named.get(row.get("account__book", 0), "All books"),
            by_key[row["account__asset"]],
            int(row["validated"]),
            int(row["pending"]),
        )
        for row in found
    ]


def charts(books: QuerySet[Book], days: int) -> list[Chart]:
    """Of the last days through today (UTC), in order of the assets' codes."""
    shown = [spans.today() - timedelta(days=back) for back in reversed(range(days))]
    moved = _moved(books, shown[0])
    assets = Asset.objects.in_bulk(moved)
    return [Chart(assets[pk], shown, moved[pk]) for pk in sorted(moved, key=lambda pk: (assets[pk].code, pk))]


def days_asked(text: str) -> int:
    """One of `SPANS`."""
    return next((span for span in SPANS if str(span) == text), SPANS[0])


def _custody(books: QuerySet[Book]) -> QuerySet[Account]:
    accounts = Account.objects.filter(book__in=books).annotate(branch=Collate("code", "C"))
    return accounts.filter(branch__gte=_CUSTODY[0], branch__lt=_CUSTODY[1])


def _moved(books: QuerySet[Book], since: date) -> Moved:
    """By the day it was seen what is not yet received, by the day it counts what is validated: as the report has it."""
    moved: Moved = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    custody = Day.objects.filter(Q(book__in=books, account__in=_custody(books)), day__gte=since)
    validated = custody.values("account__asset", "day").annotate(net=Sum(F("debit") - F("credit")))
    begin = spans.begin_of(since)
    booked = Posting.objects.filter(
        account__in=_custody(books),
        entry__in=receipts.by_hand(books),
        layer=Posting.Layer.POSTED,
        effective_at__gte=begin,
    ).annotate(day=TruncDate("effective_at"))
    no_receipts = booked.values("asset", "day").annotate(net=Sum(F("credit") - F("debit")))
    seen = [model._default_manager.filter(SEEN, book__in=books, seen_at__gte=begin) for model in ARRIVED]
    waiting_days = [rows.annotate(day=TruncDate("seen_at")).values("asset", "day") for rows in seen]
    waiting = [rows.annotate(waiting=Sum("base_units")).values_list("asset", "day", "waiting") for rows in waiting_days]
    net, by_people, *not_yet = fetched(
        validated.values_list("account__asset", "day", "net"), no_receipts.values_list("asset", "day", "net"), *waiting
    )
    _add(moved, 0, [*net, *by_people])
    for rows in not_yet:
        _add(moved, 1, rows)
    told = {asset: {day: sums for day, sums in by_day.items() if any(sums)} for asset, by_day in moved.items()}
    return {asset: by_day for asset, by_day in told.items() if by_day}


def _add(moved: Moved, column: int, rows: Iterable[tuple[Any, ...]]) -> None:
    for asset, day, base_units in rows:
        if base_units:
            moved[asset][day][column] += int(base_units)


def _bar(book: str, asset: Asset, validated: int, pending: int) -> dict[str, Any]:
    whole = max(validated, 0) + pending
    percent = max(validated, 0) * 100 // whole if whole else 0
    return {
        "book": book,
        "asset": asset,
        "validated": amount(validated, asset),
        "pending": amount(pending, asset),
        "validated_percent": percent,
        "pending_percent": 100 - percent if pending else 0,
    }
