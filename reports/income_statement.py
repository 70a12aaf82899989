"""What was earned and spent in a period, in the book's own currency, and the result.

Sales and fees in coins count at what they were worth that day. Gains and losses of coins that left are posted by the
day; those of coins still held by the month's end, and taken back the next day, so that only the change since shows.
"""

from collections.abc import Iterator

from ledger.carrying import carried
from ledger.models import Account
from reports import valued
from reports.balance_sheet import COLUMNS, account_row
from reports.cells import Row, Total
from reports.parameters import FIRST, LAST, Asked
from reports.report import Report

_SECTIONS = {Account.Kind.INCOME: "Income", Account.Kind.EXPENSE: "Expenses"}


def rows(asked: Asked) -> Iterator[Row]:
    """Income as credits, expenses as debits."""
    moved, unposted = _moved(asked)
    sums = dict.fromkeys(_SECTIONS, 0)
    for kind, section in _SECTIONS.items():
        sign = -1 if kind == Account.Kind.INCOME else 1
        for account, minor_units in moved:
            if account.kind == kind and minor_units:
                sums[kind] += sign * minor_units
                yield account_row(section, account, sign * minor_units, asked)
        if kind == Account.Kind.INCOME and unposted:
            sums[kind] -= unposted
            told = valued.money(-unposted, asked), asked.book.currency
            yield [section, "", "Gains that are counted and not posted yet", "", *told]
        yield Total([f"Total {section.lower()}", "", "", "", valued.money(sums[kind], asked), asked.book.currency])
    result = sums[Account.Kind.INCOME] - sums[Account.Kind.EXPENSE]
    yield Total(["Result", "", "", "", valued.money(result, asked), asked.book.currency])


def _moved(asked: Asked) -> tuple[list[tuple[Account, int]], int]:
    """What each account of the result moved by, debits above zero, and what is counted and not posted."""
    accounts: dict[int, tuple[Account, int]] = {}
    unposted = 0
    for day, sign in ((asked[LAST], 1), (valued.before(asked[FIRST]), -1)):
        for one in carried(asked.book, day):
            if one.account is None:
                unposted += sign * one.minor_units
            elif one.account.kind in _SECTIONS:
                _, so_far = accounts.get(one.account.pk, (one.account, 0))
                accounts[one.account.pk] = (one.account, so_far + sign * one.minor_units)
    listed = sorted(accounts.values(), key=lambda entry: (entry[0].code, entry[0].asset.code, entry[0].pk))
    return listed, unposted


def check(asked: Asked) -> None:
    valued.check_priced(asked, asked[LAST])
    valued.check_counted(asked, asked[LAST])


REPORT = Report(
    "income-statement", "Income statement", "In your currency", __doc__ or "", COLUMNS, [FIRST, LAST], rows, check
)
