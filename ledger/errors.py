"""The ledger's errors. Each has a stable `code`; the database raises them by SQLSTATE, so raw SQL meets them, too.

LedgerError
    Unbalanced  BadLeg  UnknownAccount  AccountClosed  BelowFloor
    AccountCodeInvalid  AccountNotEmpty  AccountStaysOpen
    IdempotencyConflict  NotPending  AlreadyResolved  NotReversible  AlreadyReversed  PeriodClosed
    SecondPersonNeeded  AlreadyDecided  ReasonMissing  SealedAhead  PeriodNotOver  PeriodAlreadyClosed  PeriodNotClosed
    ReviewMissing
    BooksHidden  BatchInvalid  BalanceTooLarge
    EntriesUnpriced  EntryPriced  EntryDerived  ClosingRatesMissing
    RateError: RateMissing  RateStale  RateSuspect  RateInvalid
"""

from collections.abc import Sequence
from datetime import date
from typing import ClassVar

from django.db import DatabaseError

from ledger.pairs import Pair


class LedgerError(Exception):
    """An entry or a rate was refused; nothing was written."""

    code: ClassVar[str] = "ledger_error"
    sqlstate: ClassVar[str] = ""


class Unbalanced(LedgerError):
    """Debits and credits differ in some asset, or there are fewer than two legs."""

    code = "entry_unbalanced"
    sqlstate = "LG001"


class BadLeg(LedgerError):
    """A leg is not exactly one positive debit or credit."""

    code = "leg_invalid"
    sqlstate = "LG002"


class UnknownAccount(LedgerError):
    """The account is not in this book."""

    code = "account_unknown"
    sqlstate = "LG003"


class AccountClosed(LedgerError):
    """The account takes no more postings."""

    code = "account_closed"
    sqlstate = "LG004"


class IdempotencyConflict(LedgerError):
    """The same idempotency key came with other contents."""

    code = "entry_conflict"
    sqlstate = "LG005"


class NotPending(LedgerError):
    """Only a pending entry of this book can be settled or voided."""

    code = "entry_not_pending"
    sqlstate = "LG006"


class AlreadyResolved(LedgerError):
    """A pending entry is settled or voided at most once."""

    code = "entry_already_resolved"
    sqlstate = "LG007"


class NotReversible(LedgerError):
    """Only a posted or settled entry of this book can be reversed."""

    code = "entry_not_reversible"
    sqlstate = "LG008"


class AlreadyReversed(LedgerError):
    """An entry is reversed at most once."""

    code = "entry_already_reversed"
    sqlstate = "LG009"


class BelowFloor(LedgerError):
    """The account's balance less what is already promised would fall below its floor."""

    code = "balance_below_floor"
    sqlstate = "LG010"


class PeriodClosed(LedgerError):
    """The books are closed on that date."""

    code = "period_closed"
    sqlstate = "LG011"


class SecondPersonNeeded(LedgerError):
    """Who asks does not decide."""

    code = "second_person_needed"
    sqlstate = "LG012"


class AlreadyDecided(LedgerError):
    """A proposal is approved or refused once."""

    code = "proposal_already_decided"


class ReasonMissing(LedgerError):
    """What a person writes into the books, or refuses, has a reason."""

    code = "reason_missing"


class SealedAhead(LedgerError):
    """This database server's transaction ids lie behind what is sealed: a restored copy needs a node number."""

    code = "sealed_ahead"
    sqlstate = "LG013"


class PeriodNotOver(LedgerError):
    """Only days that are over are closed."""

    code = "period_not_over"
    sqlstate = "LG014"


class ReviewMissing(LedgerError):
    """The books are closed through a day that was reviewed: collected, priced, reconciled, looked at."""

    code = "review_missing"
    sqlstate = "LG016"


class PeriodAlreadyClosed(LedgerError):
    """The books are closed through that day already, or through a later one."""

    code = "period_already_closed"


class PeriodNotClosed(LedgerError):
    """Only what is closed is reopened, and back to an earlier day."""

    code = "period_not_closed"


class AccountCodeInvalid(LedgerError):
    """A code is lower-case words parted by colons; an account by hand stands under a branch of the chart."""

    code = "account_code_invalid"


class AccountNotEmpty(LedgerError):
    """An account is closed when nothing is on it and nothing on its way."""

    code = "account_not_empty"


class AccountStaysOpen(LedgerError):
    """Payments write to it by themselves, and what a chain tells cannot be refused."""

    code = "account_stays_open"


class BooksHidden(LedgerError):
    """The database shows this login some books only, so nothing can be said of all."""

    code = "books_hidden"


class BatchInvalid(LedgerError):
    """The lists of a batch do not fit together: by raw SQL only, `journal.post_batch` makes them itself."""

    code = "batch_invalid"
    sqlstate = "LG015"


class BalanceTooLarge(LedgerError):
    """A balance would have more than 78 digits."""

    code = "balance_too_large"
    sqlstate = "22003"


class EntriesUnpriced(LedgerError):
    """What coins cost cannot be counted before somebody says what these entries were worth."""

    code = "entries_unpriced"


class EntryPriced(LedgerError):
    """An entry that carries a rate keeps it; only entries by hand, or without a rate, are priced by hand."""

    code = "entry_priced"


class EntryDerived(LedgerError):
    """A gain follows from other entries: correct those, and it is corrected by itself."""

    code = "entry_derived"


class ClosingRatesMissing(LedgerError):
    """No trustworthy rate of that day for some pairs; `pairs` names them."""

    code = "closing_rates_missing"

    def __init__(self, day: date, pairs: Sequence[Pair]) -> None:
        super().__init__(f"no rate of {day} for {', '.join(map(str, pairs))}")
        self.pairs = tuple(pairs)


class RateError(LedgerError):
    """No trustworthy rate, so nothing may be priced."""

    code = "rate_error"


class RateMissing(RateError):
    """No rate of this asset in this currency was ever recorded."""

    code = "rate_missing"


class RateStale(RateError):
    """The newest rate is older than allowed."""

    code = "rate_stale"


class RateSuspect(RateError):
    """The newest rate is several times the one before; a second one must agree with it first."""

    code = "rate_suspect"


class RateInvalid(RateError):
    """Zero, negative, NaN, infinite, from the future, or finer than can be stored."""

    code = "rate_invalid"


_BY_SQLSTATE = {cls.sqlstate: cls for cls in LedgerError.__subclasses__() if cls.sqlstate}


def from_database(error: DatabaseError) -> LedgerError | None:
    """The ledger's own error behind a database error, if it is one."""
    cause = error.__cause__
    cls = _BY_SQLSTATE.get(getattr(cause, "sqlstate", None) or "")
    diagnosis = getattr(cause, "diag", None)
    if cls is None and getattr(diagnosis, "constraint_name", None) == "ledger_balance_floor":
        return BelowFloor("the balance, less what is promised, would fall below the account's floor")
    return cls(getattr(diagnosis, "message_primary", None) or str(error)) if cls else None
