"""The forms a report comes in besides the page. One file each makes bytes of a `Sheet`, piece by piece, so that memory
does not grow with the rows.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from reports.errors import FormatUnavailable
from reports.formats import comma_separated, javascript, journals, ofx, pdf, xlsx
from reports.report import Report, Sheet


@dataclass(frozen=True, slots=True)
class Format:
    """Where it does not stream, no piece comes before all rows are read. `of`: the one report it is of; else all."""

    name: str
    title: str
    media_type: str
    pieces: Callable[[Sheet], Iterator[bytes]]
    streams: bool = False
    ending: str = ""
    of: str = ""

    @property
    def file_ending(self) -> str:
        return self.ending or self.name


_ZIP = "application/zip"
FORMATS: Mapping[str, Format] = {
    form.name: form
    for form in (
        Format("csv", "CSV", "text/csv; charset=utf-8", comma_separated.pieces, streams=True),
        Format("xlsx", "Excel", xlsx.MEDIA_TYPE, xlsx.pieces),
        Format("pdf", "PDF", "application/pdf", pdf.pieces),
        Format("json", "JSON", "application/json", javascript.pieces, streams=True),
        Format("quickbooks", "QuickBooks", _ZIP, journals.quickbooks, ending="quickbooks.zip", of="accounting-journal"),
        Format("xero", "Xero", _ZIP, journals.xero, ending="xero.zip", of="accounting-journal"),
        Format("ofx", "OFX", "application/x-ofx", ofx.pieces, of="account-statement"),
    )
}


def forms_of(report: Report) -> list[Format]:
    """In which it comes."""
    return [form for form in FORMATS.values() if form.of in ("", report.name)]


def form_of(report: Report, name: str) -> Format:
    """Raises `FormatUnavailable`."""
    for form in forms_of(report):
        if form.name == name:
            return form
    raise FormatUnavailable(f"{report.title} comes as {', '.join(form.name for form in forms_of(report))}")
