"""What the reports in a book's own currency share: its minor units, and that nothing lacks a price."""

from datetime import date, timedelta

from ledger import lots
from ledger.currencies import money_of
from ledger.models import Asset, JournalEntry
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
        oldest = JournalEntry.objects.get(book=asked.book, pk=waiting.oldest_entry)
        count = "1 amount waits" if waiting.amounts == 1 else f"{waiting.amounts} amounts wait"
        named = f"entry {oldest.pk} of {oldest.effective_at:%-d %b %Y}, {oldest.description}"
        raise EntriesUnpriced(f"{count} for a price, the oldest in {named}")


def check_counted(asked: Asked, last: date, asset: Asset | None = None) -> None:
    """Raises `EntriesUnpriced` while the cost of a coin, or of this one, is not counted through that day: for want of
    a price, or because one was given a moment ago. The coin would be missing, and nobody would see it."""
    waiting = lots.waits(asked.book, last, asset)
    if waiting is not None:
        since = f"{waiting.asset} is not counted from {waiting.since:%-d %b %Y} on"
        raise EntriesUnpriced(
            f"{since}: entry {waiting.entry_id} waits for a price, or was given one and is counted within a minute"
        )


def before(day: date) -> date:
    return day - timedelta(days=1)
