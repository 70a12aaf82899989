"""Follows watched transactions: each change is told as a `TransactionEvent` in the same commit.

Called by the follower alone, beside `deposits` and like it: a block's or the mempool's ids are matched set by set, so
the work grows with the block and not with what is watched. A replay changes nothing.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from datetime import datetime

from django.db.models import Q, QuerySet

from ledger import rows
from monitor import confirmations
from monitor.chains import Chain
from monitor.connectors.base import Block
from monitor.models import ChainEvent, Cursor, TransactionEvent, WatchedTransaction

ASKED_AT_ONCE = 500
"""Newly watched transactions that one step asks the node for."""

_State = WatchedTransaction.State
_ABSENT = (_State.AWAITED, _State.DROPPED, _State.ORPHANED)
_PLACE = ["state", "appearance", "block_height", "block_hash", "block_time"]


def take_in(chain: Chain, block: Block, at: datetime) -> int:
    """What of this block is watched; the number of new appearances."""
    if not _open(chain).exists():
        return 0
    found = [row for row in _named(chain, block.txids()) if row.block_hash != block.ref.hash]
    new = _appear(found)
    for row in found:
        row.block_height, row.block_hash, row.block_time = block.ref.height, block.ref.hash, at
    rows.update(found, _PLACE)
    _tell(new, ChainEvent.Kind.SEEN, at)
    return len(new)


def confirm_due(chain: Chain, cursor: Cursor) -> None:
    """Confirm what is deep enough or final."""
    seen = _open(chain).filter(state=_State.SEEN, block_height__isnull=False)
    counted = list(seen.filter(confirmations.due(cursor)).order_by("block_height", "pk"))
    for row in counted:
        row.state = _State.CONFIRMED
    rows.update(counted, ["state"])
    _tell(counted, ChainEvent.Kind.CONFIRMED)


def unwind(chain: Chain, above_height: int, at: datetime) -> None:
    """The blocks above that height are no longer the chain's: what was confirmed there is taken back."""
    above = list(
        WatchedTransaction.objects.filter(
            chain_code=chain.code, ended_at__isnull=True, block_height__gt=above_height
        ).order_by("-block_height", "-pk")
    )
    taken_back = [row for row in above if row.state == _State.CONFIRMED]
    _tell(taken_back, ChainEvent.Kind.REORGED, at)
    for row in taken_back:
        row.state = _State.ORPHANED
    for row in above:
        row.block_height, row.block_hash, row.block_time = None, "", None
    rows.update(above, _PLACE)


def to_ask_for(chain: Chain) -> set[str]:
    """Those that were seen and are in no block, and the newly watched: does the node hold them unconfirmed?"""
    unmined = _open(chain).filter(state=_State.SEEN, block_height__isnull=True)
    new = _open(chain).filter(looked_for=False).order_by("pk")
    return set(unmined.values_list("txid", flat=True)) | set(new.values_list("txid", flat=True)[:ASKED_AT_ONCE])


def look(chain: Chain, present: AbstractSet[str], gone: AbstractSet[str], at: datetime) -> None:
    """What the node's mempool holds, as far as it was asked, and what it does not hold.

    What was seen there and is gone is dropped. Advice, as all of the mempool is.
    """
    if not _open(chain).exists():
        return
    found = list(_named(chain, present | gone))
    new = _appear([row for row in found if row.txid in present])
    lost = [row for row in found if row.txid in gone and row.state == _State.SEEN and row.block_height is None]
    for row in lost:
        row.state = _State.DROPPED
    for row in found:
        row.looked_for = True
    rows.update(found, ["state", "appearance", "looked_for"])
    _tell(new, ChainEvent.Kind.SEEN, at)
    _tell(lost, ChainEvent.Kind.DROPPED, at)


def _open(chain: Chain) -> QuerySet[WatchedTransaction]:
    """Those that wait for something."""
    return WatchedTransaction.objects.filter(~Q(state=_State.CONFIRMED), chain_code=chain.code, ended_at__isnull=True)


def _named(chain: Chain, txids: Iterable[str]) -> QuerySet[WatchedTransaction]:
    return rows.among(_open(chain), "txid", txids).order_by("pk")


def _appear(found: Iterable[WatchedTransaction]) -> list[WatchedTransaction]:
    new = [row for row in found if row.state in _ABSENT]
    for row in new:
        row.state, row.appearance = _State.SEEN, row.appearance + 1
    return new


def _tell(moved: Iterable[WatchedTransaction], kind: ChainEvent.Kind, at: datetime | None = None) -> None:
    """At the time of its block, where none is given."""
    events = [
        TransactionEvent(
            book_id=row.book_id,
            chain_code=row.chain_code,
            transaction=row,
            kind=kind,
            appearance=row.appearance,
            block_height=row.block_height,
            block_hash=row.block_hash,
            happened_at=at or _block_time(row),
        )
        for row in moved
    ]
    rows.insert(events)


def _block_time(row: WatchedTransaction) -> datetime:
    assert row.block_time is not None  # noqa: S101 - a constraint has confirmed ones in a block
    return row.block_time
