"""What you own and what you owe at the end of a day, in the book's own currency, and what is left: your equity.

Coins stand at what they cost, and coins that you owe at what they were worth when they came to be owed; a month's end
adds what they have gained or lost since. Assets equal liabilities and equity.
"""

from collections.abc import Iterator, Sequence

from ledger import spans
from ledger.carrying import Carried, carried
from ledger.models import Account
from reports import valued
from reports.cells import Row, Total, account_code, amounts, texts
from reports.parameters import UNTIL, Asked
from reports.report import Report

_Kind = Account.Kind
_SECTIONS = {_Kind.ASSET: "Assets", _Kind.LIABILITY: "Liabilities", _Kind.EQUITY: "Equity"}
_RESULT = (_Kind.INCOME, _Kind.EXPENSE)


def rows(asked: Asked) -> Iterator[Row]:
    """Assets as debits, all else as credits."""
    found = carried(asked.book, asked[UNTIL] or spans.today())
    owned = _sum(found, _Kind.ASSET)
    yield from _listed(found, _Kind.ASSET, 1, asked)
    yield _total("Assets", owned, asked)
    yield from _listed(found, _Kind.LIABILITY, -1, asked)
    yield _total("Liabilities", -_sum(found, _Kind.LIABILITY), asked)
    yield from _listed(found, _Kind.EQUITY, -1, asked)
    result = sum(one.minor_units for one in found if one.account is None or one.account.kind in _RESULT)
    yield ["Equity", "", "Result: income less expenses", "", valued.money(-result, asked), asked.book.currency]
    yield _total("Equity", -_sum(found, _Kind.EQUITY) - result, asked)
    owed = -_sum(found, _Kind.LIABILITY) - _sum(found, _Kind.EQUITY) - result
    yield _total("Liabilities and equity", owed, asked)


def _listed(found: Sequence[Carried], kind: Account.Kind, sign: int, asked: Asked) -> Iterator[Row]:
    for one in found:
        if one.account is not None and one.account.kind == kind:
            yield account_row(_SECTIONS[kind], one.account, sign * one.minor_units, asked)


def account_row(section: str, account: Account, minor_units: int, asked: Asked) -> Row:
    """An account at what it stands at."""
    named = account_code(account), account.name, account.asset.code
    return [section, *named, valued.money(minor_units, asked), asked.book.currency]


def _sum(found: Sequence[Carried], kind: Account.Kind) -> int:
    return sum(one.minor_units for one in found if one.account is not None and one.account.kind == kind)


def _total(what: str, minor_units: int, asked: Asked) -> Row:
    return Total([f"Total {what.lower()}", "", "", "", valued.money(minor_units, asked), asked.book.currency])


def check(asked: Asked) -> None:
    day = asked[UNTIL] or spans.today()
    valued.check_priced(asked, day)
    valued.check_counted(asked, day)


COLUMNS = (*map(texts, ("Section", "Account", "Name", "Of")), amounts("Amount"), texts("Currency"))

REPORT = Report("balance-sheet", "Balance sheet", "In your currency", __doc__ or "", COLUMNS, [UNTIL], rows, check)
