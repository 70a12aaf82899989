"""What stands in a report's cell, and how a cell is written to CSV."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from ledger import spreadsheet
from ledger.models import Account
from ledger.money import to_text
from ledger.spreadsheet import harmless


@dataclass(frozen=True, slots=True)
class Money:
    """Base units of an asset with so many decimals; written exactly, never as a float."""

    base_units: int
    decimals: int

    def __str__(self) -> str:
        return to_text(self.base_units, self.decimals)


class AccountCode(str):
    """An account's code, which knows its account, so that a page can lead to it."""

    __slots__ = ("account_id",)
    account_id: int

    def __new__(cls, account: Account) -> "AccountCode":
        code = super().__new__(cls, account.code)
        code.account_id = account.pk
        return code


Cell = str | date | Money


def to_csv(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """RFC 4180, with a header line. Texts that would be formulas get an apostrophe; amounts stay numbers."""
    return "".join(csv_lines(columns, rows))


def csv_lines(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """The same, line by line."""
    return spreadsheet.csv_lines(columns, ([_text(cell) for cell in row] for row in rows))


def _text(cell: Cell) -> str:
    return harmless(cell) if isinstance(cell, str) else str(cell)
