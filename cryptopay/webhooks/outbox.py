"""The outbox: an event and its deliveries are written in the same commit as the money they tell of."""

from collections.abc import Iterable
from datetime import UTC
from typing import Any

from django.db import connection, transaction
from django.db.models.functions import Now

from cryptopay.webhooks import tasks
from cryptopay.webhooks.errors import EndpointDisabled
from cryptopay.webhooks.models import Delivery, Endpoint, Event

TEST_EVENT = "endpoint.test"

_LISTENERS = """
SELECT is_test, ARRAY(
    SELECT id FROM webhooks_endpoint
    WHERE book_id = book.id AND disabled_at IS NULL AND (event_types = '[]' OR event_types @> to_jsonb(%s::text))
    ORDER BY id
) FROM ledger_book book WHERE id = %s
"""
_NEXT_SEQUENCE = "SELECT COALESCE(max(sequence), 0) + 1 FROM webhooks_event WHERE book_id = %s AND subject = %s"


def enqueue(book_id: int, type: str, subject: str, data: dict[str, Any], *, first: bool = False) -> Event:  # noqa: A002
    """Tell the book's endpoints. Call it inside the transaction that does the thing, so that a rollback takes it along.

    `subject` is the public id of what it is about; events of one subject arrive in order. Amounts in `data` are
    strings. `first`: this transaction made the subject, so nobody else can tell of it yet and no lock is needed.
    Raises `TypeError` for a float.
    """
    with transaction.atomic(savepoint=False), connection.cursor() as sql:
        sql.execute(_LISTENERS, [type, book_id])
        is_test, endpoint_ids = sql.fetchone()
        sequence = 1 if first else _next_sequence(book_id, subject)
        event = Event(book_id=book_id, type=type, subject=subject, sequence=sequence)
        return _write(event, data, endpoint_ids, live=not is_test)


def enqueue_test(endpoint: Endpoint) -> Event:
    """An event for this endpoint alone, so that a merchant can try it. Raises `EndpointDisabled`."""
    if endpoint.disabled_at is not None:
        raise EndpointDisabled("The endpoint is disabled. Enable it first.")
    book, subject = endpoint.book, endpoint.public_id
    with transaction.atomic(savepoint=False):
        event = Event(book=book, type=TEST_EVENT, subject=subject, sequence=_next_sequence(book.pk, subject))
        return _write(event, {"endpoint": subject}, [endpoint.pk], live=not book.is_test)


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


def _write(event: Event, data: dict[str, Any], endpoint_ids: Iterable[int], *, live: bool) -> Event:
    _refuse_floats(data)
    event.payload = {
        "id": event.public_id,
        "type": event.type,
        "created_at": event.created_at.astimezone(UTC).isoformat(),
        "book": f"book_{event.book_id}",
        "live": live,
        "subject": event.subject,
        "sequence": event.sequence,
        "data": data,
    }
    event.save(force_insert=True)
    deliveries = [
        Delivery(
            book_id=event.book_id,
            event=event,
            endpoint_id=endpoint_id,
            subject=event.subject,
            sequence=event.sequence,
        )
        for endpoint_id in endpoint_ids
    ]
    if deliveries:
        Delivery.objects.bulk_create(deliveries)
        transaction.on_commit(tasks.ring, robust=True)
    return event


def _next_sequence(book_id: int, subject: str) -> int:
    """Taken under a lock that lives until the commit, so that sequences commit in their order and leave no gap.

    The lock is a statement of its own: the next one's snapshot then sees what the lock's former holder committed.
    """
    with connection.cursor() as sql:
        sql.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"webhooks.outbox {book_id} {subject}"])
        sql.execute(_NEXT_SEQUENCE, [book_id, subject])
        sequence: int = sql.fetchone()[0]
    return sequence


def _refuse_floats(value: Any) -> None:
    if isinstance(value, float):
        raise TypeError("an event's data holds no floating point number: amounts are strings")
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return
    for part in value:
        _refuse_floats(part)
