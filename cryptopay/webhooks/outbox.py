"""The outbox: an event and its deliveries are written in the same commit as the money they tell of."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC
from enum import Enum
from typing import Any

from django.db import connection, transaction
from django.db.models.functions import Now

from cryptopay.webhooks import tasks
from cryptopay.webhooks.errors import EndpointDisabled
from cryptopay.webhooks.models import Delivery, Endpoint, Event, delivery_id
from ledger import rows
from ledger.rows import array

TEST_EVENT = "endpoint.test"

_LISTENERS = """
SELECT book.id, told.type, book.is_test, ARRAY(
    SELECT id FROM webhooks_endpoint
    WHERE book_id = book.id AND disabled_at IS NULL AND (event_types = '[]' OR event_types @> to_jsonb(told.type))
    ORDER BY id
) FROM unnest(%s::bigint[], %s::text[]) told (book_id, type) JOIN ledger_book book ON book.id = told.book_id
"""
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(key, 0)) FROM unnest(%s::text[]) key"
_LAST_SEQUENCE = """
SELECT book_id, subject, max(sequence)
FROM unnest(%s::bigint[], %s::text[]) told (book_id, subject) JOIN webhooks_event USING (book_id, subject) GROUP BY 1, 2
"""


class Hold(Enum):
    """What keeps others from telling of the same subject until the commit."""

    NEW = "new"
    """This transaction makes the subject: nobody knows of it."""
    LOCKED = "locked"
    """This transaction has locked the subject's row, as everyone does who tells of it."""
    NONE = "none"
    """Nothing yet: the outbox locks the subject's name."""


_DELIVER = """
INSERT INTO webhooks_delivery
    (book_id, public_id, event_id, endpoint_id, subject, sequence, state, attempts, by_hand)
SELECT *, 'waiting', 0, false
FROM unnest(%s::bigint[], %b::text[], %s::bigint[], %s::bigint[], %b::text[], %s::integer[])
"""


@dataclass(frozen=True, slots=True)
class _Told:
    """An event that waits to be numbered and written."""

    event: Event
    data: dict[str, Any]
    hold: Hold = Hold.NONE
    to: Endpoint | None = None
    """None: whoever listens for its type."""


_gathering: ContextVar[list[_Told] | None] = ContextVar("told", default=None)


def enqueue(
    book_id: int,
    type: str,  # noqa: A002
    subject: str,
    data: dict[str, Any],
    hold: Hold = Hold.NONE,
) -> Event:
    """Tell the book's endpoints. Call it inside the transaction that does the thing, so that a rollback takes it along.

    `subject` is the public id of what it is about; events of one subject arrive in order. Amounts in `data` are
    strings. Raises `TypeError` for a float.
    """
    _refuse_floats(data)
    told = _Told(Event(book_id=book_id, type=type, subject=subject), data, hold)
    if (gathered := _gathering.get()) is not None:
        gathered.append(told)
    else:
        _write([told])
    return told.event


@contextmanager
def together() -> Iterator[None]:
    """What is told inside is numbered and written at the end, in a few statements and in the order of telling."""
    gathered: list[_Told] = []
    token = _gathering.set(gathered)
    try:
        yield
    finally:
        _gathering.reset(token)
    if gathered:
        _write(gathered)


def enqueue_test(endpoint: Endpoint) -> Event:
    """An event for this endpoint alone, so that a merchant can try it. Raises `EndpointDisabled`."""
    if endpoint.disabled_at is not None:
        raise EndpointDisabled("The endpoint is disabled. Enable it first.")
    subject = endpoint.public_id
    event = Event(book_id=endpoint.book_id, type=TEST_EVENT, subject=subject)
    _write([_Told(event, {"endpoint": subject}, to=endpoint)])
    return event


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
def _write(told: Sequence[_Told]) -> None:
    listeners = _listeners(told)
    _number(told)
    for one in told:
        event, (is_test, _) = one.event, listeners[one.event.book_id, one.event.type]
        event.payload = {
            "id": event.public_id,
            "type": event.type,
            "created_at": event.created_at.astimezone(UTC).isoformat(),
            "book": f"book_{event.book_id}",
            "live": not is_test,
            "subject": event.subject,
            "sequence": event.sequence,
            "data": one.data,
        }
    rows.insert([one.event for one in told])
    sent = [
        (one.event, endpoint_id)
        for one in told
        for endpoint_id in ([one.to.pk] if one.to else listeners[one.event.book_id, one.event.type][1])
    ]
    if sent:
        _deliver(sent)
        transaction.on_commit(tasks.ring, robust=True)


def _deliver(sent: Sequence[tuple[Event, int]]) -> None:
    """Plain: in a block's commit there are as many as payments, times four."""
    with connection.cursor() as sql:
        sql.execute(
            _DELIVER,
            [
                array(event.book_id for event, _ in sent),
                [delivery_id() for _ in sent],
                array(event.pk for event, _ in sent),
                array(endpoint_id for _, endpoint_id in sent),
                [event.subject for event, _ in sent],
                array(event.sequence for event, _ in sent),
            ],
        )


def _listeners(told: Sequence[_Told]) -> dict[tuple[int, str], tuple[bool, list[int]]]:
    """By book and type: whether it is a test book, and the endpoints that want to hear."""
    wanted = sorted({(one.event.book_id, one.event.type) for one in told})
    with connection.cursor() as sql:
        sql.execute(_LISTENERS, [[book for book, _ in wanted], [name for _, name in wanted]])
        return {(book, name): (is_test, ids) for book, name, is_test, ids in sql.fetchall()}


def _number(told: Sequence[_Told]) -> None:
    """While a lock a subject lives until the commit, so that sequences commit in their order and leave no gap.

    The locks are a statement of their own: the next one's snapshot then sees what their former holders committed. All
    take them in one order.
    """
    known = {(one.event.book_id, one.event.subject) for one in told if one.hold is not Hold.NEW}
    to_lock = sorted({(one.event.book_id, one.event.subject) for one in told if one.hold is Hold.NONE})
    last: dict[tuple[int, str], int] = {}
    with connection.cursor() as sql:
        if to_lock:
            sql.execute(_LOCK, [[f"webhooks.outbox {book} {subject}" for book, subject in to_lock]])
        if known:
            sql.execute(_LAST_SEQUENCE, [[book for book, _ in known], [subject for _, subject in known]])
            last = {(book, subject): sequence for book, subject, sequence in sql.fetchall()}
    for one in told:
        subject = one.event.book_id, one.event.subject
        one.event.sequence = last[subject] = last.get(subject, 0) + 1


def _refuse_floats(value: Any) -> None:
    if isinstance(value, float):
        raise TypeError("an event's data holds no floating point number: amounts are strings")
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return
    for part in value:
        _refuse_floats(part)
