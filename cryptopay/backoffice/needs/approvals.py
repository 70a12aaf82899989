"""What waits for this person's word, first; beside it what they asked and others must decide."""

from django.contrib import admin
from django.http import HttpRequest

from cryptopay.backoffice.needs.need import SHOWN, Asked, Need, Row, age, listed, mine, page
from cryptopay.backoffice.scoping import limit
from ledger import proposals
from ledger.admin.asking import MAY_DECIDE
from ledger.admin.proposals import title
from ledger.models import Proposal


def draw(request: HttpRequest) -> Need:
    waiting = proposals.waiting(mine(request, Proposal)).select_related("book").order_by("pk")
    me = request.user.get_username()
    deciding = limit(request, Proposal, admin.site, MAY_DECIDE)
    own = list(waiting.filter(deciding).exclude(asked_by__iexact=me)[:SHOWN])
    others = list(waiting.exclude(pk__in=[row.pk for row in own])[: SHOWN - len(own)])
    rows: list[Row] = [
        (page(row), title(row), row.book, f"asked by {row.asked_by}{whose}", age(row.asked_at))
        for found, whose in ((own, ""), (others, ", waits for someone else"))
        for row in found
    ]
    empty = "Nothing waits for a second person."
    more = listed(Proposal, "?state=waiting")
    return Need("Waiting for a second person", "how_to_reg", empty, rows, more, urgent=bool(own))


ASKED = Asked(Proposal, draw)
