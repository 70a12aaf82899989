"""The books in the admin, a file a desk. Only the program writes them; what people ask for goes by `ledger.manual`.

A page reads through its class's `get_queryset` and asks permissions of the row's own book, so whoever wraps the classes
(the back office does) limits every page here to somebody's books.
"""

from ledger.admin.accounts import AccountAdmin
from ledger.admin.books import BookAdmin
from ledger.admin.journal import JournalEntryAdmin
from ledger.admin.periods import PeriodChangeAdmin
from ledger.admin.proposals import ProposalAdmin
from ledger.admin.rates import AssetAdmin, RateAdmin

__all__ = [
    "AccountAdmin",
    "AssetAdmin",
    "BookAdmin",
    "JournalEntryAdmin",
    "PeriodChangeAdmin",
    "ProposalAdmin",
    "RateAdmin",
]
