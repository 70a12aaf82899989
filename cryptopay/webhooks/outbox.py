"""The outbox: an event and its deliveries are written in the same commit as the money they tell of."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Any, NotRequired, TypedDict

import msgspec
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone
from msgspec import Meta

from cryptopay.webhooks import tasks
from cryptopay.webhooks.errors import EndpointDisabled
from cryptopay.webhooks.models import Delivery, Endpoint
from cryptopay.webhooks.naming import ulids
from ledger import behind
from ledger.remembering import remembered
from ledger.rows import array


class EndpointTest:
    """You asked for it, to try one endpoint (`POST /webhook-endpoints/{id}/test`)."""

    type = "endpoint.test"


class EndpointTestData(TypedDict):
    """Of a trial of an endpoint."""

    endpoint: Annotated[str, Meta(description="Its id: `we_...`.")]


class Envelope(TypedDict):
    """What every event has."""

    id: Annotated[str, Meta(description="`evt_...`, the same in every attempt: what you have had, you may ignore.")]
    type: str
    created_at: Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
    book: Annotated[str, Meta(description="Whose it is, and whether test or live.")]
    live: Annotated[bool, Meta(description="False: of test money.")]
    subject: Annotated[str, Meta(description="The id of what it is about.")]
    sequence: Annotated[int, Meta(description="Counts the events of one subject: 1, 2, 3...", ge=1)]
    example: NotRequired[
        Annotated[bool, Meta(description="True: `manage.py trigger` made it up, and nothing happened.")]
    ]
    data: dict[str, Any]


AT_ONCE = 1000
"""Events that are written while more are told."""
REDELIVERED_AT_ONCE = 10_000

_LISTENERS = """
SELECT book.id, book.is_test, endpoint.id, endpoint.event_types
FROM ledger_book book LEFT JOIN webhooks_endpoint endpoint ON endpoint.book_id = book.id AND disabled_at IS NULL
WHERE book.id = ANY(%s::bigint[]) ORDER BY book.id, endpoint.id
"""
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(key, 0)) FROM unnest(%s::text[]) key"
_LAST = """
SELECT told.book_id, told.subject, last.sequence, last.xid
FROM unnest(%s::bigint[], %s::text[]) told (book_id, subject) CROSS JOIN LATERAL (
    SELECT sequence, CASE node WHEN ledger_node() THEN xid ELSE '0' END AS xid FROM webhooks_event event
    WHERE event.book_id = told.book_id AND event.subject = told.subject
    ORDER BY event.book_id DESC, event.subject DESC, event.sequence DESC LIMIT 1
) last
"""


_REDELIVER_FAILED = """
UPDATE webhooks_delivery
SET state = 'waiting', attempts = 0, by_hand = false, next_attempt_at = statement_timestamp(), claimed_until = NULL
WHERE id IN (
    SELECT failed.id FROM webhooks_delivery failed JOIN webhooks_event event ON event.id = failed.event_id
    WHERE failed.endpoint_id = %s AND failed.state = 'failed' AND event.created_at >= %s
    ORDER BY failed.id LIMIT %s
    FOR NO KEY UPDATE OF failed
)
"""


class Hold(Enum):
    """What keeps others from telling of the same subject until the commit."""

    NEW = "new"
    """This transaction makes the subject: nobody knows of it."""
    LOCKED = "locked"
    """This transaction has locked the subject's row, as everyone does who tells of it."""
    NONE = "none"
    """Nothing yet: the outbox locks the subject's name."""


_TELL = """
WITH written AS (
    INSERT INTO webhooks_event (book_id, public_id, type, subject, sequence, payload, created_at, node, xid)
    SELECT book_id, public_id, type, subject, sequence, payload::jsonb, created_at,
           ledger_node(), greatest(pg_current_xact_id(), last_xid)
    FROM unnest(
        %s::bigint[], %b::text[], %b::text[], %b::text[], %s::integer[], %b::text[], %s::timestamptz[], %s::xid8[]
    ) AS told (book_id, public_id, type, subject, sequence, payload, created_at, last_xid)
    RETURNING *
)
INSERT INTO webhooks_delivery
    (book_id, public_id, event_id, endpoint_id, subject, sequence, state, attempts, by_hand)
SELECT w.book_id, sent.public_id, w.id, sent.endpoint_id, w.subject, w.sequence, 'waiting', 0, false
FROM unnest(%b::text[], %b::text[], %s::bigint[]) AS sent (public_id, event, endpoint_id)
JOIN written w ON w.public_id = sent.event
"""
"""Plain: in a block's commit there are four events a payment, and as many deliveries to each endpoint."""


@dataclass(slots=True)
class Told:
    """An event as it was enqueued: `webhooks.Event` once it is written."""

    book_id: int
    type: str
    subject: str
    data: Mapping[str, Any]
    hold: Hold = Hold.NONE
    to: Endpoint | None = None
    """None: whoever listens for its type."""
    example: bool = False
    """Nothing happened: it is made up, and says so."""
    created_at: datetime = field(default_factory=timezone.now)
    public_id: str = ""
    sequence: int = 0
    last_xid: int = 0
    """Of the subject's event before; 0: there is none. All three given when it is written: at once, or where `together`
    ends."""

    def payload(self, *, live: bool) -> bytes:
        """What is delivered, in JSON."""
        envelope = Envelope(
            id=self.public_id,
            type=self.type,
            created_at=self.created_at.astimezone(UTC).isoformat(),
            book=f"book_{self.book_id}",
            live=live,
            subject=self.subject,
            sequence=self.sequence,
            data=dict(self.data),
        )
        if self.example:
            envelope["example"] = True
        return msgspec.json.encode(envelope)


_Last = dict[tuple[int, str], tuple[int, int]]
"""By book and subject: sequence and transaction of its newest event; zeros: it has none."""


@dataclass(slots=True)
class _Gathered:
    """What one commit tells."""

    told: list[Told] = field(default_factory=list)
    last: _Last = field(default_factory=dict)


_gathering: ContextVar[_Gathered | None] = ContextVar("told", default=None)


def enqueue(
    book_id: int,
    type: str,  # noqa: A002
    subject: str,
    data: Mapping[str, Any],
    hold: Hold = Hold.NONE,
    *,
    example: bool = False,
) -> Told:
    """Tell the book's endpoints. Call it inside the transaction that does the thing, so that a rollback takes it along.

    `subject` is the public id of what it is about; events of one subject arrive in order. Amounts in `data` are
    strings. An `example` says of itself that nothing happened. Raises `TypeError` for a float.
    """
    _refuse_floats(data)
    told = Told(book_id, type, subject, data, hold, example=example)
    if (gathered := _gathering.get()) is not None:
        gathered.told.append(told)
        if len(gathered.told) == AT_ONCE:
            _write_gathered(gathered)
    else:
        _write([told], {})
    return told


@contextmanager
def together() -> Iterator[None]:
    """What is told inside is numbered and written in a few statements, in the order of telling: `AT_ONCE` whenever so
    many are there, the rest at the end. Put it into a transaction."""
    gathered = _Gathered()
    token = _gathering.set(gathered)
    try:
        yield
    finally:
        _gathering.reset(token)
    if gathered.told:
        _write_gathered(gathered)


def foresee(subjects: Collection[tuple[int, str]]) -> None:
    """Books and subjects, each locked by this transaction, that will be told of: how far they have counted, and who
    listens, is asked now. Outside `together` it is forgotten."""
    if subjects and (gathered := _gathering.get()) is not None:
        gathered.last |= _last_of(subjects)
        _listeners(frozenset(book for book, _ in subjects))


def enqueue_test(endpoint: Endpoint) -> Told:
    """An event for this endpoint alone, so that a merchant can try it. Raises `EndpointDisabled`."""
    if endpoint.disabled_at is not None:
        raise EndpointDisabled("The endpoint is disabled. Enable it first.")
    subject = endpoint.public_id
    told = Told(endpoint.book_id, EndpointTest.type, subject, EndpointTestData(endpoint=subject), to=endpoint)
    _write([told], {})
    return told


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


def redeliver_failed(endpoint: Endpoint, since: datetime) -> int:
    """What was given up of events since then, oldest first, `REDELIVERED_AT_ONCE` of them; how many. Again in sequence:
    newer events of a subject that still wait come after them. Raises `EndpointDisabled`.
    """
    if endpoint.disabled_at is not None:
        raise EndpointDisabled("The endpoint is disabled. Enable it first.")
    with transaction.atomic(), connection.cursor() as sql:
        sql.execute(_REDELIVER_FAILED, [endpoint.pk, since, REDELIVERED_AT_ONCE])
        begun = int(sql.rowcount)
        transaction.on_commit(tasks.ring, robust=True)
    return begun


def _write_gathered(gathered: _Gathered) -> None:
    told, gathered.told = gathered.told, []
    _write(told, gathered.last)


@transaction.atomic(savepoint=False)
def _write(told: Sequence[Told], last: _Last) -> None:
    listeners = _listeners(frozenset(one.book_id for one in told))
    _number(told, last)
    for one, public_id in zip(told, ulids("evt_", len(told)), strict=True):
        one.public_id = public_id
    sent = [
        (one.public_id, endpoint_id)
        for one in told
        for endpoint_id in ([one.to.pk] if one.to else listeners[one.book_id].of(one.type))
    ]
    values: list[Any] = [
        array(one.book_id for one in told),
        [one.public_id for one in told],
        [one.type for one in told],
        [one.subject for one in told],
        array(one.sequence for one in told),
        [one.payload(live=listeners[one.book_id].live).decode() for one in told],
        array(one.created_at for one in told),
        array(one.last_xid for one in told),
        list(ulids("dlv_", len(sent))),
        [public_id for public_id, _ in sent],
        array(endpoint_id for _, endpoint_id in sent),
    ]
    behind.run([(_TELL, values)])
    if sent:
        transaction.on_commit(tasks.ring, robust=True)


class _Listeners:
    """Who hears a book's events."""

    def __init__(self, *, is_test: bool) -> None:
        self.live = not is_test
        self._wants: list[tuple[int, frozenset[str]]] = []
        self._of: dict[str, list[int]] = {}

    def add(self, endpoint_id: int, types: Iterable[str]) -> None:
        """No types: all of them."""
        self._wants.append((endpoint_id, frozenset(types)))

    def of(self, type: str) -> list[int]:  # noqa: A002
        """Keys of the endpoints that hear of this type."""
        if type not in self._of:
            self._of[type] = [endpoint_id for endpoint_id, wanted in self._wants if not wanted or type in wanted]
        return self._of[type]


@remembered
def _listeners(books: frozenset[int]) -> dict[int, _Listeners]:
    found: dict[int, _Listeners] = {}
    with connection.cursor() as sql:
        sql.execute(_LISTENERS, [list(books)])
        for book_id, is_test, endpoint_id, types in sql.fetchall():
            of_book = found.setdefault(book_id, _Listeners(is_test=is_test))
            if endpoint_id is not None:
                of_book.add(endpoint_id, json.loads(types))
    return found


def _number(told: Sequence[Told], last: _Last) -> None:
    """While a lock a subject lives until the commit, so that sequences commit in their order and leave no gap.

    The locks are a statement of their own: the next one's snapshot then sees what their former holders committed. All
    take them in one order.
    """
    for one in told:
        if one.hold is Hold.NEW:
            last.setdefault((one.book_id, one.subject), (0, 0))
    unknown = {(one.book_id, one.subject) for one in told} - last.keys()
    to_lock = sorted({(one.book_id, one.subject) for one in told if one.hold is Hold.NONE} & unknown)
    if to_lock:
        with connection.cursor() as sql:
            sql.execute(_LOCK, [[f"webhooks.outbox {book} {subject}" for book, subject in to_lock]])
    if unknown:
        last |= _last_of(unknown)
    for one in told:
        sequence, one.last_xid = last[one.book_id, one.subject]
        one.sequence = sequence + 1
        last[one.book_id, one.subject] = one.sequence, one.last_xid


def _last_of(subjects: Collection[tuple[int, str]]) -> _Last:
    with connection.cursor() as sql:
        sql.execute(_LAST, [[book for book, _ in subjects], [subject for _, subject in subjects]])
        found = {(book, subject): (sequence, int(xid)) for book, subject, sequence, xid in sql.fetchall()}
    return dict.fromkeys(subjects, (0, 0)) | found


_NESTED = (dict, list, tuple)
_HARMLESS = frozenset({str, int, bool, type(None)})


def _refuse_floats(data: Mapping[str, Any]) -> None:
    left: list[Any] = [dict(data)]
    for part in left:
        for value in part.values() if isinstance(part, dict) else part:
            if type(value) in _HARMLESS:
                continue
            if isinstance(value, float):
                raise TypeError("an event's data holds no floating point number: amounts are strings")
            if isinstance(value, _NESTED):
                left.append(value)
