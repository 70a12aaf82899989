"""The first page: what needs me today? Then how much there is, and how much came in.

It stands whatever fails: what cannot be read says so in its place, and the rest is there as on every day.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

import structlog
from django.db import connection, transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from cryptopay.backoffice import coins
from cryptopay.backoffice.needs.need import SHOWN, Asked, Need, age, listed, may_see
from cryptopay.backoffice.needs.registry import NEEDS
from cryptopay.backoffice.scoping import books_where, permission_to
from cryptopay.backoffice.seals import Seal, seals
from ledger.models import Account, Book
from ledger.together import fetched

log = structlog.get_logger(__name__)

PATIENCE = "1s"
"""For how long each question waits where another session has locked a table; nobody who reads does."""


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the page is drawn from. A member sees the parts they may open, with their own books' figures."""
    needs = _needs(request)
    waiting = sorted((need for need in needs if need.rows or need.unread), key=lambda need: not need.urgent)
    nothing = [need for need in needs if not (need.rows or need.unread)]
    context |= {"title": "Today", "needs": waiting, "nothing": nothing}
    if may_see(request, Account):
        books, days = (
            books_where(request, permission_to("view", Account)),
            coins.days_asked(request.GET.get("days", "")),
        )
        context |= _read("balances", lambda: coins.balances(books))
        context |= _read("charts", lambda: coins.charts(books, days))
        context |= _read("seals", lambda: _seals(books))
        context |= {"figures": True, "days": days, "spans": coins.SPANS}
    return context


def _needs(request: HttpRequest) -> list[Need]:
    """All lists that the person may see: by one statement, or each by its own where one takes that down."""
    shown = [asked for asked in NEEDS if may_see(request, asked.model)]
    try:
        with _apart():
            return _asked(request, shown)
    except Exception:
        log.exception("today.asked_apart")
        return [_alone(request, asked) for asked in shown]


def _asked(request: HttpRequest, shown: Sequence[Asked]) -> list[Need]:
    """Drawn from what one statement fetched."""
    found = [list(asked.find(request)) for asked in shown]
    rows = iter(fetched(*(part for parts in found for part in parts)))
    return [asked.draw(request, list(islice(rows, len(parts)))) for asked, parts in zip(shown, found, strict=True)]


def _alone(request: HttpRequest, asked: Asked) -> Need:
    try:
        with _apart():
            return _asked(request, [asked])[0]
    except Exception:
        log.exception("today.not_read", part=asked.heading.title)
        return Need(asked.heading, "", [], listed(asked.model), urgent=True, unread=True)


def _read(part: str, read: Callable[[], object]) -> dict[str, object]:
    """What stands under that name; None if it could not be read."""
    try:
        with _apart():
            return {part: read()}
    except Exception:
        log.exception("today.not_read", part=part)
        return {part: None}


@contextmanager
def _apart() -> Iterator[None]:
    """A savepoint, to which a failure goes back, and in which no question waits long for a lock."""
    with transaction.atomic(), connection.cursor() as sql:
        sql.execute(f"SET LOCAL lock_timeout = '{PATIENCE}'")
        yield
        sql.execute("SET LOCAL lock_timeout TO DEFAULT")


def _seals(books: QuerySet[Book]) -> list[dict[str, Any]]:
    """A line a book, for the first few: its newest block, proved now, and what is not sealed yet."""
    shown = {book.pk: str(book) for book in books.order_by("pk")[:SHOWN]}
    return [{"book": shown[seal.book_id], "seal": seal, "waits": _waits(seal)} for seal in seals(list(shown))]


def _waits(seal: Seal) -> str:
    return f"oldest entry not sealed: {age(seal.waits_since)} ago" if seal.waits_since else "everything is sealed"
