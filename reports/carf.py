"""Totals of a year for the Crypto-Asset Reporting Framework (OECD, CARF) and DAC8: per user, asset and category.

The categories are those of CARF, Section II, A(3): (f) retail payments worth more than USD 50,000 each, (g) other
transfers to the user, (h) other transfers by the user. What a user pays in is a transfer to them, for it is credited to
them; what they buy is a transfer by them in return for goods. You exchange nothing, so (b) to (e) are empty. What was
taken back counts below zero. The threshold is asked for in the book's currency.

Whether you must report at all, and for whom, your adviser knows. Guests, who gave no reference, are listed as such.
"""

from collections.abc import Iterator
from datetime import date, datetime

from django.db import connection, transaction

from ledger import chart, spans
from ledger.models import Asset, JournalEntry
from reports import valued
from reports.cells import Money, Name, Place, Row, Total, amounts, counts, texts
from reports.parameters import YEAR, Asked, WholeAmount
from reports.report import Report

THRESHOLD = WholeAmount(
    "threshold",
    "Retail payments above",
    "USD 50,000 in the book's currency, a whole number; 50000, where it is not said.",
    50_000,
)
_CATEGORIES = {
    "f": "(f) Reportable retail payments",
    "g": "(g) Transfers to the user",
    "h": "(h) Transfers by the user",
}
_CHUNK = 2_000
_STATEMENT = """
WITH leg AS (
    SELECT CASE WHEN a.code = %(guests)s THEN '' ELSE substr(a.code, length(%(customers)s) + 1) END AS who, v.asset_id,
           v.account_id,
           v.credit - v.debit AS units, v.value,
           CASE WHEN v.kind = %(reverse)s THEN -1 ELSE 1 END AS sign,
           CASE WHEN (v.credit > 0) <> (v.kind = %(reverse)s) THEN 'g'
                WHEN coalesce(o.source, e.source) = 'invoice' AND abs(v.value) > %(threshold)s THEN 'f'
                ELSE 'h' END AS category
    FROM ledger_value v
    JOIN ledger_account a ON a.book_id = v.book_id AND a.id = v.account_id
    JOIN ledger_journalentry e ON e.book_id = v.book_id AND e.id = v.entry_id
    LEFT JOIN ledger_journalentry o ON o.book_id = v.book_id AND o.id = v.ref_id AND v.kind = %(reverse)s
    WHERE v.book_id = %(book)s AND v.effective_at >= %(first)s AND v.effective_at < %(end)s
      AND (a.code = %(guests)s OR starts_with(a.code, %(customers)s))
)
SELECT who, asset_id, account_id, category, sum(sign), sum(sign * abs(units)), sum(sign * abs(value))
FROM leg GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 4
"""


def rows(asked: Asked) -> Iterator[Row]:
    """By user, asset and category, then each category's value."""
    assets = Asset.objects.in_bulk()
    sums: dict[str, list[int]] = {}
    with transaction.atomic(), connection.chunked_cursor() as sql:
        sql.execute(_STATEMENT, _values(asked))
        while found := sql.fetchmany(_CHUNK):
            for who, asset, account, category, number, units, value in found:
                total = sums.setdefault(category, [0, 0])
                total[0], total[1] = total[0] + int(number), total[1] + int(value)
                unit = assets[asset]
                named = Name(who, Place("customer", who)) if who else Name("Guests", Place("account", account))
                moved = Money.of(int(units), unit, Place("account", account))
                told = moved, valued.money(int(value), asked), asked.book.currency
                yield [named, unit.code, unit.chain, _CATEGORIES[category], int(number), *told]
    for category in sorted(sums):
        number, value = sums[category]
        worth = valued.money(value, asked)
        yield Total(["Total", "", "", _CATEGORIES[category], number, None, worth, asked.book.currency])


def check(asked: Asked) -> None:
    valued.check_priced(asked, date(asked[YEAR], 12, 31), date(asked[YEAR], 1, 1))


def _values(asked: Asked) -> dict[str, int | str | datetime]:
    year = asked[YEAR]
    return {
        "book": asked.book.pk,
        "guests": chart.GUESTS,
        "customers": chart.CUSTOMERS,
        "threshold": asked[THRESHOLD] * 10 ** valued.money(0, asked).decimals,
        "first": spans.begin_of(date(year, 1, 1)),
        "end": spans.end_of(date(year, 12, 31)),
        "reverse": JournalEntry.Kind.REVERSE,
    }


REPORT = Report(
    "carf",
    "CARF / DAC8 totals",
    "Tax",
    __doc__ or "",
    [
        *(texts("User"), texts("Asset"), texts("Chain"), texts("Category"), counts("Transactions")),
        *(amounts("Units"), amounts("Value"), texts("Currency")),
    ],
    [YEAR, THRESHOLD],
    rows,
    check,
)
