"""Rows as CSV that a spreadsheet opens without running any of it."""

import csv
import io
import itertools
from collections.abc import Iterable, Iterator, Sequence

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a text that starts so for a formula (OWASP, "CSV Injection")."""


def harmless(text: str) -> str:
    """A person's text with an apostrophe where it would be a formula. Not for amounts: those stay numbers."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """RFC 4180, with a header line. Whoever brings the rows has made its texts `harmless`."""
    return "".join(csv_lines(columns, rows))


def csv_lines(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The same, line by line."""
    out = io.StringIO()
    writer = csv.writer(out)
    for row in itertools.chain([columns], rows):
        writer.writerow(row)
        yield out.getvalue()
        out.seek(0)
        out.truncate()
