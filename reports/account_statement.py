"""One account in a period: opening balance, every validated posting with the balance behind it, closing balance."""

from collections.abc import Iterator

from reports import lines
from reports.cells import Row
from reports.parameters import ACCOUNT, FIRST, LAST, Asked
from reports.report import Report


def rows(asked: Asked) -> Iterator[Row]:
    account = asked[ACCOUNT]
    assert account is not None  # noqa: S101 - required, so it was read
    return lines.statement(account, asked[FIRST], asked[LAST])


REPORT = Report(
    "account-statement",
    "Account statement",
    "The books",
    __doc__ or "",
    lines.STATEMENT_COLUMNS,
    [ACCOUNT, FIRST, LAST],
    rows,
)
