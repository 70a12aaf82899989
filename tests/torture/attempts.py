"""What a writer wanted and what it was told, in a file outside PostgreSQL: the witness of what must be in the books.

One JSON line says what will be tried, a second one how it ended. An attempt without a second line may have been
committed or not, but as a whole.
"""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Fact = dict[str, Any]
"""idem, kind (1..5), at (ISO), carry, and either `legs` ([account, debit, credit]) or `ref` (an idem)."""


@dataclass(slots=True)
class Attempt:
    """`may`: the codes with which it may be refused. `must`: it must be refused so. `ids`: it was acknowledged."""

    number: str
    book: int
    facts: list[Fact]
    may: list[str]
    must: bool = False
    ids: list[int] = field(default_factory=list)
    refused: str = ""
    failed: str = ""

    @property
    def unknown(self) -> bool:
        return not (self.ids or self.refused or self.failed)

    def opening(self) -> dict[str, Any]:
        return {"try": self.number, "book": self.book, "facts": self.facts, "may": self.may, "must": self.must}


class Witness:
    """A writer's own file. Each line is one write, so that others may read along; `safe` ones reach the disk."""

    def __init__(self, path: Path, *, safe: bool) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._safe = safe

    def will_try(self, attempt: Attempt) -> None:
        self._write(attempt.opening())

    def tell(self, attempt: Attempt, **outcome: object) -> None:
        """`ids`, `refused` or `failed`."""
        for name, value in outcome.items():
            setattr(attempt, name, value)
        self._write({"end": attempt.number, **outcome})
        if self._safe:
            os.fsync(self._file)

    def _write(self, line: dict[str, Any]) -> None:
        os.write(self._file, json.dumps(line).encode() + b"\n")


def read(folder: Path) -> list[Attempt]:
    """Every attempt of all writers; each with how it ended, if it did."""
    found: dict[str, Attempt] = {}
    for path in sorted(folder.glob("*.jsonl")):
        for line in _lines(path.read_bytes().splitlines(keepends=True)):
            if "try" in line:
                found[line["try"]] = Attempt(line["try"], line["book"], line["facts"], line["may"], line["must"])
                continue
            attempt = found[line.pop("end")]
            for name, value in line.items():
                setattr(attempt, name, value)
    return list(found.values())


def some_of(path: Path, place: float) -> Iterator[Attempt]:
    """Attempts another writer has begun, from a place in its file (0 to 1); they may still be under way."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            file.seek(int(size * place))
            lines = file.read(200_000).splitlines(keepends=True)[1:]
    except FileNotFoundError:
        return
    for line in _lines(lines):
        if "try" in line:
            yield Attempt(line["try"], line["book"], line["facts"], line["may"], line["must"])


def _lines(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Whole lines: a writer that was killed may leave half of its last."""
    for line in lines:
        if line.endswith(b"\n"):
            yield json.loads(line)
