"""Reads each chain block by block, gap-free, and follows its reorganisations.

The cursor is (height, hash). A block is taken in only if its parent is the cursor's block; else the follower walks back
to the common ancestor, takes back what stood above it and reads the new branch. Nodes are asked outside transactions;
each block, its deposits, events and the cursor are one commit under the chain's advisory lock. Where the node does not
answer, nothing moves.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import connection, transaction
from django.utils import timezone

from monitor import deposits, watched_transactions
from monitor.chains import Chain
from monitor.connectors.base import Block, BlockRef, Connector, NodeError, Tip
from monitor.deposits import Sighting
from monitor.errors import ChainHalted, SteppedAside
from monitor.models import Cursor, ReadBlock
from monitor.watching import watched

log = structlog.get_logger(__name__)

BLOCKS_A_STEP = 200
"""A step ends after so many blocks, so that a long catch-up shows its progress and keeps no worker for itself."""
STALE_INTERVALS = 6

MEMPOOL_REMEMBERED = 500_000
"""Some times what a node's mempool holds by default; beyond it, everything is forgotten and looked at again."""

_looked_at: dict[str, set[str]] = {}
"""Per chain, mempool transactions this process has taken in already. A restart looks at them once more."""


@dataclass(slots=True)
class Step:
    """What one step did; what it committed before it stepped aside or its node failed counts, too."""

    blocks: int = 0
    taken_back_blocks: int = 0
    at_tip: bool = False


def step(chain: Chain, connector: Connector) -> Step:
    """Read on from the cursor towards the node's tip. Raises `ChainHalted`; a node's failure is noted on the cursor."""
    cursor, _ = Cursor.objects.get_or_create(chain_code=chain.code)
    if cursor.halted_at is not None:
        raise ChainHalted(f"{chain.code}: {cursor.failure}")
    done = Step()
    try:
        _read_on(chain, connector, cursor, done)
    except SteppedAside:
        pass
    except NodeError as error:
        _note_failure(cursor, error)
    return done


def rescan(chain: Chain, connector: Connector, first: int, last: int) -> int:
    """Read these blocks again, for addresses imported late; the number of deposits found. A replay changes nothing.

    Blocks above the cursor are left to `step`. Raises `NodeError`, also if the node is on another branch than was read.
    """
    connector.check()
    found = 0
    for height in range(first, last + 1):
        _refuse_turned(chain, connector)
        block = connector.block(height)
        with _alone(chain, wait=True):
            cursor = Cursor.objects.filter(chain_code=chain.code, height__gte=height).first()
            if cursor is None:
                break
            _refuse_foreign(chain, block)
            found += _take_in(chain, block)
            _confirm_due(chain, cursor)
    return found


def resume(chain: Chain) -> None:
    """Read on after a person has looked at why the chain was halted."""
    Cursor.objects.filter(chain_code=chain.code).update(halted_at=None, failing_since=None, failure="")


def _read_on(chain: Chain, connector: Connector, cursor: Cursor, done: Step) -> None:
    connector.check()
    tip = connector.tip()
    _refuse_stale(chain, tip)
    if cursor.height is None:
        _start(chain, connector, cursor, tip)
    done.taken_back_blocks = _follow_reorg(chain, connector, cursor, tip)
    while cursor.height is not None and cursor.height < tip.ref.height and done.blocks < BLOCKS_A_STEP:
        block = connector.block(cursor.height + 1)
        if block.parent_hash != cursor.hash:
            break  # the chain turned while it was read; the next step walks back
        with _alone(chain):
            _advance(chain, cursor, block, tip)
        done.blocks += 1
    with _alone(chain):
        _note_tip(chain, cursor, tip)
    done.at_tip = cursor.hash == tip.ref.hash
    if done.at_tip:
        _look_at_mempool(chain, connector, cursor)


def _start(chain: Chain, connector: Connector, cursor: Cursor, tip: Tip) -> None:
    """Nothing was watched before now, so reading starts at the tip; an older address is found by `rescan`.

    The hashes below are kept from the first day: a fork may root there, and is then not taken for another chain.
    """
    below = range(max(0, tip.ref.height - chain.reorg_limit), tip.ref.height)
    hashes = [(height, connector.hash_at(height)) for height in below] + [(tip.ref.height, tip.ref.hash)]
    rows = [ReadBlock(chain_code=chain.code, height=height, hash=name) for height, name in hashes if name is not None]
    with _alone(chain):
        _expect(cursor)
        ReadBlock.objects.bulk_create(rows)
        _move(cursor, tip.ref)


def _follow_reorg(chain: Chain, connector: Connector, cursor: Cursor, tip: Tip) -> int:
    """Blocks taken back. A node that is merely behind is waited for: a shorter chain is no proof of another one."""
    assert cursor.height is not None  # noqa: S101 - _start has run
    if connector.hash_at(cursor.height) == cursor.hash:
        return 0
    read = ReadBlock.objects.filter(chain_code=chain.code, height__lt=cursor.height).order_by("-height")
    newest_shared_height = min(cursor.height - 1, tip.ref.height)
    for row in read.filter(height__lte=newest_shared_height).iterator(chunk_size=50):
        if connector.hash_at(row.height) == row.hash:
            if tip.ref.height < cursor.height:
                raise NodeError(f"the node is at {tip.ref.height}, behind block {cursor.height} that was read before")
            return _unwind(chain, cursor, BlockRef(row.height, row.hash))
    raise NodeError(f"the chain turned deeper than {chain.reorg_limit} blocks, or is another one", permanent=True)


def _unwind(chain: Chain, cursor: Cursor, ancestor: BlockRef) -> int:
    assert cursor.height is not None  # noqa: S101 - only a cursor that has read can be unwound
    depth = cursor.height - ancestor.height
    with _alone(chain):
        _expect(cursor)
        taken_back = deposits.unwind(chain, ancestor.height, timezone.now())
        watched_transactions.unwind(chain, ancestor.height, timezone.now())
        ReadBlock.objects.filter(chain_code=chain.code, height__gt=ancestor.height).delete()
        _move(cursor, ancestor)
    _looked_at.pop(chain.code, None)  # the mempool holds again what those blocks held
    log.warning("chain.reorg", chain=chain.code, depth=depth, deposits_taken_back=taken_back)
    return depth


def _advance(chain: Chain, cursor: Cursor, block: Block, tip: Tip) -> None:
    _expect(cursor)
    _take_in(chain, block)
    ReadBlock.objects.create(chain_code=chain.code, height=block.ref.height, hash=block.ref.hash)
    ReadBlock.objects.filter(chain_code=chain.code, height__lt=block.ref.height - chain.reorg_limit).delete()
    cursor.node_height, cursor.final_height = tip.ref.height, tip.final_height
    _move(cursor, block.ref)
    _confirm_due(chain, cursor)


def _take_in(chain: Chain, block: Block) -> int:
    at = min(block.time, timezone.now())  # miners may date their blocks hours ahead
    watched_transactions.take_in(chain, block, at)
    found = watched(chain, list(block.destinations()))
    if not found:
        return 0
    return deposits.take_in(Sighting(chain, at, block.ref), block.transfers_to(found.keys()), found)


def _confirm_due(chain: Chain, cursor: Cursor) -> None:
    deposits.confirm_due(chain, cursor)
    watched_transactions.confirm_due(chain, cursor)


def _note_tip(chain: Chain, cursor: Cursor, tip: Tip) -> None:
    """The node answered; where it finalises blocks, some deposits may count without a new block."""
    _expect(cursor)
    cursor.node_height, cursor.final_height, cursor.checked_at = tip.ref.height, tip.final_height, timezone.now()
    cursor.failing_since, cursor.failure = None, ""
    cursor.save()
    _confirm_due(chain, cursor)


def _look_at_mempool(chain: Chain, connector: Connector, cursor: Cursor) -> None:
    """Advice, never money: what waits is told as seen; what no longer waits, and is in no block, is dropped."""
    known = _looked_at.setdefault(chain.code, set())
    pool = connector.mempool(known)
    found = watched(chain, list(pool.destinations()))
    transfers = pool.transfers_to(found.keys()) if found else []
    expected = deposits.unconfirmed_txids(chain) | watched_transactions.to_ask_for(chain)
    gone = expected - connector.waiting(expected) if expected else set()
    if connector.tip().ref.hash != cursor.hash:
        return  # a block came in between: what left the mempool may be in it
    with _alone(chain):
        _expect(cursor)
        deposits.take_in(Sighting(chain, timezone.now()), transfers, found)
        deposits.drop(chain, gone, timezone.now())
        watched_transactions.look(chain, (pool.inspected | expected) - gone, gone, timezone.now())
    if len(known) > MEMPOOL_REMEMBERED:
        known.clear()
    known |= pool.inspected
    known -= gone  # the node may hear of it again


@contextmanager
def _alone(chain: Chain, *, wait: bool = False) -> Iterator[None]:
    """One transaction, one worker a chain: the advisory lock lives as long as the transaction."""
    lock = "(hashtext('monitor.follower'), hashtext(%s))"
    with transaction.atomic(), connection.cursor() as sql:
        if wait:
            sql.execute(f"SELECT pg_advisory_xact_lock{lock}", [chain.code])
        else:
            sql.execute(f"SELECT pg_try_advisory_xact_lock{lock}", [chain.code])
            if not sql.fetchone()[0]:
                raise SteppedAside(chain.code)
        yield


def _expect(cursor: Cursor) -> None:
    """The cursor in the database is still the one we read on from."""
    stored = Cursor.objects.select_for_update().get(pk=cursor.pk)
    if (stored.height, stored.hash) != (cursor.height, cursor.hash) or stored.halted_at is not None:
        raise SteppedAside(cursor.chain_code)


def _move(cursor: Cursor, to: BlockRef) -> None:
    cursor.height, cursor.hash = to.height, to.hash
    cursor.save()


def _refuse_stale(chain: Chain, tip: Tip) -> None:
    oldest = timedelta(seconds=STALE_INTERVALS * chain.interval_seconds)
    age = timezone.now() - tip.time
    if chain.live and age > oldest:
        raise NodeError(f"the node's newest block is {age} old")


def _refuse_turned(chain: Chain, connector: Connector) -> None:
    cursor = Cursor.objects.filter(chain_code=chain.code, height__isnull=False).first()
    if cursor is not None and cursor.height is not None and connector.hash_at(cursor.height) != cursor.hash:
        raise NodeError("the node is not on the chain that was read; let the follower catch up first")


def _refuse_foreign(chain: Chain, block: Block) -> None:
    read = ReadBlock.objects.filter(chain_code=chain.code, height=block.ref.height).first()
    if read is not None and read.hash != block.ref.hash:
        raise NodeError(f"block {block.ref.height} is not the one that was read; let the follower catch up first")


def _note_failure(cursor: Cursor, error: NodeError) -> None:
    """Visible on the cursor; a permanent failure halts the chain until `resume`."""
    now: datetime = timezone.now()
    log.error("chain.node_failed", chain=cursor.chain_code, error=str(error), permanent=error.permanent)
    changes: dict[str, object] = {"failure": str(error)[:300]}
    if error.permanent:
        changes["halted_at"] = now
    rows = Cursor.objects.filter(pk=cursor.pk)
    rows.filter(failing_since__isnull=True).update(failing_since=now)
    rows.update(**changes)
