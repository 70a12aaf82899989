"""The reports' errors, each with a stable `code`."""

from typing import ClassVar


class ReportError(Exception):
    """The report cannot be had as it was asked for."""

    code: ClassVar[str] = "report_error"


class ParameterRefused(ReportError):
    """A parameter is missing or wrong; `pointer` says which ("?until")."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.pointer = f"?{name}"


class ParameterMissing(ParameterRefused):
    """The report says nothing without it."""

    code = "parameter_missing"


class ParameterUnknown(ParameterRefused):
    """The report does not ask for that."""

    code = "unknown_parameter"


class DayInvalid(ParameterRefused):
    """No day that books could have."""

    code = "day_invalid"


class PeriodInvalid(ParameterRefused):
    """It ends before it begins."""

    code = "period_invalid"


class YearInvalid(ParameterRefused):
    """No year that books could have."""

    code = "year_invalid"


class AccountUnknown(ParameterRefused):
    """The book has no such account."""

    code = "account_unknown"


class AccountAmbiguous(ParameterRefused):
    """The book has several accounts of that name; the asset tells them apart."""

    code = "account_ambiguous"


class AssetUnknown(ParameterRefused):
    """The book has no account in it."""

    code = "asset_unknown"


class CustomerUnknown(ParameterRefused):
    """Nothing was ever booked for that customer."""

    code = "customer_unknown"


class ChoiceInvalid(ParameterRefused):
    """Not one of those that are offered."""

    code = "choice_invalid"


class AmountInvalid(ParameterRefused):
    """No whole number."""

    code = "threshold_invalid"


class EntriesUnpriced(ReportError):
    """A report in the book's currency waits for somebody to say what something was worth."""

    code = "entries_unpriced"


class FormatUnavailable(ReportError):
    """The report does not come in that form."""

    code = "format_unavailable"


class EntryTooLong(ReportError):
    """An entry has more lines than the program takes that the file is for."""

    code = "entry_too_long"


class TooManyExports(ReportError):
    """Enough is being made for that person already."""

    code = "too_many_exports"


class ExportNotReady(ReportError):
    """There is no file: the export is still being made, or failed."""

    code = "export_not_ready"


class ReportTooLong(ReportError):
    """More rows than that form is for; CSV, JSON and XLSX take any number."""

    code = "report_too_long"
