"""What the coins cost that a book holds and owes, counted from the journal afterwards: writers never wait for it.

    derive(book)               count what was written since, or written earlier than was counted; then post the gains
    derive_all()               every book's, where something waits
    is_as_counted_anew(book)   whether the journal gives what is kept
    up_to_date(book, day)      derive, and say whether all is counted through that day (UTC)
    unpriced(book, day)        how much nobody has priced: its pools wait for it
    positions(book, day)       what each pool held and its cost, by the end of a day
    open_lots(book, day)       its lots, and what was left of each

Everything follows from the journal, the prices and the method: counted from the beginning the same rows come out. An
entry is looked at when its transaction has ended; what a later commit writes between is found by the transactions'
numbers, as the sealer does, and its pools are counted anew from there. docs/valuation.md tells the accounting.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from django.db import connection, transaction

from ledger import gains, spans
from ledger.costing import Counting, Move, Pool
from ledger.currencies import money_of
from ledger.models import Account, Asset, Book, CostMethod, ValuedUpTo, WaitingPool
from ledger.shelves import StoredShelf

_LOCK = 7266
_MOVES_A_FETCH = 2000

_WAITING = """
    SELECT b.id FROM ledger_book b
    WHERE EXISTS (SELECT 1 FROM ledger_journalentry e WHERE e.book_id = b.id)
      AND (NOT EXISTS (SELECT 1 FROM ledger_valuedupto v WHERE v.book_id = b.id)
        OR EXISTS (
            SELECT 1 FROM ledger_valuedupto v WHERE v.book_id = b.id AND (
                v.looked_on < (now() AT TIME ZONE 'UTC')::date
                OR EXISTS (SELECT 1 FROM ledger_journalentry e
                           WHERE e.book_id = b.id AND e.node = v.node AND e.xid >= v.upto_xid)
                OR EXISTS (SELECT 1 FROM ledger_entryprice e
                           WHERE e.book_id = b.id AND e.node = v.node AND e.xid >= v.upto_xid)
                OR EXISTS (SELECT 1 FROM ledger_costmethod e
                           WHERE e.book_id = b.id AND e.node = v.node AND e.xid >= v.upto_xid)
        )))
    ORDER BY b.id
"""
# Asset accounts are counted together, so they are no pool's account.
_TOUCHED = """
    WITH RECURSIVE {nodes}, seen AS (
        SELECT w.node, coalesce(v.upto_xid, '0') AS upto FROM writer w
        LEFT JOIN ledger_valuedupto v ON v.book_id = %(book)s AND v.node = w.node WHERE w.node IS NOT NULL
    ), priced AS (
        SELECT p.entry_id FROM seen s
        JOIN ledger_entryprice p ON p.book_id = %(book)s AND p.node = s.node AND p.xid >= s.upto
    ), new AS (
        SELECT e.id FROM seen s
        JOIN ledger_journalentry e ON e.book_id = %(book)s AND e.node = s.node AND e.xid >= s.upto
        UNION
        SELECT entry_id FROM priced
        UNION  -- what takes it back is worth the same
        SELECT r.id FROM priced
        JOIN ledger_journalentry r ON r.book_id = %(book)s AND r.ref_id = entry_id AND r.kind = 5
    ), method AS (
        SELECT min(m.from_day)::timestamp AT TIME ZONE 'UTC' AS since FROM seen s
        JOIN ledger_costmethod m ON m.book_id = %(book)s AND m.node = s.node AND m.xid >= s.upto
    )
    SELECT p.asset_id, CASE WHEN a.kind <> 'A' THEN a.id END, min(p.effective_at)
    FROM new JOIN ledger_posting p ON p.book_id = %(book)s AND p.entry_id = new.id AND p.layer = 0
    JOIN ledger_account a ON a.book_id = p.book_id AND a.id = p.account_id
    WHERE p.asset_id <> %(money)s GROUP BY 1, 2
    UNION ALL
    SELECT DISTINCT a.asset_id, NULL::bigint, method.since FROM ledger_account a, method
    WHERE method.since IS NOT NULL AND a.book_id = %(book)s AND a.kind = 'A' AND a.asset_id <> %(money)s
"""
_MOVES = """
    SELECT v.entry_id, v.effective_at, sum(v.debit - v.credit), sum(v.value), bool_or(v.value IS NULL),
           CASE v.kind WHEN 5 THEN v.ref_id END
    FROM ledger_value v
    WHERE v.book_id = %s AND v.account_id = ANY (%s) AND v.effective_at >= %s
    GROUP BY v.entry_id, v.effective_at, v.kind, v.ref_id HAVING sum(v.debit - v.credit) <> 0
    ORDER BY v.effective_at, v.entry_id
"""
# Every server that wrote into the book, one look into an index each.
_NODES = """
    writer AS (
        SELECT (SELECT min(e.node) FROM ledger_journalentry e WHERE e.book_id = %(book)s) AS node
        UNION ALL
        SELECT (SELECT min(e.node) FROM ledger_journalentry e WHERE e.book_id = %(book)s AND e.node > w.node)
        FROM writer w WHERE w.node IS NOT NULL
    )
"""
_LOOKED = """
    WITH RECURSIVE {nodes}
    INSERT INTO ledger_valuedupto (book_id, node, upto_xid, looked_on)
    SELECT %(book)s, w.node, CASE w.node WHEN ledger_node() THEN %(xmin)s::xid8 ELSE '18446744073709551615' END, %(day)s
    FROM writer w WHERE w.node IS NOT NULL
    ON CONFLICT (book_id, node) DO UPDATE SET upto_xid = excluded.upto_xid, looked_on = excluded.looked_on
"""
# A sum of hashes needs no order and no memory.
_FINGERPRINT = """
    SELECT string_agg(concat_ws(' ', part, found, hash), ', ' ORDER BY part) FROM (
        SELECT 'movements' AS part, count(*) AS found, sum(hashtextextended(concat_ws(',', asset_id, account_id,
               entry_id, moved_at, quantity, value, cost, gain, quantity_after, cost_after), 0)) AS hash
        FROM ledger_movement WHERE book_id = %(book)s
        UNION ALL
        SELECT 'lots', count(*), sum(hashtextextended(concat_ws(',', asset_id, entry_id, acquired_at, opened_at,
               quantity, cost, left_quantity, left_cost), 0))
        FROM ledger_lot WHERE book_id = %(book)s
        UNION ALL
        SELECT 'takings', count(*), sum(hashtextextended(concat_ws(',', t.asset_id, l.entry_id, l.acquired_at,
               t.entry_id, t.moved_at, t.quantity, t.cost, t.value), 0))
        FROM ledger_taking t JOIN ledger_lot l ON l.book_id = t.book_id AND l.id = t.lot_id
        WHERE t.book_id = %(book)s
        UNION ALL
        SELECT 'gains', count(*), sum(hashtextextended(concat_ws(',', asset_id, held, day, movement_id, gain), 0))
        FROM ledger_postedgain WHERE book_id = %(book)s
    ) parts
"""
_UNPRICED = """
    SELECT count(*), (array_agg(e.id ORDER BY e.effective_at, e.id))[1]
    FROM (
        SELECT e.id, e.effective_at
        FROM ledger_journalentry e
        JOIN ledger_posting p ON p.book_id = e.book_id AND p.entry_id = e.id AND p.layer = 0
        WHERE e.book_id = %(book)s AND e.rate_id IS NULL AND e.kind IN (1, 3)
          AND e.effective_at < %(until)s AND p.asset_id <> %(money)s
          AND (e.effective_at >= %(since)s OR EXISTS (
              SELECT 1 FROM ledger_journalentry r
              WHERE r.book_id = e.book_id AND r.ref_id = e.id AND r.kind = 5
                AND r.effective_at >= %(since)s AND r.effective_at < %(until)s))
          AND NOT EXISTS (
              SELECT 1 FROM ledger_entryprice h
              WHERE h.book_id = e.book_id AND h.entry_id = e.id AND h.asset_id = p.asset_id)
        GROUP BY e.id, e.effective_at, p.asset_id
    ) e
"""
_POSITIONS = """
    SELECT p.asset_id, p.account_id, m.quantity_after, m.cost_after
    FROM (
        SELECT DISTINCT asset_id, NULL::bigint AS account_id FROM ledger_account WHERE book_id = %(book)s AND kind = 'A'
        UNION ALL
        SELECT asset_id, id FROM ledger_account WHERE book_id = %(book)s AND kind <> 'A'
    ) p
    CROSS JOIN LATERAL (
        (SELECT * FROM ledger_movement m WHERE m.book_id = %(book)s AND m.asset_id = p.asset_id
           AND m.account_id = p.account_id AND m.moved_at < %(until)s ORDER BY moved_at DESC, entry_id DESC LIMIT 1)
        UNION ALL
        (SELECT * FROM ledger_movement m WHERE p.account_id IS NULL AND m.book_id = %(book)s
           AND m.asset_id = p.asset_id AND m.account_id IS NULL AND m.moved_at < %(until)s
         ORDER BY moved_at DESC, entry_id DESC LIMIT 1)
    ) m
    WHERE m.quantity_after <> 0 OR m.cost_after <> 0 ORDER BY p.asset_id, p.account_id NULLS FIRST
"""
_OPEN_LOTS = """
    SELECT l.id, l.asset_id, l.entry_id, l.acquired_at, l.quantity, l.cost,
           l.quantity - coalesce(t.quantity, 0), l.cost - coalesce(t.cost, 0)
    FROM ledger_lot l
    LEFT JOIN LATERAL (
        SELECT sum(t.quantity) AS quantity, sum(t.cost) AS cost FROM ledger_taking t
        WHERE t.book_id = l.book_id AND t.lot_id = l.id AND t.moved_at < %(until)s
    ) t ON true
    WHERE l.book_id = %(book)s AND l.opened_at < %(until)s AND l.quantity <> coalesce(t.quantity, 0)
    ORDER BY l.asset_id, l.acquired_at, l.id
"""


@dataclass(frozen=True, slots=True)
class Unpriced:
    """So many amounts moved, of which nobody says what they were worth; the oldest in that entry."""

    amounts: int
    oldest_entry: int


@dataclass(frozen=True, slots=True)
class Position:
    """A pool: debits above zero, credits below. `cost` in minor units of the book's currency."""

    asset: Asset
    account: Account | None
    """None: all asset accounts of the asset."""
    quantity: int
    cost: int

    @property
    def is_held_or_owed(self) -> bool:
        """Else income, an expense or equity: `cost` is the sum of what its entries were worth."""
        return self.account is None or self.account.kind == Account.Kind.LIABILITY


@dataclass(frozen=True, slots=True)
class LotLeft:
    """What was left of a lot. Amounts as in `models.Lot`."""

    number: int
    asset: Asset
    entry_id: int
    acquired_at: datetime
    quantity: int
    cost: int
    left_quantity: int
    left_cost: int


def derive_all() -> int:
    """Every book's, each in a commit of its own; how many had something waiting. One that fails holds up no other."""
    failure: Exception | None = None
    with connection.cursor() as sql:
        sql.execute(_WAITING)
        waiting = [book_id for (book_id,) in sql.fetchall()]
    for book in Book.objects.filter(pk__in=waiting).order_by("pk"):
        try:
            derive(book)
        except Exception as error:
            failure = failure or error
    if failure:
        raise failure
    return len(waiting)


def derive(book: Book) -> None:
    """Count what was written since, and post the gains; one commit. Done again, it changes nothing."""
    today = spans.today()
    with transaction.atomic(), connection.cursor() as sql:
        sql.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, book.pk])
        money = money_of(book)
        sql.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text")
        (xmin,) = sql.fetchone()
        since = _count_touched(book, money)
        looked_on = _looked_on(book)
        since_day = since.astimezone(UTC).date() if since else today
        gains.post(book, money, min(since_day, looked_on) if looked_on else date.min, today)
        sql.execute(_LOOKED.format(nodes=_NODES), {"book": book.pk, "xmin": xmin, "day": today})


def count_anew(book: Book) -> None:
    """Forget all that was counted, and count it from the beginning. What was posted stays and is compared with."""
    with transaction.atomic(), connection.cursor() as sql:
        sql.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, book.pk])
        for table in ("taking", "lot", "movement", "waitingpool", "valuedupto"):
            sql.execute(f"DELETE FROM ledger_{table} WHERE book_id = %s", [book.pk])  # noqa: S608 - our own names
        derive(book)


def fingerprint(book: Book) -> str:
    """The same whenever the same was counted, whatever numbers the rows have."""
    with connection.cursor() as sql:
        sql.execute(_FINGERPRINT, {"book": book.pk})
        return str(sql.fetchone()[0])


def is_as_counted_anew(book: Book) -> bool:
    """Whether the journal gives what is kept, and what was posted; leaves all as it was."""
    kept = fingerprint(book)
    with transaction.atomic():
        count_anew(book)
        same = fingerprint(book) == kept
        transaction.set_rollback(True)
    return same


def up_to_date(book: Book, day: date) -> bool:
    """Whether, after counting now, nothing waits for a price through the end of that day (UTC)."""
    derive(book)
    return waits(book, day) is None


def waits(book: Book, day: date, asset: Asset | None = None) -> WaitingPool | None:
    """The pool, of that asset or of any, that is not counted through the end of that day (UTC): since when, and for
    which entry's price. Also one whose price was given and is not counted yet."""
    pools = WaitingPool.objects.filter(book=book, since__lt=spans.end_of(day), **({"asset": asset} if asset else {}))
    return pools.select_related("asset").order_by("since", "pk").first()


def unpriced(book: Book, day: date, since: date = date(1900, 1, 1)) -> Unpriced | None:
    """What nobody has priced from one day through another (UTC), or was reversed then: an entry's moves of one asset
    are one amount."""
    about: dict[str, Any] = {
        "book": book.pk,
        "money": money_of(book).pk,
        "since": spans.begin_of(since),
        "until": spans.end_of(day),
    }
    with connection.cursor() as sql:
        sql.execute(_UNPRICED, about)
        amounts, oldest = sql.fetchone()
    return Unpriced(amounts, oldest) if amounts else None


def positions(book: Book, day: date) -> list[Position]:
    """What the pools held by the end of that day (UTC), by asset, as far as they are counted; none at zero."""
    with connection.cursor() as sql:
        sql.execute(_POSITIONS, {"book": book.pk, "until": spans.end_of(day)})
        found = sql.fetchall()
    assets = Asset.objects.in_bulk({row[0] for row in found})
    accounts = Account.objects.filter(book=book).in_bulk([row[1] for row in found if row[1]])
    return [
        Position(assets[asset], accounts[account] if account else None, int(quantity), int(cost))
        for asset, account, quantity, cost in found
    ]


def open_lots(book: Book, day: date) -> Iterator[LotLeft]:
    """What was left of each lot by the end of that day (UTC), by asset and age, streamed."""
    assets = Asset.objects.in_bulk()
    with transaction.atomic(), connection.chunked_cursor() as sql:
        sql.execute(_OPEN_LOTS, {"book": book.pk, "until": spans.end_of(day)})
        while rows := sql.fetchmany(_MOVES_A_FETCH):
            for number, asset, entry, acquired_at, *amounts in rows:
                yield LotLeft(number, assets[asset], entry, acquired_at, *map(int, amounts))


def method_of(rows: Sequence[CostMethod], day: date) -> CostMethod.Method:
    """The newest of these whose day has come; `rows` newest first."""
    chosen = next((row.method for row in rows if row.from_day <= day), CostMethod.Method.FIFO)
    return CostMethod.Method(chosen)


def _count_touched(book: Book, money: Asset) -> datetime | None:
    """Count each pool anew from where it was written into; the earliest of these moments."""
    with connection.cursor() as sql:
        sql.execute(_TOUCHED.format(nodes=_NODES), {"book": book.pk, "money": money.pk})
        earliest: dict[tuple[int, int | None], datetime] = {}
        for asset, account, since in sql.fetchall():
            earliest[asset, account] = min(since, earliest.get((asset, account), since))
    assets = Asset.objects.in_bulk({asset for asset, _ in earliest})
    accounts = Account.objects.filter(book=book).in_bulk([account for _, account in earliest if account])
    methods = list(CostMethod.objects.filter(book=book).order_by("-pk"))
    for (asset, account), since in sorted(earliest.items(), key=lambda one: (one[0][0], one[0][1] or 0)):
        shelf = StoredShelf(book, assets[asset], accounts[account] if account else None)
        _count(shelf, since, methods)
    return min(earliest.values(), default=None)


def _count(shelf: StoredShelf, since: datetime, methods: Sequence[CostMethod]) -> None:
    """One ordered pass over a pool, from that moment to the newest entry, or to one that waits for a price."""
    pool_of = {"book": shelf.book, "asset": shelf.asset, "account": shelf.account}
    waiting = WaitingPool.objects.filter(**pool_of).first()
    if waiting is not None and waiting.since < since:
        return
    WaitingPool.objects.filter(**pool_of).delete()
    shelf.rewind(since)
    last = shelf.last()
    pool = Pool(shelf, last.quantity, last.cost) if last else Pool(shelf)
    pool.counting = _counting(shelf.account, methods, last.at if last else None)
    for move in _moves(shelf, since):
        if move is None:
            break
        _follow_method(pool, move, _counting(shelf.account, methods, move.at))
        shelf.record(move, pool.move(move), pool)
    shelf.flush()


def _follow_method(pool: Pool, move: Move, wanted: Counting) -> None:
    if (pool.counting, wanted) == (Counting.LOTS, Counting.AVERAGE):
        pool.count_by_average(move)
    elif (pool.counting, wanted) == (Counting.AVERAGE, Counting.LOTS):
        pool.count_by_lots(move)


def _counting(account: Account | None, methods: Sequence[CostMethod], at: datetime | None) -> Counting:
    """How a pool is counted at that moment; None: before its first."""
    if account is not None:
        return Counting.AVERAGE if account.kind == Account.Kind.LIABILITY else Counting.VALUES
    if at is None or method_of(methods, at.astimezone(UTC).date()) == CostMethod.Method.FIFO:
        return Counting.LOTS
    return Counting.AVERAGE


def _moves(shelf: StoredShelf, since: datetime) -> Iterator[Move | None]:
    """In order of time; None where one waits for a price, which is kept, and nothing follows."""
    with connection.chunked_cursor() as sql:
        sql.execute(_MOVES, [shelf.book.pk, _accounts(shelf), since])
        while rows := sql.fetchmany(_MOVES_A_FETCH):
            for entry, at, quantity, value, is_unpriced, reverses in rows:
                if is_unpriced:
                    WaitingPool.objects.create(
                        book=shelf.book, asset=shelf.asset, account=shelf.account, entry_id=entry, since=at
                    )
                    yield None
                    return
                yield Move(entry, at, int(quantity), int(value), reverses)


def _accounts(shelf: StoredShelf) -> list[int]:
    if shelf.account is not None:
        return [shelf.account.pk]
    held = Account.objects.filter(book=shelf.book, asset=shelf.asset, kind=Account.Kind.ASSET)
    return list(held.values_list("pk", flat=True))


def _looked_on(book: Book) -> date | None:
    return ValuedUpTo.objects.filter(book=book).order_by("looked_on").values_list("looked_on", flat=True).first()
