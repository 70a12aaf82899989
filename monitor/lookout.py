"""Looks at each chain's fee queue and writes down what is to be expected of the payments that wait in it.

Beside the follower, never in its way: it asks by connections of its own, holds no lock while it asks, and what it fails
at moves nothing. Nobody's balance depends on it; where it does not know, everyone who shows a payment says so.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from django.db import connection
from django.db.models import F, Q
from django.utils import timezone
from msgspec import ValidationError, convert, to_builtins

from monitor import expectation
from monitor.chains import Chain
from monitor.connectors.base import NodeError
from monitor.connectors.fees import FeeQueue, Queue, Standing
from monitor.connectors.patience import patience
from monitor.expectation import (
    ANY_TIME,
    HERE,
    NO_QUEUE_TURN,
    UNKNOWN_TURN,
    Depth,
    Expected,
    Reason,
    Span,
    State,
    Turn,
    fee_unit,
)
from monitor.models import Cursor, Deposit, Expectation, QueueLook

log = structlog.get_logger(__name__)

QUEUE_SECONDS = 30
"""A queue is read anew after so long: a mempool may hold hundreds of thousands."""
LOOK_SECONDS = 20
"""All questions of one look together."""
LEASE_SECONDS = 120
"""After which the look of a worker that died is nobody's any more."""
PAYMENTS_A_LOOK = 500
"""Those looked at longest ago come first."""
SPENDS_KEPT = 50
"""Of a transaction; whoever replaces it mostly spends the first again."""
REMEMBERED_DAYS = 3
"""So long after it was seen, a dropped payment is asked after: another may yet use up what it spent."""
STALE_SECONDS = 600
"""What was written down so long ago says nothing of now."""
_LARGEST = 1_000_000

_WRITE_DOWN = """
INSERT INTO monitor_expectation
    (book_id, deposit_id, state, reason, mined_low, mined_high, fee_rate, replaceable, replaced_by, spends, as_of)
SELECT d.book_id, d.id, f.state, f.reason, f.low, f.high, f.fee_rate, f.replaceable, '', f.spends::jsonb, now()
FROM unnest(%s::text[], %s::text[], %s::text[], %s::int[], %s::int[], %s::numeric[], %s::bool[], %s::text[])
    AS f (txid, state, reason, low, high, fee_rate, replaceable, spends)
JOIN monitor_deposit d
    ON d.txid = f.txid AND d.chain_code = %s AND d.state = 'seen' AND d.block_height IS NULL
ON CONFLICT (deposit_id) DO UPDATE SET
    state = EXCLUDED.state, reason = EXCLUDED.reason, mined_low = EXCLUDED.mined_low,
    mined_high = EXCLUDED.mined_high, fee_rate = EXCLUDED.fee_rate, replaceable = EXCLUDED.replaceable,
    replaced_by = '', spends = EXCLUDED.spends, as_of = EXCLUDED.as_of
"""
_WRITE_END = """
UPDATE monitor_expectation e
SET state = f.state, replaced_by = f.replaced_by, reason = '', mined_low = NULL, mined_high = NULL, as_of = now()
FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS f (id, state, replaced_by)
WHERE e.id = f.id
"""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look did: payments it said something of, waiting or gone."""

    waiting: int = 0
    gone: int = 0


def look(chain: Chain, fees: FeeQueue) -> Look:
    """One look, by one worker at a time. Where the chain cannot be followed now, its node is left in peace."""
    followed = Q(chain_code=chain.code, height__isnull=False, failing_since__isnull=True, halted_at__isnull=True)
    if not Cursor.objects.filter(followed).exists() or not _claim(chain):
        return Look()
    try:
        with patience(LOOK_SECONDS):
            done = Look(_look_at_waiting(chain, fees, _queue(chain, fees)), _look_for_gone(chain, fees))
    except NodeError as error:
        log.warning("lookout.failed", chain=chain.code, error=str(error))
        QueueLook.objects.filter(chain_code=chain.code).update(failure=str(error)[:300])
        return Look()
    finally:
        QueueLook.objects.filter(chain_code=chain.code).update(busy_until=None)
    return done


def queue_of(look: QueueLook) -> Queue | None:
    """The queue as it was written down; None: it was not read yet."""
    if look.looked_at is None:
        return None
    try:
        return convert(look.queue, Queue)
    except ValidationError:  # by an older version of the program
        return None


def expected(deposit: Deposit, cursor: Cursor | None) -> Expected:
    """What is to be expected of this deposit. No query where `expectation` was selected with it."""
    chain, row = deposit.chain, getattr(deposit, "expectation", None)
    fee_rate, replaceable = (row.fee_rate, row.replaceable) if row else (None, None)
    read_at = cursor.checked_at if cursor else None
    said = partial(Expected, chain, fee_rate=fee_rate, replaceable=replaceable, as_of=read_at)
    match deposit.state:
        case Deposit.State.CONFIRMED:
            return said(State.FINAL, HERE, HERE)
        case Deposit.State.SEEN if deposit.block_height is not None:
            return said(State.CONFIRMING, HERE, _until_received(deposit, deposit.block_height, _depth(cursor)))
        case Deposit.State.SEEN:
            turn = _turn_of(row) if fee_unit(chain) else NO_QUEUE_TURN
            counts = expectation.until_received(chain, turn.mined_in, deposit.required_confirmations, _depth(cursor))
            return replace(said(turn.state, turn.mined_in, counts), reason=turn.reason, as_of=row and row.as_of)
    if row is not None and row.state == State.REPLACED:
        return replace(said(State.REPLACED), replaced_by=row.replaced_by, as_of=row.as_of)
    return said(State.DROPPED)


def _until_received(deposit: Deposit, height: int, depth: Depth | None) -> Span:
    if depth is None or deposit.held_because:
        return ANY_TIME
    if deposit.required_confirmations is None:
        return expectation.until_final(deposit.chain, height, depth)
    return expectation.until_deep(height, deposit.required_confirmations, depth)


def _turn_of(row: Expectation | None) -> Turn:
    """As it was written down, unless that is old: then nobody knows."""
    if row is None or row.mined_low is None or timezone.now() - row.as_of > timedelta(seconds=STALE_SECONDS):
        return UNKNOWN_TURN
    return Turn(State(row.state), Reason(row.reason), Span(row.mined_low, row.mined_high))


def _depth(cursor: Cursor | None) -> Depth | None:
    return None if cursor is None or cursor.height is None else Depth(cursor.height, cursor.final_height)


def _claim(chain: Chain) -> bool:
    QueueLook.objects.get_or_create(chain_code=chain.code)
    now = timezone.now()
    free = Q(busy_until__isnull=True) | Q(busy_until__lt=now)
    until = now + timedelta(seconds=LEASE_SECONDS)
    return QueueLook.objects.filter(free, chain_code=chain.code).update(busy_until=until) == 1


def _queue(chain: Chain, fees: FeeQueue) -> Queue:
    stored = QueueLook.objects.get(chain_code=chain.code)
    fresh = stored.looked_at and timezone.now() - stored.looked_at < timedelta(seconds=QUEUE_SECONDS)
    known = queue_of(stored) if fresh else None
    if known is not None:
        return known
    queue = fees.queue()
    changes = {"queue": to_builtins(queue), "looked_at": timezone.now(), "failure": ""}
    QueueLook.objects.filter(pk=stored.pk).update(**changes)
    return queue


def _look_at_waiting(chain: Chain, fees: FeeQueue, queue: Queue) -> int:
    waiting = Deposit.objects.filter(chain_code=chain.code, state=Deposit.State.SEEN, block_height__isnull=True)
    longest_ago = F("expectation__as_of").asc(nulls_first=True)
    txids = set(waiting.order_by(longest_ago, "pk").values_list("txid", flat=True)[:PAYMENTS_A_LOOK])
    if not txids:
        return 0
    found = fees.standing(txids)
    turns = {txid: expectation.turn(chain, queue, standing) for txid, standing in found.items()}
    _write_down(chain, found, turns)
    return len(turns)


def _write_down(chain: Chain, found: Mapping[str, Standing], turns: Mapping[str, Turn]) -> None:
    columns: list[list[Any]] = [
        list(turns),
        [turn.state for turn in turns.values()],
        [turn.reason for turn in turns.values()],
        [_bounded(turn.mined_in.low) for turn in turns.values()],
        [_bounded(turn.mined_in.high) for turn in turns.values()],
        [found[txid].fee_rate for txid in turns],
        [found[txid].replaceable for txid in turns],
        [json.dumps(found[txid].spends[:SPENDS_KEPT]) for txid in turns],
    ]
    with connection.cursor() as sql:
        sql.execute(_WRITE_DOWN, [*columns, chain.code])


def _look_for_gone(chain: Chain, fees: FeeQueue) -> int:
    """The node holds them no more, and no block does: was what they spent used by another, or were they forgotten?"""
    since = timezone.now() - timedelta(days=REMEMBERED_DAYS)
    gone = Expectation.objects.filter(
        deposit__chain_code=chain.code, deposit__state=Deposit.State.DROPPED, deposit__seen_at__gte=since
    ).exclude(state=State.REPLACED, replaced_by__gt="")
    rows = list(gone.order_by("as_of")[:PAYMENTS_A_LOOK])
    if not rows:
        return 0
    spenders = fees.spenders({spend for row in rows for spend in row.spends})
    ends = [_end(row.spends, spenders) for row in rows]
    with connection.cursor() as sql:
        sql.execute(_WRITE_END, [[row.pk for row in rows], *map(list, zip(*ends, strict=True))])
    return len(rows)


def _end(spends: Collection[str], spenders: Mapping[str, str]) -> tuple[State, str]:
    used = [spenders[spend] for spend in spends if spend in spenders]
    return (State.REPLACED if used else State.DROPPED), next(filter(None, used), "")


def _bounded(blocks: int | None) -> int | None:
    return None if blocks is None else min(blocks, _LARGEST)
