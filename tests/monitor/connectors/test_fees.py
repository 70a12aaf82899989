"""Fee queues of nodes that answer strangely: a `NodeError` or a sober figure, never anything else."""

from typing import Any

import pytest

from monitor.chains import CHAINS
from monitor.connectors import fee_queue
from monitor.connectors.base import NodeError
from monitor.connectors.fees import FeeQueue, Standing

TXID, CHILD, PARENT, OTHER = (letter * 64 for letter in "abcd")
ADDRESS = "0x" + "12" * 20
POOL = {"size": 1, "mempoolminfee": 0.00001}
ENTRY = {"vsize": 200, "ancestorsize": 200, "descendantsize": 200,
         "fees": {"modified": 0.00002, "ancestor": 0.00002, "descendant": 0.00002}}  # fmt: skip


def _fees(code: str, url: str) -> FeeQueue:
    found = fee_queue(CHAINS[code], url)
    assert found is not None
    return found


def _bitcoin(fake_node: Any, **results: Any) -> FeeQueue:
    known = {
        "getmempoolinfo": POOL,
        "getrawmempool": [TXID],
        "getmempoolentry": ENTRY,
        "estimatesmartfee": {"blocks": 0},
    }
    fake_node.results({**known, "getrawtransaction": {"vin": []}, **results})
    return _fees("bitcoin-regtest", fake_node.url)


@pytest.mark.parametrize(
    "entry",
    [
        {**ENTRY, "vsize": 0, "size": 0},
        {**ENTRY, "vsize": -1},
        {**ENTRY, "vsize": 10**12},
        {**ENTRY, "fees": {**ENTRY["fees"], "modified": -1}},
        {**ENTRY, "fees": {**ENTRY["fees"], "modified": 1e300}},
        {**ENTRY, "fees": {"modified": "a lot"}},
        {"vsize": "200"},
        [],
    ],
)
def test_an_impossible_entry_fails_the_look(fake_node: Any, entry: Any) -> None:
    fees = _bitcoin(fake_node, getmempoolentry=entry)
    with pytest.raises(NodeError):
        fees.queue()


def test_an_exponent_fills_no_memory(fake_node: Any) -> None:
    whole = b'{"id":0,"result":{"size":1,"mempoolminfee":1e999999999}}'
    fake_node.answer = lambda call: (200, whole if call["method"] == "getmempoolinfo" else b'{"id":0,"result":[]}')
    with pytest.raises(NodeError):
        _fees("bitcoin-regtest", fake_node.url).queue()


def test_a_node_of_other_kin_names_fee_and_size_alone(fake_node: Any) -> None:
    fees = _bitcoin(fake_node, getmempoolentry={"fee": 0.00002, "size": 200})
    (band,) = fees.queue().bands
    assert (band.size, band.count) == (200, 1)
    assert 9_000 < band.fee_rate <= 10_000
    assert fees.standing({TXID}) == {TXID: Standing(10_000)}


def test_what_left_meanwhile_is_left_out(fake_node: Any) -> None:
    fees = _bitcoin(fake_node, getmempoolentry=LookupError(-5, "Transaction not in mempool"))
    assert fees.queue().bands == ()
    assert fees.standing({TXID}) == {}


@pytest.mark.parametrize("method", ["getmempoolinfo", "getrawmempool", "getmempoolentry"])
def test_a_node_that_refuses_fails_the_look(fake_node: Any, method: str) -> None:
    fees = _bitcoin(fake_node, **{method: LookupError(-28, "Loading")})
    with pytest.raises(NodeError):
        fees.queue()


def test_children_in_a_circle_are_asked_for_once(fake_node: Any) -> None:
    """No honest node has them; each would be its own descendant."""
    asked: list[str] = []

    def entry(txid: str) -> dict[str, Any]:
        asked.append(txid)
        return {**ENTRY, "spentby": [CHILD, TXID]}

    fees = _bitcoin(fake_node, getmempoolentry=entry)
    assert fees.standing({TXID})[TXID].fee_rate == 10_000
    assert len(asked) <= 4


def test_outputs_that_were_unmined_are_not_taken_for_spent(fake_node: Any) -> None:
    inputs = {"vin": [{"txid": PARENT, "vout": 1}, {"txid": OTHER, "vout": 0}, {"coinbase": "00"}]}
    nothing = {"gettxspendingprevout": [], "gettxout": None}
    fees = _bitcoin(fake_node, getmempoolentry={**ENTRY, "depends": [PARENT]}, getrawtransaction=inputs, **nothing)
    spends = fees.standing({TXID})[TXID].spends
    assert len(spends) == 2
    assert fees.spenders(set(spends)) == {f"{OTHER}:0": ""}
    fees = _bitcoin(fake_node, gettxspendingprevout=[{"txid": PARENT, "vout": 1, "spendingtxid": CHILD}], gettxout={})
    assert list(fees.spenders(set(spends)).values()) == [CHILD]


def test_a_spender_that_is_no_transaction_fails_the_look(fake_node: Any) -> None:
    fees = _bitcoin(fake_node, gettxspendingprevout=[{"txid": PARENT, "vout": 1, "spendingtxid": "<b>x</b>" * 40}])
    with pytest.raises(NodeError):
        fees.spenders({f"{PARENT}:1"})


def test_only_names_of_its_own_are_asked_after(fake_node: Any) -> None:
    fake_node.results({})
    for code in ("bitcoin-regtest", "ethereum-dev"):
        assert _fees(code, fake_node.url).spenders({"", "x", "0x12/-1", f"{TXID}:x"}) == {}


HISTORY = {"baseFeePerGas": ["0x10", "0x12"], "gasUsedRatio": [0.5], "reward": [["0x1"]]}
WAITING = {"hash": "0x" + TXID, "from": ADDRESS, "nonce": "0x3", "maxFeePerGas": "0x20", "maxPriorityFeePerGas": "0x2"}


def _ethereum(fake_node: Any, **results: Any) -> FeeQueue:
    known = {"eth_feeHistory": HISTORY, "eth_getBlockByNumber": None, "eth_getTransactionByHash": WAITING}
    fake_node.results({**known, "eth_getTransactionCount": "0x4", **results})
    return _fees("ethereum-dev", fake_node.url)


def test_ethereum_without_a_pending_block(fake_node: Any) -> None:
    fees = _ethereum(fake_node)
    queue = fees.queue()
    assert (queue.bands, queue.least_fee_rate, queue.block_size, len(queue.past)) == ((), 0x12, 0, 1)
    standing = fees.standing({"0x" + TXID, "0x" + OTHER})
    assert standing == {"0x" + TXID: Standing(0x20, tip=2, spends=(f"{ADDRESS}/3",))}
    assert fees.spenders({f"{ADDRESS}/3", f"{ADDRESS}/4"}) == {f"{ADDRESS}/3": ""}


def test_an_old_transaction_bids_one_price(fake_node: Any) -> None:
    old = {name: value for name, value in WAITING.items() if not name.startswith("max")}
    fees = _ethereum(fake_node, eth_getTransactionByHash={**old, "gasPrice": "0x30"}, eth_getTransactionCount="0x3")
    assert fees.standing({"0x" + TXID})["0x" + TXID] == Standing(
        0x30, tip=0x30, spends=(f"{ADDRESS}/3",), waits_for_earlier=True
    )


@pytest.mark.parametrize(
    "results",
    [
        {"eth_feeHistory": {**HISTORY, "baseFeePerGas": ["0x10"]}},
        {"eth_feeHistory": {**HISTORY, "baseFeePerGas": ["ten", "0x12"]}},
        {"eth_feeHistory": None},
        {"eth_feeHistory": LookupError(-32601, "Method not found")},
    ],
)
def test_a_strange_history_fails_the_look(fake_node: Any, results: dict[str, Any]) -> None:
    fees = _ethereum(fake_node, **results)
    with pytest.raises(NodeError):
        fees.queue()


@pytest.mark.parametrize("changed", [{"from": "nobody"}, {"nonce": "-1"}, {"maxFeePerGas": "0x" + "f" * 65}])
def test_a_strange_transaction_fails_the_look(fake_node: Any, changed: dict[str, str]) -> None:
    fees = _ethereum(fake_node, eth_getTransactionByHash={**WAITING, **changed})
    with pytest.raises(NodeError):
        fees.standing({"0x" + TXID})
