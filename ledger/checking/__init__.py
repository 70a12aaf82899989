"""The books prove themselves: every invariant is a query that gives the rows which break it.

    check(books=None, since=None)    an `Outcome` each, as they are found
    register(invariant)              a further one, from a room that knows what the ledger cannot

A query reads by the names of `_ROWS` and gives rows of table, id, book, account, entry, expected, found; each runs on
one snapshot, so the books may be written meanwhile. Nothing is locked, nothing is written.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from ledger import tenancy
from ledger.checking.invariants import INVARIANTS, Invariant
from ledger.errors import BooksHidden

__all__ = ["Invariant", "Outcome", "Violation", "check", "register"]

_ROWS = """
    WITH account AS NOT MATERIALIZED (
        SELECT * FROM ledger_account WHERE %(books)s::bigint[] IS NULL OR book_id = ANY (%(books)s::bigint[])
    ), balance AS NOT MATERIALIZED (
        SELECT * FROM ledger_balance WHERE %(books)s::bigint[] IS NULL OR book_id = ANY (%(books)s::bigint[])
    ), account_day AS NOT MATERIALIZED (
        SELECT * FROM ledger_day WHERE %(books)s::bigint[] IS NULL OR book_id = ANY (%(books)s::bigint[])
    ), posting AS NOT MATERIALIZED (
        SELECT * FROM ledger_posting WHERE %(books)s::bigint[] IS NULL OR book_id = ANY (%(books)s::bigint[])
    ), entry AS NOT MATERIALIZED (
        SELECT * FROM ledger_journalentry WHERE %(books)s::bigint[] IS NULL OR book_id = ANY (%(books)s::bigint[])
    ), recent AS NOT MATERIALIZED (  -- what is looked at row by row
        SELECT * FROM entry WHERE %(since)s::timestamptz IS NULL OR recorded_at >= %(since)s::timestamptz
    ), run AS NOT MATERIALIZED (  -- their postings, and none left out between them
        SELECT p.*, s.first
        FROM posting p
        JOIN (
            SELECT book_id, id AS account_id, 1 AS first FROM account WHERE %(since)s::timestamptz IS NULL
            UNION ALL
            SELECT p.book_id, p.account_id, min(p.account_seq)
            FROM recent e JOIN posting p ON p.book_id = e.book_id AND p.entry_id = e.id
            WHERE %(since)s::timestamptz IS NOT NULL GROUP BY p.book_id, p.account_id
        ) s ON s.book_id = p.book_id AND s.account_id = p.account_id AND p.account_seq >= s.first
    ), block AS NOT MATERIALIZED (
        SELECT * FROM ledger_block WHERE %(books)s::bigint[] IS NULL OR book_id = ANY (%(books)s::bigint[])
    ), period_change AS NOT MATERIALIZED (
        SELECT * FROM ledger_periodchange WHERE %(books)s::bigint[] IS NULL OR book_id = ANY (%(books)s::bigint[])
    ), broken (table_name, id, book_id, account_id, entry_id, expected, found) AS (
"""
_SEES = (
    "SELECT NOT row_security_active('ledger_journalentry') OR coalesce(current_setting('app.book', true) = %s, false)"
)
_FIRST = """
    )
    SELECT b.table_name, b.id, b.book_id, coalesce(
        (SELECT e.idem FROM ledger_journalentry e WHERE e.id = b.entry_id),
        (SELECT concat_ws(' ', a.code, s.code) FROM ledger_account a
         LEFT JOIN ledger_asset s ON s.id = a.asset_id WHERE a.id = b.account_id), ''),
        b.expected, b.found
    FROM (SELECT * FROM broken ORDER BY id NULLS FIRST LIMIT 1) b
"""


@dataclass(frozen=True, slots=True)
class Violation:
    """The first row that breaks an invariant. `row_id` is None where a row is missing; amounts are base units."""

    table: str
    row_id: int | None
    book_id: int | None
    place: str
    """The entry's idempotency key, or the account's code and asset."""
    expected: str
    found: str

    def __str__(self) -> str:
        row = "a missing row" if self.row_id is None else f"row {self.row_id}"
        place = f", {self.place}" if self.place else ""
        return f"{row} of {self.table}, book {self.book_id}{place}: expected {self.expected}, found {self.found}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What looking for an invariant's breaches gave: none, if it holds."""

    invariant: Invariant
    violations: Sequence[Violation]
    seconds: float


_registered: dict[str, Invariant] = {}


def register(invariant: Invariant) -> None:
    """Prove this one, too; by its name, once."""
    _registered[invariant.name] = invariant


def check(books: Sequence[int] | None = None, since: datetime | None = None) -> Iterator[Outcome]:
    """Every invariant, of these books or of all. With `since`, rows recorded before are left out where rows are looked
    at one by one; sums are of the whole history. Raises `BooksHidden` where row-level security hides what is asked of:
    books unseen are not books proved.
    """
    _refuse_to_look_away()
    asked = {"books": None if books is None else list(books), "since": since}
    for invariant in sorted([*INVARIANTS, *_registered.values()], key=lambda one: one.number):
        started = time.monotonic()
        found = [violation for query in invariant.queries for violation in _first(query, asked)]
        yield Outcome(invariant, found, time.monotonic() - started)


def _refuse_to_look_away() -> None:
    with connection.cursor() as cursor:
        cursor.execute(_SEES, [tenancy.EVERY_BOOK])
        if not cursor.fetchone()[0]:
            raise BooksHidden("the database shows this login some books only: check the ledger with the worker's login")


def _first(query: str, asked: Mapping[str, Any]) -> list[Violation]:
    with connection.cursor() as cursor:
        cursor.execute(_ROWS + query + _FIRST, asked)
        return [Violation(*row) for row in cursor.fetchall()]
