"""Monero: monerod over HTTP, JSON-RPC and its plain paths. No wallet is asked: blocks are scanned here with view keys.

A wallet serves one account, keeps a state of its own and, after a reorg, shows payments that are gone until the chain
has regrown. Here one pass over a block serves all accounts, and what a block holds follows from its bytes alone.

Source: Monero's `core_rpc_server_commands_defs.h` ("Daemon RPC documentation").
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

import structlog
from msgspec import UNSET, Struct, UnsetType

from monitor.chains import Chain
from monitor.connectors.base import BlockRef, NodeError, Parked, Tip, Transfer
from monitor.connectors.jsonrpc import JsonRpc, RpcRefused
from monitor.connectors.monero_blocks import (
    LAST_SECOND,
    FormUnknown,
    RawBlock,
    Transaction,
    read_block,
    read_transaction,
)
from monitor.connectors.monero_scan import Found, ViewKey, amount, scan

log = structlog.get_logger(__name__)

_OUT_OF_RANGE = -2  # core_rpc_server_error_codes.h: CORE_RPC_ERROR_CODE_TOO_BIG_HEIGHT
_AT_ONCE = 100  # transactions a call: a restricted node gives no more
_NEW_TRANSACTIONS = 2000  # of one look into the pool: some seconds
_is_hash = re.compile(r"[0-9a-f]{64}").fullmatch
T = TypeVar("T")


class _Said(Struct, kw_only=True):
    status: str
    untrusted: bool = False
    """The answer comes from a node of somebody else, to which this one passed the question."""


S = TypeVar("S", bound=_Said)


class _Error(Struct):
    code: int
    message: str = ""


class _Answer(Struct, Generic[T]):
    result: T | UnsetType = UNSET
    error: _Error | None = None


class _Network(_Said, kw_only=True):
    nettype: str


class _Version(_Said, kw_only=True):
    version: int


class _Header(Struct):
    hash: str
    height: int
    timestamp: int


class _LastHeader(_Said, kw_only=True):
    block_header: _Header


class _Block(_Said, kw_only=True):
    blob: str


class _PoolHashes(_Said, kw_only=True):
    tx_hashes: list[str] = []


class _Entry(Struct):
    tx_hash: str
    pruned_as_hex: str
    prunable_hash: str
    in_pool: bool
    double_spend_seen: bool


class _Entries(_Said, kw_only=True):
    txs: list[_Entry] = []
    missed_tx: list[str] = []


class _Scanned(NamedTuple):
    """Where the scan led. `transfers_to` reads amounts for those alone who are watched."""

    chain: Chain
    found: Sequence[Found]

    def destinations(self) -> AbstractSet[bytes]:
        return {found.destination for found in self.found}

    def transfers_to(self, watched: AbstractSet[bytes]) -> list[Transfer]:
        """One-time keys that come twice count once: whoever makes a second output to one, makes it unspendable."""
        credited: dict[str, Transfer] = {}
        for found in self.found:
            if found.destination not in watched or (base_units := self._countable(found)) is None:
                continue
            key, mined = found.output.key.hex(), found.transaction.mined_at_height is not None
            if key in credited:
                self._skip("monero.key_repeated", found)
                continue
            maturity_blocks = self.chain.maturity_blocks if mined else 0
            credited[key] = Transfer(key, found.transaction.txid, found.destination, base_units, maturity_blocks)
        return list(credited.values())

    def _countable(self, found: Found) -> int | None:
        """Base units, if the output can be spent by nothing but the view key's owner, and from now on."""
        transaction = found.transaction
        released = 0
        if transaction.mined_at_height is not None:  # by consensus a miner's coins are locked to their maturity
            released = transaction.mined_at_height + self.chain.maturity_blocks
        if transaction.unlock_time != released:
            self._skip("monero.output_locked", found)
            return None
        base_units = amount(found)
        if base_units is None:
            self._skip("monero.amount_unproved", found)
        return base_units

    def _skip(self, event: str, found: Found) -> None:
        unlock_time = found.transaction.unlock_time
        log.warning(
            event,
            chain=self.chain.code,
            txid=found.transaction.txid,
            key=found.output.key.hex(),
            locked_until=unlock_time,
        )


@dataclass(frozen=True, slots=True)
class MoneroBlock:
    """A block and its transactions, each proved by its hash, scanned with every view key."""

    ref: BlockRef
    raw: RawBlock
    scanned: _Scanned
    parked: Sequence[Parked]

    @property
    def parent_hash(self) -> str:
        return self.raw.parent_hash

    @property
    def time(self) -> datetime:
        return self.raw.time

    def destinations(self) -> AbstractSet[bytes]:
        return self.scanned.destinations()

    def transfers_to(self, watched: AbstractSet[bytes]) -> list[Transfer]:
        return self.scanned.transfers_to(watched)

    def txids(self) -> AbstractSet[str]:
        return {self.raw.miners.txid, *self.raw.txids}


@dataclass(frozen=True, slots=True)
class MoneroPool:
    """Transactions new to the follower, without those that another one in the pool contradicts."""

    inspected: AbstractSet[str]
    scanned: _Scanned

    def destinations(self) -> AbstractSet[bytes]:
        return self.scanned.destinations()

    def transfers_to(self, watched: AbstractSet[bytes]) -> list[Transfer]:
        return self.scanned.transfers_to(watched)


class MoneroConnector:
    """See `base.Connector`. `view_keys` gives the private view keys of every account; it raises `NodeError`."""

    def __init__(self, chain: Chain, rpc: JsonRpc, view_keys: Callable[[Chain], Sequence[bytes]]) -> None:
        self._chain = chain
        self._rpc = rpc
        self._view_keys = view_keys

    def check(self) -> None:
        if self._hash(0) != self._chain.genesis:
            raise NodeError(f"{self._chain}: the node's block 0 is another chain's", permanent=True)
        # Mainnet and regtest begin with the same block 0, so that alone tells nothing.
        if (self._said("get_info", {}, _Network).nettype == "mainnet") != self._chain.live:
            raise NodeError(f"{self._chain}: the node runs another network", permanent=True)
        version = self._said("get_version", {}, _Version).version
        if version < self._chain.minimum_node_version:
            found, least = (
                f"{number >> 16}.{number & 0xFFFF}" for number in (version, self._chain.minimum_node_version)
            )
            raise NodeError(f"{self._chain}: node's RPC version {found}, at least {least} is needed", permanent=True)

    def tip(self) -> Tip:
        header = self._said("get_last_block_header", {}, _LastHeader).block_header
        if header.height < 0 or not 0 <= header.timestamp <= LAST_SECOND:
            raise NodeError("get_last_block_header: not a header")
        return Tip(BlockRef(header.height, _checked(header.hash)), datetime.fromtimestamp(header.timestamp, UTC))

    def hash_at(self, height: int) -> str | None:
        try:
            return self._hash(height)
        except RpcRefused as refused:
            if refused.number == _OUT_OF_RANGE:
                return None
            raise

    def block(self, height: int) -> MoneroBlock:
        raw = read_block(_unhexed(self._said("get_block", {"height": height}, _Block).blob))
        if raw.miners.mined_at_height != height:
            raise NodeError(f"the node gave block {raw.miners.mined_at_height} for height {height}")
        if raw.hash != self._hash(height):
            raise NodeError(f"the block at height {height} is another than asked for: the chain changed meanwhile")
        transactions, parked = self._transactions(raw.txids)
        scanned = self._scan([raw.miners, *transactions])
        return MoneroBlock(BlockRef(height, raw.hash), raw, scanned, parked)

    def mempool(self, known: AbstractSet[str]) -> MoneroPool:
        pool = self._rpc.ask("get_transaction_pool_hashes", {}, returns=_PoolHashes)
        names = _trusted("get_transaction_pool_hashes", pool).tx_hashes
        entries = self._entries(islice((txid for txid in names if txid not in known), _NEW_TRANSACTIONS))
        # What is contradicted is looked at again: it may win, or the other one vanish.
        good = [entry for entry in entries if entry.in_pool and not entry.double_spend_seen]
        transactions, _ = _read(good)
        return MoneroPool({entry.tx_hash for entry in good}, self._scan(transactions))

    def waiting(self, txids: AbstractSet[str]) -> AbstractSet[str]:
        return {entry.tx_hash for entry in self._entries(txids) if entry.in_pool and not entry.double_spend_seen}

    def mined_transfers(self, txids: Sequence[str], watched: AbstractSet[bytes]) -> list[Transfer]:
        """What those transactions brought to those destinations, read anew; of what is in no block, nothing."""
        found = [entry for entry in self._entries(txids) if not entry.in_pool]
        transactions, unread = _read(found)
        if unread:
            raise NodeError(f"{len(unread)} transactions are of a form not known here")
        least = self._chain.minimum_base_units
        return [t for t in self._scan(transactions).transfers_to(watched) if t.base_units >= least]

    def _scan(self, transactions: Sequence[Transaction]) -> _Scanned:
        if not transactions:
            return _Scanned(self._chain, ())
        # The keys are asked for after the transactions: whose address is paid in them, his key is there by now.
        try:
            view_keys = [ViewKey(secret) for secret in self._view_keys(self._chain)]
        except ValueError:
            raise NodeError(f"{self._chain}: one of the view keys is none") from None
        return _Scanned(self._chain, list(scan(transactions, view_keys)))

    def _transactions(self, txids: Sequence[str]) -> tuple[list[Transaction], list[Parked]]:
        """A block's transactions, in its order, and those of a form not known here."""
        by_name = {entry.tx_hash: entry for entry in self._entries(txids)}
        if by_name.keys() != set(txids):
            raise NodeError("the node does not have all transactions of its block: the chain changed meanwhile")
        return _read(by_name[txid] for txid in txids)

    def _entries(self, txids: Iterable[str]) -> Iterator[_Entry]:
        """What the node still knows of those transactions, without their proofs."""
        left = iter(txids)
        while portion := list(islice(left, _AT_ONCE)):
            asked = {"txs_hashes": [_checked(txid) for txid in portion], "prune": True}
            said = _trusted("get_transactions", self._rpc.ask("get_transactions", asked, returns=_Entries))
            names = [entry.tx_hash for entry in said.txs]
            if len(set(names)) != len(names) or not set(names) <= set(portion):
                raise NodeError("get_transactions: not the transactions asked for")
            yield from said.txs

    def _hash(self, height: int) -> str:
        return _checked(self._call("on_get_block_hash", [height], str))

    def _said(self, method: str, params: dict[str, object], returns: type[S]) -> S:
        return _trusted(method, self._call(method, params, returns))

    def _call(self, method: str, params: object, returns: type[T]) -> T:
        """JSON-RPC at its own path, mostly with parameters by name. Raises `RpcRefused` for the node's own errors."""
        question = {"jsonrpc": "2.0", "id": "0", "method": method, "params": params}
        kind: type[_Answer[T]] = _Answer[returns]  # type: ignore[valid-type]
        answer = self._rpc.ask("json_rpc", question, returns=kind)
        if answer.error is not None:
            raise RpcRefused(f"{method}: {answer.error.message[:200]!r} ({answer.error.code})", answer.error.code)
        if isinstance(answer.result, UnsetType):
            raise NodeError(f"{method}: neither a result nor an error")
        return answer.result


def _read(entries: Iterable[_Entry]) -> tuple[list[Transaction], list[Parked]]:
    transactions, parked = [], []
    for entry in entries:
        pruned = _unhexed(entry.pruned_as_hex)
        try:
            transactions.append(read_transaction(pruned, _unhexed(entry.prunable_hash), entry.tx_hash))
        except FormUnknown as unknown:
            parked.append(Parked(entry.tx_hash, str(unknown), pruned))
    return transactions, parked


def _trusted(name: str, said: S) -> S:
    if said.status != "OK":
        raise NodeError(f"{name}: the node says {said.status[:40]!r}")
    if said.untrusted:
        raise NodeError(f"{name}: the answer is another node's (bootstrap daemon), which nothing vouches for")
    return said


def _checked(name: str) -> str:
    if not _is_hash(name):
        raise NodeError("the node's answer is not a hash")
    return name


def _unhexed(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise NodeError("the node's answer is not hexadecimal") from None
