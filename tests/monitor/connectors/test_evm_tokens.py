"""Tokens on a real node: an honest one, six that lie, and contracts that pay."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from secrets import token_bytes
from typing import Any

import pytest

from cryptopay.devnet.contracts import DEMO_DOLLAR, Contract, deploy
from cryptopay.devnet.drive import EthereumNode
from monitor.chains import CHAINS
from monitor.connectors import connect
from monitor.connectors.base import Block, Connector, Examiner, NodeError, Ours, Transfer
from monitor.connectors.evm import EvmConnector
from monitor.connectors.jsonrpc import node_at

CHAIN = CHAINS["ethereum-dev"]
HOSTILE = Path(__file__).parents[2] / "contracts"
NOBODY = frozenset[str]()


@dataclass
class Stage:
    """A node and what its connector makes of the tip, the listed contracts known."""

    node: EthereumNode
    url: str

    def connector(self, *contracts: Contract) -> Connector:
        return connect(CHAIN, self.url, frozenset(contract.address for contract in contracts))

    def tip(self, ours: set[bytes], *contracts: Contract, **more: Any) -> Block:
        """The newest block as it is taken in by somebody who watches `ours`."""
        connector = self.connector(*contracts)
        return examined(connector, connector.block(self.node.height()), ours, **more)

    def arrived(self, ours: set[bytes], *contracts: Contract) -> list[tuple[str, bytes, int]]:
        found = self.tip(ours, *contracts).transfers_to(ours)
        return [(transfer.contract, transfer.destination, transfer.base_units) for transfer in found]


def examined(
    connector: Connector,
    block: Block,
    ours: set[bytes],
    polled: list[bytes] | None = None,
    recorded: dict[str, bytes] | None = None,
) -> Block:
    assert isinstance(connector, Examiner)
    watched = ours & block.destinations()
    return connector.examine(block, Ours(watched, lambda: polled or [], lambda: recorded or {}))


def raw(address: str) -> bytes:
    return bytes.fromhex(address[2:])


def new_address() -> str:
    return "0x" + token_bytes(20).hex()


@pytest.fixture
def stage(anvil: EthereumNode) -> Iterator[Stage]:
    anvil.mine()
    yield Stage(anvil, anvil.url)
    node_at(anvil.url).close()


@pytest.fixture
def dollar(anvil: EthereumNode) -> Contract:
    """A million dollars are the first account's."""
    token = deploy(anvil, DEMO_DOLLAR)
    token.send("mint", anvil.accounts()[0], 10**12)
    anvil.mine()
    return token


@pytest.fixture
def sender(anvil: EthereumNode) -> Contract:
    return deploy(anvil, HOSTILE / "Sender.vy")


def hostile(node: EthereumNode, name: str) -> Contract:
    return deploy(node, HOSTILE / f"{name}.vy")


def test_a_token_says_what_it_is_once(stage: Stage, dollar: Contract) -> None:
    connector = stage.connector()
    assert isinstance(connector, EvmConnector)
    assert connector.token(dollar.address) == ("USDX", 6)
    for nothing in (new_address(), hostile(stage.node, "Sender").address):
        with pytest.raises(NodeError):
            connector.token(nothing)


def test_payments_in_a_block_are_told_in_its_order(stage: Stage, dollar: Contract) -> None:
    alice, bob = new_address(), new_address()
    first = dollar.send("transfer", alice, 5_000_000)
    second = stage.node.pay(alice, 10**15)
    third = dollar.send("transfer", bob, 7)
    dollar.send("transfer", bob, 0)
    stage.node.mine()
    ours = {raw(alice), raw(bob)}
    found = stage.tip(ours, dollar).transfers_to(ours)
    assert [(t.txid, t.destination, t.base_units, t.contract) for t in found] == [
        (first, raw(alice), 5_000_000, dollar.address),
        (second, raw(alice), 10**15, ""),
        (third, raw(bob), 7, dollar.address),
    ]
    assert dollar.ask("balanceOf", alice) == 5_000_000


def test_what_waits_is_known_by_the_same_key_when_it_is_mined(stage: Stage, dollar: Contract) -> None:
    alice = new_address()
    tx = dollar.send("transfer", alice, 123)
    connector = stage.connector(dollar)
    pending = connector.mempool(NOBODY)
    (waiting,) = pending.transfers_to({raw(alice)})
    assert (waiting.txid, waiting.base_units, waiting.contract) == (tx, 123, dollar.address)
    stage.node.mine()
    assert stage.tip({raw(alice)}, dollar).transfers_to({raw(alice)}) == [waiting]


def test_threat_09_a_token_of_the_same_symbol_is_nothing(stage: Stage, dollar: Contract) -> None:
    fake = deploy(stage.node, DEMO_DOLLAR)
    alice = new_address()
    fake.send("mint", alice, 10**12)
    dollar.send("transfer", alice, 1)
    assert [t.base_units for t in stage.connector(dollar).mempool(NOBODY).transfers_to({raw(alice)})] == [1]
    stage.node.mine()
    assert fake.ask("balanceOf", alice) == 10**12
    assert stage.arrived({raw(alice)}, dollar) == [(dollar.address, raw(alice), 1)]


def test_threat_09_a_forged_log_beside_a_real_one_counts_for_nothing(
    stage: Stage, dollar: Contract, sender: Contract
) -> None:
    alice = new_address()
    dollar.send("mint", sender.address, 50)
    sender.send("pay_tokens", dollar.address, [alice], 50)
    stage.node.mine()
    assert stage.arrived({raw(alice)}, dollar) == [(dollar.address, raw(alice), 50)]


def test_threat_11_a_contract_pays_many_in_tokens(stage: Stage, dollar: Contract, sender: Contract) -> None:
    payees = [new_address() for _ in range(5)]
    dollar.send("mint", sender.address, 1000)
    tx = sender.send("pay_tokens", dollar.address, [*payees, payees[0]], 30)
    stage.node.mine()
    ours = {raw(payee) for payee in payees}
    found = stage.tip(ours, dollar).transfers_to(ours)
    assert [(t.txid, t.destination, t.base_units) for t in found] == [(tx, raw(p), 30) for p in [*payees, payees[0]]]
    assert len({t.key for t in found}) == 6


def test_threat_07_a_token_call_that_fails_has_paid_nobody(stage: Stage, dollar: Contract, sender: Contract) -> None:
    alice = new_address()
    dollar.send("mint", sender.address, 1000)
    stage.node.mine()
    sender.send("pay_tokens_and_fail", dollar.address, [alice], 30)
    sender.send("pay_tokens_and_fail_within", dollar.address, [alice], 30)
    dollar.send("transfer", alice, 10**30)  # more than there is
    stage.node.mine()
    assert dollar.ask("balanceOf", alice) == 0
    assert stage.arrived({raw(alice)}, dollar) == []


def test_threat_08_a_token_that_returns_false_has_moved_nothing(stage: Stage) -> None:
    silent, alice = hostile(stage.node, "Silent"), new_address()
    tx = silent.send("transfer", alice, 1000)
    assert stage.connector(silent).mempool(NOBODY).transfers_to({raw(alice)}), "seen on its way: advice, not money"
    stage.node.mine()
    assert stage.node.rpc("eth_getTransactionReceipt", tx)["status"] == "0x1"
    assert stage.arrived({raw(alice)}, silent) == []


def test_threat_08_a_token_that_logs_and_moves_nothing_is_parked(stage: Stage, dollar: Contract) -> None:
    forging, alice = hostile(stage.node, "Forging"), new_address()
    forged = forging.send("transfer", alice, 1000)
    dollar.send("transfer", alice, 3)
    stage.node.mine()
    block = stage.tip({raw(alice)}, dollar, forging)
    assert [(t.contract, t.base_units) for t in block.transfers_to({raw(alice)})] == [(dollar.address, 3)]
    (parked,) = block.parked
    assert parked.txid == forged
    assert forging.address in parked.reason
    assert "1000 base units" in parked.reason
    assert stage.tip(set(), dollar, forging).parked == (), "of strangers nothing is asked"


def test_threat_10_a_fee_on_transfer_is_credited_as_it_arrived_or_not_at_all(stage: Stage) -> None:
    fee, alice = hostile(stage.node, "Fee"), new_address()
    fee.send("mint", stage.node.accounts()[0], 10**9)
    lying = fee.send("transfer", alice, 1000)
    stage.node.mine()
    block = stage.tip({raw(alice)}, fee)
    assert block.transfers_to({raw(alice)}) == []
    assert [parked.txid for parked in block.parked] == [lying]
    fee.send("own_up", True)
    fee.send("transfer", alice, 1000)
    stage.node.mine()
    assert stage.arrived({raw(alice)}, fee) == [(fee.address, raw(alice), 990)]
    assert fee.ask("balanceOf", alice) == 2 * 990


def test_threat_10_a_balance_that_grows_by_itself_is_no_payment(stage: Stage) -> None:
    growing, alice = hostile(stage.node, "Rebasing"), new_address()
    growing.send("mint", stage.node.accounts()[0], 10**9)
    growing.send("transfer", alice, 1000)
    stage.node.mine()
    assert stage.arrived({raw(alice)}, growing) == [(growing.address, raw(alice), 1000)]
    growing.send("rebase", 2)
    stage.node.mine()
    assert growing.ask("balanceOf", alice) == 2000
    assert stage.arrived({raw(alice)}, growing) == []
    growing.send("transfer", alice, 100)
    growing.send("rebase", 3)
    stage.node.mine()
    block = stage.tip({raw(alice)}, growing)
    assert block.transfers_to({raw(alice)}) == []
    assert "the balance changed by" in block.parked[0].reason


def test_threat_09_logs_of_any_other_form_are_no_payments(stage: Stage) -> None:
    odd, alice = hostile(stage.node, "Odd"), new_address()
    tx = odd.send("transfer", alice, 1000)
    stage.node.mine()
    assert len(stage.node.rpc("eth_getTransactionReceipt", tx)["logs"]) == 8
    assert stage.arrived({raw(alice)}, odd) == []


def test_what_came_and_went_in_one_block_is_proved_by_the_difference(stage: Stage, dollar: Contract) -> None:
    alice = stage.node.accounts()[5]
    dollar.send("mint", alice, 100)
    dollar.send("transfer", stage.node.accounts()[6], 60, payer=alice)
    dollar.send("transfer", alice, 5, payer=alice)
    stage.node.mine()
    assert stage.arrived({raw(alice)}, dollar) == [(dollar.address, raw(alice), 100), (dollar.address, raw(alice), 5)]


def test_a_node_that_forgot_the_state_leaves_the_log_alone(stage: Stage, fake_node: Any) -> None:
    forging, alice = hostile(stage.node, "Forging"), new_address()
    forging.send("transfer", alice, 1000)
    stage.node.mine()
    honest = relayed(stage.node)
    gone = LookupError(-32000, "missing trie node")
    fake_node.results({**honest, "eth_call": gone, "eth_getBalance": gone})
    on_fake = Stage(stage.node, fake_node.url)
    assert on_fake.arrived({raw(alice)}, forging) == [(forging.address, raw(alice), 1000)]
    fake_node.results({**honest, "eth_call": LookupError(3, "execution reverted")})
    block = on_fake.tip({raw(alice)}, forging)
    assert block.transfers_to({raw(alice)}) == []
    assert "does not say the balance" in block.parked[0].reason
    node_at(fake_node.url).close()


def test_threat_12_logs_of_another_block_fail_the_whole_reading(stage: Stage, dollar: Contract, fake_node: Any) -> None:
    alice = new_address()
    dollar.send("transfer", alice, 9)
    (name,) = stage.node.mine()
    receipts = stage.node.rpc("eth_getBlockReceipts", name)
    on_fake = Stage(stage.node, fake_node.url)
    for lie in ({"blockHash": "0x" + "ab" * 32}, {"removed": True}, {"transactionHash": "0x" + "ab" * 32}):
        changed = [{**r, "logs": [{**log, **lie} for log in r["logs"]]} for r in receipts]
        fake_node.results({**relayed(stage.node), "eth_getBlockReceipts": changed})
        with pytest.raises(NodeError, match="another block"):
            on_fake.tip({raw(alice)}, dollar)
    node_at(fake_node.url).close()


def test_threat_12_a_payment_mined_again_elsewhere_is_the_same_payment(stage: Stage, dollar: Contract) -> None:
    alice = new_address()
    tx = dollar.send("transfer", alice, 77)
    stage.node.mine()
    before = stage.tip({raw(alice)}, dollar).transfers_to({raw(alice)})
    signed = stage.node.raw(tx)
    stage.node.reorg(1)
    assert stage.tip({raw(alice)}, dollar).transfers_to({raw(alice)}) == []
    stage.node.resend(signed)
    stage.node.mine()
    assert stage.tip({raw(alice)}, dollar).transfers_to({raw(alice)}) == before


def relayed(node: EthereumNode) -> dict[str, Any]:
    """Every method passed on to the real node."""
    methods = [
        *("eth_getBlockByNumber", "eth_getBlockReceipts", "eth_call", "eth_getBalance", "trace_block"),
        *("eth_getTransactionReceipt", "eth_getTransactionByHash"),
    ]
    return {name: lambda *params, name=name: node.rpc(name, *params) for name in methods}


def flat_traces(node: EthereumNode, block_hash: str) -> list[dict[str, Any]]:
    """The same frames as geth's flatCallTracer gives them: by transaction."""
    block = node.rpc("eth_getBlockByHash", block_hash, False)
    frames = node.rpc("trace_block", block["number"])
    return [
        {"txHash": tx, "result": [frame for frame in frames if frame["transactionHash"] == tx]}
        for tx in block["transactions"]
    ]


def coins(transfers: list[Transfer]) -> list[tuple[str, bytes, int]]:
    return [(transfer.txid, transfer.destination, transfer.base_units) for transfer in transfers]


@dataclass
class Paid:
    """What a block of contracts that pay did, and failed to do."""

    ours: set[bytes]
    expected: list[tuple[str, bytes, int]]
    height: int
    block_hash: str


@pytest.fixture
def paid(stage: Stage, sender: Contract) -> Paid:
    alice, bob, carol = new_address(), new_address(), new_address()
    dying = hostile(stage.node, "Sender")
    batch = sender.send("pay", [alice, bob, alice], 100, value=300)
    plain = stage.node.pay(alice, 7)
    sender.send("pay_and_fail", [alice], 50, value=50)
    within = sender.send("pay_and_fail_within", [bob], 20, value=20)
    end = dying.send("end", carol, value=1234)
    (name,) = stage.node.mine()
    expected = [
        *[(batch, raw(alice), 100), (batch, raw(bob), 100), (batch, raw(alice), 100)],
        *[(plain, raw(alice), 7), (within, raw(bob), 20), (end, raw(carol), 1234)],
    ]
    for address, wei in ((alice, 207), (bob, 120), (carol, 1234)):
        assert int(stage.node.rpc("eth_getBalance", address, "latest"), 16) == wei
    return Paid({raw(alice), raw(bob), raw(carol)}, expected, stage.node.height(), name)


def test_threat_11_what_contracts_send_is_found_by_traces(stage: Stage, paid: Paid) -> None:
    block = stage.tip(paid.ours)
    assert coins(block.transfers_to(paid.ours)) == paid.expected
    assert len({transfer.key for transfer in block.transfers_to(paid.ours)}) == len(paid.expected)


def test_threat_11_traces_as_geth_gives_them_are_the_same(stage: Stage, paid: Paid, fake_node: Any) -> None:
    traces = flat_traces(stage.node, paid.block_hash)
    missing = LookupError(-32601, "the method trace_block does not exist/is not available")
    fake_node.results({**relayed(stage.node), "trace_block": missing, "debug_traceBlockByHash": traces})
    found = Stage(stage.node, fake_node.url).tip(paid.ours).transfers_to(paid.ours)
    assert found == stage.tip(paid.ours).transfers_to(paid.ours)
    node_at(fake_node.url).close()


def test_threat_11_without_traces_the_balances_tell(stage: Stage, paid: Paid, fake_node: Any) -> None:
    relay = relayed(stage.node)
    del relay["trace_block"]
    fake_node.results(relay)
    on_fake = Stage(stage.node, fake_node.url)
    strangers = [raw(new_address()) for _ in range(3)]
    found = on_fake.tip(paid.ours, polled=[*paid.ours, *strangers]).transfers_to(paid.ours)
    sums = {place: sum(t.base_units for t in found if t.destination == place) for place in paid.ours}
    assert sums == {place: sum(wei for _, p, wei in paid.expected if p == place) for place in paid.ours}
    assert {t.key for t in found if t.txid == paid.block_hash} == {f"{paid.block_hash}:{p.hex()}" for p in paid.ours}
    gone = LookupError(-32000, "missing trie node")
    fake_node.results({**relay, "eth_getBalance": gone})
    only_plain = on_fake.tip(paid.ours, polled=list(paid.ours)).transfers_to(paid.ours)
    assert [t.base_units for t in only_plain] == [7]
    node_at(fake_node.url).close()


def test_threat_11_a_block_read_the_other_way_is_not_counted_twice(stage: Stage, paid: Paid, fake_node: Any) -> None:
    relay = relayed(stage.node)
    del relay["trace_block"]
    fake_node.results(relay)
    without_traces = Stage(stage.node, fake_node.url)
    by_traces = stage.tip(paid.ours).transfers_to(paid.ours)
    by_balances = without_traces.tip(paid.ours, polled=list(paid.ours)).transfers_to(paid.ours)
    for first, again in (
        (by_traces, lambda known: without_traces.tip(paid.ours, polled=list(paid.ours), recorded=known)),
        (by_balances, lambda known: stage.tip(paid.ours, recorded=known)),
        (by_traces, lambda known: stage.tip(paid.ours, recorded=known)),
        (by_balances, lambda known: without_traces.tip(paid.ours, polled=list(paid.ours), recorded=known)),
    ):
        known = {transfer.key: transfer.destination for transfer in first}
        assert {t.key for t in again(known).transfers_to(paid.ours)} <= known.keys()
    node_at(fake_node.url).close()


def test_traces_of_another_block_or_too_few_fail_the_reading(stage: Stage, paid: Paid, fake_node: Any) -> None:
    relay = relayed(stage.node)
    frames = stage.node.rpc("trace_block", hex(paid.height))
    elsewhere = [{**frame, "blockHash": "0x" + "ab" * 32} for frame in frames]
    on_fake = Stage(stage.node, fake_node.url)
    for lie in (elsewhere, frames[:1], [], [{"type": 1}], "0x"):
        fake_node.results({**relay, "trace_block": lie})
        with pytest.raises(NodeError):
            on_fake.tip(paid.ours)
    node_at(fake_node.url).close()
