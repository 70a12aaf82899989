"""The outbox: an event and its deliveries are written in the same commit as the money they tell of."""

from collections.abc import Iterable
from datetime import UTC
from typing import Any

from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from cryptopay.webhooks import tasks
from cryptopay.webhooks.errors import EndpointDisabled
from cryptopay.webhooks.models import Delivery, Endpoint, Event, event_id

TEST_EVENT = "endpoint.test"

_LISTENING = """
SELECT id FROM webhooks_endpoint
WHERE book_id = %s AND disabled_at IS NULL AND (event_types = '[]' OR event_types @> to_jsonb(%s::text)) ORDER BY id
"""
_NEXT = """
SELECT (SELECT COALESCE(max(sequence), 0) + 1 FROM webhooks_event WHERE book_id = %s AND subject = %s), is_test
FROM ledger_book WHERE id = %s
"""


def enqueue(book_id: int, type: str, subject: str, data: dict[str, Any]) -> Event:  # noqa: A002
    """Tell the book's endpoints. Call it inside the transaction that does the thing, so that a rollback takes it along.

    `subject` is the public id of what it is about; events of one subject arrive in order. Amounts in `data` are
    strings. Raises `TypeError` for a float.
    """
    with connection.cursor() as sql:
        sql.execute(_LISTENING, [book_id, type])
        endpoint_ids = [row[0] for row in sql.fetchall()]
    return _write(book_id, type, subject, data, endpoint_ids)


def enqueue_test(endpoint: Endpoint) -> Event:
    """An event for this endpoint alone, so that a merchant can try it. Raises `EndpointDisabled`."""
    if endpoint.disabled_at is not None:
        raise EndpointDisabled("The endpoint is disabled. Enable it first.")
    return _write(endpoint.book_id, TEST_EVENT, endpoint.public_id, {"endpoint": endpoint.public_id}, [endpoint.pk])


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
def _write(book_id: int, type: str, subject: str, data: dict[str, Any], endpoint_ids: Iterable[int]) -> Event:  # noqa: A002
    _refuse_floats(data)
    sequence, is_test = _next_sequence(book_id, subject)
    public_id, created_at = event_id(), timezone.now()
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
        Delivery(book_id=book_id, event=event, endpoint_id=endpoint_id, subject=subject, sequence=sequence)
        for endpoint_id in endpoint_ids
    ]
    if deliveries:
        Delivery.objects.bulk_create(deliveries)
        transaction.on_commit(tasks.ring, robust=True)
    return event


def _next_sequence(book_id: int, subject: str) -> tuple[int, bool]:
    """The number, and whether the book is a test one.

    Taken under a lock that lives until the commit, so that sequences commit in their order and leave no gap. The lock
    is a statement of its own: the next one's snapshot then sees what the lock's former holder committed.
    """
    with connection.cursor() as sql:
        sql.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"webhooks.outbox {book_id} {subject}"])
        sql.execute(_NEXT, [book_id, subject, book_id])
        sequence, is_test = sql.fetchone()
    return sequence, is_test


def _refuse_floats(value: Any) -> None:
    if isinstance(value, float):
        raise TypeError("an event's data holds no floating point number: amounts are strings")
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return
    for part in value:
        _refuse_floats(part)
