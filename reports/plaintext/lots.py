"""What each entry did to the lots of the coins a book owns, in the order of the journal, streamed.

Exact: what is taken from a lot costs its share of the lot's cost, with more digits than any tool counts with. Our own
costs are whole cents (`ledger.costing`); both are together again when the lot is used up.
"""

import json
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from ledger.models import Book

_CHUNK = 2_000
_LABEL = """
    'entry-' || l.entry_id || coalesce('.' || nullif((
        SELECT count(*) FROM ledger_lot o
        WHERE o.book_id = l.book_id AND o.entry_id = l.entry_id AND o.asset_id = l.asset_id AND o.id < l.id
    ), 0), '')
"""
# A lot that was given back is older than its place in a tool's inventory: there, lots are named one by one.
# Of a unit or two, legs that are rounded may say less than nothing; a tool has no such cost.
_COST = "CASE WHEN l.cost * l.quantity < 0 THEN 0 ELSE l.cost END"
_STEPS = f"""
    WITH named AS MATERIALIZED (
        SELECT DISTINCT asset_id FROM ledger_lot WHERE book_id = %(book)s AND acquired_at < opened_at
    )
    SELECT m.moved_at, m.entry_id, m.asset_id, m.quantity, m.cost, m.quantity_after, m.cost_after,
           t.quantity, t.cost, t.heaped, t.named, l.opened
    FROM ledger_movement m
    JOIN ledger_journalentry e ON e.book_id = m.book_id AND e.id = m.entry_id
    CROSS JOIN LATERAL (
        SELECT sum(t.quantity) FILTER (WHERE t.value IS NOT NULL) AS quantity,
               sum(t.quantity * round({_COST}, 40) / l.quantity) FILTER (WHERE t.value IS NOT NULL) AS cost,
               sum(t.quantity * round({_COST}, 40) / l.quantity) FILTER (WHERE t.value IS NULL) AS heaped,
               json_agg(json_build_array(t.quantity::text, {{day}}, {_LABEL}) ORDER BY t.id) FILTER (
                   WHERE t.value IS NOT NULL AND (e.kind = 5 OR m.asset_id IN (SELECT asset_id FROM named))
               ) AS named
        FROM ledger_taking t JOIN ledger_lot l ON l.book_id = t.book_id AND l.id = t.lot_id
        WHERE t.book_id = m.book_id AND t.entry_id = m.entry_id AND t.asset_id = m.asset_id
    ) t
    CROSS JOIN LATERAL (
        SELECT json_agg(json_build_array(l.quantity::text, ({_COST})::text, {{day}}, {_LABEL}) ORDER BY l.id) AS opened
        FROM ledger_lot l WHERE l.book_id = m.book_id AND l.entry_id = m.entry_id AND l.asset_id = m.asset_id
    ) l
    WHERE m.book_id = %(book)s AND m.account_id IS NULL AND m.moved_at < coalesce(%(end)s::timestamptz, 'infinity')
    ORDER BY m.moved_at, m.entry_id, m.asset_id
""".format(day="(l.acquired_at AT TIME ZONE 'UTC')::date")  # noqa: S608 - our own text


@dataclass(frozen=True, slots=True)
class Opened:
    """Coins that came in together. `cost` in minor units of the book's currency."""

    units: int
    cost: int
    acquired_on: date
    label: str


@dataclass(frozen=True, slots=True)
class Taken:
    """From the lot of that day and label."""

    units: int
    acquired_on: date
    label: str


@dataclass(frozen=True, slots=True)
class Step:
    """What an entry did to the coins of an asset. Without lots opened or taken from, they are counted by the average.

    Costs in minor units: `units_after` cost `cost_after`; what was taken cost `taken_cost`, exactly. `heaped_cost` is
    what the lots cost exactly that became one heap just before. `named`: the lots taken from, where a tool that takes
    the oldest first would find others.
    """

    units: int
    cost: int
    units_after: int
    cost_after: int
    taken: int
    taken_cost: Decimal
    heaped_cost: Decimal
    named: tuple[Taken, ...]
    opened: tuple[Opened, ...]

    @property
    def is_by_average(self) -> bool:
        return not (self.opened or self.taken)

    @property
    def units_before(self) -> int:
        return self.units_after - self.units

    @property
    def heap_before(self) -> int:
        """What the heap cost, and what it costs after it: not less than nothing."""
        return _cost(self.cost_after - self.cost, self.units_before)

    @property
    def heap_after(self) -> int:
        return _cost(self.cost_after, self.units_after)


class Steps:
    """By entry, asked for in the journal's order, inside a transaction; read when the first is asked for."""

    def __init__(self, book: Book, end: datetime | None, names: Mapping[int, str]) -> None:
        """`names` of the commodities, by asset."""
        self._rows, self._names = _read(book, end), names
        self._next: _Row | None = None

    def close(self) -> None:
        """What is not asked for any more is not read."""
        self._rows.close()

    def of(self, at: datetime, entry: int) -> Mapping[str, Step]:
        """By commodity; of nothing that is not counted yet."""
        found = {}
        for step_at, step_entry, asset, step in self._until(at, entry):
            if (step_at, step_entry) == (at, entry):
                found[self._names[asset]] = step
        return found

    def _until(self, at: datetime, entry: int) -> Iterator["_Row"]:
        while row := self._next or next(self._rows, None):
            self._next = row
            if row[:2] > (at, entry):
                return
            self._next = None
            yield row


_Row = tuple[datetime, int, int, Step]
"""When, the entry, the asset."""


def _read(book: Book, end: datetime | None) -> Generator[_Row, None, None]:
    with connection.chunked_cursor() as sql:
        sql.execute(_STEPS, {"book": book.pk, "end": end})
        while rows := sql.fetchmany(_CHUNK):
            for at, entry, asset, *about in rows:
                yield at, entry, asset, _step(*about)


def _step(*about: Any) -> Step:
    units, cost, units_after, cost_after, taken, taken_cost, heaped_cost, named, opened = about
    return Step(
        *(int(units), int(cost), int(units_after), int(cost_after)),
        taken=int(taken or 0),
        taken_cost=taken_cost or Decimal(0),
        heaped_cost=heaped_cost or Decimal(0),
        named=tuple(Taken(int(units), date.fromisoformat(day), label) for units, day, label in _list(named)),
        opened=tuple(
            Opened(int(units), int(cost), date.fromisoformat(day), label) for units, cost, day, label in _list(opened)
        ),
    )


def _cost(minor_units: int, base_units: int) -> int:
    return minor_units if minor_units * base_units > 0 else 0


def _list(told: Any) -> list[Any]:
    return json.loads(told) if isinstance(told, str) else told or []
