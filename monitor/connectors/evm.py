"""Ethereum and its family: anvil, geth and other execution nodes over JSON-RPC.

Whole blocks with their receipts: plain transfers of the chain's own coin, what contracts sent of it (`evm_internal`),
and tokens (`evm_tokens`). Sources: the Execution API specification (ethereum/execution-apis), EIP-658 (a receipt's
status), EIP-695 (chain id).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from msgspec import Struct

from monitor.chains import Chain
from monitor.connectors import evm_internal, evm_tokens
from monitor.connectors.base import Block, BlockRef, NodeError, Ours, Parked, Tip, Transfer
from monitor.connectors.evm_tokens import Log, TokenMoves
from monitor.connectors.evm_values import address, checked_hash, number, time
from monitor.connectors.jsonrpc import METHOD_MISSING, Call, JsonRpc, RpcRefused

_SUCCEEDED = "0x1"
T = TypeVar("T")


class _Transaction(Struct, rename="camel"):
    hash: str
    value: str
    to: str | None = None
    """None: the transaction creates a contract."""
    block_hash: str | None = None


class _Waiting(_Transaction, rename="camel"):
    input: str = ""


class _Header(Struct, rename="camel"):
    number: str
    hash: str
    parent_hash: str
    timestamp: str


class _FullBlock(_Header, rename="camel"):
    transactions: list[_Transaction]


class _Pending(Struct):
    transactions: list[_Waiting]


class Receipt(Struct, rename="camel"):
    transaction_hash: str
    block_hash: str
    status: str | None = None
    logs: list[Log] = []


@dataclass(frozen=True, slots=True)
class EvmTransfers:
    """Transfers in order, with the ids of the transactions that were read for them."""

    inspected: AbstractSet[str]
    transfers: tuple[Transfer, ...]

    def destinations(self) -> AbstractSet[bytes]:
        return {transfer.destination for transfer in self.transfers}

    def transfers_to(self, watched: AbstractSet[bytes]) -> list[Transfer]:
        return [transfer for transfer in self.transfers if transfer.destination in watched]


@dataclass(frozen=True, slots=True)
class EvmBlock(EvmTransfers):
    """A block with the transfers whose receipts, of this very block, say that they succeeded."""

    ref: BlockRef
    parent_hash: str
    time: datetime
    parked: Sequence[Parked] = ()
    moved: TokenMoves = field(default_factory=TokenMoves)
    own_coin_known: bool = True
    """Whether what contracts sent of the chain's own coin is among the transfers."""
    succeeded: AbstractSet[str] = frozenset()
    """The others are in the block and have moved nothing."""

    def txids(self) -> AbstractSet[str]:
        return self.succeeded


class EvmConnector:
    """See `base.Connector`."""

    def __init__(self, chain: Chain, rpc: JsonRpc, contracts: AbstractSet[str] = frozenset()) -> None:
        """`contracts`: the tokens to be read, in lower case."""
        self._chain = chain
        self._rpc = rpc
        self._contracts = contracts

    def check(self) -> None:
        chain_id = number(self._rpc.call("eth_chainId", returns=str))
        if chain_id != self._chain.chain_id:
            raise NodeError(f"{self._chain}: the node has chain id {chain_id}", permanent=True)
        if self._chain.genesis and self.hash_at(0) != self._chain.genesis:
            raise NodeError(f"{self._chain}: the node's block 0 is another chain's", permanent=True)

    def tip(self) -> Tip:
        # Finalized is asked first: the tip then cannot be below it unless the node contradicts itself.
        final_height = self._final_height()
        latest = self._rpc.call("eth_getBlockByNumber", "latest", False, returns=_Header)
        ref = BlockRef(number(latest.number), checked_hash(latest.hash))
        if final_height is not None and final_height > ref.height:
            raise NodeError(f"the final block {final_height} is above the tip {ref.height}")
        return Tip(ref, time(latest.timestamp), final_height)

    def hash_at(self, height: int) -> str | None:
        header = self._rpc.find("eth_getBlockByNumber", hex(height), False, returns=_Header)
        return None if header is None else _checked_header(header, height).hash

    def block(self, height: int) -> EvmBlock:
        block = self._rpc.call("eth_getBlockByNumber", hex(height), True, returns=_FullBlock)
        _checked_header(block, height)
        if any(transaction.block_hash != block.hash for transaction in block.transactions):
            raise NodeError(f"block {height} lists a transaction of another block")
        receipts = self._succeeded(block)
        succeeded = {receipt.transaction_hash for receipt in receipts}
        plain = [transfer for t in block.transactions if t.hash in succeeded and (transfer := _plain(t))]
        moved = evm_tokens.moves(block.hash, ((r.transaction_hash, r.logs) for r in receipts), self._contracts)
        txids = [receipt.transaction_hash for receipt in receipts]
        internal = evm_internal.traced(self._rpc, height, block.hash, txids) if txids else []
        return EvmBlock(
            inspected={transaction.hash for transaction in block.transactions},
            transfers=_in_order(block, [*plain, *(internal or ()), *moved.arrived]),
            ref=BlockRef(height, block.hash),
            parent_hash=checked_hash(block.parent_hash),
            time=time(block.timestamp),
            moved=moved,
            own_coin_known=internal is not None,
            succeeded=succeeded,
        )

    def examine(self, block: Block, ours: Ours) -> Block:
        """Tokens that do not move what they log are parked; without traces, balances are compared."""
        assert isinstance(block, EvmBlock)  # noqa: S101 - our own, from `block`
        refuted = evm_tokens.unproven(self._rpc, block.ref.hash, block.parent_hash, block.moved, ours.watched)
        doubtful = [t for t in block.transfers if (t.contract, t.destination) in refuted]
        parked = {t.txid: Parked(t.txid, f"token {t.contract}: {refuted[t.contract, t.destination]}") for t in doubtful}
        grown = [] if block.own_coin_known else self._grown(block, ours.polled())
        told = [transfer for transfer in (*block.transfers, *(grown or ())) if transfer not in doubtful]
        return replace(
            block,
            transfers=_once(block.ref.hash, told, ours),
            parked=(*block.parked, *parked.values()),
            own_coin_known=grown is not None,
        )

    def token(self, contract: str) -> tuple[str, int]:
        """Symbol and decimals of a contract, for a person to look at before they are pinned. Raises `NodeError`."""
        return evm_tokens.about(self._rpc, contract)

    def mempool(self, known: AbstractSet[str]) -> EvmTransfers:
        """By the block the node would build now: every node of the family has that view, few open their whole pool.

        A node that does not keep a pending block shows no transfers here; they are then seen once mined.
        """
        try:
            pending = self._rpc.find("eth_getBlockByNumber", "pending", True, returns=_Pending)
        except RpcRefused:
            pending = None
        new = [t for t in pending.transactions if t.hash not in known] if pending else []
        transfers = (transfer for t in new for transfer in (_plain(t), self._token_on_its_way(t)) if transfer)
        return EvmTransfers({checked_hash(transaction.hash) for transaction in new}, tuple(transfers))

    def waiting(self, txids: AbstractSet[str]) -> AbstractSet[str]:
        calls = (Call("eth_getTransactionByHash", (txid,)) for txid in txids)
        found = (_accepted(answer) for answer in self._rpc.each(calls, returns=_Transaction))
        return {t.hash for t in found if t is not None and t.block_hash is None and t.hash in txids}

    def _final_height(self) -> int | None:
        try:
            header = self._rpc.find("eth_getBlockByNumber", "finalized", False, returns=_Header)
        except RpcRefused:
            return None
        return None if header is None else number(header.number)

    def _succeeded(self, block: _FullBlock) -> list[Receipt]:
        """Receipts that say success, in the block's order. A receipt of another block fails the whole reading."""
        if not block.transactions:
            return []
        names = [transaction.hash for transaction in block.transactions]
        receipts = self._receipts(block.hash, names)
        if any(receipt.block_hash != block.hash for receipt in receipts):
            raise NodeError("a receipt belongs to another block: the chain changed meanwhile")
        by_transaction = {receipt.transaction_hash: receipt for receipt in receipts}
        if not by_transaction.keys() >= set(names):
            raise NodeError("receipts are missing")
        return [by_transaction[name] for name in names if by_transaction[name].status == _SUCCEEDED]

    def _receipts(self, block_hash: str, names: Sequence[str]) -> list[Receipt]:
        try:
            return self._rpc.call("eth_getBlockReceipts", block_hash, returns=list[Receipt])
        except RpcRefused as refused:
            if refused.number != METHOD_MISSING:
                raise
        calls = (Call("eth_getTransactionReceipt", (name,)) for name in names)
        found = (_accepted(answer) for answer in self._rpc.each(calls, returns=Receipt))
        return [receipt for receipt in found if receipt is not None]

    def _token_on_its_way(self, transaction: _Waiting) -> Transfer | None:
        contract = (transaction.to or "").lower()
        return (
            evm_tokens.expected(transaction.hash, contract, transaction.input) if contract in self._contracts else None
        )

    def _grown(self, block: EvmBlock, polled: Sequence[bytes]) -> list[Transfer] | None:
        known = Counter[bytes]()
        for transfer in block.transfers:
            if not transfer.contract:
                known[transfer.destination] += transfer.base_units
        return evm_internal.grown(self._rpc, block.ref.hash, block.parent_hash, polled, known)


def _plain(transaction: _Transaction) -> Transfer | None:
    """The transaction's own value, if it has one and creates no contract."""
    base_units = number(transaction.value)
    if transaction.to is None or not base_units:
        return None
    return Transfer(checked_hash(transaction.hash), transaction.hash, address(transaction.to), base_units)


def _in_order(block: _FullBlock, transfers: Iterable[Transfer]) -> tuple[Transfer, ...]:
    places = {transaction.hash: place for place, transaction in enumerate(block.transactions)}
    return tuple(sorted(transfers, key=lambda transfer: places[transfer.txid]))


def _once(block_hash: str, transfers: Sequence[Transfer], ours: Ours) -> tuple[Transfer, ...]:
    """What contracts sent is told by traces or by balances. A block that was read the other way before stays as it was:
    the same coins would count twice."""
    found = (t for t in transfers if t.destination in ours.watched or t.txid == block_hash)
    sent = {t.key for t in found if evm_internal.is_key(t.key, block_hash)}
    if not sent:
        return tuple(transfers)
    recorded = ours.recorded()
    settled = {place for key, place in recorded.items() if evm_internal.is_key(key, block_hash)}
    again = {t.key for t in transfers if t.key in sent and t.destination in settled and t.key not in recorded}
    return tuple(transfer for transfer in transfers if transfer.key not in again)


def _accepted(answer: T | RpcRefused) -> T:
    if isinstance(answer, RpcRefused):
        raise answer
    return answer


def _checked_header(header: _Header, height: int) -> _Header:
    if number(header.number) != height:
        raise NodeError(f"the node gave block {number(header.number)} for height {height}")
    checked_hash(header.hash)
    return header
