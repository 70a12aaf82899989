"""The journal's verbs. Each is idempotent by `idem` and runs inside the caller's transaction.

    post      a fact of the books, validated at once
    record    a chain transaction that was seen: pending, no balance moves
    settle    it is validated: its legs are posted
    void      it was dropped: its pending legs are taken back
    reverse   what was posted is taken back by a further entry
    post_batch    entries of all these kinds at once, in a few statements
    together      gathers what is said inside and writes it at its end, as batches

Nothing is ever edited or deleted. All raise the errors of `ledger.errors`; then nothing was written.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import TracebackType
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Case, Exists, OuterRef, Q, QuerySet, TextChoices, Value, When

from ledger import behind, errors
from ledger.models import Account, JournalEntry
from ledger.prepared import Prepared
from ledger.remembering import remembering
from ledger.rows import array


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
    carry: bool = False
    """What falls into a closed period is effective when the books open again, and keeps its time in `meta`. Chain facts
    are carried, for nobody can refuse them; what people enter is refused with `PeriodClosed`."""
    pending: bool = False
    """Seen and not yet received: `record`."""

    def __post_init__(self) -> None:
        _require_time_zone(self.effective_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """How an entry, named by its id or its idempotency key, is settled, voided or reversed."""

    book_id: int
    entry: int | str
    idem: str
    effective_at: datetime
    description: str
    source: str
    rate_id: int | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    carry: bool = False
    """As of `Entry`."""
    kind: JournalEntry.Kind = JournalEntry.Kind.SETTLE

    def __post_init__(self) -> None:
        _require_time_zone(self.effective_at)


def _require_time_zone(moment: datetime) -> None:
    if moment.tzinfo is None:
        raise ValueError("a moment has a time zone")


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
    """Take back what a posted or settled entry posted, at the same rate; the reversing entry's id."""
    write_gathered()
    return post_batch([replace(resolution, kind=JournalEntry.Kind.REVERSE)])[0]


def post_batch(entries: Sequence[Entry | Resolution]) -> list[int]:
    """Entries and resolutions of one book, in one go: all or none; their ids, in order.

    A resolution may name an entry that stands before it in the batch. Floors are looked at where a statement ends, not
    between its entries. Raises `ValueError` if the entries are of several books. A batch that resolves entries of its
    own takes several statements: if another writer says one of its facts at the same moment, PostgreSQL may end one of
    the two as a deadlock, and it is said again.
    """
    if len({entry.book_id for entry in entries}) > 1:
        raise ValueError("a batch is of one book")
    return _post_batch(entries)


@contextmanager
def together(likely: int = 100) -> Iterator[None]:
    """What is posted, recorded, settled or voided inside is written at the end, one batch a book, in one transaction.

    The verbs give the ids their entries will have; balances move at the end. A reversal writes what was gathered first,
    as does `write_gathered`. What is `remembered` is asked once inside. `likely`: for the ids of so many entries the
    database is asked at once. Inside `behind`, `AT_ONCE` are begun to be written whenever so many are there: then
    `hold_balances` first, so that others who write many never wait for us in a circle.
    Raises `IdempotencyConflict` at the end if an entry was written before: its id had been given out already.
    """
    gathered = _Gathered(likely)
    with transaction.atomic(savepoint=not behind.is_on()), remembering():
        token = _gathering.set(gathered)
        try:
            yield
        finally:
            _gathering.reset(token)
        gathered.write()


AT_ONCE = 1000
"""Entries that are written while more are said."""


def hold_balances(book_id: int, accounts: Iterable[Account], entries: Iterable[int]) -> None:
    """Lock the balances of these accounts and of these entries' legs, all in one order: for several batches."""
    behind.run([(_LOCK_BALANCES, [book_id, array(account.pk for account in accounts), array(entries), []])])


def write_gathered() -> None:
    """Write what was gathered so far, so that it can be read; nothing outside `together`."""
    if (gathered := _gathering.get()) is not None:
        gathered.write()


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


class _Gathered:
    """Entries that wait to be written, with the ids they were promised."""

    def __init__(self, likely: int) -> None:
        self._entries: list[tuple[int, Entry | Resolution]] = []
        self._likely, self._free = likely, list[int]()

    def add(self, entry: Entry | Resolution) -> int:
        """The id it will have."""
        if not self._free:
            with connection.cursor() as cursor:
                cursor.execute(_NEXT_IDS, [self._likely])
                self._free = [row[0] for row in cursor.fetchall()][::-1]
        number = self._free.pop()
        self._entries.append((number, entry))
        if len(self._entries) == AT_ONCE and behind.is_on():
            self.write()
        return number

    def write(self) -> None:
        waiting, self._entries = self._entries, []
        for book_id in dict.fromkeys(entry.book_id for _, entry in waiting):
            promised = {number: entry for number, entry in waiting if entry.book_id == book_id}
            statements = _statements(list(promised.values()), list(promised))
            behind.run(statements, _require(promised), ledger_errors)


def _require(promised: Iterable[int]) -> Callable[[list[CursorWrapper]], None]:
    """Every entry has the id it was promised."""

    def end(said: list[CursorWrapper]) -> None:
        if _ids(said) != list(promised):
            raise errors.IdempotencyConflict("an entry of these was written before")

    return end


_gathering: ContextVar[_Gathered | None] = ContextVar("gathering", default=None)
_LOCK_BALANCES = "SELECT ledger_lock_balances(%s, %s::bigint[], %s::bigint[], %s::text[])"
_WRITE_BATCH = (
    "SELECT ledger_write_batch(%s, %s::bigint[], %b::text[], %s::smallint[], %s::bigint[], %b::text[],"
    " %s::timestamptz[], %s::boolean[], %s::bigint[], %b::text[], %b::text[], %b::text[]::jsonb[],"
    " %s::integer[], %s::bigint[], %s::numeric[], %s::numeric[])"
)
_NEXT_IDS = "SELECT nextval('ledger_journalentry_id_seq') FROM generate_series(1, %s)"


def _resolve(resolution: Resolution, kind: JournalEntry.Kind) -> int:
    if resolution.kind != kind:
        resolution = replace(resolution, kind=kind)
    gathered = _gathering.get()
    return gathered.add(resolution) if gathered is not None else post_batch([resolution])[0]


def _write(entry: Entry, kind: JournalEntry.Kind) -> int:
    pending = kind == JournalEntry.Kind.PENDING
    if entry.pending != pending:
        entry = replace(entry, pending=pending)
    if (gathered := _gathering.get()) is not None:
        return gathered.add(entry)
    match list(entry.legs):
        case [Leg(debit=amount, credit=0) as debited, Leg(debit=0, credit=credit) as credited] if (
            amount == credit and debited.account.pk != credited.account.pk
        ):
            return _transfer(entry, kind, debited.account.pk, credited.account.pk, amount)
    return post_batch([entry])[0]


_TRANSFER = Prepared(
    "ledger_transfer",
    "SELECT ledger_transfer(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
    texts=frozenset({1, 6, 7}),
)


def _transfer(entry: Entry, kind: JournalEntry.Kind, debited: int, credited: int, amount: int) -> int:
    with _whole():
        entry_id = _TRANSFER.value(
            [
                str(entry.book_id),
                entry.idem,
                str(int(kind)),
                entry.effective_at.isoformat(),
                str(entry.carry),
                None if entry.rate_id is None else str(entry.rate_id),
                entry.source,
                entry.description,
                json.dumps(dict(entry.meta)),
                str(debited),
                str(credited),
                str(amount),
            ]
        )
        return int(entry_id)


def _post_batch(entries: Sequence[Entry | Resolution]) -> list[int]:
    statements = _statements(entries, None)
    with _whole(statements=len(statements)):
        return _ids(behind.at_once(statements))


def _statements(entries: Sequence[Entry | Resolution], ids: list[int] | None) -> list[behind.Statement]:
    """A batch, in as few as may be; the last of them, or each but the first, writes."""
    parts = list(_parts(entries, ids or ()))
    written = [_batch(entries[part], ids[part] if ids else None) for part in parts]
    return [_locks(entries), *written] if len(parts) > 1 else written


def _ids(said: Sequence[CursorWrapper]) -> list[int]:
    """Of the entries; the statement that locks has none to tell."""
    answers = [cursor.fetchone()[0] for cursor in said]
    return [entry_id for answer in answers for entry_id in answer or ()]


def _parts(entries: Sequence[Entry | Resolution], ids: Sequence[int]) -> Iterator[slice]:
    """Cut where a resolution names an entry before it: a statement resolves none of its own."""
    start, written = 0, set[int | str]()
    for number, entry in enumerate(entries):
        if isinstance(entry, Resolution) and entry.entry in written:
            yield slice(start, number)
            start, written = number, set()
        written |= {entry.idem, *ids[number : number + 1]}
    if entries:
        yield slice(start, len(entries))


def _locks(entries: Sequence[Entry | Resolution]) -> behind.Statement:
    """All of them in one order: each statement locks its own in order, but a second one may want an earlier one."""
    legs = [leg for entry in entries if isinstance(entry, Entry) for leg in entry.legs]
    resolved = [entry.entry for entry in entries if isinstance(entry, Resolution)]
    return _LOCK_BALANCES, [
        entries[0].book_id,
        array(leg.account.pk for leg in legs),
        array(name for name in resolved if isinstance(name, int)),
        [name for name in resolved if isinstance(name, str)],
    ]


def _batch(entries: Sequence[Entry | Resolution], ids: list[int] | None) -> behind.Statement:
    """With the ids of the new entries, where these have been taken from the sequence already; ascending."""
    legs = [(number, leg) for number, entry in enumerate(entries, 1) if isinstance(entry, Entry) for leg in entry.legs]
    resolved = [entry.entry if isinstance(entry, Resolution) else None for entry in entries]
    return _WRITE_BATCH, [
        entries[0].book_id,
        array(ids) if ids else None,
        [entry.idem for entry in entries],
        array(_kind(entry) for entry in entries),
        array(name if isinstance(name, int) else None for name in resolved),
        [name if isinstance(name, str) else None for name in resolved],
        array(entry.effective_at.isoformat() for entry in entries),
        array(entry.carry for entry in entries),
        array(entry.rate_id for entry in entries),
        [entry.source for entry in entries],
        [entry.description for entry in entries],
        [json.dumps(dict(entry.meta)) for entry in entries],
        array(number for number, _ in legs),
        array(leg.account.pk for _, leg in legs),
        array(leg.debit for _, leg in legs),
        array(leg.credit for _, leg in legs),
    ]


def _kind(entry: Entry | Resolution) -> int:
    if isinstance(entry, Resolution):
        return int(entry.kind)
    return int(JournalEntry.Kind.PENDING if entry.pending else JournalEntry.Kind.POST)


def _whole(statements: int = 1) -> AbstractContextManager[None]:
    """All or nothing; a refusal leaves a transaction around it usable. One statement by itself needs no transaction."""
    alone = statements == 1 and not connection.in_atomic_block
    return ledger_errors() if alone else _in_a_transaction()


@contextmanager
def _in_a_transaction() -> Iterator[None]:
    with ledger_errors(), transaction.atomic():
        yield


def ledger_errors() -> AbstractContextManager[None]:
    """Turn the database's refusals into the ledger's own errors."""
    return _Refusals()


class _Refusals(AbstractContextManager[None]):
    """No generator: each single entry passes through."""

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        refusal = errors.from_database(error) if isinstance(error, DatabaseError) else None
        if refusal is not None:
            raise refusal from error
