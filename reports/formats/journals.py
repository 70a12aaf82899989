"""The accounting journal for QuickBooks Online and for Xero: a zip of CSV files, and of the accounts they name.

QuickBooks (help of its Import Data, Journal Entries): Journal No, Journal Date, Account Name, Description, Debits and
Credits; a sub-account stands behind its parents and a colon. Xero (help of its manual journals' template): up to 300
lines a file, those of one journal share narration and date, debits are above zero. No entry is parted between files.
"""

import csv
import io
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import IO, Any

from ledger.spreadsheet import harmless
from reports.cells import Row
from reports.errors import EntryTooLong
from reports.formats.words import plain_text
from reports.report import Sheet

XERO_LINES = 300
QUICKBOOKS_LINES = 1_000
_TAX_RATE = "Tax Exempt"
_PIECE_BYTES = 1 << 16
_TYPES = {
    "Assets": "Current Asset",
    "Liabilities": "Current Liability",
    "Suspense": "Current Liability",
    "Equity": "Equity",
    "Income": "Revenue",
    "Expense": "Expense",
}
"""As Xero calls them, by the first word of an account."""
_QUICKBOOKS = ["Journal No", "Journal Date", "Account Name", "Description", "Debits", "Credits"]
_XERO = ["*Narration", "*Date", "Description", "*AccountCode", "*TaxRate", "*Amount"]
_Line = Callable[[Row], list[str]]


def quickbooks(sheet: Sheet) -> Iterator[bytes]:
    """Raises `EntryTooLong`."""
    return _zipped(sheet, _QUICKBOOKS, _of_quickbooks, QUICKBOOKS_LINES)


def xero(sheet: Sheet) -> Iterator[bytes]:
    """Raises `EntryTooLong`."""
    return _zipped(sheet, _XERO, _of_xero, XERO_LINES)


def _of_quickbooks(row: Row) -> list[str]:
    day, entry, description, account, _, debit, credit, _ = row
    return [str(entry), f"{day:%m/%d/%Y}", str(account), harmless(str(description)), *map(plain_text, (debit, credit))]


def _of_xero(row: Row) -> list[str]:
    day, entry, description, _, code, debit, credit, _ = row
    amount = plain_text(debit) if debit is not None else f"-{plain_text(credit)}"
    told = harmless(str(description))
    return [f"CryptoPay {entry}", f"{day:%d/%m/%Y}", told, str(code), _TAX_RATE, amount]


def _zipped(sheet: Sheet, titles: Sequence[str], line: _Line, most: int) -> Iterator[bytes]:
    with tempfile.TemporaryFile() as file:
        _write(sheet, titles, line, most, file)
        file.seek(0)
        while piece := file.read(_PIECE_BYTES):
            yield piece


def _write(sheet: Sheet, titles: Sequence[str], line: _Line, most: int, file: IO[bytes]) -> None:
    accounts: dict[str, str] = {}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, rows in enumerate(_parts(sheet.rows(), most), start=1):
            accounts |= {str(row[4]): str(row[3]) for row in rows}
            _add(archive, f"journal-{number:03}.csv", [titles, *map(line, rows)])
        listed = ([code, accounts[code], _type(accounts[code]), _TAX_RATE] for code in sorted(accounts, key=_number))
        _add(archive, "accounts.csv", [["*Code", "*Name", "*Type", "*Tax Code"], *listed])


def _parts(rows: Iterable[Row], most: int) -> Iterator[list[Row]]:
    """Whole entries, as many as a file takes."""
    part: list[Row] = []
    for entry, legs in groupby(rows, key=lambda row: row[1]):
        of_entry = list(legs)
        if len(of_entry) > most:
            raise EntryTooLong(f"entry {entry} has more than {most} lines, which that program does not take")
        if len(part) + len(of_entry) > most:
            yield part
            part = []
        part += of_entry
    if part:
        yield part


def _add(archive: zipfile.ZipFile, name: str, rows: Iterable[Sequence[Any]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    archive.writestr(zipfile.ZipInfo(name), text.getvalue().encode())


def _type(account: str) -> str:
    """By the first word of its name; a code has no other first words than these."""
    return _TYPES[account.partition(":")[0].partition(" ")[0]]


def _number(code: str) -> int:
    return int(code.removeprefix("CP"))
