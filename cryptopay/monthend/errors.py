"""What is refused at the month's end. Each has a stable `code`.

MonthEndError
    ReconciliationNotReady
    CaseResolved  ExplainsTooMuch  ExplanationUnknown
    NotSealedYet  PackageNotReady  FileUnreadable
MonthNotReady, a LedgerError: it is met where periods are closed
"""

from typing import ClassVar

from ledger.errors import LedgerError


class MonthEndError(Exception):
    """Nothing was written."""

    code: ClassVar[str] = "month_end_error"


class ReconciliationNotReady(MonthEndError):
    """The books have not read, or not taken in, the block that the node told of; asked again, they will have."""

    code = "reconciliation_not_ready"


class CaseResolved(MonthEndError):
    """The case is resolved: nothing is left to explain."""

    code = "case_resolved"


class ExplainsTooMuch(MonthEndError):
    """More than is left of the difference, or nothing."""

    code = "explains_too_much"


class ExplanationUnknown(MonthEndError):
    """An explanation names one of the kinds, and an account of the same asset where its kind has none."""

    code = "explanation_unknown"


class MonthNotReady(LedgerError):
    """Something must be done before the period can be closed; the text says what."""

    code = "month_not_ready"


class FileUnreadable(MonthEndError):
    """The file is no CSV, or too large."""

    code = "file_unreadable"


class PackageNotReady(MonthEndError):
    """A package is made once the period's entries are sealed, which takes a minute; a reopening has none."""

    code = "package_not_ready"


class NotSealedYet(MonthEndError):
    """An entry of the period is not in the chain of hashes yet; the package is made when it is."""

    code = "not_sealed_yet"
