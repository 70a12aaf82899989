"""Where the database keeps the lots of one pool, and its movements, while the pool is counted."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection

from ledger.costing import Move, OpenLot, Pool, Take
from ledger.models import Account, Asset, Book, Lot, Movement, Taking
from ledger.rows import insert

_MOST_AT_ONCE = 5000

_LOT = "id, entry_id, acquired_at, opened_at, quantity, cost, left_quantity, left_cost"
_OLDEST = f"""
    SELECT {_LOT} FROM ledger_lot WHERE book_id = %s AND asset_id = %s AND left_quantity <> 0
    ORDER BY acquired_at, id LIMIT %s
"""  # noqa: S608 - columns of our own
_OPENED_BY = f"""
    SELECT {_LOT} FROM ledger_lot WHERE book_id = %s AND asset_id = %s AND entry_id = %s AND left_quantity <> 0
    ORDER BY id DESC
"""  # noqa: S608
_TAKEN_BY = """
    SELECT t.quantity, t.cost, t.value, t.moved_at, l.id, l.entry_id, l.acquired_at, l.opened_at,
           l.quantity, l.cost, l.left_quantity, l.left_cost
    FROM ledger_taking t JOIN ledger_lot l ON l.book_id = t.book_id AND l.id = t.lot_id
    WHERE t.book_id = %s AND t.asset_id = %s AND t.entry_id = %s AND t.value IS NOT NULL ORDER BY t.id
"""
_MOVED_BY = """
    SELECT quantity, cost FROM ledger_movement
    WHERE book_id = %s AND asset_id = %s AND account_id {pool} AND entry_id = %s
"""
_LAST = """
    SELECT moved_at, quantity_after, cost_after FROM ledger_movement
    WHERE book_id = %s AND asset_id = %s AND account_id {pool}
    ORDER BY moved_at DESC, entry_id DESC LIMIT 1
"""
_CHANGE = """
    UPDATE ledger_lot l SET left_quantity = u.quantity, left_cost = u.cost
    FROM unnest(%s::bigint[], %s::numeric[], %s::numeric[]) u (id, quantity, cost) WHERE l.book_id = %s AND l.id = u.id
"""
_GIVE_BACK = """
    UPDATE ledger_lot l SET left_quantity = l.left_quantity + t.quantity, left_cost = l.left_cost + t.cost
    FROM (
        SELECT lot_id, sum(quantity) AS quantity, sum(cost) AS cost FROM ledger_taking
        WHERE book_id = %(book)s AND asset_id = %(asset)s AND moved_at >= %(since)s GROUP BY lot_id
    ) t WHERE l.book_id = %(book)s AND l.id = t.lot_id
"""
_FORGET = (
    "DELETE FROM ledger_taking WHERE book_id = %(book)s AND asset_id = %(asset)s AND moved_at >= %(since)s",
    "DELETE FROM ledger_lot WHERE book_id = %(book)s AND asset_id = %(asset)s AND opened_at >= %(since)s",
)
_FORGET_MOVEMENTS = """
    DELETE FROM ledger_movement
    WHERE book_id = %(book)s AND asset_id = %(asset)s AND account_id {pool}
      AND moved_at >= %(since)s
"""


@dataclass(frozen=True, slots=True)
class Last:
    """How a pool stood after its last movement."""

    at: datetime
    quantity: int
    cost: int


@dataclass(slots=True)
class StoredShelf:
    """A pool's lots and movements in the database; what is new is written in sets, and before anything is read."""

    book: Book
    asset: Asset
    account: Account | None
    """None: all asset accounts."""
    _lots: list[OpenLot] = field(default_factory=list)
    _changed: dict[int, OpenLot] = field(default_factory=dict)
    _takes: list[Take] = field(default_factory=list)
    _movements: list[Movement] = field(default_factory=list)

    def rewind(self, since: datetime) -> None:
        """Forget all that was from that moment on."""
        about: dict[str, Any] = {"book": self.book.pk, "asset": self.asset.pk, "since": since}
        statements = [_FORGET_MOVEMENTS] if self.account else [_GIVE_BACK, *_FORGET, _FORGET_MOVEMENTS]
        with connection.cursor() as sql:
            for statement in statements:
                sql.execute(self._of_pool(statement), about)

    def last(self) -> Last | None:
        """When the pool was moved last, and its quantity and cost since; None: never."""
        found = self._read(_LAST)
        return Last(found[0][0], int(found[0][1]), int(found[0][2])) if found else None

    def record(self, move: Move, cost: int, pool: Pool) -> None:
        """The movement, after the pool was moved."""
        self._movements.append(
            Movement(
                book_id=self.book.pk,
                asset_id=self.asset.pk,
                account_id=self._account_id,
                entry_id=move.entry,
                moved_at=move.at,
                quantity=move.quantity,
                value=move.value,
                cost=cost,
                gain=cost - move.value,
                quantity_after=pool.quantity,
                cost_after=pool.cost,
            )
        )
        if len(self._movements) >= _MOST_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered."""
        self._write_lots()
        insert([self._taking(take) for take in self._takes])
        insert(self._movements)
        self._takes, self._movements = [], []

    def oldest(self, limit: int) -> Sequence[OpenLot]:
        return [_lot(row) for row in self._read(_OLDEST, limit)]

    def opened_by(self, entry: int) -> Sequence[OpenLot]:
        return [_lot(row) for row in self._read(_OPENED_BY, entry)]

    def taken_by(self, entry: int) -> Sequence[Take]:
        return [
            Take(_lot(lot), entry, at, int(quantity), int(cost), int(value))
            for quantity, cost, value, at, *lot in self._read(_TAKEN_BY, entry)
        ]

    def moved_by(self, entry: int) -> tuple[int, int] | None:
        found = self._read(_MOVED_BY, entry)
        return (int(found[0][0]), int(found[0][1])) if found else None

    def add(self, lot: OpenLot) -> None:
        self._lots.append(lot)

    def change(self, lot: OpenLot) -> None:
        if lot.pk is not None:
            self._changed[lot.pk] = lot

    def take(self, take: Take) -> None:
        self._takes.append(take)

    @property
    def _account_id(self) -> int | None:
        return self.account.pk if self.account else None

    def _read(self, statement: str, *about: Any) -> list[Any]:
        self.flush()
        with connection.cursor() as sql:
            sql.execute(self._of_pool(statement), [self.book.pk, self.asset.pk, *about])
            return list(sql.fetchall())

    def _of_pool(self, statement: str) -> str:
        """As an index can answer it, which IS NOT DISTINCT FROM is not."""
        return statement.replace("{pool}", f"= {self.account.pk}" if self.account else "IS NULL")

    def _write_lots(self) -> None:
        rows = [self._row(lot) for lot in self._lots]
        insert(rows)
        for lot, row in zip(self._lots, rows, strict=True):
            lot.pk = row.pk
        if changed := list(self._changed.values()):
            lefts = [lot.left_quantity for lot in changed], [lot.left_cost for lot in changed]
            with connection.cursor() as sql:
                sql.execute(_CHANGE, [list(self._changed), *lefts, self.book.pk])
        self._lots, self._changed = [], {}

    def _row(self, lot: OpenLot) -> Lot:
        return Lot(
            book_id=self.book.pk,
            asset_id=self.asset.pk,
            entry_id=lot.entry,
            acquired_at=lot.acquired_at,
            opened_at=lot.opened_at,
            quantity=lot.quantity,
            cost=lot.cost,
            left_quantity=lot.left_quantity,
            left_cost=lot.left_cost,
        )

    def _taking(self, take: Take) -> Taking:
        return Taking(
            book_id=self.book.pk,
            asset_id=self.asset.pk,
            lot_id=take.lot.pk,  # type: ignore[misc]  # it is stored by now
            entry_id=take.entry,
            moved_at=take.at,
            quantity=take.quantity,
            cost=take.cost,
            value=take.value,
        )


def _lot(row: Sequence[Any]) -> OpenLot:
    pk, entry, acquired_at, opened_at, *amounts = row
    quantity, cost, left_quantity, left_cost = map(int, amounts)
    return OpenLot(entry, acquired_at, opened_at, quantity, cost, left_quantity, left_cost, pk)
