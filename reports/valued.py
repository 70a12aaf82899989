"""What the reports in a book's own currency share: its minor units, and that nothing may wait for a price."""

from datetime import date, timedelta

from ledger import lots
from ledger.currencies import money_of
from reports.cells import Money
from reports.errors import EntriesUnpriced
from reports.parameters import Asked

_DAY_ZERO = date(1900, 1, 1)


def money(minor_units: int, asked: Asked) -> Money:
    """In the book's currency."""
    return Money.of(int(minor_units), money_of(asked.book))


def check_priced(asked: Asked, last: date, first: date = _DAY_ZERO) -> None:
    """Raises `EntriesUnpriced`: a figure in which something has no value would be wrong, and nobody would see it."""
    waiting = lots.unpriced(asked.book, last, first)
    if waiting:
        raise EntriesUnpriced(f"{len(waiting)} amounts wait for a price, the oldest in entry {waiting[0].entry.pk}")


def before(day: date) -> date:
    return day - timedelta(days=1)
