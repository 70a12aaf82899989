"""Balances of the chain's own coin and of tokens at one block, by its hash: Ethereum and its family.

Sources: the Execution API specification (ethereum/execution-apis), EIP-1898 (asking at a block's hash), EIP-20.
"""

import re
from collections.abc import Iterator

from monitor.connectors.base import NodeError
from monitor.connectors.evm_values import number
from monitor.connectors.holdings import Asked, Held
from monitor.connectors.jsonrpc import Call, JsonRpc, RpcRefused

AT_ONCE = 500
_BALANCE_OF = "0x70a08231"
_is_word = re.compile(r"0x[0-9a-f]{64}").fullmatch


class EvmHoldings:
    """See `holdings.Holdings`."""

    def __init__(self, rpc: JsonRpc) -> None:
        self._rpc = rpc

    def place(self, destination: bytes) -> bytes:
        return destination

    def held(self, asked: Asked) -> Held:
        """As of the very block asked for. Raises `NodeError` where the node no longer keeps its state."""
        sums = {}
        for contract in ("", *asked.contracts):
            calls = _calls(contract, asked)
            answers = self._rpc.each(calls, returns=str, at_once=AT_ONCE)
            for place, answer in zip(asked.places, answers, strict=True):
                if base_units := _base_units(answer, contract):
                    sums[contract, place] = base_units
        return Held(sums, asked.at, asked.at.height, has_dust=True)


def _calls(contract: str, asked: Asked) -> Iterator[Call]:
    block = {"blockHash": asked.at.hash}
    for place in asked.places:
        if contract:
            data = _BALANCE_OF + place.hex().rjust(64, "0")
            yield Call("eth_call", ({"to": contract, "data": data}, block))
        else:
            yield Call("eth_getBalance", (f"0x{place.hex()}", block))


def _base_units(answer: str | RpcRefused | None, contract: str) -> int:
    if isinstance(answer, RpcRefused):
        raise answer
    if answer is None:
        raise NodeError("the node does not say a balance")
    if not contract:
        return number(answer)
    if not _is_word(answer):
        raise NodeError(f"{contract} does not say a balance")
    return int(answer, 16)
