"""Every account with its validated debits and credits; their sums are equal in each asset."""

from collections.abc import Iterator
from itertools import groupby

from ledger import balances
from ledger.balances import TrialBalanceRow
from ledger.models import Asset
from reports.cells import Money, Place, Row, Total, account_code, amounts, texts
from reports.parameters import UNTIL, Asked
from reports.report import Report


def rows(asked: Asked) -> Iterator[Row]:
    """By asset, each with its sums. Balances are debit less credit, so that each asset's sum is 0."""
    found = balances.trial_balance(asked.book.pk, as_of=asked[UNTIL])
    for asset, of_asset in groupby(found, key=lambda row: row.account.asset):
        listed = list(of_asset)
        yield from (_row(row) for row in listed)
        yield Total(_sums(asset, listed))


def _row(row: TrialBalanceRow) -> Row:
    account = row.account
    explanation = Place("explanation", account.pk)
    return [
        *(account_code(account), account.name, account.asset.code, account.asset.chain),
        *(Money.of(row.debit, account.asset), Money.of(row.credit, account.asset)),
        Money.of(row.balance, account.asset, explanation),
    ]


def _sums(asset: Asset, of_asset: list[TrialBalanceRow]) -> Row:
    sums = [sum(getattr(row, side) for row in of_asset) for side in ("debit", "credit", "balance")]
    return ["Total", "", asset.code, asset.chain, *(Money.of(units, asset) for units in sums)]


REPORT = Report(
    "trial-balance",
    "Trial balance",
    "The books",
    __doc__ or "",
    [
        texts("Account"),
        texts("Name"),
        texts("Asset"),
        texts("Chain"),
        amounts("Debit"),
        amounts("Credit"),
        amounts("Balance"),
    ],
    [UNTIL],
    rows,
)
