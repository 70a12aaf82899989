"""What one customer paid in, bought and took back in a period, asset by asset, and what you owe them: to be sent out.

Credits are what they paid in, debits what they bought or took back; the balance is theirs.
"""

from collections.abc import Iterator

from ledger import chart
from ledger.models import Account
from reports import lines
from reports.cells import Row, Total, texts
from reports.parameters import CUSTOMER, FIRST, LAST, Asked
from reports.report import Report


def rows(asked: Asked) -> Iterator[Row]:
    code = f"{chart.CUSTOMERS}{asked[CUSTOMER]}"
    accounts = Account.objects.filter(book=asked.book, code=code).select_related("asset")
    for account in accounts.order_by("asset__code", "asset__chain", "pk"):
        named = account.asset.code, account.asset.chain
        for row in lines.statement(account, asked[FIRST], asked[LAST]):
            yield Total([*named, *row]) if isinstance(row, Total) else [*named, *row]


REPORT = Report(
    "customer-statement",
    "Customer statement",
    "Payments",
    __doc__ or "",
    [texts("Asset"), texts("Chain"), *lines.STATEMENT_COLUMNS],
    [CUSTOMER, FIRST, LAST],
    rows,
)
