"""The fee queue of Ethereum's family: `fees.FeeQueue` over JSON-RPC.

Sources: EIP-1559 (base fee), the Execution API's `eth_feeHistory`, `eth_getTransactionByHash` and
`eth_getTransactionCount`. Few nodes show their whole pool, so the bands count the block that the node would build now;
when a payment gets its turn is read off the blocks just past.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from decimal import Decimal

from msgspec import Struct, field

from monitor.chains import Chain
from monitor.connectors.base import NodeError
from monitor.connectors.evm_values import address, checked_hash, number
from monitor.connectors.fees import Band, PastBlock, Queue, Standing
from monitor.connectors.jsonrpc import Call, JsonRpc, RpcRefused

PAST_BLOCKS = 20
_CHEAP_PERCENTILE = 10
_FULL = Decimal("0.95")
"""A block with less of its gas used than that had room left for more payments."""
_GWEI = 10**9
_BAND_RATES = (0, *(_GWEI * share // 100 for share in (1, 2, 5, 10, 20, 50)),
               *(_GWEI * digit * 10**power for power in range(5) for digit in (1, 2, 3, 5, 7)))  # fmt: skip
_is_turn = re.compile(r"(0x[0-9a-f]{40})/([0-9]{1,20})").fullmatch


class _History(Struct):
    base_fees: list[str] = field(name="baseFeePerGas")
    used: list[Decimal] = field(name="gasUsedRatio")
    reward: list[list[str]] | None = None


class _Transaction(Struct, rename="camel"):
    hash: str
    nonce: str
    sender: str = field(name="from")
    gas: str = "0x0"
    gas_price: str | None = None
    max_fee_per_gas: str | None = None
    max_priority_fee_per_gas: str | None = None
    block_hash: str | None = None


class _Pending(Struct, rename="camel"):
    gas_limit: str
    transactions: list[_Transaction]


class EvmFees:
    """See `fees.FeeQueue`."""

    def __init__(self, chain: Chain, rpc: JsonRpc) -> None:
        self._chain = chain
        self._rpc = rpc

    def queue(self) -> Queue:
        asked = (hex(PAST_BLOCKS), "latest", [_CHEAP_PERCENTILE])
        history = self._rpc.call("eth_feeHistory", *asked, returns=_History)
        base_fees = [number(fee) for fee in history.base_fees]
        # The list is one longer than the blocks: its last is the next block's.
        if len(base_fees) != len(history.used) + 1:
            raise NodeError("eth_feeHistory: not one base fee a block and the next one's")
        pending = self._pending()
        transactions = pending.transactions if pending else []
        return Queue(
            bands=_bands(transactions),
            least_fee_rate=base_fees[-1],
            block_size=number(pending.gas_limit) if pending else 0,
            past=tuple(_past(history, base_fees)),
            waiting=len(transactions),
        )

    def standing(self, txids: AbstractSet[str]) -> Mapping[str, Standing]:
        calls = (Call("eth_getTransactionByHash", (txid,)) for txid in sorted(txids))
        answers = self._rpc.each(calls, returns=_Transaction)
        waiting = [t for t in answers if isinstance(t, _Transaction) and t.block_hash is None and t.hash in txids]
        ready = self._counts({_sender(transaction) for transaction in waiting}, "pending")
        return {t.hash: _standing(t, ready[_sender(t)]) for t in waiting}

    def spenders(self, spends: AbstractSet[str]) -> Mapping[str, str]:
        """A number is used up once the sender's count is past it; who uses it is known only while that still waits."""
        turns = {match[0]: (match[1], int(match[2])) for spend in spends if (match := _is_turn(spend))}
        if not turns:
            return {}
        mined = self._counts({sender for sender, _ in turns.values()}, "latest")
        pending = self._pending()
        taken = {_turn(t): checked_hash(t.hash) for t in (pending.transactions if pending else [])}
        used = {name: "" for name, (sender, nonce) in turns.items() if mined[sender] > nonce}
        return used | {name: taken[name] for name in turns if name in taken}

    def _pending(self) -> _Pending | None:
        try:
            return self._rpc.find("eth_getBlockByNumber", "pending", True, returns=_Pending)
        except RpcRefused:
            return None

    def _counts(self, senders: Iterable[str], tag: str) -> Mapping[str, int]:
        asked = sorted(set(senders))
        calls = (Call("eth_getTransactionCount", (sender, tag)) for sender in asked)
        return {
            sender: number(_accepted(answer))
            for sender, answer in zip(asked, self._rpc.each(calls, returns=str), strict=True)
        }


def _standing(transaction: _Transaction, ready: int) -> Standing:
    """`ready`: the number after the last one for which the node has all that come before."""
    most = _most(transaction)
    tip = transaction.max_priority_fee_per_gas
    return Standing(
        fee_rate=most,
        tip=most if tip is None else number(tip),
        spends=(_turn(transaction),),
        waits_for_earlier=number(transaction.nonce) >= ready,
    )


def _turn(transaction: _Transaction) -> str:
    return f"{_sender(transaction)}/{number(transaction.nonce)}"


def _sender(transaction: _Transaction) -> str:
    return f"0x{address(transaction.sender).hex()}"


def _most(transaction: _Transaction) -> int:
    """Per gas; older kinds of transactions name one price."""
    return number(transaction.max_fee_per_gas or transaction.gas_price or "0x0")


def _past(history: _History, base_fees: list[int]) -> Iterable[PastBlock]:
    rewards = history.reward or [[] for _ in history.used]
    for base_fee, used, reward in zip(base_fees, history.used, rewards, strict=False):
        yield PastBlock(base_fee, number(reward[0]) if reward else 0, used >= _FULL)


def _bands(transactions: Iterable[_Transaction]) -> tuple[Band, ...]:
    sizes, counts = [0] * len(_BAND_RATES), [0] * len(_BAND_RATES)
    for transaction in transactions:
        band = bisect_right(_BAND_RATES, _most(transaction)) - 1
        sizes[band] += number(transaction.gas)
        counts[band] += 1
    rows = zip(_BAND_RATES, sizes, counts, strict=True)
    return tuple(Band(rate, size, count) for rate, size, count in rows if count)


def _accepted(answer: str | RpcRefused | None) -> str:
    if isinstance(answer, RpcRefused):
        raise answer
    return answer or ""
