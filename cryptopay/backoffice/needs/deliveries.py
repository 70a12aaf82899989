"""Webhooks that no endpoint has taken."""

from django.db.models import Q
from django.http import HttpRequest

from cryptopay.backoffice.needs.need import SHOWN, Asked, Need, Row, age, listed, may_see, mine, page
from cryptopay.webhooks.models import Delivery, Endpoint

_FAILING = Q(state=Delivery.State.FAILED) | Q(state=Delivery.State.WAITING, attempts__gt=0)


def draw(request: HttpRequest) -> Need:
    found = mine(request, Delivery).filter(_FAILING).select_related("event", "endpoint").order_by("-pk")[:SHOWN]
    rows: list[Row] = _given_up(request)
    rows += [
        (page(row), row.event.type, row.endpoint.url, row.get_state_display(), f"{row.attempts} tries") for row in found
    ]
    empty = "Every webhook was delivered."
    return Need("Failed deliveries", "outbox", empty, rows, listed(Delivery), urgent=bool(rows))


def _given_up(request: HttpRequest) -> list[Row]:
    """Endpoints that failed for so long that we switched them off."""
    if not may_see(request, Endpoint):
        return []
    found = mine(request, Endpoint).filter(given_up_at__isnull=False).order_by("-given_up_at")[:SHOWN]
    return [(page(row), row.url, "switched off", row.disabled_reason, age(row.given_up_at)) for row in found]


ASKED = Asked(Delivery, draw)
