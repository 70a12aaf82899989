"""The books: accounts, journal, postings, balances, rates, blocks, periods.

The tenant is `Book`; it stands first in every key. Amounts are integers of base units in numeric(78,0). No row is ever
updated but a `Balance` and an `AccountDay`, and those only by the SQL functions in `sql/`; what is derived from the
journal (`models.valuation`) is written anew where the journal says something else.
"""

from ledger.models.accounts import Account, AccountDay, Asset, Balance, Book, Day
from ledger.models.chain import Block
from ledger.models.journal import JournalEntry, Posting
from ledger.models.periods import Decision, PeriodChange, PeriodReview, Proposal
from ledger.models.rates import Rate
from ledger.models.valuation import (
    CostMethod,
    EntryPrice,
    Lot,
    Movement,
    PostedGain,
    Taking,
    ValuedUpTo,
    WaitingPool,
)

__all__ = [
    "Account",
    "AccountDay",
    "Asset",
    "Balance",
    "Block",
    "Book",
    "CostMethod",
    "Day",
    "Decision",
    "EntryPrice",
    "JournalEntry",
    "Lot",
    "Movement",
    "PeriodChange",
    "PeriodReview",
    "PostedGain",
    "Posting",
    "Proposal",
    "Rate",
    "Taking",
    "ValuedUpTo",
    "WaitingPool",
]
