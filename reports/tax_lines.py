"""Net and tax of the sales of a period, by tax rate, as the invoices' lines have them; what your tax return asks for.

A sale counts on the day it was booked. One that was taken back, by a reorganisation of the chain or by hand, counts
below zero on the day of that, in a row of its own. Invoices without lines name no tax and are not in here.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from django.db import connection

from ledger import spans
from ledger.models import JournalEntry
from reports.cells import Name, Place, Row, Total, amounts, counts, days, texts
from reports.parameters import FIRST, LAST, Asked, Choice
from reports.report import Report
from reports.settlement_summary import tax_amount

BY = Choice(
    "by",
    "By",
    "Summed by `month`, `quarter`, `year` or `day`.",
    {"month": "Month", "quarter": "Quarter", "year": "Year", "day": "Day"},
)
_STATEMENT = """
SELECT date_trunc(%(by)s, e.effective_at AT TIME ZONE 'UTC')::date, told.meta ->> 'currency', part.key,
       e.kind = %(reverse)s, count(*), sum((part.value ->> 'net')::numeric), sum((part.value ->> 'tax')::numeric),
       min(e.effective_at AT TIME ZONE 'UTC')::date, max(e.effective_at AT TIME ZONE 'UTC')::date
FROM ledger_journalentry e
LEFT JOIN ledger_journalentry o ON o.book_id = e.book_id AND o.id = e.ref_id AND e.kind = %(reverse)s
CROSS JOIN LATERAL (SELECT coalesce(o.meta, e.meta) AS meta, coalesce(o.source, e.source) AS source) told
CROSS JOIN LATERAL jsonb_each(told.meta -> 'tax') part
WHERE e.book_id = %(book)s AND e.kind IN (%(post)s, %(reverse)s) AND told.source = 'invoice' AND told.meta ? 'tax'
  AND e.effective_at >= %(first)s AND e.effective_at < %(end)s
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, part.key::numeric DESC, 4
"""
_Key = tuple[str, str]


def rows(asked: Asked) -> Iterator[Row]:
    """By time, currency and rate, then what each rate comes to over all."""
    sums: defaultdict[_Key, list[Decimal | int]] = defaultdict(lambda: [0, Decimal(0), Decimal(0)])
    with connection.cursor() as sql:
        sql.execute(_STATEMENT, _values(asked))
        found = sql.fetchall()
    for begin, currency, rate, taken_back, number, net, tax, first, last in found:
        sign = -1 if taken_back else 1
        for place, figure in enumerate((number * sign, net * sign, tax * sign)):
            sums[currency, rate][place] += figure
        what = Name("Taken back" if taken_back else "Sales", Place.of_days(first, last))
        yield [begin, what, f"{rate} %", number * sign, *_amounts(net * sign, tax * sign, currency), currency]
    for (currency, rate), (number, net, tax) in sorted(sums.items(), key=lambda one: (one[0][0], -Decimal(one[0][1]))):
        yield Total(
            [None, "Total", f"{rate} %", int(number), *_amounts(Decimal(net), Decimal(tax), currency), currency]
        )


def _amounts(net: Decimal, tax: Decimal, currency: str) -> Row:
    return [tax_amount(figure, currency) for figure in (net, tax, net + tax)]


def _values(asked: Asked) -> dict[str, int | str | datetime]:
    return {
        "book": asked.book.pk,
        "by": asked[BY],
        "first": spans.begin_of(asked[FIRST]),
        "end": spans.end_of(asked[LAST]),
        "post": JournalEntry.Kind.POST,
        "reverse": JournalEntry.Kind.REVERSE,
    }


REPORT = Report(
    "tax-lines",
    "Tax lines",
    "Tax",
    __doc__ or "",
    [
        *(days("From"), texts("What"), texts("Tax rate"), counts("Invoices")),
        *(amounts("Net"), amounts("Tax"), amounts("Gross"), texts("Currency")),
    ],
    [FIRST, LAST, BY],
    rows,
)
