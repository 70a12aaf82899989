"""What was seen on its way to you and is not received: how old, and why it waits. No balance has moved for it.

As of an earlier day it lists what waited then; why it waits is told as of now.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import F, Sum
from django.utils import timezone

from ledger import spans
from ledger.models import Asset, JournalEntry, Posting
from ledger.money import TotalField
from reports import lines, waiting
from reports.cells import Money, Row, Total, amounts, moments, texts
from reports.parameters import UNTIL, Asked
from reports.report import Report

_HOUR, _DAY, _WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)


def rows(asked: Asked) -> Iterator[Row]:
    """Oldest first."""
    until = asked[UNTIL]
    end = spans.end_of(until) if until else None
    now = min(end, timezone.now()) if end else timezone.now()
    assets = Asset.objects.in_bulk()
    totals: defaultdict[int, int] = defaultdict(int)
    found = waiting.unresolved(asked.book, end).order_by("effective_at", "pk")
    for entries in waiting.batches(found.iterator(1_000)):
        known = waiting.reasons(asked.book, [entry.meta for entry in entries])
        moved = _moved(entries)
        for entry in entries:
            for asset, base_units in moved.get(entry.pk, ()):
                totals[asset] += base_units
                yield _row(entry, assets[asset], base_units, waiting.reason(known, entry.meta), now)
    for asset in sorted(totals, key=lambda pk: (assets[pk].code, pk)):
        yield Total(["Total", "", "", "", assets[asset].code, Money.of(totals[asset], assets[asset]), "", ""])


def _row(entry: JournalEntry, asset: Asset, base_units: int, why: str, now: datetime) -> Row:
    return [
        *(_age(now - entry.effective_at), entry.effective_at, lines.entry_name(entry.pk)),
        *(lines.reference(entry.invoice_ref, entry.order_ref), asset.code, Money.of(base_units, asset)),
        *(why, lines.transaction_name(entry.txid)),
    ]


def _moved(entries: list[JournalEntry]) -> dict[int, list[tuple[int, int]]]:
    """Entry -> asset and base units on their way to asset accounts; out of them below zero."""
    legs = Posting.objects.filter(
        book=entries[0].book_id, entry__in=[entry.pk for entry in entries], account__kind="A"
    ).exclude(layer=Posting.Layer.POSTED)
    sums = (
        legs.order_by()
        .values_list("entry", "asset")
        .annotate(units=Sum(F("debit") - F("credit"), output_field=TotalField()))
    )
    found: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for entry, asset, base_units in sums:
        found[entry].append((asset, base_units))
    return found


def _age(age: timedelta) -> str:
    if age < _HOUR:
        return "under an hour"
    if age < _DAY:
        return f"{age // _HOUR} h"
    return f"{age.days} days" + (", over a week" if age > _WEEK else "")


REPORT = Report(
    "aged-unconfirmed",
    "Aged unconfirmed",
    "Payments",
    __doc__ or "",
    [
        *(texts("Age"), moments("Seen"), texts("Entry"), texts("Reference"), texts("Asset"), amounts("Amount")),
        *(texts("Why it waits"), texts("Transaction")),
    ],
    [UNTIL],
    rows,
)
