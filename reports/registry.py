"""The reports: a name, a title, and a function from books and a day to rows. Pages and CSV follow from the rows.

A new report is a file beside this one and a line in `REPORTS`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import QuerySet

from ledger.models import Book
from reports import receipts, trial_balance
from reports.cells import Cell


@dataclass(frozen=True, slots=True)
class Report:
    """`rows` reads and never writes; every row has as many cells as there are `columns`. Given a day, it tells what
    was by the end of it (UTC).
    """

    name: str
    title: str
    about: str
    columns: Sequence[str]
    rows: Callable[[QuerySet[Book], date | None], list[list[Cell]]]


REPORTS = {
    report.name: report
    for report in (
        Report("receipts", "Receipts by day", receipts.__doc__ or "", receipts.COLUMNS, receipts.rows),
        Report(
            "trial-balance", "Trial balance", trial_balance.__doc__ or "", trial_balance.COLUMNS, trial_balance.rows
        ),
    )
}
