"""Reads blocks again: for addresses that are watched later than they were paid, and for transactions set aside.

A request is a row; workers take it off in slices beside the follower, so that nobody who asks has to wait. Reading
again changes nothing that is known. A request ends where the follower had read when the work began: all above is the
follower's, who by then knew of whatever the request was made for.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import closing, suppress
from time import monotonic

import structlog
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from monitor import ahead, follower
from monitor.chains import Chain
from monitor.connectors.base import Block, Connector, NodeError
from monitor.connectors.patience import patience
from monitor.errors import RangeInvalid, SteppedAside
from monitor.locking import alone
from monitor.models import Backfill, Cursor, ReadBlock

log = structlog.get_logger(__name__)

BLOCKS_A_SLICE = 100
READING_SECONDS = 20
SLICE_SECONDS = 60
"""All questions of one slice together."""


class NotOnOurBranch(NodeError):
    """The node shows other blocks than the follower has read. Let that one catch up first."""

    code = "node_on_other_branch"


@transaction.atomic
def request(chain: Chain, first: int, last: int | None = None, *, asked_for: str = "") -> Backfill:
    """Have these blocks read again; `last` None: up to where the chain has been read when the work begins.

    Call it in the transaction that puts the address under watch. What is asked for already, and not read yet, is not
    asked for twice. Raises `RangeInvalid`.
    """
    if first < 0 or (last is not None and last < first):
        raise RangeInvalid("from block 0 or later, to no earlier one")
    still_to_be_read = Q(last_height__isnull=True) | (Q(last_height__gte=last) if last is not None else Q(pk__in=[]))
    waiting = _open(chain).filter(still_to_be_read, next_height__lte=first)
    # Locked, so that no block of it is read before whatever is asked for here is committed.
    known = waiting.select_for_update().order_by("pk").first()
    if known is not None:
        return known
    return Backfill.objects.create(
        chain_code=chain.code, first_height=first, last_height=last, next_height=first, asked_for=asked_for[:200]
    )


def work_off(chain: Chain, connector: Connector) -> int:
    """One slice of the request that has waited longest; how many blocks were read. A node's failure is noted on it."""
    if not _open(chain).exists() or not _begin(chain):
        return 0
    row = _open(chain).order_by(F("worked_at").asc(nulls_first=True), "pk").first()
    if row is None:
        return 0
    Backfill.objects.filter(pk=row.pk).update(worked_at=timezone.now())
    read = 0
    try:
        with suppress(SteppedAside), patience(SLICE_SECONDS):
            for _ in _read_slice(chain, connector, row):
                read += 1
    except NodeError as error:
        _note_failure(row, error)
    return read


def work_through(chain: Chain, connector: Connector, row: Backfill) -> Iterator[Backfill]:
    """Read all of a request at once; the row after each slice. Raises `NodeError`; what is left waits as before."""
    while row.finished_at is None:
        if not _begin(chain):
            raise NotOnOurBranch("the chain was not read yet")
        row.refresh_from_db()
        if row.finished_at is None:
            with suppress(SteppedAside), patience(SLICE_SECONDS):  # a worker may read the same: each reads on
                for _ in _read_slice(chain, connector, row):
                    pass
            row.refresh_from_db()
        yield row


def rescan(chain: Chain, connector: Connector, first: int, last: int) -> int:
    """Read these blocks again at once; the number of deposits found. Blocks above the cursor are left to the follower.

    Raises `NodeError`, also if the node is on another branch than was read, and `RangeInvalid`.
    """
    row = request(chain, first, last, asked_for="at once")
    before = row.found
    for _ in work_through(chain, connector, row):
        pass
    return row.found - before


def _begin(chain: Chain) -> bool:
    """Say of new requests where they end; whether any work can be done. Under the follower's lock: a block it is taking
    in is then either below that end, or was begun after the request was committed and knows of it."""
    with alone(chain, wait=True):
        read_to = Cursor.objects.filter(chain_code=chain.code).values_list("height", flat=True).first()
        if read_to is None:
            return False
        beyond = _open(chain).filter(Q(last_height__isnull=True) | Q(last_height__gt=read_to))
        ends_at = max(read_to, 0)
        beyond.filter(next_height__lte=ends_at).update(last_height=ends_at)
        beyond.filter(next_height__gt=ends_at).update(last_height=F("next_height") - 1)
        _open(chain).filter(next_height=F("last_height") + 1).update(finished_at=timezone.now())
    return True


def _read_slice(chain: Chain, connector: Connector, row: Backfill) -> Iterator[int]:
    """From where the row stands, the heights as they are done; raises `NodeError`, and `SteppedAside` if another worker
    reads the same."""
    connector.check()
    _refuse_turned(chain, connector)
    _step_back_if_turned(connector, row)
    assert row.last_height is not None  # noqa: S101 - _begin has said it
    began = monotonic()
    last = min(row.last_height, row.next_height + BLOCKS_A_SLICE - 1)
    with closing(ahead.blocks(connector, range(row.next_height, last + 1))) as blocks:
        for fetched in blocks:
            block, proved_for = follower.proved(chain, connector, fetched)
            with alone(chain, wait=True):
                _take_in(chain, row, block, proved_for)
            yield block.ref.height
            if monotonic() - began > READING_SECONDS:
                return


def _take_in(chain: Chain, row: Backfill, block: Block, proved_for: AbstractSet[bytes] | None) -> None:
    """The block, and the step over it of all requests that stand there."""
    here = list(_open(chain).filter(next_height=block.ref.height, last_height__isnull=False).select_for_update())
    if row.pk not in {other.pk for other in here}:
        raise SteppedAside(chain.code)
    _refuse_foreign(chain, row, block)
    cursor = Cursor.objects.get(chain_code=chain.code)
    found = follower.take_in(chain, block, proved_for, again=True)
    follower.confirm_due(chain, cursor)
    now = timezone.now()
    for one in [row, *(other for other in here if other.pk != row.pk)]:
        assert one.last_height is not None  # noqa: S101 - asked for above
        one.next_height, one.hash, one.found = block.ref.height + 1, block.ref.hash, one.found + found
        one.finished_at = now if one.next_height > one.last_height else None
        one.failing_since, one.failure, one.worked_at = None, "", now
        one.save()


def _refuse_turned(chain: Chain, connector: Connector) -> None:
    cursor = Cursor.objects.get(chain_code=chain.code)
    if cursor.height is not None and connector.hash_at(cursor.height) != cursor.hash:
        raise NotOnOurBranch("the node is not on the chain that was read; let the follower catch up first")


def _refuse_foreign(chain: Chain, row: Backfill, block: Block) -> None:
    read = ReadBlock.objects.filter(chain_code=chain.code, height=block.ref.height).first()
    if read is not None and read.hash != block.ref.hash:
        raise NotOnOurBranch(f"block {block.ref.height} is not the one that was read; let the follower catch up first")
    if row.hash and block.parent_hash != row.hash:
        raise NotOnOurBranch(f"block {block.ref.height} does not follow the one before it")
    if not Cursor.objects.filter(chain_code=chain.code, height__gte=block.ref.height).exists():
        raise NotOnOurBranch(f"block {block.ref.height} was taken back meanwhile")


def _step_back_if_turned(connector: Connector, row: Backfill) -> None:
    """The chain turned below where the work stood: it begins anew, and finds again what it knows."""
    if row.hash and connector.hash_at(row.next_height - 1) != row.hash:
        row.next_height, row.hash = row.first_height, ""
        row.save(update_fields=["next_height", "hash"])


def _open(chain: Chain) -> QuerySet[Backfill]:
    return Backfill.objects.filter(chain_code=chain.code, finished_at__isnull=True)


def _note_failure(row: Backfill, error: NodeError) -> None:
    log.error("backfill.failed", chain=row.chain_code, error=str(error))
    rows = Backfill.objects.filter(pk=row.pk)
    rows.filter(failing_since__isnull=True).update(failing_since=timezone.now())
    rows.update(failure=str(error)[:300])
