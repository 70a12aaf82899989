"""EOS and its kin: nodeos over its HTTP interface, with the plugin `trace_api`.

Blocks are read by their traces, because transfers that contracts send stand nowhere else. A block is final when it is
irreversible (`last_irreversible_block_num`). Sources: the plugins' own descriptions (chain_api, trace_api) and the
answers of nodeos 4.1.
"""

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
from msgspec import Struct

from monitor.chains import Chain
from monitor.connectors.antelope_transfers import TokenTransfer, Transaction, found_in
from monitor.connectors.base import BlockRef, NodeError, Parked, Tip, Transfer
from monitor.connectors.jsonrpc import JsonRpc

UNKNOWN_BLOCK = 3100002
"""nodeos's own number for it (unknown_block_exception)."""
_NOT_FOUND = 404
_INFO, _HEADER, _TRACES = "v1/chain/get_info", "v1/chain/get_block_info", "v1/trace_api/get_block"
_TRACES_SPEAK = "Trace API"
"""What the plugin's own refusals begin with; without the plugin, the node refuses the path."""
_SHOWN_CHARACTERS = 200
_is_id = re.compile(r"[0-9a-f]{64}").fullmatch
T = TypeVar("T")


class _Info(Struct):
    chain_id: str
    head_block_num: int
    head_block_id: str
    head_block_time: str
    last_irreversible_block_num: int


class _Header(Struct):
    id: str
    block_num: int


class _Traces(Struct):
    id: str
    number: int
    previous_id: str
    timestamp: str
    transactions: list[Transaction]


class _Why(Struct):
    code: int = 0
    what: str = ""


class _Refusal(Struct):
    code: int
    message: str = ""
    error: _Why = msgspec.field(default_factory=_Why)


class AntelopeRefused(NodeError):
    """nodeos answered with an error: the status of HTTP, and its own number where it has one."""

    code = "node_refused"

    def __init__(self, path: str, refusal: _Refusal) -> None:
        shown = "".join(c if c.isprintable() else "?" for c in (refusal.error.what or refusal.message))
        super().__init__(f"{path}: {shown[:_SHOWN_CHARACTERS]} ({refusal.error.code or refusal.code})")
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class AntelopeTransfers:
    """Transfers in order, with the ids of the transactions that were read for them."""

    inspected: AbstractSet[str]
    transfers: Sequence[TokenTransfer]

    def destinations(self) -> AbstractSet[bytes]:
        return {destination for transfer in self.transfers for destination in transfer.destinations}

    def transfers_to(self, watched: AbstractSet[bytes]) -> list[Transfer]:
        """Each to every destination of its own that is watched, the most exact first: who watches two, hears once."""
        return [
            transfer.to(destination)
            for transfer in self.transfers
            for destination in transfer.destinations
            if destination in watched
        ]


@dataclass(frozen=True, slots=True)
class AntelopeBlock(AntelopeTransfers):
    """A block's transfers, as the traces of this very block tell them."""

    ref: BlockRef
    parent_hash: str
    time: datetime
    parked: Sequence[Parked]

    def txids(self) -> AbstractSet[str]:
        return self.inspected


class AntelopeConnector:
    """See `base.Connector`."""

    def __init__(self, chain: Chain, rpc: JsonRpc) -> None:
        self._chain = chain
        self._rpc = rpc

    def check(self) -> None:
        """The chain's id is the hash of its first state, so no other chain has it. Traces must be to be had."""
        info = self._ask(_INFO, {}, _Info)
        if info.chain_id != self._chain.genesis:
            raise NodeError(f"{self._chain}: the node has chain id {info.chain_id[:64]}", permanent=True)
        try:
            self._ask(_TRACES, {"block_num": 0}, msgspec.Raw)  # there is none, which only the plugin can say
        except AntelopeRefused as refused:
            if refused.refusal.code == _NOT_FOUND and not refused.refusal.message.startswith(_TRACES_SPEAK):
                reason = f"{self._chain}: the node has no traces; give it: plugin = eosio::trace_api_plugin"
                raise NodeError(reason, permanent=True) from refused

    def tip(self) -> Tip:
        info = self._ask(_INFO, {}, _Info)
        ref = _ref(info.head_block_num, info.head_block_id)
        final_height = info.last_irreversible_block_num
        if final_height > ref.height:
            reason = f"{self._chain}: the irreversible block {final_height} is above the head {ref.height}"
            raise NodeError(reason, permanent=True)
        return Tip(ref, _time(info.head_block_time), final_height)

    def hash_at(self, height: int) -> str | None:
        try:
            header = self._ask(_HEADER, {"block_num": height}, _Header)
        except AntelopeRefused as refused:
            if refused.refusal.error.code == UNKNOWN_BLOCK:
                return None
            raise
        if header.block_num != height:
            raise NodeError(f"the node gave block {header.block_num} for height {height}")
        return _ref(height, header.id).hash

    def block(self, height: int) -> AntelopeBlock:
        """Traces are kept apart from the blocks, and after a restore may be of another branch: they must be this one's.

        A block that was made this moment may not be traced yet: that fails, and the next step asks again.
        """
        name = self.hash_at(height)
        traces = self._ask(_TRACES, {"block_num": height}, _Traces)
        if (traces.number, traces.id) != (height, name):
            raise NodeError(f"the node's traces of block {height} are of another block")
        found = found_in(traces.transactions, self._chain)
        return AntelopeBlock(
            inspected={transaction.id for transaction in traces.transactions},
            transfers=found.transfers,
            ref=BlockRef(height, traces.id),
            parent_hash=_ref(height - 1, traces.previous_id).hash,
            time=_time(traces.timestamp),
            parked=found.parked,
        )

    def mempool(self, known: AbstractSet[str]) -> AntelopeTransfers:
        """No node of the family tells what it holds before it is in a block, which takes half a second."""
        return AntelopeTransfers(frozenset(), ())

    def waiting(self, txids: AbstractSet[str]) -> AbstractSet[str]:
        """None, for the same reason: what a turn of the chain took back is gone until a block holds it again."""
        return frozenset()

    def _ask(self, path: str, body: object, returns: type[T]) -> T:
        answer = bytes(self._rpc.ask(path, body, returns=msgspec.Raw))
        try:
            refusal = msgspec.json.decode(answer, type=_Refusal) if answer.startswith(b'{"code"') else None
            if refusal is None:
                return msgspec.json.decode(answer, type=returns)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise NodeError(f"{path}: an answer of another form: {str(error)[:_SHOWN_CHARACTERS]}") from error
        raise AntelopeRefused(path, refusal)


def _ref(height: int, name: str) -> BlockRef:
    """A block's id begins with its number."""
    if not _is_id(name) or int(name[:8], 16) != height:
        raise NodeError("the node's answer is not the id of that block")
    return BlockRef(height, name)


def _time(text: str) -> datetime:
    """ "2026-11-22T17:44:04.000", in UTC whether it says so or not."""
    try:
        return datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC)
    except ValueError:
        raise NodeError("the node's answer is not a time") from None
