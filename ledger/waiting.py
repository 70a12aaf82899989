"""Entries that were seen and are neither validated nor dropped, found without reading the journal from its beginning.

That an entry waits is told by no row: the one that resolves it is missing. Who records such entries knows what of
theirs still waits, in tables with an index of it, and says so here.
"""

from collections.abc import Callable

from django.db.models import Exists, OuterRef, QuerySet

from ledger.models import JournalEntry

Teller = Callable[[], list[QuerySet[JournalEntry]]]
"""Ids of entries that may wait, as `values` of one column each. All that wait; one named too many does no harm."""

_tellers: list[Teller] = []


def register(teller: Teller) -> None:
    """All who record entries as seen must be told of; twice is once."""
    if teller not in _tellers:
        _tellers.append(teller)


def unconfirmed(entries: QuerySet[JournalEntry]) -> QuerySet[JournalEntry]:
    """Of these, what is seen and not yet received. Where nobody tells, the whole of them is read."""
    resolved = JournalEntry.objects.filter(book=OuterRef("book"), ref=OuterRef("pk"))
    waiting = entries.filter(~Exists(resolved), kind=JournalEntry.Kind.PENDING)
    told = [ids for teller in _tellers for ids in teller()]
    return waiting.filter(pk__in=told[0].union(*told[1:], all=True)) if told else waiting
