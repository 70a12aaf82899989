"""What was sold, day by day and asset by asset: gross, the fees of that day, net, what it was worth, and the tax in it.

Refunds and sales that were taken back stand in rows of their own, below zero. What it was worth is told by the rate
each entry carries, in the book's currency; where an entry has none, the figure is left out. Tax is that of the
invoices' lines, in the currency they were written in. Surplus that is paid back was never a sale, so it is not in here.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime
from typing import NamedTuple

from django.db import connection

from ledger import spans
from ledger.currencies import money_of
from ledger.models import Asset, JournalEntry
from reports import valued
from reports.cells import Cell, Money, Name, Place, Row, Total, amounts, counts, days, texts
from reports.parameters import FIRST, LAST, Asked
from reports.report import Report

_CHUNK = 2_000
_STATEMENT = """
WITH leg AS (
    SELECT (v.effective_at AT TIME ZONE 'UTC')::date AS day, v.asset_id, e.id AS entry,
           CASE WHEN a.code <> 'income:sales' THEN 'Fees'
                WHEN e.kind = %(reverse)s THEN 'Taken back'
                WHEN v.debit > 0 THEN 'Refunds' ELSE 'Sales' END AS what,
           CASE WHEN a.code = 'income:sales' THEN v.credit - v.debit ELSE 0 END AS gross,
           CASE WHEN a.code = 'income:sales' THEN 0 ELSE v.debit - v.credit END AS fees,
           -v.value AS worth,
           CASE WHEN a.code <> 'income:sales' OR told.meta -> 'tax' IS NULL THEN ''
                ELSE told.meta ->> 'currency' END AS currency,
           CASE WHEN a.code <> 'income:sales' OR told.source <> 'invoice' THEN 0 ELSE
                (CASE WHEN e.kind = %(reverse)s THEN -1 ELSE 1 END) *
                (SELECT sum((part.value ->> 'tax')::numeric) FROM jsonb_each(told.meta -> 'tax') part) END AS tax
    FROM ledger_value v
    JOIN ledger_account a ON a.book_id = v.book_id AND a.id = v.account_id
    JOIN ledger_journalentry e ON e.book_id = v.book_id AND e.id = v.entry_id
    LEFT JOIN ledger_journalentry o ON o.book_id = e.book_id AND o.id = e.ref_id AND e.kind = %(reverse)s
    CROSS JOIN LATERAL (SELECT coalesce(o.meta, e.meta) AS meta, coalesce(o.source, e.source) AS source) told
    WHERE v.book_id = %(book)s AND v.effective_at >= %(first)s AND v.effective_at < %(end)s
      AND (a.code = 'income:sales' OR a.code LIKE 'expense:network fees%%' OR a.code LIKE 'expense:fees%%')
)
SELECT day, asset_id, what, coalesce(currency, ''), count(DISTINCT entry), sum(gross), sum(fees),
       CASE WHEN count(worth) = count(*) THEN sum(worth) END, sum(tax)
FROM leg GROUP BY 1, 2, 3, 4 ORDER BY day DESC, asset_id, what DESC, 4
"""


class _Line(NamedTuple):
    day: date
    asset: int
    what: str
    currency: str
    entries: int
    gross: int
    fees: int
    worth: int | None
    tax: object


def rows(asked: Asked) -> Iterator[Row]:
    """Newest day first, then the sums of each asset."""
    assets = Asset.objects.in_bulk()
    sums: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
    money_of(asked.book)  # without the currency's own asset nothing has a value
    with connection.cursor() as sql:
        sql.execute(_STATEMENT, _values(asked))
        while found := sql.fetchmany(_CHUNK):
            for line in map(_Line._make, found):
                for place, units in enumerate((line.entries, line.gross, line.fees)):
                    sums[line.asset][place] += int(units)
                yield _row(line, assets[line.asset], asked)
    for pk in sorted(sums, key=lambda pk: (assets[pk].code, pk)):
        entries, gross, fees = sums[pk]
        unit = assets[pk]
        cells = (Money.of(units, unit) for units in (gross, fees, gross - fees))
        yield Total([None, "Total", entries, unit.code, *cells, None, None, ""])


def _row(line: _Line, unit: Asset, asked: Asked) -> Row:
    gross, fees = int(line.gross), int(line.fees)
    worth: Cell = None if line.worth is None else valued.money(line.worth, asked)
    return [
        *(line.day, Name(line.what, Place.of_days(line.day, line.day)), line.entries, unit.code),
        *(Money.of(units, unit) for units in (gross, fees, gross - fees)),
        *(worth, tax_amount(line.tax, line.currency) if line.currency else None, line.currency),
    ]


def tax_amount(value: object, currency: str) -> Money:
    """An exact decimal, with two decimals at least."""
    whole, _, fraction = f"{value:f}".partition(".")
    fraction = fraction.rstrip("0").ljust(2, "0")
    return Money(int(whole + fraction), len(fraction), currency)


def _values(asked: Asked) -> dict[str, int | str | datetime]:
    return {
        "book": asked.book.pk,
        "first": spans.begin_of(asked[FIRST]),
        "end": spans.end_of(asked[LAST]),
        "reverse": JournalEntry.Kind.REVERSE,
    }


REPORT = Report(
    "settlement-summary",
    "Settlement summary",
    "Payments",
    __doc__ or "",
    [
        *(days("Day"), texts("What"), counts("Entries"), texts("Asset")),
        *map(amounts, ("Gross", "Fees", "Net", "Worth", "Tax")),
        texts("Tax currency"),
    ],
    [FIRST, LAST],
    rows,
)
