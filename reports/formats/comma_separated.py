"""CSV (RFC 4180), with a header line. Texts that would be formulas get an apostrophe; amounts stay numbers."""

from collections.abc import Iterator

from ledger import spreadsheet
from ledger.spreadsheet import harmless
from reports.cells import Cell
from reports.formats.gathering import gathered
from reports.formats.words import plain_text
from reports.report import Sheet


def pieces(sheet: Sheet) -> Iterator[bytes]:
    titles = [column.title for column in sheet.report.columns]
    return gathered(spreadsheet.csv_lines(titles, ([_text(cell) for cell in row] for row in sheet.rows())))


def _text(cell: Cell) -> str:
    return harmless(cell) if isinstance(cell, str) else plain_text(cell)
