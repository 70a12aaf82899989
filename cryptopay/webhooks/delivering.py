"""Deliveries on their way: claimed from the database, sent by threads, recorded by the one that claimed.

    claim    a short transaction under FOR UPDATE SKIP LOCKED; the claim runs out by itself, so a crash only delays
    send     in threads that never touch the database, and outside any transaction
    record   one transaction: an attempt, always, and where the delivery stands now

A receiver that hangs costs a few threads and nobody's time: an endpoint and a book have only so many in flight, a slow
endpoint has one, and all slow ones together leave most of the threads to the others.
"""

import json
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog
from django.db import DataError, connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from cryptopay.webhooks import egress, endpoints, failing, retrying, signing
from cryptopay.webhooks.errors import SecretUnreadable, UrlRefused
from cryptopay.webhooks.lease import Lease
from cryptopay.webhooks.models import Attempt, Delivery, Endpoint

log = structlog.get_logger(__name__)

THREADS = 128
PER_ENDPOINT = 4
PER_BOOK = 8
SLOW_THREADS = 32
SLOW_SECONDS = 10
"""An attempt that takes so long makes its endpoint a slow one, a quicker one makes it an ordinary one again."""
CLAIM_SECONDS = 60
"""Longer than any sending takes: a request has 15 seconds, and a name server may hang somewhat beyond them."""
RUN_SECONDS = 60.0
LONGER_SECONDS = 60.0
_LOOK_AGAIN_SECONDS = 0.25
_GATHER_SECONDS = 0.02
"""What ends meanwhile is recorded together: looking for what is due costs more than a delivery."""
_HANGING_SECONDS = 1.0
_GONE = 410
_OK, _REDIRECTS = 200, 300

_SQL = Path(__file__).parent / "sql"
_CLAIM = (_SQL / "claim.sql").read_text()
_RECORD = (_SQL / "record.sql").read_text()
_GIVE_UP_DISABLED = (_SQL / "give_up_disabled.sql").read_text()


@dataclass(frozen=True)
class Parcel:
    """A claimed delivery, signed and ready: all that the sending thread needs."""

    delivery_id: int
    book_id: int
    endpoint_id: int
    endpoint: str
    slow: bool
    claimed_until: datetime
    attempts: int
    url: str
    headers: dict[str, str]
    body: bytes
    refused: str = ""


@dataclass(frozen=True)
class Outcome:
    """What one attempt came to. `status` is None where nobody answered."""

    status: int | None
    answer: str
    error: str
    retry_after: str
    milliseconds: int

    @property
    def delivered(self) -> bool:
        return self.status is not None and _OK <= self.status < _REDIRECTS

    @property
    def slow(self) -> bool:
        return self.milliseconds >= SLOW_SECONDS * 1000


def deliver_due(run_seconds: float = RUN_SECONDS) -> int:
    """Send until nothing is due or the time is over; the number of attempts. Safe to call at any time and by anyone.

    One worker is at it at a time, so that hanging receivers never take up two; who comes second returns at once.
    """
    until = time.monotonic() + run_seconds
    sent = 0
    parcels: list[Parcel] = []
    lease = Lease()
    while True:
        alone = lease.take()
        if alone or parcels:
            sent += _run(parcels, until, lease)
        if not alone:
            return sent
        lease.give_back()
        if time.monotonic() >= until:
            return sent
        # Who came second before the lease was given back has seen its event committed: so do we, now.
        parcels = claim(THREADS)
        if not parcels:
            return sent


def _run(parcels: list[Parcel], until: float, lease: Lease) -> int:
    with connection.cursor() as sql:
        sql.execute(_GIVE_UP_DISABLED)
    sent = 0
    flying: dict[Future[Outcome], tuple[Parcel, float]] = {}
    with ThreadPoolExecutor(THREADS, "webhook") as threads:
        while True:
            lease.renew()
            hanging = _hanging(flying.values())
            now, room = time.monotonic(), THREADS - len(flying) - len(parcels)
            if now < until:
                parcels += claim(room)
            elif hanging and now < until + LONGER_SECONDS:
                parcels += claim(room, slow=0, without=hanging)  # the run waits for these, others need not
            while parcels:
                parcel = parcels.pop()
                flying[threads.submit(_send, parcel)] = parcel, time.monotonic()
            if not flying:
                return sent
            if wait(flying, timeout=_LOOK_AGAIN_SECONDS, return_when=FIRST_COMPLETED).done:
                time.sleep(_GATHER_SECONDS)
            done = [future for future in flying if future.done()]
            _record_or_log([(flying.pop(future)[0], future.result()) for future in done])
            sent += len(done)


def _hanging(flying: Iterable[tuple[Parcel, float]]) -> list[int]:
    """Endpoints that have not answered for a while."""
    before = time.monotonic() - _HANGING_SECONDS
    return list({parcel.endpoint_id for parcel, since in flying if since < before})


def _record_or_log(tried: Sequence[tuple[Parcel, Outcome]]) -> None:
    """One row that cannot be written holds up no other: its claim runs out and it is sent again."""
    try:
        record(tried)
    except DataError:
        if len(tried) == 1:
            log.exception("webhooks.not_recorded", delivery=tried[0][0].delivery_id)
        else:
            for one in tried:
                _record_or_log([one])


def claim(most: int, slow: int = SLOW_THREADS, without: Sequence[int] = ()) -> list[Parcel]:
    """Take up to `most` due deliveries; each is ours until its `claimed_until`. To slow endpoints none beyond `slow` in
    flight, to those in `without` none."""
    if most <= 0:
        return []
    with transaction.atomic(), connection.cursor() as sql:
        # With statistics older than a sudden backlog the planner would sort it once a row; the indexes are sorted.
        sql.execute("SET LOCAL enable_sort = off")
        sql.execute(
            _CLAIM,
            {
                "most": most,
                "per_endpoint": PER_ENDPOINT,
                "per_book": PER_BOOK,
                "slow": slow,
                "without": list(without),
                "claim_seconds": CLAIM_SECONDS,
            },
        )
        claimed = [row[0] for row in sql.fetchall()]
    if not claimed:
        return []
    deliveries = Delivery.objects.filter(pk__in=claimed).select_related("event", "endpoint").order_by("pk")
    return [_parcel(delivery) for delivery in deliveries]


def _parcel(delivery: Delivery) -> Parcel:
    event, endpoint = delivery.event, delivery.endpoint
    body = json.dumps(event.payload, ensure_ascii=False, separators=(",", ":")).encode()
    headers, refused = {"Content-Type": "application/json", "User-Agent": "CryptoPay"}, ""
    try:
        secrets = endpoints.signing_secrets(endpoint)
        headers |= signing.headers(secrets, event.public_id, int(time.time()), body)
    except SecretUnreadable as error:
        log.exception("webhooks.secret_unreadable", endpoint=endpoint.public_id)
        refused = str(error)
    if delivery.claimed_until is None:
        raise AssertionError("a claimed delivery has a claim")
    return Parcel(
        delivery.pk,
        delivery.book_id,
        endpoint.pk,
        endpoint.public_id,
        endpoint.slow_since is not None,
        delivery.claimed_until,
        delivery.attempts,
        endpoint.url,
        headers,
        body,
        refused,
    )


def _send(parcel: Parcel) -> Outcome:
    """In a thread; never raises, and never touches the database."""
    started = time.monotonic()
    status, answer, error, retry_after = None, "", parcel.refused, ""
    if not error:
        try:
            got = egress.post(parcel.url, parcel.headers, parcel.body)
            status, answer, retry_after = got.status, got.text, got.retry_after
        except (egress.NotSent, UrlRefused) as refusal:
            error = str(refusal)
        except Exception as unforeseen:  # an attempt is recorded whatever it met, and the others go on
            log.exception("webhooks.sending_failed", endpoint=parcel.endpoint)
            error = type(unforeseen).__name__
    return Outcome(status, answer, error[:200], retry_after, round((time.monotonic() - started) * 1000))


@transaction.atomic
def record(tried: Sequence[tuple[Parcel, Outcome]]) -> None:
    """Write the attempts and where their deliveries stand. Of a claim that ran out, the attempt and a success count."""
    if not tried:
        return
    Attempt.objects.bulk_create(
        Attempt(
            book_id=parcel.book_id,
            delivery_id=parcel.delivery_id,
            status=outcome.status,
            answer=outcome.answer,
            error=outcome.error,
            milliseconds=outcome.milliseconds,
        )
        for parcel, outcome in tried
    )
    stands = [_stands(parcel, outcome) for parcel, outcome in tried]
    with connection.cursor() as sql:
        sql.execute(
            _RECORD,
            [
                [parcel.delivery_id for parcel, _ in tried],
                [parcel.claimed_until for parcel, _ in tried],
                [state for state, _ in stands],
                [next_attempt_at for _, next_attempt_at in stands],
            ],
        )
    for parcel, outcome in tried:
        _judge(parcel, outcome)
    failing.note((parcel.endpoint_id, outcome.delivered) for parcel, outcome in tried)


def _stands(parcel: Parcel, outcome: Outcome) -> tuple[Delivery.State, datetime | None]:
    """What becomes of the delivery, and when it is tried again."""
    if outcome.delivered:
        return Delivery.State.DELIVERED, None
    delay = retrying.delay(parcel.attempts + 1, outcome.retry_after, timezone.now())
    if outcome.status == _GONE or delay is None:
        return Delivery.State.FAILED, None
    return Delivery.State.WAITING, timezone.now() + delay


def _judge(parcel: Parcel, outcome: Outcome) -> None:
    """What the attempt says of its endpoint."""
    endpoint = Endpoint.objects.filter(pk=parcel.endpoint_id)
    if outcome.slow != parcel.slow:
        endpoint.filter(slow_since__isnull=outcome.slow).update(slow_since=Now() if outcome.slow else None)
    if outcome.status == _GONE:
        endpoints.give_up(endpoint.get(), "Answered 410")
    if not outcome.delivered:
        log.info("webhooks.not_delivered", endpoint=parcel.endpoint, status=outcome.status, error=outcome.error)
