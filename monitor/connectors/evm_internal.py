"""The chain's own coin when contracts send it: by the node's traces, or else by what balances grew.

Traces are asked for first: `trace_block` (OpenEthereum's module, in Erigon, Nethermind, Reth, Besu), else
`debug_traceBlockByHash` with geth's flatCallTracer, which speaks the same words. Both are flat lists; nested ones can
be made deeper than a decoder can follow.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from monitor.connectors.base import NodeError, Transfer
from monitor.connectors.evm_values import address, number
from monitor.connectors.jsonrpc import Call, JsonRpc, RpcRefused

AT_ONCE = 500
"""Balances a request: small answers, unlike what `jsonrpc.AT_ONCE` is made for."""
_CALL = ":call:"


class _Action(Struct, rename="camel"):
    call_type: str = ""
    to: str | None = None
    value: str = "0x0"
    refund_address: str | None = None
    balance: str = "0x0"


class _Frame(Struct, rename="camel"):
    """One call. `trace_address` is its path: which call of which call."""

    type: str
    action: _Action
    trace_address: list[int]
    transaction_hash: str | None = None
    block_hash: str | None = None
    error: str | None = None


class _Traced(Struct, rename="camel"):
    tx_hash: str
    result: list[_Frame]


def traced(rpc: JsonRpc, height: int, block_hash: str, txids: Sequence[str]) -> list[Transfer] | None:
    """Coins that successful calls within successful transactions moved; None where the node has no traces of the block.

    `txids` are the block's successful transactions. Raises `NodeError` for traces of another block.
    """
    try:
        frames = rpc.find("trace_block", hex(height), returns=list[_Frame])
    except RpcRefused:
        return _traced_by_hash(rpc, block_hash, txids)
    if frames is None:
        return None
    by_transaction: dict[str, list[_Frame]] = {}
    for frame in frames:
        if frame.block_hash != block_hash:
            raise NodeError("a trace belongs to another block: the chain changed meanwhile")
        by_transaction.setdefault(frame.transaction_hash or "", []).append(frame)  # "": a reward is of no transaction
    return _moved(by_transaction, txids)


def grown(
    rpc: JsonRpc, block_hash: str, parent_hash: str, polled: Sequence[bytes], known: Mapping[bytes, int]
) -> list[Transfer] | None:
    """What balances grew beyond the transfers that are `known`, in wei; one transfer an address and block.

    None where the node does not keep the state of the block and its parent.
    """
    calls = (
        Call("eth_getBalance", (f"0x{holder.hex()}", {"blockHash": place}))
        for holder in polled
        for place in (parent_hash, block_hash)
    )
    answers = iter(list(rpc.each(calls, returns=str, at_once=AT_ONCE)))
    found = []
    for holder, (before, after) in zip(polled, zip(answers, answers, strict=True), strict=True):
        if not isinstance(before, str) or not isinstance(after, str):
            return None
        surplus = number(after) - number(before) - known.get(holder, 0)
        if surplus > 0:
            found.append(Transfer(f"{block_hash}:{holder.hex()}", block_hash, holder, surplus))
    return found


def is_key(key: str, block_hash: str) -> bool:
    """Whether a deposit of that key was sent by a contract, told by traces or by the block's balances."""
    return _CALL in key or key.startswith(f"{block_hash}:")


def _traced_by_hash(rpc: JsonRpc, block_hash: str, txids: Sequence[str]) -> list[Transfer] | None:
    try:
        answer = rpc.find("debug_traceBlockByHash", block_hash, {"tracer": "flatCallTracer"}, returns=list[_Traced])
    except RpcRefused:
        return None
    return None if answer is None else _moved({traced.tx_hash: traced.result for traced in answer}, txids)


def _moved(by_transaction: Mapping[str, Sequence[_Frame]], txids: Sequence[str]) -> list[Transfer]:
    if missing := set(txids) - by_transaction.keys():
        raise NodeError(f"traces of {len(missing)} transactions are missing")
    return [transfer for txid in txids for transfer in _of_transaction(txid, by_transaction[txid])]


def _of_transaction(txid: str, frames: Sequence[_Frame]) -> Iterable[Transfer]:
    """The first frame is the transaction itself, which is no internal transfer. What a failed call did is undone with
    all that it called."""
    failed = {tuple(frame.trace_address) for frame in frames if frame.error}
    for frame in frames:
        path = tuple(frame.trace_address)
        if not path or (failed and any(path[:depth] in failed for depth in range(len(path) + 1))):
            continue
        payee, base_units = _paid(frame)
        if payee is not None and base_units:
            yield Transfer(_key(txid, path, payee, base_units), txid, payee, base_units)


def _paid(frame: _Frame) -> tuple[bytes | None, int]:
    """Only a plain call moves coins to the called: a delegated one passes the value on without moving it."""
    action = frame.action
    if frame.type == "call" and action.call_type == "call" and action.to is not None:
        return address(action.to), number(action.value)
    if frame.type in ("suicide", "selfdestruct") and action.refund_address is not None:
        return address(action.refund_address), number(action.balance)
    return None, 0


def _key(txid: str, path: tuple[int, ...], payee: bytes, base_units: int) -> str:
    """The same in whatever block; a path may be longer than a key, so its digest stands for it."""
    content = f"{path}:{payee.hex()}:{base_units}".encode()
    return f"{txid}{_CALL}{hashlib.blake2b(content, digest_size=16).hexdigest()}"
