"""Ethereum and its family: anvil, geth and other execution nodes over JSON-RPC.

Plain transfers of the chain's own coin, by whole blocks with their receipts. Sources: the Execution API specification
(ethereum/execution-apis), EIP-658 (a receipt's status), EIP-695 (chain id).
"""

import re
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from msgspec import Struct

from monitor.chains import Chain
from monitor.connectors.base import BlockRef, NodeError, Parked, Tip, Transfer
from monitor.connectors.jsonrpc import METHOD_MISSING, Call, JsonRpc, RpcRefused

_is_quantity = re.compile(r"0x[0-9a-f]{1,64}").fullmatch
_is_hash = re.compile(r"0x[0-9a-f]{64}").fullmatch
_is_address = re.compile(r"0x[0-9a-fA-F]{40}").fullmatch
_SUCCEEDED = "0x1"
_LAST_SECOND = 2**37  # the year 6325: far beyond any block, within what a date can hold
T = TypeVar("T")


class _Transaction(Struct, rename="camel"):
    hash: str
    value: str
    to: str | None = None
    """None: the transaction creates a contract."""
    block_hash: str | None = None


class _Header(Struct, rename="camel"):
    number: str
    hash: str
    parent_hash: str
    timestamp: str


class _FullBlock(_Header, rename="camel"):
    transactions: list[_Transaction]


class _Pending(Struct):
    transactions: list[_Transaction]


class _Receipt(Struct, rename="camel"):
    transaction_hash: str
    block_hash: str
    status: str | None = None


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

    def txids(self) -> AbstractSet[str]:
        return self.inspected


class EvmConnector:
    """See `base.Connector`."""

    def __init__(self, chain: Chain, rpc: JsonRpc) -> None:
        self._chain = chain
        self._rpc = rpc

    def check(self) -> None:
        chain_id = _number(self._rpc.call("eth_chainId", returns=str))
        if chain_id != self._chain.chain_id:
            raise NodeError(f"{self._chain}: the node has chain id {chain_id}", permanent=True)
        if self._chain.genesis and self.hash_at(0) != self._chain.genesis:
            raise NodeError(f"{self._chain}: the node's block 0 is another chain's", permanent=True)

    def tip(self) -> Tip:
        # Finalized is asked first: the tip then cannot be below it unless the node contradicts itself.
        final_height = self._final_height()
        latest = self._rpc.call("eth_getBlockByNumber", "latest", False, returns=_Header)
        ref = BlockRef(_number(latest.number), _checked(latest.hash))
        if final_height is not None and final_height > ref.height:
            raise NodeError(f"the final block {final_height} is above the tip {ref.height}")
        return Tip(ref, _time(latest.timestamp), final_height)

    def hash_at(self, height: int) -> str | None:
        header = self._rpc.find("eth_getBlockByNumber", hex(height), False, returns=_Header)
        return None if header is None else _checked_header(header, height).hash

    def block(self, height: int) -> EvmBlock:
        block = self._rpc.call("eth_getBlockByNumber", hex(height), True, returns=_FullBlock)
        _checked_header(block, height)
        if any(transaction.block_hash != block.hash for transaction in block.transactions):
            raise NodeError(f"block {height} lists a transaction of another block")
        succeeded = self._succeeded(block)
        return EvmBlock(
            inspected={transaction.hash for transaction in block.transactions},
            transfers=_transfers(t for t in block.transactions if t.hash in succeeded),
            ref=BlockRef(height, block.hash),
            parent_hash=_checked(block.parent_hash),
            time=_time(block.timestamp),
        )

    def mempool(self, known: AbstractSet[str]) -> EvmTransfers:
        """By the block the node would build now: every node of the family has that view, few open their whole pool.

        A node that does not keep a pending block shows no transfers here; they are then seen once mined.
        """
        try:
            pending = self._rpc.find("eth_getBlockByNumber", "pending", True, returns=_Pending)
        except RpcRefused:
            pending = None
        new = [t for t in pending.transactions if t.hash not in known] if pending else []
        return EvmTransfers({_checked(transaction.hash) for transaction in new}, _transfers(new))

    def waiting(self, txids: AbstractSet[str]) -> AbstractSet[str]:
        calls = (Call("eth_getTransactionByHash", (txid,)) for txid in txids)
        found = (_accepted(answer) for answer in self._rpc.each(calls, returns=_Transaction))
        return {t.hash for t in found if t is not None and t.block_hash is None and t.hash in txids}

    def _final_height(self) -> int | None:
        try:
            header = self._rpc.find("eth_getBlockByNumber", "finalized", False, returns=_Header)
        except RpcRefused:
            return None
        return None if header is None else _number(header.number)

    def _succeeded(self, block: _FullBlock) -> set[str]:
        """Transactions of that block whose receipt says success. A receipt of another block fails the whole reading."""
        paying = [transaction.hash for transaction in block.transactions if _number(transaction.value)]
        if not paying:
            return set()
        receipts = self._receipts(block.hash, paying)
        if any(receipt.block_hash != block.hash for receipt in receipts):
            raise NodeError("a receipt belongs to another block: the chain changed meanwhile")
        by_transaction = {receipt.transaction_hash: receipt for receipt in receipts}
        if not by_transaction.keys() >= set(paying):
            raise NodeError("receipts are missing")
        return {name for name in paying if by_transaction[name].status == _SUCCEEDED}

    def _receipts(self, block_hash: str, paying: list[str]) -> list[_Receipt]:
        try:
            return self._rpc.call("eth_getBlockReceipts", block_hash, returns=list[_Receipt])
        except RpcRefused as refused:
            if refused.number != METHOD_MISSING:
                raise
        calls = (Call("eth_getTransactionReceipt", (name,)) for name in paying)
        found = (_accepted(answer) for answer in self._rpc.each(calls, returns=_Receipt))
        return [receipt for receipt in found if receipt is not None]


def _transfers(transactions: Iterable[_Transaction]) -> tuple[Transfer, ...]:
    return tuple(
        Transfer(_checked(transaction.hash), transaction.hash, _address(transaction.to), base_units)
        for transaction in transactions
        if transaction.to is not None and (base_units := _number(transaction.value))
    )


def _accepted(answer: T | RpcRefused) -> T:
    if isinstance(answer, RpcRefused):
        raise answer
    return answer


def _checked_header(header: _Header, height: int) -> _Header:
    if _number(header.number) != height:
        raise NodeError(f"the node gave block {_number(header.number)} for height {height}")
    _checked(header.hash)
    return header


def _checked(name: str) -> str:
    if not _is_hash(name):
        raise NodeError("the node's answer is not a hash")
    return name


def _number(quantity: str) -> int:
    if not _is_quantity(quantity):
        raise NodeError("the node's answer is not a quantity")
    return int(quantity, 16)


def _address(text: str) -> bytes:
    if not _is_address(text):
        raise NodeError("the node's answer is not an address")
    return bytes.fromhex(text[2:])


def _time(quantity: str) -> datetime:
    seconds = _number(quantity)
    if seconds > _LAST_SECOND:
        raise NodeError("the node's answer is not a time")
    return datetime.fromtimestamp(seconds, UTC)
