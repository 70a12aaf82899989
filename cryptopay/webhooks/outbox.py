"""The outbox: an event and its deliveries are written in the same commit as the money they tell of."""

from collections.abc import Iterable
from datetime import UTC
from typing import Any

from django.db import connection, transaction
from django.db.models import Max, Q
from django.db.models.functions import Now
from django.utils import timezone

from cryptopay.webhooks import tasks
from cryptopay.webhooks.errors import EndpointDisabled
from cryptopay.webhooks.models import Delivery, Endpoint, Event, event_id
from ledger.models import Book

TEST_EVENT = "endpoint.test"


def enqueue(book_id: int, type: str, subject: str, data: dict[str, Any]) -> Event:  # noqa: A002
    """Tell the book's endpoints. Call it inside the transaction that does the thing, so that a rollback takes it along.

    `subject` is the public id of what it is about; events of one subject arrive in order. Amounts in `data` are
    strings. Raises `TypeError` for a float.
    """
    wanted = Endpoint.objects.filter(book_id=book_id, disabled_at=None).filter(
        Q(event_types=[]) | Q(event_types__contains=[type])
    )
    return _write(book_id, type, subject, data, wanted)


def enqueue_test(endpoint: Endpoint) -> Event:
    """An event for this endpoint alone, so that a merchant can try it. Raises `EndpointDisabled`."""
    if endpoint.disabled_at is not None:
        raise EndpointDisabled("The endpoint is disabled. Enable it first.")
    return _write(endpoint.book_id, TEST_EVENT, endpoint.public_id, {"endpoint": endpoint.public_id}, [endpoint])


def redeliver(delivery: Delivery) -> None:
    """Send it again, with a new round of attempts, outside the order: it is asked for, and nothing waits for it.

    A delivery still waiting keeps its place and is merely tried now. Raises `EndpointDisabled`.
    """
    if delivery.endpoint.disabled_at is not None:
        raise EndpointDisabled("The endpoint is disabled. Enable it first.")
    with transaction.atomic():
        stored = Delivery.objects.select_for_update(no_key=True).get(pk=delivery.pk)
        stored.by_hand = stored.by_hand or stored.state != Delivery.State.WAITING
        stored.state, stored.attempts, stored.next_attempt_at = Delivery.State.WAITING, 0, Now()
        stored.save(update_fields=["by_hand", "state", "attempts", "next_attempt_at"])
        transaction.on_commit(tasks.ring, robust=True)
    delivery.refresh_from_db()


@transaction.atomic(savepoint=False)
def _write(book_id: int, type: str, subject: str, data: dict[str, Any], endpoints: Iterable[Endpoint]) -> Event:  # noqa: A002
    _refuse_floats(data)
    is_test = Book.objects.values_list("is_test", flat=True).get(pk=book_id)
    public_id, sequence, created_at = event_id(), _next_sequence(book_id, subject), timezone.now()
    payload = {
        "id": public_id,
        "type": type,
        "created_at": created_at.astimezone(UTC).isoformat(),
        "book": f"book_{book_id}",
        "live": not is_test,
        "subject": subject,
        "sequence": sequence,
        "data": data,
    }
    event = Event.objects.create(
        book_id=book_id,
        public_id=public_id,
        type=type,
        subject=subject,
        sequence=sequence,
        payload=payload,
        created_at=created_at,
    )
    deliveries = [
        Delivery(book_id=book_id, event=event, endpoint=endpoint, subject=subject, sequence=sequence)
        for endpoint in endpoints
    ]
    if deliveries:
        Delivery.objects.bulk_create(deliveries)
        transaction.on_commit(tasks.ring, robust=True)
    return event


def _next_sequence(book_id: int, subject: str) -> int:
    """Taken under a lock that lives until the commit, so that sequences commit in their order and leave no gap."""
    with connection.cursor() as sql:
        sql.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"webhooks.outbox {book_id} {subject}"])
    last = Event.objects.filter(book_id=book_id, subject=subject).aggregate(last=Max("sequence"))["last"]
    return (last or 0) + 1


def _refuse_floats(value: Any) -> None:
    if isinstance(value, float):
        raise TypeError("an event's data holds no floating point number: amounts are strings")
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return
    for part in value:
        _refuse_floats(part)
