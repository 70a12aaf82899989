"""Every account with its validated debits and credits; their sums are equal in each asset of each book."""

from django.db.models import Q, QuerySet, Sum, Value
from django.db.models.functions import Coalesce

from ledger.models import Account, Book, Posting
from ledger.money import BaseUnitsField
from reports.cells import Cell, Money

COLUMNS = ["Book", "Account", "Name", "Asset", "Chain", "Debit", "Credit", "Balance"]


def rows(books: QuerySet[Book]) -> list[list[Cell]]:
    """Balances as debit less credit, so that each asset's sum is 0."""
    posted = Q(postings__layer=Posting.Layer.POSTED)
    accounts = (
        Account.objects.filter(book__in=books)
        .annotate(debit=_sum("postings__debit", posted), credit=_sum("postings__credit", posted))
        .select_related("book", "asset")
        .order_by("book__name", "book", "asset__code", "asset", "code")
    )
    return [
        [
            *(str(account.book), account.code, account.name, account.asset.code, account.asset.chain),
            *(Money(int(units), account.asset.decimals) for units in (account.debit, account.credit)),
            Money(int(account.debit - account.credit), account.asset.decimals),
        ]
        for account in accounts
    ]


def _sum(field: str, which: Q) -> Coalesce:
    return Coalesce(Sum(field, filter=which), Value(0), output_field=BaseUnitsField())
