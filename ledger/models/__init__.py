"""The books: accounts, journal, postings, balances, rates, blocks, periods.

The tenant is `Book`; it stands first in every key. Amounts are integers of base units in numeric(78,0). No row is ever
updated but a `Balance` and an `AccountDay`, and those only by the SQL functions in `sql/`.
"""

from ledger.models.accounts import Account, AccountDay, Asset, Balance, Book, Day
from ledger.models.chain import Block
from ledger.models.journal import JournalEntry, Posting
from ledger.models.periods import Decision, PeriodChange, Proposal
from ledger.models.rates import Rate

__all__ = [
    "Account",
    "AccountDay",
    "Asset",
    "Balance",
    "Block",
    "Book",
    "Day",
    "Decision",
    "JournalEntry",
    "PeriodChange",
    "Posting",
    "Proposal",
    "Rate",
]
