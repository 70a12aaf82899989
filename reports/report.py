"""A report: what it is called, what it may be asked, and how its rows are read. Every form of it follows from those."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ledger.models import Account, Book
from reports import parameters
from reports.cells import Column, Row
from reports.parameters import UNTIL, Asked, Parameter


@dataclass(frozen=True, slots=True)
class Report:
    """`rows` reads one book and never writes: an iterator, so that memory does not grow with the book. Every row has as
    many cells as there are `columns`; those that sum others are `Total`.
    """

    name: str
    title: str
    section: str
    """Under which the overview lists it."""
    about: str
    columns: Sequence[Column]
    parameters: Sequence[Parameter[Any]]
    rows: Callable[[Asked], Iterator[Row]]
    check: Callable[[Asked], None] = lambda asked: None
    """Raises `ReportError` where its rows would be wrong."""

    def read(self, book: Book, texts: Mapping[str, str]) -> Asked:
        """What is asked of it. Raises `ReportError`."""
        asked = parameters.read(self.parameters, book, texts)
        self.check(asked)
        return asked


@dataclass(frozen=True, slots=True)
class Sheet:
    """A report as it was asked for, by whom and when: what a form of it is made of."""

    report: Report
    asked: Asked
    printed_by: str
    printed_at: datetime

    def rows(self) -> Iterator[Row]:
        return self.report.rows(self.asked)

    @property
    def facts(self) -> list[tuple[str, str]]:
        """What stands above the rows: whose books, and what was asked."""
        said = [(parameter.title, _told(parameter, self.asked)) for parameter in self.report.parameters]
        return [("Book", str(self.asked.book)), *[(title, text) for title, text in said if text]]

    @property
    def file_name(self) -> str:
        """Without its ending: "trial-balance-2026-03-31"."""
        days = [text for name, text in self.asked.texts.items() if name in ("from", "to", "until", "year")]
        return "-".join([self.report.name, *days])


def _told(parameter: Parameter[Any], asked: Asked) -> str:
    value = asked[parameter]
    if isinstance(value, Account):
        return f"{value.name}, {value.asset} ({value.code})"
    if value is None:
        return "now" if parameter is UNTIL else ""
    return str(value)
