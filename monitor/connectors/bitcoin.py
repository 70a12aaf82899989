"""Bitcoin and its family over JSON-RPC: bitcoind, litecoind, Bitcoin Cash Node, dogecoind, dashd.

Blocks are fetched as raw bytes and read by `bitcoin_blocks`; no amount ever passes through the node's JSON. What
differs between the coins stands in their rows.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import TypeVar

from msgspec import Raw, Struct

from monitor.chains import Chain
from monitor.connectors.base import BlockRef, NodeError, Parked, Tip, Transfer
from monitor.connectors.bitcoin_blocks import (
    HEADER_BYTES,
    BlockUnreadable,
    Form,
    Outputs,
    RawBlock,
    read_block,
    read_transaction,
)
from monitor.connectors.jsonrpc import Call, JsonRpc, RpcRefused

# Core's rpc/protocol.h
_NOT_FOUND, _OUT_OF_RANGE = -5, -8
_NEW_TRANSACTIONS = 6400  # of one look into the mempool: some seconds
_is_hash = re.compile(r"[0-9a-f]{64}").fullmatch
T = TypeVar("T")


class _Header(Struct):
    hash: str
    height: int
    time: int


class _Network(Struct):
    version: int


class _ChainInfo(Struct):
    chain: str


@dataclass(frozen=True, slots=True)
class BitcoinBlock:
    """A block with its merkle root proved."""

    ref: BlockRef
    chain: Chain
    raw: RawBlock
    parked: Sequence[Parked] = ()
    """Always none: a block of which one transaction cannot be read has no merkle root, and fails whole."""

    @property
    def parent_hash(self) -> str:
        return self.raw.parent_hash

    @property
    def time(self) -> datetime:
        return self.raw.time

    def destinations(self) -> AbstractSet[bytes]:
        return set(self.raw.outputs.scripts)  # the pot's too, so that one place alone decides about it

    def transfers_to(self, watched: AbstractSet[bytes]) -> list[Transfer]:
        last = len(self.raw.outputs.txids) - 1
        found = []
        for output in self.raw.outputs.paying(watched):
            maturity_blocks = 0 if output.transaction else self.chain.maturity_blocks
            if self.raw.hogex and output.transaction == last:
                if output.vout == 0:  # the pot: all coins inside MWEB, nobody's payment
                    continue
                maturity_blocks = self.chain.pegout_maturity_blocks
            key = f"{output.txid}:{output.vout}"
            found.append(Transfer(key, output.txid, output.script, output.base_units, maturity_blocks))
        return found

    def txids(self) -> AbstractSet[str]:
        return {name[::-1].hex() for name in self.raw.outputs.txids}


@dataclass(frozen=True, slots=True)
class BitcoinMempool:
    """Transactions new to the follower."""

    inspected: AbstractSet[str]
    outputs: Outputs

    def destinations(self) -> AbstractSet[bytes]:
        return set(self.outputs.scripts)

    def transfers_to(self, watched: AbstractSet[bytes]) -> list[Transfer]:
        return [
            Transfer(f"{output.txid}:{output.vout}", output.txid, output.script, output.base_units)
            for output in self.outputs.paying(watched)
        ]


class BitcoinConnector:
    """See `base.Connector`."""

    def __init__(self, chain: Chain, rpc: JsonRpc) -> None:
        self._chain = chain
        self._rpc = rpc
        self._form = Form(
            mweb=chain.pegout_maturity_blocks > 0,
            auxpow=chain.auxpow,
            special=chain.special_transactions,
            tokens=chain.cash_tokens,
        )

    def check(self) -> None:
        for height, name in {0: self._chain.genesis, **self._chain.fork_blocks}.items():
            found = self.hash_at(height)
            if found is None:  # before it has read so far, nothing tells it from its kin
                raise NodeError(f"{self._chain}: the node has not reached block {height} yet")
            if found != name:
                raise NodeError(f"{self._chain}: the node's block {height} is another chain's", permanent=True)
        if (self._rpc.call("getblockchaininfo", returns=_ChainInfo).chain == "main") != self._chain.live:
            raise NodeError(f"{self._chain}: the node runs another network", permanent=True)
        version = self._rpc.call("getnetworkinfo", returns=_Network).version
        if version < self._chain.minimum_node_version:
            raise NodeError(
                f"{self._chain}: node version {version}, at least {self._chain.minimum_node_version} is needed",
                permanent=True,
            )

    def tip(self) -> Tip:
        best = _checked(self._rpc.call("getbestblockhash", returns=str))
        header = self._rpc.call("getblockheader", best, True, returns=_Header)
        if header.hash != best or header.height < 0 or not 0 <= header.time < 2**32:
            raise NodeError("getblockheader: not the header asked for")
        return Tip(BlockRef(header.height, best), datetime.fromtimestamp(header.time, UTC))

    def hash_at(self, height: int) -> str | None:
        try:
            return self._hash(height)
        except RpcRefused as refused:
            if refused.number == _OUT_OF_RANGE:
                return None
            raise

    def block(self, height: int) -> BitcoinBlock:
        name = self._hash(height)
        answer = _unhexed(self._rpc.call("getblock", name, 0, returns=str))
        raw = read_block(answer, self._form)
        if not self._is_named(name, raw, answer[:HEADER_BYTES]):
            raise BlockUnreadable(f"the block at height {height} is another than asked for")
        return BitcoinBlock(BlockRef(height, name), self._chain, raw)

    def mempool(self, known: AbstractSet[str]) -> BitcoinMempool:
        pool = self._rpc.call("getrawmempool", returns=list[str])
        new = islice((txid for txid in pool if txid not in known), _NEW_TRANSACTIONS)
        outputs, inspected = Outputs(), set()
        for txid, answer in self._of_each("getrawtransaction", new, str):
            read_transaction(_unhexed(answer), _checked(txid), outputs, self._form)
            inspected.add(txid)
        return BitcoinMempool(inspected, outputs)

    def waiting(self, txids: AbstractSet[str]) -> AbstractSet[str]:
        return {txid for txid, _ in self._of_each("getmempoolentry", txids, Raw)}

    def _of_each(self, method: str, txids: Iterable[str], returns: type[T]) -> Iterator[tuple[str, T]]:
        """The answers for those transactions that the node still knows: one may vanish between two questions."""
        asked = list(txids)
        answers = self._rpc.each((Call(method, (txid,)) for txid in asked), returns=returns)
        for txid, answer in zip(asked, answers, strict=True):
            if isinstance(answer, RpcRefused):
                if answer.number != _NOT_FOUND:
                    raise answer
            elif answer is not None:
                yield txid, answer

    def _is_named(self, name: str, raw: RawBlock, header: bytes) -> bool:
        if self._chain.named_by_double_sha256:
            return raw.hash == name
        return _unhexed(self._rpc.call("getblockheader", name, False, returns=str)) == header

    def _hash(self, height: int) -> str:
        return _checked(self._rpc.call("getblockhash", height, returns=str))


def _checked(name: str) -> str:
    if not _is_hash(name):
        raise NodeError("the node's answer is not a hash")
    return name


def _unhexed(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise BlockUnreadable("the node's answer is not hexadecimal") from error
