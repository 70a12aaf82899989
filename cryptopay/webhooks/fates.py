"""What became of deliveries, in words that answer: why did my shop not hear of it?"""

from collections.abc import Sequence

from django.template.defaultfilters import date

from cryptopay.webhooks.models import Attempt, Delivery
from cryptopay.webhooks.retrying import SCHEDULE_SECONDS

NOBODY = "No endpoint listened for it"


def fates(deliveries: Sequence[Delivery]) -> dict[int, str]:
    """By delivery's key; two queries, however many. Give them with their endpoints."""
    newest = Attempt.objects.filter(delivery__in=deliveries).order_by("delivery", "-pk").distinct("delivery")
    tried = {attempt.delivery_id: attempt for attempt in newest}
    first = _first_waiting([delivery for delivery in deliveries if delivery.state == Delivery.State.WAITING])
    return {delivery.pk: _fate(delivery, tried.get(delivery.pk), first) for delivery in deliveries}


def _first_waiting(deliveries: Sequence[Delivery]) -> dict[tuple[int, str], int]:
    """By endpoint and subject, the sequence that is sent next."""
    waiting = Delivery.objects.filter(
        endpoint__in={delivery.endpoint_id for delivery in deliveries},
        subject__in={delivery.subject for delivery in deliveries},
        state=Delivery.State.WAITING,
        by_hand=False,
    )
    found = waiting.order_by("endpoint", "subject", "sequence").distinct("endpoint", "subject")
    return {(row.endpoint_id, row.subject): row.sequence for row in found}


def _fate(delivery: Delivery, last: Attempt | None, first: dict[tuple[int, str], int]) -> str:
    said = _said(last)
    if delivery.state == Delivery.State.DELIVERED:
        return f"Delivered {_at(last)}{said}"
    if delivery.state == Delivery.State.FAILED:
        if delivery.endpoint.disabled_at is not None:
            return f"Given up: the endpoint is disabled. {delivery.endpoint.disabled_reason}".strip()
        return f"Given up {_at(last)}{said}"
    next_one = first.get((delivery.endpoint_id, delivery.subject), delivery.sequence)
    if not delivery.by_hand and next_one < delivery.sequence:
        return f"Waits for event {next_one} of the same subject, which must arrive first"
    if last is None or not delivery.attempts:
        return "Waits to be sent"
    again = date(delivery.next_attempt_at, "j M, H:i")
    return f"Tried {delivery.attempts} of {len(SCHEDULE_SECONDS)} times, again {again} UTC{said}"


def _said(last: Attempt | None) -> str:
    if last is None:
        return ""
    return f": {last.error or f'HTTP {last.status}'}"


def _at(last: Attempt | None) -> str:
    return f"{date(last.at, 'j M Y, H:i')} UTC" if last else "without a try"
