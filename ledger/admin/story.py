"""A story of the journal: what was seen, and whatever became of it."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Prefetch, prefetch_related_objects

from ledger.models import JournalEntry, Posting


def story(head: JournalEntry) -> list[JournalEntry]:
    """The head and what resolved or reversed it, in order, with their rates and postings. Read once for each head."""
    known = vars(head)
    if "story" not in known:
        entries = JournalEntry.objects.filter(book=head.book_id)
        first = entries.filter(ref=head.pk).values("pk")
        later = entries.filter(pk__in=first.union(entries.filter(ref__in=first).values("pk")))
        known["story"] = [head, *later.select_related("rate", "book").order_by("pk")]
        prefetch_related_objects(known["story"], "book", postings_of(known["story"]))
    return list(known["story"])


def postings_of(entries: Iterable[JournalEntry]) -> Prefetch[Any]:
    """Names the books, which lead the index of postings."""
    of_books = Posting.objects.filter(book__in={entry.book_id for entry in entries})
    return Prefetch("postings", of_books.select_related("account", "asset").order_by("leg"))
