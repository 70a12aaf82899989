"""Chains that are not read or not booked, and what of them waits for a person."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest

from cryptopay.backoffice.needs.need import SHOWN, Asked, Heading, Need, Row, age, listed, mine, page
from cryptopay.payments.models import IntakePosition, Invoice
from monitor.admin_chains import standing
from monitor.chains import CHAINS
from monitor.models import Cursor, Deposit, ParkedTransaction
from monitor.standing import State
from monitor.standing import standing as standing_of

HEADING = Heading("Chains", "link")


def find(request: HttpRequest) -> Sequence[QuerySet[Any]]:
    return [
        Cursor.objects.order_by("chain_code"),
        mine(request, Deposit).filter(held_since__isnull=False).order_by("pk")[:SHOWN],
        mine(request, ParkedTransaction).filter(state=ParkedTransaction.State.OPEN).order_by("pk")[:SHOWN],
        IntakePosition.objects.filter(failing_since__isnull=False),
    ]


def draw(request: HttpRequest, found: Sequence[list[Any]]) -> Need:
    cursors, held, set_aside, stopped = found
    rows = [*_not_read(request, cursors), *_held(held), *_set_aside(set_aside), *_not_booked(stopped, cursors)]
    return Need(HEADING, "Every chain is being read.", rows, listed(Cursor), urgent=bool(rows))


def _not_read(request: HttpRequest, cursors: list[Cursor]) -> Iterator[Row]:
    """A chain that is switched off matters while somebody waits for what it would tell."""
    stood = {cursor: standing_of(cursor).state for cursor in cursors}
    off = [cursor.chain_code for cursor, state in stood.items() if state == State.OFF]
    awaited = _awaited(request, off) if off else set[str]()
    for cursor, state in stood.items():
        if state in (State.FAILING, State.HALTED) or cursor.chain_code in awaited:
            yield page(cursor), cursor.chain.title, "", standing(cursor)[1], ""


def _awaited(request: HttpRequest, chain_codes: list[str]) -> set[str]:
    """Of these chains, those that an open invoice may be paid on."""
    open_ones = [Invoice.Status.NEW, Invoice.Status.PROCESSING]
    waiting = Q(status__in=open_ones, methods__asset__chain__in=chain_codes)
    return set(mine(request, Invoice).filter(waiting).values_list("methods__asset__chain", flat=True).distinct())


def _held(deposits: Iterable[Deposit]) -> Iterator[Row]:
    for row in deposits:
        since = age(row.held_since) if row.held_since else ""
        yield page(row), row.chain.title, "", f"a deposit is held: {row.held_because}", since


def _set_aside(transactions: Iterable[ParkedTransaction]) -> Iterator[Row]:
    for row in transactions:
        told = f"a transaction is set aside: {row.reason}"
        yield page(row), CHAINS[row.chain_code].title, "", told, age(row.parked_at)


def _not_booked(stopped: Iterable[IntakePosition], cursors: list[Cursor]) -> Iterator[Row]:
    pages = {cursor.chain_code: page(cursor) for cursor in cursors}
    for row in stopped:
        title = CHAINS[row.chain_code].title
        yield pages.get(row.chain_code, ""), title, "", f"payments are not booked: {row.failure}", ""


ASKED = Asked(HEADING, Cursor, find, draw)
