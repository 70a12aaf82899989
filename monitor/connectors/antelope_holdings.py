"""What accounts hold of the chain's own coin, by its contract's table: EOS and its kin.

nodeos answers as of its head alone, which moves twice a second: the answer holds for a block between the heads that
stood before and after. Source: the chain plugin's own description (`get_currency_balance`).
"""

import re

from msgspec import Struct

from monitor.chains import Chain
from monitor.connectors.base import BlockRef, NodeError
from monitor.connectors.holdings import Asked, Held
from monitor.connectors.jsonrpc import JsonRpc

_INFO, _BALANCE = "v1/chain/get_info", "v1/chain/get_currency_balance"
_is_id = re.compile(r"[0-9a-f]{64}").fullmatch


class _Info(Struct):
    head_block_num: int
    head_block_id: str


class AntelopeHoldings:
    """See `holdings.Holdings`."""

    def __init__(self, chain: Chain, rpc: JsonRpc) -> None:
        self._chain = chain
        self._rpc = rpc
        native = chain.native
        self._quantity = re.compile(
            rf"([0-9]{{1,18}})\.([0-9]{{{native.decimals}}}) {re.escape(native.code)}"
        ).fullmatch

    def place(self, destination: bytes) -> bytes:
        """The account: no name holds a slash, and a memo stands behind one."""
        return destination.partition(b"/")[0]

    def held(self, asked: Asked) -> Held:
        before = self._head()
        sums = {("", place): self._holds(place) for place in asked.places}
        return Held(sums, self._head(), before.height, has_dust=True)

    def _head(self) -> BlockRef:
        info = self._rpc.ask(_INFO, {}, returns=_Info)
        if not _is_id(info.head_block_id) or int(info.head_block_id[:8], 16) != info.head_block_num:
            raise NodeError("the node's answer is not the id of its head")
        return BlockRef(info.head_block_num, info.head_block_id)

    def _holds(self, account: bytes) -> int:
        native, contract = self._chain.native, self._chain.coin_contract
        question = {"code": contract, "account": account.decode(), "symbol": native.code}
        answer = self._rpc.ask(_BALANCE, question, returns=list[str])
        if not answer:  # nothing was ever sent there
            return 0
        found = self._quantity(answer[0])
        if len(answer) != 1 or found is None:
            raise NodeError("the node's answer is not a balance of the chain's own coin")
        return int(found[1] + found[2])
