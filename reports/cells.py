"""What stands in a report's cell, and how a cell is written to CSV."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from ledger.money import to_text

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a text that starts so for a formula (OWASP, "CSV Injection")."""


@dataclass(frozen=True, slots=True)
class Money:
    """Base units of an asset with so many decimals; written exactly, never as a float."""

    base_units: int
    decimals: int

    def __str__(self) -> str:
        return to_text(self.base_units, self.decimals)


Cell = str | date | Money


def to_csv(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """RFC 4180, with a header line. Texts that would be formulas get an apostrophe; amounts stay numbers."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([_safe(cell) for cell in row] for row in rows)
    return out.getvalue()


def _safe(cell: Cell) -> str:
    text = str(cell)
    return f"'{text}" if isinstance(cell, str) and text.startswith(FORMULA_STARTS) else text
