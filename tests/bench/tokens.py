"""Reading a block's token payments, against web3.py: from the node's answer (`eth_getBlockReceipts`) to who got what.

CPU time of one thread. Both read the same bytes in turn, A B A B, with the garbage collector frozen, and must find the
same payments, else there is no figure. web3 is used as its documentation shows: receipts, then `process_receipt` of the
contract's event; only our two contracts' payments are kept on both sides.

The block is made: 200 transactions, 300 transfers of listed tokens among as many logs of other contracts.
"""

import gc
import json
import random
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from web3 import Web3
from web3.logs import DISCARD
from web3.providers import JSONBaseProvider

from monitor.connectors import evm_tokens
from monitor.connectors.evm import Receipt

ROUNDS = 9
TRANSACTIONS, LISTED, OTHERS = 200, 300, 300
CONTRACTS = ("0xdac17f958d2ee523a2206206994597c13d831ec7", "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48")
_BLOCK_HASH = "0x" + "b1" * 32
_APPROVAL = "0x8c5be1e5ebec7d5bd14f71427d1e84f3dd0314c0f7b2291e5b200ac8c7c3b925"
_ABI: list[Any] = [
    {
        "anonymous": False,
        "type": "event",
        "name": "Transfer",
        "inputs": [
            {"indexed": True, "name": "from", "type": "address"},
            {"indexed": True, "name": "to", "type": "address"},
            {"indexed": False, "name": "value", "type": "uint256"},
        ],
    }
]
Payment = tuple[str, bytes, int]


def measure() -> Iterator[tuple[str, float, str]]:
    """Name, value and unit of each figure."""
    answer = json.dumps({"jsonrpc": "2.0", "id": 1, "result": _receipts(random.Random(1))}).encode()
    theirs = _web3(answer)
    if _ours(answer) != theirs() or len(theirs()) != LISTED:
        raise RuntimeError("web3 found other payments than we did")
    taken: tuple[list[float], list[float]] = ([], [])
    gc.collect()
    gc.freeze()
    try:
        for _ in range(ROUNDS):
            taken[0].append(_seconds(lambda: _ours(answer)))
            taken[1].append(_seconds(theirs))
    finally:
        gc.unfreeze()
    ours, web3 = map(statistics.median, taken)
    yield "erc20_decode_ms", 1000 * ours, "ms"
    yield "erc20_decode_vs_web3", web3 / ours, "times"


class _Answer(msgspec.Struct):
    result: list[Receipt]


def _ours(answer: bytes) -> list[Payment]:
    receipts = msgspec.json.decode(answer, type=_Answer).result
    moved = evm_tokens.moves(_BLOCK_HASH, ((r.transaction_hash, r.logs) for r in receipts), frozenset(CONTRACTS))
    return [(transfer.contract, transfer.destination, transfer.base_units) for transfer in moved.arrived]


class _Canned(JSONBaseProvider):
    """A node that gives one answer, as bytes, to be decoded as any node's."""

    def __init__(self, answer: bytes) -> None:
        super().__init__()
        self._answer = answer

    def make_request(self, method: Any, params: Any) -> Any:
        return self.decode_rpc_response(self._answer)


def _web3(answer: bytes) -> Callable[[], list[Payment]]:
    node = Web3(_Canned(answer))
    event = node.eth.contract(address=Web3.to_checksum_address(CONTRACTS[0]), abi=_ABI).events.Transfer()

    def read() -> list[Payment]:
        found = []
        for receipt in node.eth.get_block_receipts(_BLOCK_HASH):  # type: ignore[arg-type]
            for log in event.process_receipt(receipt, errors=DISCARD):
                contract = log["address"].lower()
                if contract in CONTRACTS:
                    found.append((contract, bytes.fromhex(log["args"]["to"][2:]), log["args"]["value"]))
        return found

    return read


def _seconds(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def _receipts(chance: random.Random) -> list[dict[str, Any]]:
    """As a node writes them, blooms and all."""
    kinds = [True] * LISTED + [False] * OTHERS
    chance.shuffle(kinds)
    places = sorted(chance.randrange(TRANSACTIONS) for _ in kinds)
    receipts = []
    for number in range(TRANSACTIONS):
        txid = f"0x{chance.randbytes(32).hex()}"
        logs = [
            _log(chance, txid, number, index, listed=listed)
            for index, (listed, place) in enumerate(zip(kinds, places, strict=True))
            if place == number
        ]
        receipts.append(
            {
                "transactionHash": txid,
                "transactionIndex": hex(number),
                "blockHash": _BLOCK_HASH,
                "blockNumber": "0x1400000",
                "from": f"0x{chance.randbytes(20).hex()}",
                "to": f"0x{chance.randbytes(20).hex()}",
                "contractAddress": None,
                "cumulativeGasUsed": hex(60_000 * (number + 1)),
                "gasUsed": hex(60_000),
                "effectiveGasPrice": hex(20_000_000_000),
                "logs": logs,
                "logsBloom": f"0x{chance.randbytes(256).hex()}",
                "status": "0x1",
                "type": "0x2",
            }
        )
    return receipts


def _log(chance: random.Random, txid: str, transaction: int, index: int, *, listed: bool) -> dict[str, Any]:
    holders = [f"0x{chance.randbytes(20).hex().rjust(64, '0')}" for _ in range(2)]
    other = f"0x{chance.randbytes(20).hex()}"
    return {
        "address": chance.choice(CONTRACTS) if listed else other,
        "topics": [evm_tokens.TRANSFER if listed or index % 2 else _APPROVAL, *holders],
        "data": f"0x{chance.randrange(1, 10**12):064x}",
        "blockHash": _BLOCK_HASH,
        "blockNumber": "0x1400000",
        "transactionHash": txid,
        "transactionIndex": hex(transaction),
        "logIndex": hex(index),
        "removed": False,
    }


if __name__ == "__main__":
    for name, value, unit in measure():
        print(f"{name} {value:.3g} {unit}")
