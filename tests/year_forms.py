"""Every report in every form it comes in, read again by programs that know nothing of ours: the same amounts."""

import csv
import io
import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
from django.db import connection
from django.test import Client
from django.urls import reverse
from ofxtools.Parser import OFXTree

from cryptopay.backoffice.reporting import PAGE_ROWS
from cryptopay.devnet import programs
from ledger import chart
from ledger.models import Account, Book
from reports.cells import Kind, Money
from reports.formats import FORMATS, form_of
from reports.registry import REPORTS
from reports.report import Report, Sheet

Amounts = list[list[str]]
"""Row by row; totals are rows."""


def differences(book: Book, said: dict[str, str], folder: Path, reader: Client) -> list[str]:
    """Where a form of a report has other amounts than its rows. `said`: what is asked of those that ask it."""
    return [wrong for report in REPORTS.values() for wrong in _of_report(report, book, said, folder, reader)]


def _without_spare_zeros(text: str) -> str:
    """As people read it on a page: zeros behind the eighth decimal are left out there, and nowhere else."""
    whole, point, decimals = text.partition(".")
    return f"{whole}{point}{decimals[:8]}{decimals[8:].rstrip('0')}"


def _of_report(report: Report, book: Book, said: dict[str, str], folder: Path, reader: Client) -> Iterator[str]:
    asked = {one.name: said[one.name] for one in report.parameters if one.name in said}
    sheet = Sheet(report, report.read(book, asked), "ann", datetime.now(UTC))
    rows = list(sheet.rows())
    wanted = [[str(cell) for cell in row if isinstance(cell, Money)] for row in rows]
    if sorted(_of_json(sheet)) != sorted(wanted):
        yield f"{report.name} as JSON"
    if _of_csv(sheet) != wanted:
        yield f"{report.name} as CSV"
    if _of_xlsx(sheet) != wanted:
        yield f"{report.name} as XLSX"
    yield from _missing(f"{report.name} as PDF", _of_pdf(sheet, folder), wanted)
    page = reader.get(reverse("admin:report", args=[report.name]), {"book": book.pk, **asked})
    shown = [[_without_spare_zeros(text) for text in row] for row in wanted[:PAGE_ROWS]]
    yield from _missing(f"{report.name} as a page", "".join(page.content.decode().split()), shown)


def _missing(what: str, text: str, wanted: Amounts) -> Iterator[str]:
    """Each amount at its place: after the ones before it."""
    at = 0
    for amount in (amount for row in wanted for amount in row):
        found = text.find(amount, at)
        if found < 0:
            yield f"{what}: no {amount} after {text[max(0, at - 80) : at]}"
            return
        at = found + len(amount)


def _made(sheet: Sheet, form: str) -> bytes:
    return b"".join(FORMATS[form].pieces(sheet))


def _of_csv(sheet: Sheet) -> Amounts:
    of_amounts = [at for at, column in enumerate(sheet.report.columns) if column.kind is Kind.AMOUNT]
    _, *lines = csv.reader(io.StringIO(_made(sheet, "csv").decode(), newline=""))
    return [[line[at] for at in of_amounts if line[at]] for line in lines]


def _of_xlsx(sheet: Sheet) -> Amounts:
    """The exact texts; the numbers beside them are the same, as far as Excel's go."""
    lines = openpyxl.load_workbook(io.BytesIO(_made(sheet, "xlsx")), read_only=True).worksheets[0]
    head, *rows = lines.iter_rows(values_only=True)
    exact = [at for at, title in enumerate(head) if str(title).endswith(", exact")]
    for number, told in ((row[at - 1], Decimal(str(row[at]))) for row in rows for at in exact if row[at]):
        assert isinstance(number, int | float)
        assert abs(Decimal(number) - told) <= abs(told) / 10**14
    return [[str(row[at]) for at in exact if row[at]] for row in rows]


def _of_json(sheet: Sheet) -> Amounts:
    told = json.loads(_made(sheet, "json"))
    return [
        [cell["amount"] for cell in row.values() if isinstance(cell, dict)] for row in [*told["data"], *told["totals"]]
    ]


def _of_pdf(sheet: Sheet, folder: Path) -> str:
    """All of it, without blanks, in the order it was written."""
    path = folder / f"{sheet.report.name}.pdf"
    path.write_bytes(_made(sheet, "pdf"))
    command = [*programs.PDFTOTEXT.command(), "-raw", str(path), "-"]
    return "".join(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())


def ofx_differences(book: Book, said: dict[str, str]) -> list[str]:
    """Each asset account's statement, read by ofxtools: its balance is what the account's entries were worth."""
    return [wrong for account in _held(book) for wrong in _of_statement(book, account, said)]


def _held(book: Book) -> list[Account]:
    found = Account.objects.filter(book=book, kind=Account.Kind.ASSET, code__startswith=chart.CUSTODY)
    return list(found.select_related("asset"))


def _of_statement(book: Book, account: Account, said: dict[str, str]) -> Iterator[str]:
    report = REPORTS["account-statement"]
    period = {one.name: said[one.name] for one in report.parameters if one.name in said}
    asked = report.read(book, {**period, "account": f"{account.code} {account.asset.code}"})
    sheet = Sheet(report, asked, "ann", datetime.now(UTC))
    parser = OFXTree()
    parser.parse(io.BytesIO(b"".join(form_of(report, "ofx").pieces(sheet))))
    (statement,) = parser.convert().statements
    with connection.cursor() as sql:
        sql.execute("SELECT sum(value) FROM ledger_value WHERE book_id = %s AND account_id = %s", [book.pk, account.pk])
        worth = Decimal(sql.fetchone()[0] or 0).scaleb(-2)
    moved: Any = sum(line.trnamt for line in statement.transactions)
    if not statement.ledgerbal.balamt == moved == worth:
        yield f"{account}: OFX says {statement.ledgerbal.balamt} and {moved}, its entries {worth}"
