"""Every entry of a period with its debits and credits, validated or not; what is not says why it waits.

What was seen and validated since stands once, as validated. Nothing is left out: what was dropped is listed, too.
"""

from collections.abc import Iterator
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from ledger import spans
from ledger.models import JournalEntry, Posting
from ledger.money import plain
from reports import lines, waiting
from reports.cells import Cell, Money, Name, Place, Row, amounts, moments, texts
from reports.parameters import FIRST, LAST, Asked, Choice
from reports.report import Report

Kind = JournalEntry.Kind
STATE = Choice(
    "state",
    "State",
    "`all`, `validated`, or `waiting`: seen, and neither validated nor dropped.",
    {"all": "All", "validated": "Validated", "waiting": "Not yet received"},
)
_VALIDATED = {Kind.POST: "Posted", Kind.SETTLE: "Validated", Kind.REVERSE: "Taken back"}


def rows(asked: Asked) -> Iterator[Row]:
    """In the order it happened, leg by leg."""
    for legs in waiting.batches(_legs(asked).iterator(1_000)):
        open_ones = [leg.entry__meta for leg in legs if leg.entry__kind == Kind.PENDING and leg.resolved_as is None]
        known = waiting.reasons(asked.book, open_ones)
        yield from (_row(leg, known) for leg in legs)


def _row(leg: Any, known: dict[waiting.Key, str]) -> Row:
    code = Name(leg.account__code, Place("account", leg.account_id))
    return [
        *(leg.effective_at, lines.entry_name(leg.entry_id), _state(leg, known), leg.entry__description, code),
        *(_side(leg.debit, leg), _side(leg.credit, leg), leg.asset__code, _rate(leg)),
        *(lines.reference(leg.entry__invoice_ref, leg.entry__order_ref), lines.transaction_name(leg.entry__txid)),
    ]


def _state(leg: Any, known: dict[waiting.Key, str]) -> str:
    if leg.entry__kind != Kind.PENDING:
        return _VALIDATED[Kind(leg.entry__kind)]
    if leg.resolved_as is not None:
        return "Dropped"
    return f"Not yet received: {waiting.reason(known, leg.entry__meta)}"


def _side(base_units: int, leg: Any) -> Cell:
    return Money(base_units, leg.asset__decimals, leg.asset__code) if base_units else None


def _rate(leg: Any) -> str:
    price = leg.entry__rate__price
    return "" if price is None else f"{plain(price)} {leg.entry__rate__currency}"


def _legs(asked: Asked) -> QuerySet[Posting, Any]:
    resolution = JournalEntry.objects.filter(
        book=OuterRef("book"), ref=OuterRef("entry"), kind__in=[Kind.SETTLE, Kind.VOID]
    )
    settled = Exists(resolution.filter(kind=Kind.SETTLE))
    posted = Q(layer=Posting.Layer.POSTED)
    seen = Q(entry__kind=Kind.PENDING) & ~settled
    wanted = {"all": posted | seen, "validated": posted, "waiting": seen & ~Exists(resolution)}[asked[STATE]]
    found = Posting.objects.filter(
        wanted,
        book=asked.book,
        entry__book=asked.book,
        entry__effective_at__gte=spans.begin_of(asked[FIRST]),
        entry__effective_at__lt=spans.end_of(asked[LAST]),
    ).annotate(resolved_as=Subquery(resolution.values("kind")[:1]))
    return found.order_by("entry__effective_at", "entry", "leg").values_list(
        *("effective_at", "entry_id", "account_id", "account__code", "debit", "credit", "resolved_as"),
        *("asset__code", "asset__decimals", "entry__kind", "entry__description", "entry__meta", "entry__txid"),
        *("entry__invoice_ref", "entry__order_ref", "entry__rate__price", "entry__rate__currency"),
        named=True,
    )


REPORT = Report(
    "journal",
    "Journal",
    "The books",
    __doc__ or "",
    [
        *(moments("When"), texts("Entry"), texts("State"), texts("Description"), texts("Account")),
        *(amounts("Debit"), amounts("Credit"), texts("Asset"), texts("Rate"), texts("Reference"), texts("Transaction")),
    ],
    [FIRST, LAST, STATE],
    rows,
)
