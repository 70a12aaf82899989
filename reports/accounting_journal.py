"""The validated entries of a period in the book's own currency, for a program that keeps accounts in currencies alone.

Each entry at what it was worth, and the gains and losses that are posted by the day: every entry balances. Customers
are one account. Account names and codes are ours; the files for QuickBooks and Xero bring the list of those they use.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime

from django.db import connection, transaction

from ledger import chart, spans
from ledger.currencies import money_of
from reports import lines, valued
from reports.cells import Name, Place, Row, amounts, days, texts
from reports.parameters import FIRST, LAST, Asked
from reports.report import Report

_CHUNK = 2_000
_STATEMENT = """
WITH account AS (
    SELECT a.id, told.code || ' ' || s.code AS name, min(a.id) OVER (PARTITION BY told.code, s.code) AS number
    FROM ledger_account a
    JOIN ledger_asset s ON s.id = a.asset_id
    CROSS JOIN LATERAL (
        SELECT CASE WHEN starts_with(a.code, %(customers)s) THEN 'liabilities:customers' ELSE a.code END AS code
    ) told
    WHERE a.book_id = %(book)s
)
SELECT v.entry_id, v.effective_at, e.description, account.name, account.id, account.number, v.value
FROM ledger_value v
JOIN ledger_journalentry e ON e.book_id = v.book_id AND e.id = v.entry_id
JOIN account ON account.id = v.account_id
WHERE v.book_id = %(book)s AND v.effective_at >= %(first)s AND v.effective_at < %(end)s AND v.value <> 0
ORDER BY v.effective_at, v.entry_id, v.leg
"""


def rows(asked: Asked) -> Iterator[Row]:
    """In the order it happened, leg by leg; what was worth less than a cent has none."""
    money_of(asked.book)  # without the currency's own asset nothing has a value
    values: dict[str, int | str | datetime] = {
        "book": asked.book.pk,
        "customers": chart.CUSTOMERS,
        "first": spans.begin_of(asked[FIRST]),
        "end": spans.end_of(asked[LAST]),
    }
    with transaction.atomic(), connection.chunked_cursor() as sql:
        sql.execute(_STATEMENT, values)
        while found := sql.fetchmany(_CHUNK):
            for entry, at, description, account, pk, number, value in found:
                debit = valued.money(value, asked) if value > 0 else None
                credit = valued.money(-value, asked) if value < 0 else None
                day: date = at.astimezone(UTC).date()
                named = Name(_titled(account), Place("account", pk))
                about = lines.entry_name(entry), description, named, f"CP{number}"
                yield [day, *about, debit, credit, asked.book.currency]


def _titled(account: str) -> str:
    """As a chart of accounts is written: "Assets:Custody:Bitcoin BTC"."""
    code, _, asset = account.rpartition(" ")
    return ":".join(word[:1].upper() + word[1:] for word in code.split(":")) + f" {asset}"


def check(asked: Asked) -> None:
    valued.check_priced(asked, asked[LAST], asked[FIRST])


REPORT = Report(
    "accounting-journal",
    "Journal for other programs",
    "In your currency",
    __doc__ or "",
    [
        *(days("Day"), texts("Entry"), texts("Description"), texts("Account"), texts("Code")),
        *(amounts("Debit"), amounts("Credit"), texts("Currency")),
    ],
    [FIRST, LAST],
    rows,
    check,
)
