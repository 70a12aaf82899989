"""Reconciliation: what a chain's node says our addresses hold, against the custody accounts of the books.

    difference = node - (custody + on its way)

All of one moment: the node's answer is of a block; the books are read in one snapshot, in which that very block was
read and all it told was taken in. Coins on their way, seen by that block and not yet counted, are no difference, and
neither is what the books had already of later blocks.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.db import connection, transaction
from django.utils import timezone

from cryptopay.monthend import cases
from cryptopay.monthend.errors import ReconciliationNotReady
from cryptopay.payments.models import IntakePosition
from ledger import chart
from ledger.models import Asset, Balance
from monitor import nodes, tokens
from monitor.chains import Chain
from monitor.connectors.base import BlockRef, NodeError
from monitor.connectors.holdings import Asked, Held, Holdings, Known, Way
from monitor.models import ChainEvent, Cursor, Deposit, ReadBlock, WatchedAddress
from monitor.reconciliations import AddressDifference, Reconciliation, ReconciliationAttempt, newest
from monitor.standing import standing

log = structlog.get_logger(__name__)

_LOCK = 7266
_TRIES = 30
_ROWS_AT_ONCE = 5000

_BY_PLACE = """
    SELECT d.book_id, d.contract, w.destination,
           coalesce(sum(d.base_units) FILTER (WHERE d.state = 'confirmed' AND d.block_height <= %(height)s), 0),
           coalesce(sum(d.base_units) FILTER (WHERE d.state = 'seen' AND d.block_height <= %(height)s), 0),
           coalesce(sum(d.base_units) FILTER (WHERE d.state = 'confirmed' AND d.block_height > %(height)s), 0)
    FROM monitor_deposit d JOIN monitor_watchedaddress w ON w.id = d.watched_id AND w.own
    WHERE d.chain_code = %(chain)s AND d.state IN ('seen', 'confirmed') AND d.block_height IS NOT NULL
    GROUP BY 1, 2, 3
"""
_BROUGHT_BY_THE_CHAIN = """
    SELECT a.book_id, s.contract, coalesce(sum(p.debit - p.credit), 0)
    FROM ledger_account a
    JOIN ledger_asset s ON s.id = a.asset_id AND s.chain = %(chain)s
    LEFT JOIN ledger_posting p ON p.book_id = a.book_id AND p.account_id = a.id AND p.layer = 0
        AND EXISTS (
            SELECT FROM ledger_journalentry e
            LEFT JOIN ledger_journalentry r ON r.book_id = e.book_id AND r.id = e.ref_id AND e.kind = 5
            WHERE e.book_id = p.book_id AND e.id = p.entry_id
              AND (e.source IN ('chain:' || %(chain)s, %(ours)s) OR r.source IN ('chain:' || %(chain)s, %(ours)s))
        )
    WHERE a.code = 'assets:custody:' || %(chain)s
    GROUP BY 1, 2
"""
"""Where spending cannot be seen: what people book of it has nothing to be held against. What was taken to suspense
counts, or it would be found and taken again each time; so does what takes back any of this.
"""

_Coin = tuple[int, str]
"""Book and contract; the chain's own coin has none."""
_At = tuple[int, str, bytes]
"""Book, contract and place."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where coins of a book lie."""

    book_id: int
    place: bytes
    address: str


@dataclass(frozen=True, slots=True)
class _AtPlace:
    """Deposits to one place by the node's block: in the books, and on their way; and those booked of later blocks."""

    booked: int = 0
    on_its_way: int = 0
    later: int = 0

    def __add__(self, other: "_AtPlace") -> "_AtPlace":
        return _AtPlace(self.booked + other.booked, self.on_its_way + other.on_its_way, self.later + other.later)


@dataclass(frozen=True, slots=True)
class _Books:
    """What the books say of each place."""

    deposits: Mapping[_At, _AtPlace]
    explained: Mapping[_At, int]

    def at(self, at: _At) -> int:
        """By the node's block, and what was taken to suspense since."""
        told = self.deposits.get(at, _AtPlace())
        return told.booked + told.on_its_way + self.explained.get(at, 0)


def reconcile(
    chain: Chain, holdings: Holdings, *, catch_up: Callable[[], object] | None = None
) -> list[Reconciliation]:
    """Ask the node and keep what came of it, a row a book and asset; none if another is at it.

    `catch_up` is called while the reader has yet to read what the node told of; else we wait the chain's own interval.
    Raises `NodeError` and `ReconciliationNotReady`; both are kept as the chain's failure, and no row is written.
    """
    with _Alone(chain) as mine:
        if not mine:
            return []
        begun = timezone.now()
        try:
            rows = _asked(chain, holdings, begun, catch_up or (lambda: time.sleep(chain.poll_seconds)))
        except (NodeError, ReconciliationNotReady) as error:
            _note(chain, begun, error)
            raise
        _note(chain, begun)
        for row in rows:
            cases.look_at(row)
        return rows


class _Alone:
    """One reconciliation of a chain at a time, in whatever process; a lock of the session, for it spans commits."""

    def __init__(self, chain: Chain) -> None:
        self._key = f"monthend.reconcile {chain.code}"

    def __enter__(self) -> bool:
        with connection.cursor() as sql:
            sql.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, %s))", [self._key, _LOCK])
            self._held = bool(sql.fetchone()[0])
        return self._held

    def __exit__(self, *_: object) -> None:
        if self._held:
            with connection.cursor() as sql:
                sql.execute("SELECT pg_advisory_unlock(hashtextextended(%s, %s))", [self._key, _LOCK])


def _asked(chain: Chain, holdings: Holdings, begun: datetime, catch_up: Callable[[], object]) -> list[Reconciliation]:
    places = list(_places(chain, holdings))
    for _ in range(_TRIES):
        held = holdings.held(_question(chain, holdings, places))
        for _ in range(_TRIES):
            try:
                with transaction.atomic():
                    _see_one_moment()
                    _check_read(chain, held)
                    return _kept(chain, holdings, places, held, begun)
            except _AskAnew:
                break
            except ReconciliationNotReady:
                catch_up()
    raise ReconciliationNotReady(f"{chain} did not come to rest at a block that both sides have")


class _AskAnew(ReconciliationNotReady):
    """The block told of is gone, or something arrived while the node was asked."""


def _places(chain: Chain, holdings: Holdings) -> Iterator[_Place]:
    """Of all books, once each: EOS's payers share an account."""
    own = WatchedAddress.objects.filter(chain_code=chain.code, own=True).order_by("pk")
    seen: set[tuple[int, bytes]] = set()
    for book_id, destination, address in own.values_list("book_id", "destination", "address").iterator(_ROWS_AT_ONCE):
        place = holdings.place(bytes(destination))
        if (book_id, place) not in seen:
            seen.add((book_id, place))
            yield _Place(book_id, place, address if place == bytes(destination) else place.decode(errors="replace"))


def _question(chain: Chain, holdings: Holdings, places: Sequence[_Place]) -> Asked:
    cursor = Cursor.objects.filter(chain_code=chain.code).first()
    if cursor is None or cursor.height is None or not standing(cursor).is_read:
        raise ReconciliationNotReady(f"{chain} is not being read")
    return Asked(
        places=list({place.place: None for place in places}),
        contracts=list(_tokens(chain)),
        at=BlockRef(cursor.height, cursor.hash),
        known=lambda: _known(chain, holdings),
    )


def _tokens(chain: Chain) -> Iterable[str]:
    return Asset.objects.filter(chain=chain.code).exclude(contract="").values_list("contract", flat=True)


def _known(chain: Chain, holdings: Holdings) -> list[Known]:
    deposits = Deposit.objects.filter(
        chain_code=chain.code, contract="", watched__own=True, state__in=["seen", "confirmed"]
    ).exclude(block_height=None)
    rows = deposits.values_list("key", "txid", "watched__destination").distinct()
    return [Known(key, txid, holdings.place(bytes(at))) for key, txid, at in rows.iterator(_ROWS_AT_ONCE)]


def _see_one_moment() -> None:
    """Inside another transaction, its own isolation holds: tests that roll back."""
    with connection.cursor() as sql:
        if len(connection.savepoint_ids) == 0:
            sql.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


def _check_read(chain: Chain, held: Held) -> None:
    """Raises `ReconciliationNotReady` until the books know that block and all it told; `_AskAnew`: they never will."""
    cursor = Cursor.objects.get(chain_code=chain.code)
    if cursor.height is None or cursor.height < held.ref.height:
        raise ReconciliationNotReady(f"{chain} is read up to {cursor.height}, the node told of {held.ref.height}")
    read = ReadBlock.objects.filter(chain_code=chain.code, height=held.ref.height).values_list("hash", flat=True)
    if held.ref.hash not in (*read, cursor.hash):
        raise _AskAnew(f"block {held.ref.height} is another one by now")
    last = ChainEvent.objects.filter(chain_code=chain.code).order_by("-pk").values_list("pk", flat=True).first()
    taken_in = IntakePosition.objects.filter(chain_code=chain.code).values_list("last_event_id", flat=True).first()
    if last is not None and (taken_in or 0) < last:
        raise ReconciliationNotReady(f"events of {chain} are not taken in yet")
    between = Deposit.objects.filter(
        chain_code=chain.code, watched__own=True, block_height__gt=held.first_height, block_height__lte=held.ref.height
    )
    if held.first_height < held.ref.height and between.exists():
        raise _AskAnew("something arrived while the node was asked")


def _kept(
    chain: Chain, holdings: Holdings, places: Sequence[_Place], held: Held, begun: datetime
) -> list[Reconciliation]:
    deposits = _deposits(chain, holdings, held.ref.height)
    custody = _custody(chain, held)
    at_places = _at_places(places, held)
    books_say = _Books(deposits, cases.explained(chain.code))
    if held.has_dust:
        _leave_out_dust(chain, at_places, books_say)
    addresses = Counter(place.book_id for place in places)
    shown = Counter[_Coin]()
    for (book_id, contract, _), base_units in at_places.items():
        shown[book_id, contract] += base_units
    assets = {asset.contract: asset for asset in Asset.objects.filter(chain=chain.code)}
    waiting = Counter[_Coin]()
    for (book_id, contract, _), found in deposits.items():
        waiting[book_id, contract] += found.on_its_way - found.later
    rows = [
        Reconciliation(
            book_id=book_id,
            asset=assets[contract],
            chain_code=chain.code,
            height=held.ref.height,
            block_hash=held.ref.hash,
            asked_at=begun,
            way=held.way,
            addresses=addresses[book_id],
            node_base_units=shown[book_id, contract],
            custody_base_units=custody.get((book_id, contract), 0),
            on_its_way_base_units=waiting[book_id, contract],
            difference=shown[book_id, contract] - custody.get((book_id, contract), 0) - waiting[book_id, contract],
        )
        for book_id, contract in sorted({*custody, *(coin for coin in shown if shown[coin])})
        if contract in assets
    ]
    before = {(row.book_id, row.asset_id): row for row in newest({row.book_id for row in rows})}
    Reconciliation.objects.bulk_create(rows)
    news = [row for row in rows if row.difference and not _is_as_before(row, before.get((row.book_id, row.asset_id)))]
    _keep_addresses(news, places, books_say, at_places)
    return rows


def _at_places(places: Sequence[_Place], held: Held) -> dict[_At, int]:
    """What the node said, told apart by book."""
    holding = defaultdict[bytes, list[tuple[str, int]]](list)
    for (contract, at), base_units in held.base_units.items():
        holding[at].append((contract, base_units))
    return {
        (place.book_id, contract, place.place): base_units
        for place in places
        for contract, base_units in holding[place.place]
    }


def _leave_out_dust(chain: Chain, at_places: dict[_At, int], books_say: "_Books") -> None:
    """What lies at a place beyond the books, below the least that is credited: anybody can send it, to anybody."""
    least = tokens.minimums(chain, {contract for _, contract, _ in at_places})
    for at, base_units in at_places.items():
        beyond = base_units - books_say.at(at)
        if 0 < beyond < least.get(at[1], 0):
            at_places[at] = base_units - beyond


def _is_as_before(row: Reconciliation, before: Reconciliation | None) -> bool:
    return before is not None and before.difference == row.difference


def _deposits(chain: Chain, holdings: Holdings, height: int) -> dict[_At, _AtPlace]:
    found: dict[_At, _AtPlace] = {}
    with connection.cursor() as sql:
        sql.execute(_BY_PLACE, {"chain": chain.code, "height": height})
        for book_id, contract, destination, *sums in sql.fetchall():
            where = book_id, contract, holdings.place(bytes(destination))
            found[where] = found.get(where, _AtPlace()) + _AtPlace(*map(int, sums))
    return found


def _custody(chain: Chain, held: Held) -> dict[_Coin, int]:
    if held.way == Way.RECEIPTS:
        with connection.cursor() as sql:
            sql.execute(_BROUGHT_BY_THE_CHAIN, {"chain": chain.code, "ours": cases.SOURCE})
            return {(book_id, contract): int(base_units) for book_id, contract, base_units in sql.fetchall()}
    accounts = Balance.objects.filter(account__code=f"{chart.CUSTODY}{chain.code}", asset__chain=chain.code)
    return {
        (book, contract): posted
        for book, contract, posted in accounts.values_list("book_id", "asset__contract", "posted")
    }


def _keep_addresses(
    rows: Sequence[Reconciliation],
    places: Sequence[_Place],
    books_say: "_Books",
    at_places: Mapping[_At, int],
) -> None:
    """Those that differ, of the assets whose difference is new."""
    by_book = defaultdict[int, list[Reconciliation]](list)
    for row in rows:
        by_book[row.book_id].append(row)
    found: list[AddressDifference] = []
    for place in places:
        for row in by_book[place.book_id]:
            at = place.book_id, row.asset.contract, place.place
            node, books = at_places.get(at, 0), books_say.at(at)
            if node != books:
                found.append(_address(row, place, node, books))
    AddressDifference.objects.bulk_create(found, batch_size=_ROWS_AT_ONCE)


def _address(row: Reconciliation, place: _Place, node: int, books: int) -> AddressDifference:
    return AddressDifference(
        book_id=row.book_id,
        reconciliation=row,
        place=place.place,
        address=place.address,
        node_base_units=node,
        books_base_units=books,
        difference=node - books,
    )


def _note(chain: Chain, at: datetime, failure: Exception | None = None) -> None:
    """How asking went; what a node said is for those who run it."""
    known = ReconciliationAttempt.objects.filter(chain_code=chain.code).first()
    now: dict[str, Any] = {"attempted_at": at, "failing_since": None, "failure": "", "failure_code": ""}
    if failure is None:
        now["succeeded_at"] = at
    else:
        now["failing_since"] = (known.failing_since if known else None) or at
        now |= {"failure": str(failure)[:300], "failure_code": getattr(failure, "code", "node_error")}
        log.warning("reconciliation.failed", chain=chain.code, code=now["failure_code"], reason=now["failure"])
    ReconciliationAttempt.objects.update_or_create(chain_code=chain.code, defaults=now)


def reconcile_switched_on(chain_code: str) -> None:
    """Ask that chain's node. Raises `ChainOff`, `NodeError`, `ReconciliationNotReady`."""
    chain = nodes.chain(chain_code)
    reconcile(chain, nodes.holdings(chain))
