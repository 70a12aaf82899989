"""Unspent outputs by the node's own search through all of them: bitcoind and its family.

Source: Bitcoin Core's `scantxoutset` (one search at a time, as of the tip) and, for nodes that lack it, `gettxout`.
"""

from collections import Counter
from decimal import Decimal

from msgspec import Struct

from monitor.chains import Chain
from monitor.connectors.base import BlockRef, NodeError
from monitor.connectors.holdings import Asked, Held, Way
from monitor.connectors.jsonrpc import METHOD_MISSING, Call, JsonRpc, RpcRefused

_AT_ONCE = 1000
"""Small answers."""
_MOST_COINS = 10**12


class _Unspent(Struct, rename={"script": "scriptPubKey"}):
    txid: str
    vout: int
    script: str
    amount: Decimal


class _Found(Struct):
    success: bool
    unspents: list[_Unspent]
    height: int = -1
    bestblock: str = ""


class _Script(Struct):
    hex: str


class _Output(Struct, rename={"script": "scriptPubKey"}):
    bestblock: str
    value: Decimal
    script: _Script


class _Header(Struct):
    hash: str
    height: int


class BitcoinHoldings:
    """See `holdings.Holdings`."""

    def __init__(self, chain: Chain, rpc: JsonRpc) -> None:
        self._chain = chain
        self._rpc = rpc

    def place(self, destination: bytes) -> bytes:
        return destination

    def held(self, asked: Asked) -> Held:
        try:
            found = self._rpc.call("scantxoutset", "start", [f"raw({p.hex()})" for p in asked.places], returns=_Found)
        except RpcRefused as refused:
            if refused.number != METHOD_MISSING:
                raise
            return self._known(asked)
        if not found.success or found.height < 0:
            raise NodeError("scantxoutset: the search did not come to its end")
        places, sums = set(asked.places), Counter[tuple[str, bytes]]()
        for output in found.unspents:
            script, base_units = _script(output.script), self._base_units(output.amount)
            if script not in places:
                raise NodeError("scantxoutset: an output nobody asked for")
            if base_units >= self._chain.minimum_base_units:  # dust is nowhere in the books
                sums["", script] += base_units
        return Held(sums, BlockRef(found.height, found.bestblock), found.height)

    def _known(self, asked: Asked) -> Held:
        """Raises `NodeError` where the tip moves meanwhile: asked again, it stands still."""
        before, sums = self._tip(), Counter[tuple[str, bytes]]()
        outputs = [(known.place, known.txid, int(known.key.rpartition(":")[2])) for known in asked.known()]
        calls = (Call("gettxout", (txid, vout, False)) for _, txid, vout in outputs)
        for (place, *_), answer in zip(outputs, self._rpc.each(calls, returns=_Output, at_once=_AT_ONCE), strict=True):
            if isinstance(answer, RpcRefused):
                raise answer
            if answer is not None:
                if answer.bestblock != before.hash or _script(answer.script.hex) != place:
                    raise NodeError("gettxout: another block, or another output, than asked for")
                sums["", place] += self._base_units(answer.value)
        if self._tip() != before:
            raise NodeError("the chain went on while its outputs were asked for")
        return Held(sums, before, before.height, Way.KNOWN_OUTPUTS)

    def _tip(self) -> BlockRef:
        best = self._rpc.call("getbestblockhash", returns=str)
        header = self._rpc.call("getblockheader", best, True, returns=_Header)
        return BlockRef(header.height, header.hash)

    def _base_units(self, coins: Decimal) -> int:
        units = coins.scaleb(self._chain.native.decimals) if 0 <= coins <= _MOST_COINS else Decimal("NaN")
        if not units.is_finite() or units != int(units):
            raise NodeError("the node's answer is not an amount")
        return int(units)


def _script(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise NodeError("the node's answer is not a script") from None
