"""The journal's verbs. Each is one SQL function, idempotent by `idem`, and runs inside the caller's transaction.

    post      a fact of the books, validated at once
    record    a chain transaction that was seen: pending, no balance moves
    settle    it is validated: its legs are posted
    void      it was dropped: its pending legs are taken back
    reverse   what was posted is taken back by a further entry

Nothing is ever edited or deleted. All raise the errors of `ledger.errors`; then nothing was written.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.models import Case, Exists, OuterRef, Q, QuerySet, TextChoices, Value, When

from ledger import errors
from ledger.models import Account, JournalEntry


@dataclass(frozen=True, slots=True)
class Leg:
    """One debit or one credit of `account`, in base units of its asset."""

    account: Account
    debit: int = 0
    credit: int = 0

    def __post_init__(self) -> None:
        if type(self.debit) is not int or type(self.credit) is not int:
            raise TypeError("base units are an int")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is to be written. `idem` names the fact for good: the same one twice is written once."""

    book_id: int
    idem: str
    legs: Sequence[Leg]
    effective_at: datetime
    description: str
    source: str
    rate_id: int | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """How an entry is settled, voided or reversed."""

    book_id: int
    entry_id: int
    idem: str
    effective_at: datetime
    description: str
    source: str
    rate_id: int | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


class Standing(TextChoices):
    """Where a journal entry stands today. "Validated or not" is the entry that resolves it."""

    UNCONFIRMED = "unconfirmed", "Not yet received"
    VALIDATED = "validated", "Validated"
    DROPPED = "dropped", "Dropped"
    REVERSED = "reversed", "Reversed"


def post(entry: Entry) -> int:
    """Post at once; the entry's id."""
    return _write(entry, JournalEntry.Kind.POST)


def record(entry: Entry) -> int:
    """Record as seen and not yet received; the pending entry's id."""
    return _write(entry, JournalEntry.Kind.PENDING)


def settle(resolution: Resolution) -> int:
    """Post the legs of a pending entry; the settling entry's id."""
    return _resolve(resolution, JournalEntry.Kind.SETTLE)


def void(resolution: Resolution) -> int:
    """Take a pending entry back; the voiding entry's id."""
    return _resolve(resolution, JournalEntry.Kind.VOID)


def reverse(resolution: Resolution) -> int:
    """Take back what a posted or settled entry posted; the reversing entry's id."""
    r = resolution
    return _call(
        "ledger_reverse(%s, %s, %s, %s, %s, %s, %s::jsonb)",
        [r.book_id, r.entry_id, r.idem, r.effective_at, r.source, r.description, json.dumps(dict(r.meta))],
    )


def story_heads(entries: QuerySet[JournalEntry]) -> QuerySet[JournalEntry]:
    """One row a story: entries that resolve no other, each annotated with its `standing`."""
    followers = JournalEntry.objects.filter(book=OuterRef("book"), ref=OuterRef("pk"))
    settled_reversed = JournalEntry.objects.filter(
        book=OuterRef("book"), ref__ref=OuterRef("pk"), kind=JournalEntry.Kind.REVERSE
    )
    return entries.filter(ref__isnull=True).annotate(
        standing=Case(
            When(Exists(followers.filter(kind=JournalEntry.Kind.VOID)), then=Value(Standing.DROPPED.value)),
            When(Exists(settled_reversed), then=Value(Standing.REVERSED.value)),
            When(Exists(followers.filter(kind=JournalEntry.Kind.REVERSE)), then=Value(Standing.REVERSED.value)),
            When(
                Q(kind=JournalEntry.Kind.POST) | Exists(followers.filter(kind=JournalEntry.Kind.SETTLE)),
                then=Value(Standing.VALIDATED.value),
            ),
            default=Value(Standing.UNCONFIRMED.value),
        )
    )


def _write(entry: Entry, kind: JournalEntry.Kind) -> int:
    legs = entry.legs
    return _call(
        "ledger_write(%s, %s, %s::smallint, %s, %s::bigint, %s, %s, %s::jsonb,"
        " %s::bigint[], %s::numeric[], %s::numeric[])",
        [
            entry.book_id,
            entry.idem,
            int(kind),
            entry.effective_at,
            entry.rate_id,
            entry.source,
            entry.description,
            json.dumps(dict(entry.meta)),
            [leg.account.pk for leg in legs],
            [leg.debit for leg in legs],
            [leg.credit for leg in legs],
        ],
    )


def _resolve(resolution: Resolution, kind: JournalEntry.Kind) -> int:
    r = resolution
    return _call(
        "ledger_resolve(%s, %s, %s::smallint, %s, %s, %s::bigint, %s, %s, %s::jsonb)",
        [
            r.book_id,
            r.entry_id,
            int(kind),
            r.idem,
            r.effective_at,
            r.rate_id,
            r.source,
            r.description,
            json.dumps(dict(r.meta)),
        ],
    )


def _call(expression: str, arguments: list[Any]) -> int:
    with ledger_errors(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SELECT {expression}", arguments)
        return int(cursor.fetchone()[0])


@contextmanager
def ledger_errors() -> Iterator[None]:
    """Turn the database's refusals into the ledger's own errors."""
    try:
        yield
    except DatabaseError as error:
        refusal = errors.from_database(error)
        if refusal is None:
            raise
        raise refusal from error
