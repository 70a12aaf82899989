"""Entries that stand in the ledger without a rate: their worth is missing in every report in the book's currency."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from cryptopay.backoffice.needs.need import SHOWN, Asked, Heading, Need, Row, age, listed, mine, page
from ledger.models import JournalEntry
from ledger.periods import unpriced

HEADING = Heading("Entries without a rate", "money_off")


def find(request: HttpRequest) -> Sequence[QuerySet[Any]]:
    return [unpriced(mine(request, JournalEntry)).select_related("book").order_by("effective_at", "pk")[:SHOWN]]


def draw(request: HttpRequest, found: Sequence[list[JournalEntry]]) -> Need:
    rows: list[Row] = [
        (page(entry), entry.description, entry.book, "no rate was known", age(entry.effective_at)) for entry in found[0]
    ]
    empty = "Every entry has its rate."
    return Need(HEADING, empty, rows, listed(JournalEntry, "?pricing=none"))


ASKED = Asked(HEADING, JournalEntry, find, draw)
