"""What waits for this person's word, first; beside it what they asked and others must decide."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from cryptopay.backoffice.needs.need import SHOWN, Asked, Heading, Need, Row, age, listed, mine, page
from cryptopay.backoffice.scoping import limit
from ledger import proposals
from ledger.admin.asking import MAY_DECIDE
from ledger.admin.proposals import title
from ledger.models import Proposal

HEADING = Heading("Waiting for a second person", "how_to_reg")


def find(request: HttpRequest) -> Sequence[QuerySet[Any]]:
    waiting = proposals.waiting(mine(request, Proposal)).select_related("book").order_by("pk")
    my_word = limit(request, Proposal, admin.site, MAY_DECIDE) & ~Q(asked_by__iexact=request.user.get_username())
    return [waiting.filter(my_word)[:SHOWN], waiting.exclude(my_word)[:SHOWN]]


def draw(request: HttpRequest, found: Sequence[list[Proposal]]) -> Need:
    own, others = found
    rows: list[Row] = [
        (page(row), title(row), row.book, f"asked by {row.asked_by}{whose}", age(row.asked_at))
        for whole, whose in ((own, ""), (others[: SHOWN - len(own)], ", waits for someone else"))
        for row in whole
    ]
    empty = "Nothing waits for a second person."
    more = listed(Proposal, "?state=waiting")
    return Need(HEADING, empty, rows, more, urgent=bool(own))


ASKED = Asked(HEADING, Proposal, find, draw)
