"""The forms a report comes in besides the page. One file each makes bytes of a `Sheet`, piece by piece, so that memory
does not grow with the rows.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from reports.formats import comma_separated, javascript, pdf, xlsx
from reports.report import Sheet


@dataclass(frozen=True, slots=True)
class Format:
    """`name` is also the ending of its files. Where it does not stream, no piece comes before all rows are read."""

    name: str
    title: str
    media_type: str
    pieces: Callable[[Sheet], Iterator[bytes]]
    streams: bool


FORMATS: Mapping[str, Format] = {
    form.name: form
    for form in (
        Format("csv", "CSV", "text/csv; charset=utf-8", comma_separated.pieces, streams=True),
        Format("xlsx", "Excel", xlsx.MEDIA_TYPE, xlsx.pieces, streams=False),
        Format("pdf", "PDF", "application/pdf", pdf.pieces, streams=False),
        Format("json", "JSON", "application/json", javascript.pieces, streams=True),
    )
}
