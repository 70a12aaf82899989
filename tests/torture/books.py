"""Books for a trial: what a platform with customers has, in two assets; customers have a floor."""

from dataclasses import dataclass

from ledger import chart
from ledger.models import Account, Asset, Book


@dataclass(frozen=True, slots=True)
class Till:
    """The accounts of one asset, by id."""

    vault: int
    sales: int
    fees: int
    owner: int
    customers: list[int]


@dataclass(frozen=True, slots=True)
class TrialBook:
    id: int
    tills: list[Till]


def open_books(count: int, customers: int) -> list[TrialBook]:
    """Every account of a book is new; customers are many or few, so that accounts are spread or hot."""
    assets = [chart.asset("BTC", "bitcoin", 8), chart.asset("ETH", "ethereum", 18)]
    opened = []
    for number in range(count):
        book = Book.objects.create(name=f"Book {number}")
        opened.append(TrialBook(book.pk, [_open_till(book.pk, asset, customers) for asset in assets]))
    return opened


def _open_till(book: int, asset: Asset, customers: int) -> Till:
    return Till(
        vault=chart.open_account(book, "assets:vault", "Vault", asset, Account.Kind.ASSET).pk,  # no chain behind it
        sales=chart.sales(book, asset).pk,
        fees=chart.open_account(book, "expense:network fees", "Network fees", asset, Account.Kind.EXPENSE).pk,
        owner=chart.open_account(book, "equity:owner", "Owner", asset, Account.Kind.EQUITY).pk,
        customers=[chart.customer(book, f"{number}", asset).pk for number in range(customers)],
    )
