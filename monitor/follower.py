"""Reads each chain block by block, gap-free, and follows its reorganisations.

The cursor is (height, hash). A block is taken in only if its parent is the cursor's block; else the follower walks back
to the common ancestor, takes back what stood above it and reads the new branch. Nodes are asked outside transactions;
each block, its deposits, events and the cursor are one commit under the chain's advisory lock. Where the node does not
answer, nothing moves.
"""

from collections.abc import Set as AbstractSet
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

import structlog
from django.utils import timezone

from monitor import agreement, ahead, deposits, nodes, parking, watched_transactions
from monitor.ahead import Fetched
from monitor.chains import Chain
from monitor.connectors.base import Block, BlockRef, Connector, Examiner, NodeError, Tip
from monitor.connectors.patience import patience
from monitor.deposits import Sighting
from monitor.errors import ChainHalted, ChainOn, NodeBehind, ReorgTooDeep, SteppedAside, TipStale
from monitor.examining import examined
from monitor.locking import alone, expect
from monitor.models import Cursor, ReadBlock
from monitor.watching import watched

log = structlog.get_logger(__name__)

BLOCKS_A_STEP = 200
READING_SECONDS = 20
"""A step ends after so many blocks or so long, so that a long catch-up shows its progress."""
STEP_SECONDS = 60
"""All questions of one step together; a node that needs longer is failing, however steadily its answers drip."""
STALE_INTERVALS = 6
MOST_AHEAD = timedelta(hours=2)
"""How far in the future a block of a live chain may be dated: the widest rule of any family (Bitcoin's; validation.h,
MAX_FUTURE_BLOCK_TIME)."""

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
        with patience(STEP_SECONDS):
            _read_on(chain, connector, cursor, done)
    except SteppedAside:
        pass
    except NodeError as error:
        _note_failure(cursor, error)
    return done


def resume(chain: Chain) -> None:
    """Read on after a person has looked at why the chain was halted."""
    Cursor.objects.filter(chain_code=chain.code).update(halted_at=None, failing_since=None, failure="", failure_code="")


def retire(chain_code: str) -> bool:
    """Nothing waits for this chain any longer, until a node is set for it again; False: it was never read, or is
    retired. The cursor stays: nothing is skipped, should it ever be read on. Raises `ChainOn`."""
    if nodes.is_on(chain_code):
        raise ChainOn(f"a node is set for {chain_code}; take it out of the settings first")
    return bool(Cursor.objects.filter(chain_code=chain_code, retired_at=None).update(retired_at=timezone.now()))


def take_in(chain: Chain, block: Block, proved_for: AbstractSet[bytes] | None = None, *, again: bool = False) -> int:
    """Take a block's transfers in, in its commit, and set aside what nobody can; the number of new appearances.

    `again`: it was read before; what was set aside then and could be read now needs nobody any longer.
    `proved_for`: see `proved`; raises `SteppedAside` if somebody else of this block was put under watch meanwhile.
    """
    at = min(block.time, timezone.now())  # miners may date their blocks hours ahead
    watched_transactions.take_in(chain, block, at)
    found = watched(chain, list(block.destinations()))
    if proved_for is not None and found.keys() - proved_for:
        raise SteppedAside(chain.code)
    transfers = block.transfers_to(found.keys()) if found else []
    fit, unfit = parking.sorted_out(transfers)
    parked = [*block.parked, *unfit]
    parking.park(chain, block.ref, parked)
    if again:
        parking.release(chain, block.ref, parked)
    return deposits.take_in(Sighting(chain, at, block.ref), fit, found) if fit else 0


def proved(chain: Chain, connector: Connector, fetched: Fetched) -> tuple[Block, AbstractSet[bytes] | None]:
    """The block as its connector proves it for those who are watched, and who they are; None: it needs no such proof.

    Asks the node, so call it outside any transaction.
    """
    if not isinstance(connector, Examiner):
        return fetched.block, None
    known = watched(chain, list(fetched.destinations)).keys()
    block = examined(chain, connector, fetched.block)
    return block, known | (block.destinations() - fetched.destinations)


def confirm_due(chain: Chain, cursor: Cursor) -> None:
    """Confirm what is deep enough or final. Call it alone on the chain."""
    deposits.confirm_due(chain, cursor)
    watched_transactions.confirm_due(chain, cursor)


def _read_on(chain: Chain, connector: Connector, cursor: Cursor, done: Step) -> None:
    connector.check()
    tip = connector.tip()
    _refuse_unlikely(chain, tip)
    if cursor.height is None:
        _start(chain, connector, cursor, tip)
    done.taken_back_blocks = _follow_reorg(chain, connector, cursor, tip)
    _read_blocks(chain, connector, cursor, tip, done)
    with alone(chain):
        _note_tip(chain, cursor, tip)
    agreement.seek(chain, cursor)
    done.at_tip = cursor.hash == tip.ref.hash
    if done.at_tip:
        _look_at_mempool(chain, connector, cursor)


def _read_blocks(chain: Chain, connector: Connector, cursor: Cursor, tip: Tip, done: Step) -> None:
    """From the cursor towards the tip, as far as one step goes. A chain that turns meanwhile is left to the next."""
    assert cursor.height is not None  # noqa: S101 - _start has run
    began = monotonic()
    last = min(tip.ref.height, cursor.height + BLOCKS_A_STEP)
    with closing(ahead.blocks(connector, range(cursor.height + 1, last + 1))) as blocks:
        for fetched in blocks:
            if fetched.block.parent_hash != cursor.hash:
                return
            block, proved_for = proved(chain, connector, fetched)
            with alone(chain):
                _advance(chain, cursor, block, tip, proved_for)
            done.blocks += 1
            if monotonic() - began > READING_SECONDS:
                return


def _start(chain: Chain, connector: Connector, cursor: Cursor, tip: Tip) -> None:
    """Nothing was watched before now, so reading starts at the tip; an older address is found by `backfill`.

    The hashes below are kept from the first day: a fork may root there, and is then not taken for another chain.
    """
    below = range(max(0, tip.ref.height - chain.reorg_limit), tip.ref.height)
    hashes = [(height, connector.hash_at(height)) for height in below] + [(tip.ref.height, tip.ref.hash)]
    rows = [ReadBlock(chain_code=chain.code, height=height, hash=name) for height, name in hashes if name is not None]
    with alone(chain):
        expect(cursor)
        ReadBlock.objects.bulk_create(rows)
        _move(cursor, tip.ref)


def _follow_reorg(chain: Chain, connector: Connector, cursor: Cursor, tip: Tip) -> int:
    """Blocks taken back. A node that is merely behind is waited for: a shorter chain is no proof of another one."""
    assert cursor.height is not None  # noqa: S101 - _start has run
    if connector.hash_at(cursor.height) == cursor.hash:
        return 0
    read = ReadBlock.objects.filter(chain_code=chain.code, height__lt=cursor.height).order_by("-height")
    newest_shared_height = min(cursor.height - 1, tip.ref.height)
    if not read.filter(height__lte=newest_shared_height).exists() and tip.ref.height < cursor.height:
        raise NodeBehind(
            f"the node fell back to {tip.ref.height}, far behind block {cursor.height} that was read before"
        )
    for row in read.filter(height__lte=newest_shared_height).iterator(chunk_size=50):
        if connector.hash_at(row.height) == row.hash:
            if tip.ref.height < cursor.height:
                raise NodeBehind(f"the node is at {tip.ref.height}, behind block {cursor.height} that was read before")
            return _unwind(chain, cursor, BlockRef(row.height, row.hash))
    raise ReorgTooDeep(f"the chain turned deeper than {chain.reorg_limit} blocks, or is another one", permanent=True)


def _unwind(chain: Chain, cursor: Cursor, ancestor: BlockRef) -> int:
    assert cursor.height is not None  # noqa: S101 - only a cursor that has read can be unwound
    depth = cursor.height - ancestor.height
    with alone(chain):
        expect(cursor)
        taken_back = deposits.unwind(chain, ancestor.height, timezone.now())
        watched_transactions.unwind(chain, ancestor.height, timezone.now())
        parking.unwind(chain, ancestor.height)
        ReadBlock.objects.filter(chain_code=chain.code, height__gt=ancestor.height).delete()
        _move(cursor, ancestor)
    _looked_at.pop(chain.code, None)  # the mempool holds again what those blocks held
    log.warning("chain.reorg", chain=chain.code, depth=depth, deposits_taken_back=taken_back)
    return depth


def _advance(chain: Chain, cursor: Cursor, block: Block, tip: Tip, proved_for: AbstractSet[bytes] | None) -> None:
    expect(cursor)
    take_in(chain, block, proved_for)
    ReadBlock.objects.create(chain_code=chain.code, height=block.ref.height, hash=block.ref.hash)
    ReadBlock.objects.filter(chain_code=chain.code, height__lt=block.ref.height - chain.reorg_limit).delete()
    cursor.node_height, cursor.final_height = tip.ref.height, tip.final_height
    _move(cursor, block.ref)
    confirm_due(chain, cursor)


def _note_tip(chain: Chain, cursor: Cursor, tip: Tip) -> None:
    """The node answered; where it finalises blocks, some deposits may count without a new block."""
    expect(cursor)
    cursor.node_height, cursor.final_height, cursor.checked_at = tip.ref.height, tip.final_height, timezone.now()
    cursor.failing_since, cursor.failure, cursor.failure_code, cursor.retired_at = None, "", "", None
    cursor.save()
    confirm_due(chain, cursor)


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
    with alone(chain):
        expect(cursor)
        deposits.take_in(Sighting(chain, timezone.now()), transfers, found)
        deposits.drop(chain, gone, timezone.now())
        watched_transactions.look(chain, (pool.inspected | expected) - gone, gone, timezone.now())
    if len(known) > MEMPOOL_REMEMBERED:
        known.clear()
    known |= pool.inspected
    known -= gone  # the node may hear of it again


def _move(cursor: Cursor, to: BlockRef) -> None:
    cursor.height, cursor.hash = to.height, to.hash
    cursor.save()


def _refuse_unlikely(chain: Chain, tip: Tip) -> None:
    """A live chain's newest block is neither old nor of the future; a development chain's may be."""
    age = timezone.now() - tip.time
    if chain.live and age > timedelta(seconds=STALE_INTERVALS * chain.interval_seconds):
        raise TipStale(f"the node's newest block is {age} old")
    if chain.live and -age > MOST_AHEAD:
        raise TipStale(f"the node's newest block is dated {-age} ahead")


def _note_failure(cursor: Cursor, error: NodeError) -> None:
    """Visible on the cursor; a permanent failure halts the chain until `resume`."""
    now = timezone.now()
    log.error("chain.node_failed", chain=cursor.chain_code, error=str(error), permanent=error.permanent)
    changes: dict[str, object] = {"failure": str(error)[:300], "failure_code": error.code}
    if error.permanent:
        changes["halted_at"] = now
    rows = Cursor.objects.filter(pk=cursor.pk)
    rows.filter(failing_since__isnull=True).update(failing_since=now)
    rows.update(**changes)
