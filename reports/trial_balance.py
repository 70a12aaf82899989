"""Every account with its validated debits and credits; their sums are equal in each asset of each book."""

from datetime import date

from django.db.models import QuerySet

from ledger import balances
from ledger.models import Book
from reports.cells import AccountCode, Cell, Money

COLUMNS = ["Book", "Account", "Name", "Asset", "Chain", "Debit", "Credit", "Balance"]


def rows(books: QuerySet[Book], until: date | None = None) -> list[list[Cell]]:
    """By the end of a day (UTC), or all. Balances are debit less credit, so that each asset's sum is 0."""
    return [
        [
            *(str(row.account.book), AccountCode(row.account), row.account.name),
            *(row.account.asset.code, row.account.asset.chain),
            *(Money(units, row.account.asset.decimals) for units in (row.debit, row.credit, row.balance)),
        ]
        for row in balances.trial_balances(books.values_list("pk", flat=True), as_of=until)
    ]
