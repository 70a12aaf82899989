"""Takes transfers in as deposits, and tells each change as a `ChainEvent` in the same commit.

Called by the follower alone, inside its transaction. A replay finds every deposit as it is and changes nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db import connection
from django.db.models import F, Q, QuerySet

from ledger import rows
from monitor import confirmations, nodes, tokens
from monitor.chains import Chain, Tier
from monitor.connectors.base import BlockRef, Transfer
from monitor.models import ChainEvent, Cursor, Deposit, WatchedAddress

log = structlog.get_logger(__name__)


_CONFIRM = """
WITH counted AS (
    UPDATE monitor_deposit SET state = 'confirmed', held_since = NULL, held_because = '' WHERE id = ANY(%s::bigint[])
    RETURNING *
)
INSERT INTO monitor_chainevent
    (book_id, chain_code, deposit_id, kind, appearance, block_height, block_hash, happened_at)
SELECT book_id, chain_code, id, 'confirmed', appearance, block_height, block_hash, block_time
FROM counted ORDER BY block_height, id
"""


@dataclass(frozen=True, slots=True)
class Sighting:
    """Where transfers were found: in a block, or in the mempool (`block` None)."""

    chain: Chain
    at: datetime
    block: BlockRef | None = None


def take_in(sighting: Sighting, transfers: Sequence[Transfer], watched: dict[bytes, list[WatchedAddress]]) -> int:
    """Record transfers to watched destinations; the number of new appearances."""
    least = tokens.minimums(sighting.chain, {transfer.contract for transfer in transfers})
    wanted = _once_a_book(
        (watch, transfer)
        for transfer in transfers
        if not _is_dust(sighting.chain, transfer, least.get(transfer.contract, 1))
        for watch in watched[transfer.destination]
    )
    known = {
        (row.book_id, row.key): row
        for row in rows.among(
            Deposit.objects.filter(book_id__in={watch.book_id for watch, _ in wanted}, chain_code=sighting.chain.code),
            "key",
            {transfer.key for _, transfer in wanted},
        )
    }
    wanted = [(w, t) for w, t in wanted if not _is_reused(sighting.chain, known.get((w.book_id, t.key)), t)]
    keys = {(watch.book_id, transfer.key) for watch, transfer in wanted}
    known = {place: row for place, row in known.items() if place in keys}
    unknown = [(w, t) for w, t in wanted if (w.book_id, t.key) not in known]
    tiers = confirmations.policy(sighting.chain) if unknown else []
    new = [_deposit(sighting, w, t, tiers) for w, t in unknown]
    back = [row for row in known.values() if row.state in (Deposit.State.DROPPED, Deposit.State.ORPHANED)]
    mined = [row for row in known.values() if row.state == Deposit.State.SEEN and _is_elsewhere(row, sighting)]
    for row in back:
        row.state, row.appearance = Deposit.State.SEEN, row.appearance + 1
        _place(row, sighting)
    rows.insert(new)
    rows.update(back, ["state", "appearance", "block_height", "block_hash", "block_time"])
    if sighting.block is not None:
        here = {"block_height": sighting.block.height, "block_hash": sighting.block.hash, "block_time": sighting.at}
        rows.among(Deposit.objects.all(), "id", [row.pk for row in mined]).update(**here)
    _tell([*new, *back], ChainEvent.Kind.SEEN, sighting.at)
    return len(new) + len(back)


def _once_a_book(
    pairs: Iterable[tuple[WatchedAddress, Transfer]],
) -> list[tuple[WatchedAddress, Transfer]]:
    """A transfer may reach two destinations, an account's memo and the account: a book hears it at its first.

    What it gave to payers goes before what it merely watches: a watch must not take coins out of the books.
    """
    first: dict[tuple[int, str], tuple[WatchedAddress, Transfer]] = {}
    for watch, transfer in pairs:
        known = first.setdefault((watch.book_id, transfer.key), (watch, transfer))
        if watch.own and not known[0].own:
            first[watch.book_id, transfer.key] = (watch, transfer)
    return list(first.values())


def due(chain: Chain, cursor: Cursor) -> QuerySet[Deposit]:
    """Deposits that are deep enough or final, and not confirmed yet."""
    seen = Deposit.objects.filter(chain_code=chain.code, state=Deposit.State.SEEN, block_height__isnull=False)
    return seen.filter(confirmations.due(cursor)).order_by("block_height", "pk")


def confirm_due(chain: Chain, cursor: Cursor) -> int:
    """Confirm what is deep enough or final, and agreed on where two nodes must agree; returns how many."""
    counted = list(due(chain, cursor).filter(agreed(chain)).values_list("pk", flat=True))
    if counted:
        with connection.cursor() as sql:
            sql.execute(_CONFIRM, [rows.array(counted)])
    return len(counted)


def agreed(chain: Chain) -> Q:
    """Deposits that need one node alone, and those that the second one has in the same block.

    A token's amounts cannot be held against a limit in the chain's own coin, so tokens need both.
    """
    limit = nodes.agreement_above(chain)
    if limit is None:
        return Q()
    return Q(contract="", base_units__lte=limit) | Q(agreed_hash=F("block_hash"))


def unwind(chain: Chain, above_height: int, at: datetime) -> int:
    """The blocks above that height are no longer the chain's: confirmed deposits are taken back, others wait anew."""
    above = list(
        Deposit.objects.filter(
            chain_code=chain.code,
            block_height__gt=above_height,
            state__in=[Deposit.State.SEEN, Deposit.State.CONFIRMED],
        ).order_by("-block_height", "-pk")
    )
    taken_back = [row for row in above if row.state == Deposit.State.CONFIRMED]
    _tell(taken_back, ChainEvent.Kind.REORGED, at)
    for row in taken_back:
        row.state = Deposit.State.ORPHANED
    for row in above:
        row.block_height, row.block_hash, row.block_time = None, "", None
        row.held_since, row.held_because = None, ""
    rows.update(above, ["state", "block_height", "block_hash", "block_time", "held_since", "held_because"])
    return len(taken_back)


def unconfirmed_txids(chain: Chain) -> set[str]:
    """Transactions that were seen and are in no block."""
    return set(_unmined(chain).values_list("txid", flat=True))


def drop(chain: Chain, txids: Iterable[str], at: datetime) -> int:
    """Those transactions were replaced, double-spent or forgotten by the node."""
    gone = list(rows.among(_unmined(chain), "txid", txids))
    _tell(gone, ChainEvent.Kind.DROPPED, at)
    for row in gone:
        row.state = Deposit.State.DROPPED
    rows.update(gone, ["state"])
    return len(gone)


def _unmined(chain: Chain) -> QuerySet[Deposit]:
    return Deposit.objects.filter(Q(chain_code=chain.code, state=Deposit.State.SEEN, block_height__isnull=True))


def _is_dust(chain: Chain, transfer: Transfer, least: int) -> bool:
    dust = transfer.base_units < least
    if dust:
        log.info("deposit.dust", chain=chain.code, key=transfer.key, base_units=transfer.base_units)
    return dust


def _is_reused(chain: Chain, row: Deposit | None, transfer: Transfer) -> bool:
    """Another transaction claims the key of a deposit, which counts once, ever, and for what it was first said to hold.

    On Monero a payer can make two outputs to one one-time key, of which only one can be spent ("burning bug", 2018).
    """
    reused = row is not None and row.txid != transfer.txid
    if reused:
        log.error("deposit.key_reused", chain=chain.code, key=transfer.key, txid=transfer.txid)
    return reused


def _deposit(sighting: Sighting, watch: WatchedAddress, transfer: Transfer, tiers: Sequence[Tier]) -> Deposit:
    row = Deposit(
        book_id=watch.book_id,
        watched=watch,
        chain_code=sighting.chain.code,
        key=transfer.key,
        txid=transfer.txid,
        contract=transfer.contract,
        base_units=transfer.base_units,
        sender=transfer.sender,
        memo=transfer.memo,
        required_confirmations=confirmations.required(
            sighting.chain, transfer.base_units, watch.least_confirmations, transfer.maturity_blocks, tiers=tiers
        ),
    )
    _place(row, sighting)
    return row


def _is_elsewhere(row: Deposit, sighting: Sighting) -> bool:
    return sighting.block is not None and row.block_hash != sighting.block.hash


def _place(row: Deposit, sighting: Sighting) -> None:
    if sighting.block is not None:
        row.block_height, row.block_hash = sighting.block.height, sighting.block.hash
        row.block_time = sighting.at


def _tell(moved: Iterable[Deposit], kind: ChainEvent.Kind, at: datetime) -> None:
    events = [
        ChainEvent(
            book_id=row.book_id,
            chain_code=row.chain_code,
            deposit=row,
            kind=kind,
            appearance=row.appearance,
            block_height=row.block_height,
            block_hash=row.block_hash,
            happened_at=at,
        )
        for row in moved
    ]
    rows.insert(events)
