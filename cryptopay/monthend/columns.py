"""A CSV file of anybody's making, read by the columns a person named: which of the file's is which of ours.

What no column of the file says, a word may say for all rows. Both are remembered per book and kind of file.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cryptopay.monthend.errors import FileUnreadable
from cryptopay.monthend.models import ImportColumns

LARGEST_BYTES = 1024 * 1024
MOST_ROWS = 20_000
_ALWAYS = "="
"""Begins the word that stands for a column."""


@dataclass(frozen=True, slots=True)
class Table:
    """The file: its first line, and every further one with its number."""

    names: Sequence[str]
    rows: Sequence[tuple[int, Sequence[str]]]

    def named(self, columns: Mapping[str, str]) -> list[tuple[int, dict[str, str]]]:
        """Each row by our names. What nobody named is empty, whatever a column without a name holds."""
        places = {name: place for place, name in enumerate(self.names) if name}
        return [
            (number, {ours: _value(theirs, row, places) for ours, theirs in columns.items()})
            for number, row in self.rows
        ]


def table(content: bytes) -> Table:
    """Raises `FileUnreadable`."""
    if len(content) > LARGEST_BYTES:
        raise FileUnreadable(f"a file has at most {LARGEST_BYTES // 1024} kB")
    try:
        text = content.decode("utf-8-sig")
        dialect = ";" if text.partition("\n")[0].count(";") > text.partition("\n")[0].count(",") else ","
        reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=dialect)
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(row)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise FileUnreadable(f"it is no CSV file in UTF-8: {error}") from None
    if not rows or len(rows) > MOST_ROWS:
        raise FileUnreadable(f"a file has a line of names and at most {MOST_ROWS} further ones")
    (_, names), *rest = rows
    if len(set(names)) != len(names):
        raise FileUnreadable("two columns have the same name")
    for number, row in rest:
        if len(row) != len(names):
            raise FileUnreadable(f"line {number} has {len(row)} columns, the first line {len(names)}")
    return Table(names, rest)


def guessed(names: Sequence[str], ours: Sequence[str], before: Mapping[str, str]) -> dict[str, str]:
    """What was named the last time, where the file has it; else the column of the same name."""
    same = {name.lower(): name for name in names if name}
    return {
        name: before[name]
        if before.get(name) and (before[name] in names or before[name].startswith(_ALWAYS))
        else same.get(name, "")
        for name in ours
    }


def always(word: str) -> str:
    """As a column that says the same in every row."""
    return f"{_ALWAYS}{word}" if word else ""


def remembered(book_id: int, kind: str) -> dict[str, str]:
    row = ImportColumns.objects.filter(book_id=book_id, kind=kind).first()
    return dict(row.columns) if row else {}


def remember(book_id: int, kind: str, columns: Mapping[str, str]) -> None:
    ImportColumns.objects.update_or_create(book_id=book_id, kind=kind, defaults={"columns": dict(columns)})


def _value(theirs: str, row: Sequence[str], places: Mapping[str, int]) -> str:
    if theirs.startswith(_ALWAYS):
        return theirs[len(_ALWAYS) :]
    return row[places[theirs]] if theirs in places else ""
