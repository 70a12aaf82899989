"""What came in on our addresses, by day and asset: validated, beside what was seen that day and is not yet received."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import TruncDate

from ledger.manual import SOURCE as BY_HAND
from ledger.models import Asset, Book, JournalEntry, Posting
from reports.cells import Money, Place, Row, amounts, days, texts
from reports.parameters import UNTIL, Asked
from reports.report import Report

Key = tuple[date, int, int]
Kind = JournalEntry.Kind


def rows(asked: Asked) -> Iterator[Row]:
    """Newest day first. What a reorganisation took back counts against the day it happened; what is not yet received is
    so today.
    """
    assets = Asset.objects.in_bulk()
    totals = totals_by_day(Book.objects.filter(pk=asked.book.pk), until=asked[UNTIL])
    newest_first = sorted(totals, key=lambda key: (-key[0].toordinal(), assets[key[2]].code, key[2]))
    for key in newest_first:
        asset = assets[key[2]]
        journal = Place.of_days(key[0], key[0])
        yield [key[0], asset.code, asset.chain, *(Money.of(base_units, asset, journal) for base_units in totals[key])]


def totals_by_day(
    books: QuerySet[Book], since: date | None = None, until: date | None = None
) -> dict[Key, tuple[int, int]]:
    """(day, book, asset) -> (validated, not yet received), in base units, from the custody accounts.

    Over all days the sums equal those accounts' balances, less what people booked there.
    """
    custody = Posting.objects.filter(book__in=books, account__code__startswith="assets:custody:")
    custody = custody.exclude(entry__in=by_hand(books))
    if since is not None:
        custody = custody.filter(effective_at__date__gte=since)
    if until is not None:
        custody = custody.filter(effective_at__date__lte=until)
    moved: dict[Key, list[int]] = defaultdict(lambda: [0, 0])
    for column, postings in enumerate((_validated(custody), _open(custody))):
        for day, book, asset, base_units in _by_day(postings):
            moved[day, book, asset][column] = int(base_units)
    return {key: (validated, pending) for key, (validated, pending) in moved.items() if validated or pending}


def by_hand(books: QuerySet[Book]) -> QuerySet[JournalEntry]:
    """What people booked, a sweep or an opening balance: no receipt. A receipt that they took back is none any more."""
    own_matter = Q(ref=None) | Q(ref__source=BY_HAND)
    return JournalEntry.objects.filter(own_matter, book__in=books, source=BY_HAND)


def _validated(postings: QuerySet[Posting]) -> QuerySet[Posting]:
    return postings.filter(layer=Posting.Layer.POSTED)


def _open(postings: QuerySet[Posting]) -> QuerySet[Posting]:
    resolutions = JournalEntry.objects.filter(
        book=OuterRef("book"), ref=OuterRef("entry"), kind__in=[Kind.SETTLE, Kind.VOID]
    )
    pending = postings.filter(layer=Posting.Layer.PENDING_IN, entry__kind=Kind.PENDING)
    return pending.exclude(Exists(resolutions))


def _by_day(postings: QuerySet[Posting]) -> QuerySet[Posting, tuple[date, int, int, int]]:
    days = postings.annotate(day=TruncDate("effective_at")).values("day", "book", "asset")
    return days.annotate(base_units=Sum(F("debit") - F("credit"))).values_list("day", "book", "asset", "base_units")


REPORT = Report(
    "receipts",
    "Receipts by day",
    "Payments",
    __doc__ or "",
    [days("Day"), texts("Asset"), texts("Chain"), amounts("Validated"), amounts("Not yet received")],
    [UNTIL],
    rows,
)
