"""XLSX, row by row. Excel keeps 15 digits of a number, so beside each amount its exact text stands in a further column.

Texts are written as texts, so that none is run as a formula. What was asked, by whom and when, is on a sheet of its
own, so that the rows begin in the first line. A sheet takes 1,048,576 rows; more go on on further ones.
"""

import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import IO

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from ledger.money import to_decimal
from reports.cells import Cell, Column, Kind, Money, Row, Total
from reports.formats.words import plain_text
from reports.report import Sheet

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_MOST_ROWS = 1_048_576
_LONGEST_TEXT = 32_767
_MOST_DECIMALS_SHOWN = 30
"""What Excel takes in a number's format."""
_WIDTHS = {Kind.TEXT: 28, Kind.COUNT: 12, Kind.DAY: 12, Kind.MOMENT: 20, Kind.AMOUNT: 22}
_PIECE_BYTES = 1 << 16
_NOT_IN_NAMES = str.maketrans(dict.fromkeys("[]:*?/\\", "-"))
"""What Excel takes in no sheet's name."""


def pieces(sheet: Sheet) -> Iterator[bytes]:
    with tempfile.TemporaryFile() as file:
        _write(sheet, file)
        file.seek(0)
        while piece := file.read(_PIECE_BYTES):
            yield piece


def _write(sheet: Sheet, file: IO[bytes]) -> None:
    workbook = xlsxwriter.Workbook(file, {"constant_memory": True, "default_date_format": "yyyy-mm-dd"})
    workbook.set_properties({"title": sheet.report.title, "author": sheet.printed_by})
    styles = _Styles(workbook)
    room, lines = 0, None
    number = 0
    for row in sheet.rows():
        if lines is None or room == _MOST_ROWS:
            number += 1
            lines, room = _new_sheet(workbook, sheet, number, styles), 1
        _write_row(lines, room, sheet.report.columns, row, styles)
        room += 1
    if lines is None:
        _new_sheet(workbook, sheet, 1, styles)
    _about(workbook, sheet, styles)
    workbook.close()


class _Styles:
    """Made once each: a workbook keeps every one it is given."""

    def __init__(self, workbook: xlsxwriter.Workbook) -> None:
        self._workbook = workbook
        self._known: dict[tuple[str, bool], Format] = {}
        self.heading = workbook.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})

    def of(self, number_format: str, *, bold: bool) -> Format:
        if (number_format, bold) not in self._known:
            made = self._workbook.add_format({"num_format": number_format, "bold": bold})
            self._known[number_format, bold] = made
        return self._known[number_format, bold]


def _new_sheet(workbook: xlsxwriter.Workbook, sheet: Sheet, number: int, styles: _Styles) -> Worksheet:
    name = sheet.report.title.translate(_NOT_IN_NAMES)[:25] + (f" {number}" if number > 1 else "")
    lines: Worksheet = workbook.add_worksheet(name)
    place = 0
    for column in sheet.report.columns:
        titles = [column.title, f"{column.title}, exact"] if column.kind is Kind.AMOUNT else [column.title]
        for title in titles:
            lines.set_column(place, place, _WIDTHS[column.kind])
            lines.write_string(0, place, title, styles.heading)
            place += 1
    lines.freeze_panes(1, 0)
    return lines


def _write_row(lines: Worksheet, at: int, columns: Sequence[Column], row: Row, styles: _Styles) -> None:
    bold, place = isinstance(row, Total), 0
    for column, cell in zip(columns, row, strict=True):
        _write_cell(lines, at, place, cell, styles, bold=bold)
        place += 1
        if column.kind is Kind.AMOUNT:
            lines.write_string(at, place, plain_text(cell), styles.of("@", bold=bold))
            place += 1


def _write_cell(lines: Worksheet, at: int, place: int, cell: Cell, styles: _Styles, *, bold: bool) -> None:
    match cell:
        case None:
            pass
        case Money():
            decimals = min(cell.decimals, _MOST_DECIMALS_SHOWN)
            style = styles.of("#,##0" + ("." + "0" * decimals if decimals else ""), bold=bold)
            lines.write_number(at, place, float(to_decimal(cell.base_units, cell.decimals)), style)
        case datetime():
            naive = cell.astimezone(UTC).replace(tzinfo=None)
            lines.write_datetime(at, place, naive, styles.of("yyyy-mm-dd hh:mm:ss", bold=bold))
        case date():
            lines.write_datetime(at, place, cell, styles.of("yyyy-mm-dd", bold=bold))
        case int():
            lines.write_number(at, place, cell, styles.of("0", bold=bold))
        case str():
            lines.write_string(at, place, cell[:_LONGEST_TEXT], styles.of("@", bold=bold))


def _about(workbook: xlsxwriter.Workbook, sheet: Sheet, styles: _Styles) -> None:
    lines: Worksheet = workbook.add_worksheet("About")
    lines.set_column(0, 0, 20)
    lines.set_column(1, 1, 60)
    made = f"{plain_text(sheet.printed_at)} UTC"
    about = " ".join(sheet.report.about.split())
    facts = [("Report", sheet.report.title), *sheet.facts, ("Made by", sheet.printed_by), ("Made at", made)]
    for at, (name, text) in enumerate([*facts, ("What it tells", about)]):
        lines.write_string(at, 0, name, styles.of("@", bold=True))
        lines.write_string(at, 1, text[:_LONGEST_TEXT], styles.of("@", bold=False))
