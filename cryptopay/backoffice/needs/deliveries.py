"""Webhooks that no endpoint has taken."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest

from cryptopay.backoffice.needs.need import SHOWN, Asked, Heading, Need, Row, age, listed, may_see, mine, page
from cryptopay.webhooks.models import Delivery, Endpoint

HEADING = Heading("Failed deliveries", "outbox")
_FAILING = Q(state=Delivery.State.FAILED) | Q(state=Delivery.State.WAITING, attempts__gt=0)


def find(request: HttpRequest) -> Sequence[QuerySet[Any]]:
    failing = mine(request, Delivery).filter(_FAILING).select_related("event", "endpoint").order_by("-pk")
    endpoints = mine(request, Endpoint) if may_see(request, Endpoint) else Endpoint.objects.none()
    return [failing[:SHOWN], endpoints.filter(given_up_at__isnull=False).order_by("-given_up_at")[:SHOWN]]


def draw(request: HttpRequest, found: Sequence[list[Any]]) -> Need:
    failing, given_up = found
    rows: list[Row] = _given_up(given_up)
    rows += [
        (page(row), row.event.type, row.endpoint.url, row.get_state_display(), f"{row.attempts} tries")
        for row in failing
    ]
    empty = "Every webhook was delivered."
    return Need(HEADING, empty, rows, listed(Delivery), urgent=bool(rows))


def _given_up(endpoints: Iterable[Endpoint]) -> list[Row]:
    """Endpoints that failed for so long that we switched them off."""
    return [
        (page(row), row.url, "switched off", row.disabled_reason, age(row.given_up_at))
        for row in endpoints
        if row.given_up_at
    ]


ASKED = Asked(HEADING, Delivery, find, draw)
