"""What coins gained when they left, lot by lot: what they were worth then, less what they cost; and what was gained or
lost because customers' balances were settled when coins were worth something else than when they came."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.db import connection, transaction

from ledger import spans
from ledger.currencies import Fiat
from ledger.models import Asset
from reports import valued
from reports.cells import Money, Name, Place, Row, Total, amounts, days, texts
from reports.lines import entry_name
from reports.parameters import ASSET, FIRST, LAST, Asked
from reports.report import Report

LEFT, OWED = "Coins that left", "What was owed"
_CHUNK = 2000

# A movement's slices; what it gained beside them, as by the average or a reversal; and what was owed, a day an asset.
_GAINS = """
    SELECT (t.moved_at AT TIME ZONE 'UTC')::date AS day, t.asset_id, t.entry_id, l.acquired_at, l.entry_id AS lot,
           t.quantity, t.value, t.cost
    FROM ledger_taking t JOIN ledger_lot l ON l.book_id = t.book_id AND l.id = t.lot_id
    WHERE {in_time} AND t.value IS NOT NULL
    UNION ALL
    SELECT (t.moved_at AT TIME ZONE 'UTC')::date, t.asset_id, t.entry_id, NULL, NULL,
           -t.quantity - x.quantity, -t.value - x.value, -t.cost - x.cost
    FROM ledger_movement t
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(x.quantity), 0) AS quantity, coalesce(sum(x.value), 0) AS value,
               coalesce(sum(x.cost), 0) AS cost
        FROM ledger_taking x
        WHERE x.book_id = t.book_id AND x.entry_id = t.entry_id AND x.asset_id = t.asset_id AND x.value IS NOT NULL
    ) x
    WHERE {in_time} AND t.account_id IS NULL AND t.gain <> x.value - x.cost
    UNION ALL
    SELECT (t.moved_at AT TIME ZONE 'UTC')::date, t.asset_id, NULL, NULL, NULL,
           sum(t.quantity), -sum(t.value), -sum(t.cost)
    FROM ledger_movement t
    WHERE {in_time} AND t.account_id IS NOT NULL AND t.gain <> 0
    GROUP BY 1, 2
    ORDER BY 1, 2, 3 NULLS LAST, 4, 5
"""
_IN_TIME = "t.book_id = %(book)s AND t.moved_at >= %(since)s AND t.moved_at < %(until)s"


def rows(asked: Asked) -> Iterator[Row]:
    """In order of time, in the book's currency; at last the sums of both kinds."""
    money = Fiat(asked.book.currency)
    assets = Asset.objects.in_bulk()
    sums = defaultdict[str, list[int]](lambda: [0, 0, 0])
    for day, asset, entry, acquired_at, lot, quantity, value, cost in _gains(asked):
        kind = LEFT if entry else OWED
        moved = entry_name(entry) if entry else None
        figures = [int(value), int(cost), int(value) - int(cost)]
        sums[kind] = [before + one for before, one in zip(sums[kind], figures, strict=True)]
        yield [
            *(
                day,
                kind if entry else Name(kind, Place.of_days(day, day)),
                assets[asset].code,
                assets[asset].chain,
                Money.of(int(quantity), assets[asset]),
            ),
            *_acquired(acquired_at, lot),
            *(Money(units, money.decimals, money.code) for units in figures),
            moved,
        ]
    for kind in (LEFT, OWED):
        yield Total(
            [
                None,
                f"Total, {kind.lower()}",
                *[None] * 5,
                *(Money(units, money.decimals, money.code) for units in sums[kind]),
                None,
            ]
        )


def _acquired(at: datetime | None, lot: int | None) -> Row:
    """The day, and the entry that brought it."""
    return [at.astimezone(UTC).date().isoformat(), entry_name(lot)] if at and lot else [None, None]


def _gains(asked: Asked) -> Iterator[Any]:
    asset = asked[ASSET]
    about: dict[str, Any] = {
        "book": asked.book.pk,
        "since": spans.begin_of(asked[FIRST]),
        "until": spans.end_of(asked[LAST]),
    }
    in_time = f"{_IN_TIME} AND t.asset_id = {asset.pk}" if asset else _IN_TIME
    with transaction.atomic(), connection.chunked_cursor() as sql:
        sql.execute(_GAINS.format(in_time=in_time), about)
        while found := sql.fetchmany(_CHUNK):
            yield from found


def check(asked: Asked) -> None:
    valued.check_counted(asked, asked[LAST], asked[ASSET])


REPORT = Report(
    "realised-gains",
    "Realised gains",
    "Gains",
    __doc__ or "",
    [
        days("Day"),
        texts("What"),
        texts("Asset"),
        texts("Chain"),
        amounts("Quantity"),
        texts("Acquired"),
        texts("Lot"),
        amounts("Value"),
        amounts("Cost"),
        amounts("Gain"),
        texts("Entry"),
    ],
    [FIRST, LAST, ASSET],
    rows,
    check,
)
