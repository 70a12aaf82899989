"""Entries the chain has not validated: which they are, and why each waits."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from django.db.models import Exists, OuterRef, QuerySet

from ledger.models import Book, JournalEntry
from monitor.confirmations import confirmations
from monitor.models import Cursor, Deposit

Kind = JournalEntry.Kind
T = TypeVar("T")
_BATCH = 1_000
Key = tuple[str, str]
"""Chain and the deposit's key there."""


def unresolved(book: Book, before: datetime | None = None) -> QuerySet[JournalEntry]:
    """Seen and neither validated nor dropped by that moment."""
    resolutions = JournalEntry.objects.filter(
        book=OuterRef("book"), ref=OuterRef("pk"), kind__in=[Kind.SETTLE, Kind.VOID]
    )
    seen = JournalEntry.objects.filter(book=book, kind=Kind.PENDING)
    if before is not None:
        resolutions, seen = resolutions.filter(effective_at__lt=before), seen.filter(effective_at__lt=before)
    return seen.exclude(Exists(resolutions))


def batches(rows: Iterable[T]) -> Iterator[list[T]]:
    """Some at a time, for what is asked of many at once."""
    left = iter(rows)
    while batch := list(islice(left, _BATCH)):
        yield batch


def reasons(book: Book, metas: Sequence[Mapping[str, Any]]) -> dict[Key, str]:
    """Why these entries wait now, by chain and key; two questions, however many they are."""
    keys = {str(meta["key"]) for meta in metas if "key" in meta}
    if not keys:
        return {}
    cursors = {cursor.chain_code: cursor for cursor in Cursor.objects.all()}
    deposits = Deposit.objects.filter(book_id=book.pk, chain_code__in=cursors, key__in=keys)
    return {(one.chain_code, one.key): _why(one, cursors.get(one.chain_code)) for one in deposits}


def reason(known: Mapping[Key, str], meta: Mapping[str, Any]) -> str:
    """Of one of them. What no chain tells of is settled by whoever wrote it."""
    found = known.get((str(meta.get("chain")), str(meta.get("key"))))
    return found or "Waits for your program to settle it"


def _why(deposit: Deposit, cursor: Cursor | None) -> str:
    if deposit.held_because:
        return f"Held: {deposit.held_because}"
    if deposit.block_height is None:
        return "In no block yet"
    deep = confirmations(deposit, cursor)
    if deposit.required_confirmations is None:
        return f"{deep} confirmations, not final yet"
    return f"{min(deep, deposit.required_confirmations)} of {deposit.required_confirmations} confirmations"
