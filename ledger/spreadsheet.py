"""Rows as CSV that a spreadsheet opens without running any of it."""

import csv
import io
from collections.abc import Iterable, Sequence

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a text that starts so for a formula (OWASP, "CSV Injection")."""


def harmless(text: str) -> str:
    """A person's text with an apostrophe where it would be a formula. Not for amounts: those stay numbers."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """RFC 4180, with a header line. Whoever brings the rows has made its texts `harmless`."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows(rows)
    return out.getvalue()
