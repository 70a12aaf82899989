"""The first page: what needs me today? Then how much there is, and how much came in."""

from itertools import islice
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from cryptopay.backoffice import coins
from cryptopay.backoffice.needs.need import SHOWN, Need, age, may_see
from cryptopay.backoffice.needs.registry import NEEDS
from cryptopay.backoffice.scoping import books_where, permission_to
from cryptopay.backoffice.seals import Seal, seals
from ledger.models import Account, Book
from ledger.together import fetched


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the page is drawn from. A member sees the parts they may open, with their own books' figures."""
    needs = _needs(request)
    waiting = sorted((need for need in needs if need.rows), key=lambda need: not need.urgent)
    context |= {"title": "Today", "needs": waiting, "nothing": [need for need in needs if not need.rows]}
    if may_see(request, Account):
        books, days = (
            books_where(request, permission_to("view", Account)),
            coins.days_asked(request.GET.get("days", "")),
        )
        context |= {"balances": coins.balances(books), "charts": coins.charts(books, days), "seals": _seals(books)}
        context |= {"days": days, "spans": coins.SPANS}
    return context


def _needs(request: HttpRequest) -> list[Need]:
    """All lists that the person may see, drawn from what one statement fetched."""
    shown = [(asked, list(asked.find(request))) for asked in NEEDS if may_see(request, asked.model)]
    rows = iter(fetched(*(part for _, parts in shown for part in parts)))
    return [asked.draw(request, list(islice(rows, len(parts)))) for asked, parts in shown]


def _seals(books: QuerySet[Book]) -> list[dict[str, Any]]:
    """A line a book, for the first few: its newest block, proved now, and what is not sealed yet."""
    shown = {book.pk: str(book) for book in books.order_by("pk")[:SHOWN]}
    return [{"book": shown[seal.book_id], "seal": seal, "waits": _waits(seal)} for seal in seals(list(shown))]


def _waits(seal: Seal) -> str:
    return f"oldest entry not sealed: {age(seal.waits_since)} ago" if seal.waits_since else "everything is sealed"
