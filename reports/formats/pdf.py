"""PDF on A4, landscape: on every page the title, whose books and as of when, the head of the table, who printed it and
when, and page x of y.

For reading and filing, so for no more rows than people read: `MOST_ROWS`. Columns are as wide as the first rows need;
what does not fit goes on in the next line, and no amount is ever cut.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice

from reportlab.lib.pagesizes import A4, landscape
from reportlab.pdfgen.canvas import Canvas

from reports.cells import Column, Kind, Row, Total
from reports.errors import ReportTooLong
from reports.formats import typesetting
from reports.formats.typesetting import Line
from reports.formats.words import plain_text
from reports.report import Sheet

MOST_ROWS = 20_000
_MEASURED_ROWS = 300
_WIDTH, _HEIGHT = landscape(A4)
_MARGIN, _GAP = 36.0, 8.0
_SIZE, _LEADING = 7.5, 10.0
_TITLE_SIZE, _SMALL = 14.0, 8.0
_WIDEST_TEXT = 220.0
_NUMBERS = (Kind.AMOUNT, Kind.COUNT)
_PIECE_BYTES = 1 << 16
_PAGES = "pages"
"""The form that holds how many pages there are: drawn on each, known at the end."""


def pieces(sheet: Sheet) -> Iterator[bytes]:
    """Raises `ReportTooLong`."""
    file = io.BytesIO()
    _Paper(sheet, file).write()
    file.seek(0)
    while piece := file.read(_PIECE_BYTES):
        yield piece


@dataclass
class _Paper:
    """The pages as they are written, from the top down; `at` is how far."""

    sheet: Sheet
    file: io.BytesIO
    at: float = 0.0
    number: int = 0
    columns: Sequence[Column] = field(init=False)
    widths: list[float] = field(init=False)
    canvas: Canvas = field(init=False)

    def write(self) -> None:
        report = self.sheet.report
        self.columns = report.columns
        # Nothing of the time it was made at: what is in the books makes the file, and what stands on its pages.
        self.canvas = Canvas(self.file, pagesize=landscape(A4), pageCompression=1, invariant=1)
        self.canvas.setTitle(f"{report.title}, {self.sheet.asked.book}")
        self.canvas.setAuthor(self.sheet.printed_by)
        rows = self.sheet.rows()
        measured = list(islice(rows, _MEASURED_ROWS))
        self.widths = _widths(self.columns, measured)
        self._new_page()
        for number, row in enumerate(chain(measured, rows)):
            if number == MOST_ROWS:
                raise ReportTooLong(
                    f"this is more than {MOST_ROWS:,} rows, which nobody reads on paper; take CSV or XLSX"
                )
            self._row(row)
        if not measured:
            self._line("There is nothing to report.", _MARGIN, _SMALL)
        self._end()

    def _row(self, row: Row) -> None:
        bold = isinstance(row, Total)
        texts = [plain_text(cell) for cell in row]
        lines = [
            typesetting.wrapped(text, width, _SIZE, bold=bold) for text, width in zip(texts, self.widths, strict=True)
        ]
        height = max(len(of_cell) for of_cell in lines) * _LEADING
        if self.at - height < _MARGIN + _LEADING * 2:
            self._new_page()
        self._cells(lines)
        if bold:
            self.canvas.setLineWidth(0.5)
            self.canvas.line(_MARGIN, self.at + _SIZE + 1, _WIDTH - _MARGIN, self.at + _SIZE + 1)
        self.at -= height

    def _cells(self, lines: Sequence[Sequence[Line]]) -> None:
        left = _MARGIN
        for column, width, of_cell in zip(self.columns, self.widths, lines, strict=True):
            for number, line in enumerate(of_cell):
                x = left + width - line.width if column.kind in _NUMBERS else left
                typesetting.draw(self.canvas, line, x, self.at - number * _LEADING, _SIZE)
            left += width + _GAP

    def _new_page(self) -> None:
        if self.number:
            self.canvas.showPage()
        self.number += 1
        self.at = _HEIGHT - _MARGIN - _TITLE_SIZE
        self._line(self.sheet.report.title, _MARGIN, _TITLE_SIZE, bold=True)
        facts = "   ".join(f"{name}: {text}" for name, text in self.sheet.facts)
        for line in typesetting.wrapped(facts, _WIDTH - 2 * _MARGIN, _SMALL, bold=False):
            typesetting.draw(self.canvas, line, _MARGIN, self.at, _SMALL)
            self.at -= _LEADING
        self._foot()
        self.at -= _LEADING / 2
        heads = [
            typesetting.wrapped(column.title, width, _SIZE, bold=True)
            for column, width in zip(self.columns, self.widths, strict=True)
        ]
        self._cells(heads)
        self.at -= max(len(head) for head in heads) * _LEADING
        self.canvas.setLineWidth(0.8)
        self.canvas.line(_MARGIN, self.at + _SIZE + 1, _WIDTH - _MARGIN, self.at + _SIZE + 1)
        self.at -= 2

    def _foot(self) -> None:
        made = f"Printed by {self.sheet.printed_by} on {plain_text(self.sheet.printed_at)} UTC"
        for line in typesetting.wrapped(made, _WIDTH - 200, _SMALL, bold=False)[:1]:
            typesetting.draw(self.canvas, line, _MARGIN, _MARGIN - _LEADING, _SMALL)
        page = typesetting.wrapped(f"Page {self.number} of ", 200, _SMALL, bold=False)[0]
        x = _WIDTH - _MARGIN - 90
        typesetting.draw(self.canvas, page, x, _MARGIN - _LEADING, _SMALL)
        self.canvas.saveState()
        self.canvas.translate(x + page.width, _MARGIN - _LEADING)
        self.canvas.doForm(_PAGES)
        self.canvas.restoreState()

    def _line(self, text: str, x: float, size: float, *, bold: bool = False) -> None:
        for line in typesetting.wrapped(text, _WIDTH - 2 * _MARGIN, size, bold=bold):
            typesetting.draw(self.canvas, line, x, self.at, size)
            self.at -= size + 4

    def _end(self) -> None:
        self.canvas.showPage()
        self.canvas.beginForm(_PAGES, -2, -4, 80, _SMALL + 4)
        line = typesetting.wrapped(str(self.number), 80, _SMALL, bold=False)[0]
        typesetting.draw(self.canvas, line, 0, 0, _SMALL)
        self.canvas.endForm()
        self.canvas.save()


def _widths(columns: Sequence[Column], rows: Sequence[Row]) -> list[float]:
    """As the first rows need; where that is more than the page, texts give way, and then all alike."""
    wanted = []
    for number, column in enumerate(columns):
        texts = [plain_text(row[number]) for row in rows]
        words = [typesetting.width(word, _SIZE, bold=True) for word in column.title.split()]
        needed = max([typesetting.width(text, _SIZE, bold=True) for text in texts] + words)
        wanted.append(needed + 1 if column.kind in _NUMBERS else min(needed + 1, _WIDEST_TEXT))
    room = _WIDTH - 2 * _MARGIN - _GAP * (len(columns) - 1)
    fixed = sum(width for width, column in zip(wanted, columns, strict=True) if column.kind is not Kind.TEXT)
    flexible = sum(wanted) - fixed
    if sum(wanted) <= room:
        return wanted
    if flexible and room - fixed > flexible / 3:
        share = (room - fixed) / flexible
        return [
            width * share if column.kind is Kind.TEXT else width for width, column in zip(wanted, columns, strict=True)
        ]
    return [width * room / sum(wanted) for width in wanted]
