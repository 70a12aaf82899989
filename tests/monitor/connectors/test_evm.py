"""Ethereum's connector on a real node, and on one that lies."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from secrets import token_bytes
from typing import Any

import pytest

from cryptopay.devnet.drive import EthereumNode
from monitor.chains import CHAINS
from monitor.connectors import connect
from monitor.connectors.base import Connector, NodeError, Transfer
from monitor.connectors.jsonrpc import node_at

CHAIN = CHAINS["ethereum-dev"]
NOBODY = frozenset[str]()
MISSING_METHOD = LookupError(-32601, "the method does not exist")

# CALL with 1 wei to the address in the first word of the call's data, whatever comes of it
_PAY_1_WEI = (
    "6000 6000 6000 6000"  # PUSH1 0, four times: no arguments, no answer
    "6001"  # PUSH1 1: the value
    "6000 35"  # PUSH1 0, CALLDATALOAD: to whom
    "5a f1 50"  # GAS, CALL, POP
)
_REVERT = "6000 6000 fd"  # PUSH1 0, PUSH1 0, REVERT with no message
_STOP = "00"


def contract_code(runtime: str) -> str:
    """Creation code for a runtime of less than 256 bytes."""
    code = bytes.fromhex(runtime)
    # PUSH1 size, DUP1, PUSH1 11 (where the runtime begins), PUSH1 0, CODECOPY, PUSH1 0, RETURN
    head = bytes.fromhex("60") + bytes([len(code)]) + bytes.fromhex("80 600b 6000 39 6000 f3")
    return "0x" + (head + code).hex()


@dataclass(frozen=True)
class Stage:
    node: EthereumNode
    connector: Connector

    def send(self, **transaction: str) -> str:
        return str(self.node.rpc("eth_sendTransaction", {"from": self.node.accounts()[0], **transaction}))

    def deploy(self, runtime: str) -> str:
        created = self.send(data=contract_code(runtime), gas=hex(200_000))
        self.node.mine()
        return str(self.node.rpc("eth_getTransactionReceipt", created)["contractAddress"])

    def in_tip(self, *addresses: str) -> list[Transfer]:
        return self.connector.block(self.node.height()).transfers_to({raw(address) for address in addresses})


def raw(address: str) -> bytes:
    return bytes.fromhex(address[2:])


def new_address() -> str:
    return "0x" + token_bytes(20).hex()


@pytest.fixture
def stage(anvil: EthereumNode) -> Iterator[Stage]:
    yield Stage(anvil, connect(CHAIN, anvil.url))
    node_at(anvil.url).close()


@pytest.fixture
def on_fake(fake_node: Any) -> Iterator[Connector]:
    yield connect(CHAIN, fake_node.url)
    node_at(fake_node.url).close()


@pytest.fixture
def relay(fake_node: Any, stage: Stage) -> Any:
    """A node that passes on to the real one, but for the methods given."""
    methods = ["eth_getBlockByNumber", "eth_getBlockReceipts", "eth_getTransactionReceipt", "eth_getTransactionByHash"]
    honest = {name: lambda *params, name=name: stage.node.rpc(name, *params) for name in methods}
    return lambda **lies: fake_node.results({**honest, **lies})


def test_the_right_node_passes(stage: Stage) -> None:
    stage.connector.check()
    connect(replace(CHAIN, genesis=stage.connector.hash_at(0) or ""), stage.node.url).check()


@pytest.mark.parametrize("wrong", [{"chain_id": 1}, {"chain_id": None}, {"genesis": CHAINS["ethereum"].genesis}])
def test_threat_21_another_chain_is_refused_for_good(stage: Stage, wrong: dict[str, Any]) -> None:
    with pytest.raises(NodeError) as caught:
        connect(replace(CHAIN, **wrong), stage.node.url).check()
    assert caught.value.permanent


def test_tip_finality_and_hashes(stage: Stage) -> None:
    *_, newest = stage.node.mine(3)
    tip = stage.connector.tip()
    assert (tip.ref.height, tip.ref.hash) == (stage.node.height(), newest)
    assert tip.final_height == tip.ref.height - 2
    assert abs(tip.time - datetime.now(UTC)) < timedelta(hours=2)
    assert stage.connector.hash_at(tip.ref.height) == newest
    assert stage.connector.hash_at(tip.ref.height + 1) is None
    with pytest.raises(NodeError):
        stage.connector.block(tip.ref.height + 1)


def test_a_block_shows_its_plain_transfers(stage: Stage) -> None:
    alice, bob = new_address(), new_address()
    sent = [stage.node.pay(to, wei) for to, wei in [(alice, 10**18 + 1), (bob, 7), (alice, 3)]]
    (name,) = stage.node.mine()
    block = stage.connector.block(stage.node.height())
    assert block.ref.hash == name
    assert block.parent_hash == stage.connector.hash_at(block.ref.height - 1)
    assert block.destinations() == {raw(alice), raw(bob)}
    assert stage.in_tip(alice) == [
        Transfer(sent[0], sent[0], raw(alice), 10**18 + 1),
        Transfer(sent[2], sent[2], raw(alice), 3),
    ]
    assert stage.in_tip() == []


def test_nothing_is_paid_by_zero_by_a_creation_or_by_an_empty_block(stage: Stage) -> None:
    alice = new_address()
    stage.node.pay(alice, 0)
    stage.send(data=contract_code(_STOP), gas=hex(200_000))
    stage.node.mine()
    assert stage.connector.block(stage.node.height()).destinations() == frozenset()
    stage.node.mine()
    assert stage.connector.block(stage.node.height()).destinations() == frozenset()


def test_threat_07_a_contract_that_pays_three_times_and_reverts_has_paid_nobody(stage: Stage) -> None:
    customer = new_address()
    contract = stage.deploy(3 * _PAY_1_WEI + _REVERT)
    word = "0x" + raw(customer).rjust(32, b"\0").hex()
    tx = stage.send(to=contract, value=hex(10), data=word, gas=hex(500_000))
    stage.node.mine()
    assert stage.node.rpc("eth_getTransactionReceipt", tx)["status"] == "0x0"
    assert stage.in_tip(contract, customer) == []
    assert stage.node.rpc("eth_getBalance", customer, "latest") == "0x0"


def test_threat_07_the_same_contract_without_the_revert(stage: Stage) -> None:
    """The money sent to the contract arrived, and so did what it passed on, coin by coin."""
    customer = new_address()
    contract = stage.deploy(3 * _PAY_1_WEI + _STOP)
    word = "0x" + raw(customer).rjust(32, b"\0").hex()
    tx = stage.send(to=contract, value=hex(10), data=word, gas=hex(500_000))
    stage.node.mine()
    assert stage.node.rpc("eth_getBalance", customer, "latest") == "0x3"
    to_contract, *passed_on = stage.in_tip(contract, customer)
    assert to_contract == Transfer(tx, tx, raw(contract), 10)
    assert [(t.txid, t.destination, t.base_units) for t in passed_on] == [(tx, raw(customer), 1)] * 3
    assert len({t.key for t in passed_on}) == 3


def test_threat_07_a_failed_transfer_among_good_ones(stage: Stage) -> None:
    alice = new_address()
    reverting = stage.deploy(_REVERT)
    stage.send(to=reverting, value=hex(5), gas=hex(100_000))
    good = stage.node.pay(alice, 6)
    stage.node.mine()
    assert stage.in_tip(reverting, alice) == [Transfer(good, good, raw(alice), 6)]


def test_threat_12_a_reorg_takes_the_transfer_with_it(stage: Stage) -> None:
    alice = new_address()
    tx = stage.node.pay(alice, 11)
    (orphaned,) = stage.node.mine()
    height = stage.node.height()
    assert [transfer.key for transfer in stage.in_tip(alice)] == [tx]
    first, second = stage.node.reorg(1)
    assert stage.connector.hash_at(height) == first != orphaned
    assert stage.connector.block(height).transfers_to({raw(alice)}) == []
    assert stage.connector.block(height + 1).parent_hash == first
    assert stage.connector.tip().ref.hash == second
    assert stage.connector.waiting(frozenset({tx})) == frozenset()


def test_threat_12_receipts_count_only_for_the_very_block(stage: Stage, on_fake: Connector, relay: Any) -> None:
    alice = new_address()
    stage.node.pay(alice, 12)
    (name,) = stage.node.mine()
    receipts = stage.node.rpc("eth_getBlockReceipts", name)
    asked = []
    relay(eth_getBlockReceipts=lambda which: asked.append(which) or receipts)
    assert [t.base_units for t in on_fake.block(stage.node.height()).transfers_to({raw(alice)})] == [12]
    assert asked == [name], "the receipts are asked for by the block's hash, not by its height"
    of_other_branch = [{**receipt, "blockHash": "0x" + "ab" * 32} for receipt in receipts]
    for lie in (of_other_branch, [], None, [{**receipts[0], "transactionHash": "0x" + "ab" * 32}]):
        relay(eth_getBlockReceipts=lie)
        with pytest.raises(NodeError):
            on_fake.block(stage.node.height())
    for status in ("0x0", "0x2", None):
        relay(eth_getBlockReceipts=[{**receipt, "status": status} for receipt in receipts])
        assert on_fake.block(stage.node.height()).destinations() == frozenset()


def test_a_node_without_block_receipts_is_asked_for_each(stage: Stage, on_fake: Connector, relay: Any) -> None:
    alice = new_address()
    tx = stage.node.pay(alice, 13)
    stage.node.mine()
    relay(eth_getBlockReceipts=MISSING_METHOD)
    assert on_fake.block(stage.node.height()).transfers_to({raw(alice)}) == [Transfer(tx, tx, raw(alice), 13)]
    relay(eth_getBlockReceipts=MISSING_METHOD, eth_getTransactionReceipt=None)
    with pytest.raises(NodeError, match="missing"):
        on_fake.block(stage.node.height())
    relay(eth_getBlockReceipts=LookupError(-32000, "busy"))
    with pytest.raises(NodeError, match="busy"):
        on_fake.block(stage.node.height())


def test_threat_22_another_block_than_asked_for_is_refused(stage: Stage, on_fake: Connector, relay: Any) -> None:
    stage.node.pay(new_address(), 14)
    stage.node.mine()
    height = stage.node.height()
    block = stage.node.rpc("eth_getBlockByNumber", hex(height), True)
    for lie in (
        stage.node.rpc("eth_getBlockByNumber", hex(height - 1), True),
        {**block, "hash": "0x" + "ab" * 32},
        {**block, "hash": None},
        {**block, "number": None},
        {**block, "timestamp": "0x" + "f" * 64},
        {**block, "transactions": [{**block["transactions"][0], "blockHash": "0x" + "ab" * 32}]},
        {**block, "transactions": [{**block["transactions"][0], "value": "0x-1"}]},
        {**block, "transactions": [{**block["transactions"][0], "value": "1" * 400}]},
        {**block, "transactions": [{**block["transactions"][0], "to": "0x12"}]},
    ):
        relay(eth_getBlockByNumber=lie)
        with pytest.raises(NodeError):
            on_fake.block(height)


def test_a_node_that_does_not_finalise_makes_nothing_final(stage: Stage, on_fake: Connector, relay: Any) -> None:
    latest = stage.node.rpc("eth_getBlockByNumber", "latest", False)
    for refusal in (None, LookupError(-32000, "finalized block not found"), LookupError(-32602, "invalid block tag")):
        relay(eth_getBlockByNumber=lambda tag, _, refusal=refusal: latest if tag == "latest" else refusal)
        assert on_fake.tip().final_height is None


def test_threat_22_a_final_block_above_the_tip_is_a_contradiction(on_fake: Connector, relay: Any, stage: Stage) -> None:
    latest = stage.node.rpc("eth_getBlockByNumber", "latest", False)
    relay(eth_getBlockByNumber=lambda tag, _: latest if tag == "latest" else {**latest, "number": hex(10**6)})
    with pytest.raises(NodeError, match="above the tip"):
        on_fake.tip()


def test_the_mempool_tells_each_transaction_once(stage: Stage) -> None:
    alice = new_address()
    tx, nothing = stage.node.pay(alice, 15), stage.node.pay(alice, 0)
    pending = stage.connector.mempool(NOBODY)
    assert {tx, nothing} <= pending.inspected
    assert raw(alice) in pending.destinations()
    assert pending.transfers_to({raw(alice)}) == [Transfer(tx, tx, raw(alice), 15)]
    again = stage.connector.mempool(pending.inspected)
    assert (again.inspected, again.destinations()) == (frozenset(), frozenset())
    stage.node.mine()
    assert tx not in stage.connector.mempool(NOBODY).inspected


def test_waiting_ends_with_a_block_a_replacement_or_a_drop(stage: Stage) -> None:
    mined = stage.node.pay(new_address(), 16)
    stage.node.mine()
    payers = stage.node.accounts()[1:4]
    replaced, dropped, kept = (stage.node.pay(new_address(), 17, payer=payer) for payer in payers)
    asked = frozenset({mined, replaced, dropped, kept, "0x" + "ab" * 32})
    assert stage.connector.waiting(asked) == {replaced, dropped, kept}
    winner = stage.node.replace(replaced, new_address())
    stage.node.drop(dropped)
    assert stage.connector.waiting(asked | {winner}) == {kept, winner}
    stage.node.mine()
    assert stage.connector.waiting(asked | {winner}) == frozenset()
    assert stage.connector.waiting(NOBODY) == frozenset()


def test_threat_05_a_failing_look_up_is_not_absence(on_fake: Connector, relay: Any, fake_node: Any) -> None:
    relay(eth_getTransactionByHash=LookupError(-32000, "database closed"))
    with pytest.raises(NodeError, match="database closed"):
        on_fake.waiting(frozenset({"0x" + "ab" * 32}))
    fake_node.answer = lambda _: (502, b"bad gateway")
    for ask in (lambda: on_fake.mempool(NOBODY), lambda: on_fake.waiting(frozenset({"0x" + "ab" * 32}))):
        with pytest.raises(NodeError, match="502"):
            ask()


def test_a_node_without_a_pending_block_shows_no_mempool(on_fake: Connector, relay: Any) -> None:
    for nothing in (None, LookupError(-32000, "pending block is not available")):
        relay(eth_getBlockByNumber=nothing)
        assert on_fake.mempool(NOBODY).inspected == frozenset()


@pytest.mark.parametrize("lie", [1, "", "0x", "0xzz", "zz", {"hash": 1}, ["0x1"], True, "0x" + "f" * 65])
def test_threat_22_garbage_is_a_node_error_everywhere(fake_node: Any, on_fake: Connector, lie: Any) -> None:
    methods = ["eth_chainId", "eth_getBlockByNumber", "eth_getTransactionByHash", "eth_getBlockReceipts"]
    fake_node.results(dict.fromkeys(methods, lie))
    for ask in (
        on_fake.check,
        on_fake.tip,
        lambda: on_fake.hash_at(1),
        lambda: on_fake.block(1),
        lambda: on_fake.mempool(NOBODY),
        lambda: on_fake.waiting(frozenset({"0x" + "ab" * 32})),
    ):
        with pytest.raises(NodeError):
            ask()
