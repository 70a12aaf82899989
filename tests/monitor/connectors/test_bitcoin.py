"""One connector, three real nodes: what holds on bitcoind must hold on litecoind and on the patched bcash."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cryptopay.devnet.drive import BitcoinNode
from cryptopay.testmode.faucets.calls import Calls
from monitor.chains import CHAINS, Chain
from monitor.connectors import connect
from monitor.connectors.base import Connector, NodeError, Transfer
from monitor.connectors.bitcoin_blocks import BlockUnreadable
from monitor.connectors.jsonrpc import node_at

OP_RETURN = bytes.fromhex("6a0568656c6c6f")
NOT_FOUND = LookupError(-5, "No such mempool transaction")
UNKNOWN_SCRIPT = bytes.fromhex("6081ff")  # OP_16 and an opcode nobody defined: no address form has it
LAST_HEIGHT_WITHOUT_MWEB = 431  # litecoind's regtest; it makes the next block only if a transaction pegs coins in
PEGOUT_MATURITY_BLOCKS = 6


@dataclass(frozen=True)
class Stage:
    node: BitcoinNode
    chain: Chain
    connector: Connector

    def script(self, address: str) -> bytes:
        return bytes.fromhex(self.node.rpc("validateaddress", address)["scriptPubKey"])

    def in_tip(self, *addresses: str) -> list[Transfer]:
        watched = {self.script(address) for address in addresses}
        block = self.connector.block(self.node.height())
        return block.transfers_to(watched)

    def in_mempool(self, *addresses: str, known: frozenset[str] = frozenset()) -> list[Transfer]:
        return self.connector.mempool(known).transfers_to({self.script(address) for address in addresses})


def stage_of(node: BitcoinNode, code: str) -> Iterator[Stage]:
    yield Stage(node, CHAINS[code], connect(CHAINS[code], node.url))
    node_at(node.url).close()


NODES = {"bitcoind": "bitcoin-regtest", "litecoind": "litecoin-regtest", "bcash": "bitcoincash-regtest"}


@pytest.fixture(params=NODES)
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    yield from stage_of(request.getfixturevalue(request.param), NODES[request.param])


@pytest.fixture
def litecoin(litecoind_with_mweb: BitcoinNode) -> Iterator[Stage]:
    yield from stage_of(litecoind_with_mweb, "litecoin-regtest")


@pytest.fixture
def on_fake(fake_node: Any) -> Iterator[Connector]:
    yield connect(CHAINS["bitcoin-regtest"], fake_node.url)
    node_at(fake_node.url).close()


def test_the_right_node_passes(stage: Stage) -> None:
    stage.connector.check()


@pytest.mark.parametrize(
    "wrong",
    [{"genesis": "00" * 32}, {"genesis": CHAINS["bitcoin"].genesis}, {"live": True}, {"minimum_node_version": 10**8}],
)
def test_threat_21_another_network_or_an_old_version_is_refused_for_good(stage: Stage, wrong: dict[str, Any]) -> None:
    with pytest.raises(NodeError) as caught:
        connect(replace(stage.chain, **wrong), stage.node.url).check()
    assert caught.value.permanent


def test_threat_21_the_other_coins_node_is_refused_for_good(stage: Stage) -> None:
    other = CHAINS["bitcoin-regtest" if stage.chain.code == "litecoin-regtest" else "litecoin-regtest"]
    with pytest.raises(NodeError) as caught:
        connect(other, stage.node.url).check()
    assert caught.value.permanent


def test_threat_20_bitcoin_and_bitcoin_cash_are_told_apart_by_a_block_behind_the_fork(
    bitcoind: BitcoinNode, bcash: BitcoinNode
) -> None:
    """Their block 0 is the same, and so are the networks' names: the pinned block alone says which chain it is."""
    height = min(bitcoind.height(), bcash.height())
    nodes = {"bitcoin-regtest": bitcoind, "bitcoincash-regtest": bcash}
    assert bitcoind.rpc("getblockhash", 0) == bcash.rpc("getblockhash", 0)
    for code, node in nodes.items():
        pinned = replace(CHAINS[code], fork_blocks={height: node.rpc("getblockhash", height)})
        connect(pinned, node.url).check()
        for other in nodes.values():
            if other is not node:
                with pytest.raises(NodeError, match=f"block {height} is another chain's") as caught:
                    connect(pinned, other.url).check()
                assert caught.value.permanent
        unreached = replace(CHAINS[code], fork_blocks={node.height() + 1000: "00" * 32})
        with pytest.raises(NodeError, match="not reached") as caught:
            connect(unreached, node.url).check()
        assert not caught.value.permanent
    for node in nodes.values():
        node_at(node.url).close()


def test_tip_and_hashes(stage: Stage) -> None:
    (newest,) = stage.node.mine()
    tip = stage.connector.tip()
    assert (tip.ref.height, tip.ref.hash, tip.final_height) == (stage.node.height(), newest, None)
    assert abs(tip.time - datetime.now(UTC)) < timedelta(hours=2)
    assert stage.connector.hash_at(tip.ref.height) == newest
    assert stage.connector.hash_at(tip.ref.height + 1) is None
    assert stage.connector.hash_at(0) == stage.chain.genesis
    with pytest.raises(NodeError, match="out of range"):
        stage.connector.block(tip.ref.height + 1)


def test_a_block_says_what_the_node_says_of_it(stage: Stage) -> None:
    """The node's own decoder is the second opinion on every output."""
    for number in range(1, 4):
        stage.node.pay([(stage.node.new_address(), number * 10_000), (stage.node.new_address(), 10_000)])
    (name,) = stage.node.mine()
    told = stage.node.rpc("getblock", name, 2)
    block = stage.connector.block(told["height"])
    assert (block.ref.hash, block.parent_hash) == (name, told["previousblockhash"])
    assert block.time == datetime.fromtimestamp(told["time"], UTC)
    expected = [
        (f"{tx['txid']}:{output['n']}", output["scriptPubKey"]["hex"], int(Decimal(output["value"]) * 10**8))
        for tx in told["tx"]
        for output in tx["vout"]
    ]
    pots = {tx["vout"][0]["scriptPubKey"]["hex"] for tx in told["tx"][1:] if tx["vin"][0].get("ismweb")}
    transfers = block.transfers_to(block.destinations())
    found = [(transfer.key, transfer.destination.hex(), transfer.base_units) for transfer in transfers]
    assert found == [one for one in expected if one[1] not in pots and not one[1].startswith("5820")]


def test_threat_03_five_outputs_of_one_transaction_are_five_transfers(stage: Stage) -> None:
    alice, bob = stage.node.new_address(), stage.node.new_address()
    amounts = [(alice, 10_001), (bob, 10_002), (alice, 10_003), (bob, 10_004), (alice, 10_003)]
    txid = stage.node.pay(amounts)
    waiting = stage.in_mempool(alice, bob)
    stage.node.mine()
    mined = stage.in_tip(alice, bob)
    for transfers in (waiting, mined):
        assert [transfer.key for transfer in transfers] == [f"{txid}:{vout}" for vout in range(5)]
        assert [(t.destination, t.base_units) for t in transfers] == [(stage.script(a), units) for a, units in amounts]
        assert {(t.txid, t.maturity_blocks, t.contract) for t in transfers} == {(txid, 0, "")}


def test_threat_06_dust_coinbase_op_return_and_an_unknown_script_in_one_block(stage: Stage) -> None:
    """A poisoned block stalls nobody: each output is what it is, and only the watched ones become transfers."""
    customer, miner = stage.node.new_address(), stage.node.new_address()
    ours = stage.script(customer)
    dust_base_units = stage.chain.minimum_base_units * 3 // 4
    raw = unsigned([(OP_RETURN, 0), (UNKNOWN_SCRIPT, 20_000), (ours, dust_base_units), (ours, 30_000)])
    funded = stage.node.rpc("fundrawtransaction", raw, {"changePosition": 4}, False)["hex"]
    signed = stage.node.rpc("signrawtransactionwithwallet", funded)["hex"]
    txid = stage.node.rpc("decoderawtransaction", signed)["txid"]
    stage.node.rpc("generateblock", miner, [signed])
    block = stage.connector.block(stage.node.height())
    assert {OP_RETURN, UNKNOWN_SCRIPT} <= block.destinations()
    coinbase, dust, payment = stage.in_tip(customer, miner)
    assert coinbase.maturity_blocks == stage.chain.maturity_blocks == 100
    assert coinbase.destination == stage.script(miner)
    assert (dust.key, dust.base_units, dust.maturity_blocks) == (f"{txid}:2", dust_base_units, 0)
    assert (payment.key, payment.base_units, payment.maturity_blocks) == (f"{txid}:3", 30_000, 0)


def unsigned(outputs: list[tuple[bytes, int]]) -> str:
    paid = b"".join(units.to_bytes(8, "little") + bytes([len(script)]) + script for script, units in outputs)
    return (b"\2\0\0\0\0" + bytes([len(outputs)]) + paid + bytes(4)).hex()


def test_the_mempool_tells_each_transaction_once(stage: Stage) -> None:
    address = stage.node.new_address()
    txid = stage.node.pay(address, 50_000)
    mempool = stage.connector.mempool(frozenset())
    assert txid in mempool.inspected
    assert stage.script(address) in mempool.destinations()
    assert [t.base_units for t in stage.in_mempool(address)] == [50_000]
    again = stage.connector.mempool(mempool.inspected)
    assert (again.inspected, again.transfers_to({stage.script(address)})) == (frozenset(), [])


def test_waiting_ends_with_a_block_or_a_replacement(stage: Stage) -> None:
    unknown = "ab" * 32
    mined = stage.node.pay(stage.node.new_address(), 50_000)
    stage.node.mine()
    kept = stage.node.pay(stage.node.new_address(), 50_000)
    replaced = stage.node.pay(stage.node.new_address(), 50_001)  # the later one, so that nothing spends its change
    asked = frozenset({mined, replaced, kept, unknown})
    assert stage.connector.waiting(asked) == {replaced, kept}
    stage.node.replace(replaced)
    assert stage.connector.waiting(asked) == {kept}
    stage.node.mine()
    assert stage.connector.waiting(asked) == frozenset()
    assert stage.connector.waiting(frozenset()) == frozenset()


def test_a_reorg_shows_in_the_hashes(stage: Stage) -> None:
    address = stage.node.new_address()
    stage.node.pay(address, 60_000)
    (orphaned,) = stage.node.mine()
    height = stage.node.height()
    first, second = stage.node.reorg(1)
    assert stage.connector.hash_at(height) == first != orphaned
    assert stage.connector.block(height + 1).parent_hash == first
    assert stage.connector.tip().ref.hash == second
    assert stage.connector.block(height).transfers_to({stage.script(address)}) == []
    assert [t.base_units for t in stage.in_mempool(address)] == [60_000]
    stage.node.mine()


def test_a_nodes_confirmations_are_not_asked_for(bcash: BitcoinNode) -> None:
    """bcash counts them for a block that lost, too; the hash at its height is what tells."""
    connector = connect(CHAINS["bitcoincash-regtest"], bcash.url)
    (lost,) = bcash.mine()
    height = bcash.height()
    bcash.reorg(1)
    assert bcash.rpc("getblockheader", lost)["confirmations"] > 0
    assert connector.hash_at(height) != lost
    assert connector.block(height).ref.hash != lost
    node_at(bcash.url).close()


def test_satoshis_beside_tokens_count(bcash: BitcoinNode) -> None:
    """A payer's wallet may put tokens on the output that pays: the coins are the merchant's all the same."""
    connector = connect(CHAINS["bitcoincash-regtest"], bcash.url)
    ours = bytes.fromhex(bcash.rpc("validateaddress", bcash.new_address())["scriptPubKey"])
    tokens = b"\xef" + bytes(range(32)) + b"\x10\x05"
    funded = bcash.rpc("fundrawtransaction", unsigned([(tokens + ours, 20_000), (ours, 30_000), (tokens, 1_000)]))[
        "hex"
    ]
    txid = bcash.rpc("sendrawtransaction", bcash.rpc("signrawtransactionwithwallet", funded)["hex"])
    expected = [(f"{txid}:0", ours, 20_000), (f"{txid}:1", ours, 30_000)]
    waiting = connector.mempool(frozenset()).transfers_to({ours})
    bcash.mine()
    mined = connector.block(bcash.height()).transfers_to({ours})
    for transfers in (waiting, mined):
        assert [(t.key, t.destination, t.base_units) for t in transfers] == expected
    node_at(bcash.url).close()


def test_threat_19_the_pot_is_nobodys_and_pegged_out_coins_mature_at_6(litecoin: Stage) -> None:
    node = litecoin.node
    node.mine(LAST_HEIGHT_WITHOUT_MWEB - node.height())
    with mweb_only_wallet(litecoin) as mweb_wallet:
        node.rpc("sendtoaddress", mweb_wallet("getnewaddress", "", "mweb"), 5)
        node.mine()
        shop = node.new_address()
        pegging_out = mweb_wallet("sendtoaddress", shop, 1)
    mempool = litecoin.connector.mempool(frozenset())
    assert pegging_out in mempool.inspected
    assert mempool.transfers_to({litecoin.script(shop)}) == []
    assert litecoin.connector.waiting(frozenset({pegging_out})) == {pegging_out}
    (name,) = node.mine()
    *_, hogex = node.rpc("getblock", name, 2)["tx"]
    pot = bytes.fromhex(hogex["vout"][0]["scriptPubKey"]["hex"])
    (pegged_out,) = litecoin.connector.block(node.height()).transfers_to({litecoin.script(shop), pot})
    assert pegged_out == Transfer(
        f"{hogex['txid']}:1", hogex["txid"], litecoin.script(shop), 10**8, PEGOUT_MATURITY_BLOCKS
    )


@contextmanager
def mweb_only_wallet(stage: Stage) -> Iterator[Calls]:
    """A wallet whose every coin lies inside the extension block, so that it can only pay by pegging out."""
    stage.node.rpc("createwallet", "mweb-only")
    wallet = Calls(f"{stage.node.url}/wallet/mweb-only")
    yield wallet
    wallet.close()


def test_a_transaction_that_vanished_meanwhile_is_left_out(fake_node: Any, on_fake: Connector) -> None:
    fake_node.results({"getrawmempool": ["ab" * 32], "getrawtransaction": NOT_FOUND, "getmempoolentry": NOT_FOUND})
    assert on_fake.mempool(frozenset()).inspected == frozenset()
    assert on_fake.waiting(frozenset({"ab" * 32})) == frozenset()


def test_threat_05_a_failing_look_up_is_not_absence(fake_node: Any, on_fake: Connector) -> None:
    fake_node.answer = lambda _: (200, b'[{"id":0,"error":{"code":-28,"message":"Loading block index"}}]')
    with pytest.raises(NodeError, match="Loading"):
        on_fake.waiting(frozenset({"ab" * 32}))
    fake_node.answer = lambda _: (200, b'{"id":0,"error":{"code":-28,"message":"Loading block index"}}')
    with pytest.raises(NodeError, match="Loading"):
        on_fake.hash_at(1)


def test_threat_22_another_block_than_asked_for_is_refused(
    bitcoind: BitcoinNode, fake_node: Any, on_fake: Connector
) -> None:
    asked, other = bitcoind.rpc("getblockhash", 1), bitcoind.rpc("getblockhash", 2)
    fake_node.results({"getblockhash": asked, "getblock": bitcoind.rpc("getblock", other, 0)})
    with pytest.raises(BlockUnreadable, match="another"):
        on_fake.block(1)
    fake_node.results({"getblockhash": asked, "getblock": bitcoind.rpc("getblock", asked, 0)})
    assert on_fake.block(1).ref.hash == asked


@pytest.mark.parametrize("lie", [1, "", "AB" * 32, "zz" * 32, "ab" * 31, {"hash": 1}, ["ab" * 32], "getblock"])
def test_threat_22_garbage_is_a_node_error_everywhere(fake_node: Any, on_fake: Connector, lie: Any) -> None:
    methods = ["getbestblockhash", "getblockhash", "getblockheader", "getblock", "getrawmempool", "getrawtransaction"]
    fake_node.results(dict.fromkeys(methods, lie))
    for ask in (on_fake.check, on_fake.tip, lambda: on_fake.hash_at(1), lambda: on_fake.block(1)):
        with pytest.raises(NodeError):
            ask()
    fake_node.results(
        {"getblockhash": "ab" * 32, "getblock": lie, "getrawmempool": ["ab" * 32], "getrawtransaction": lie}
    )
    with pytest.raises(NodeError):
        on_fake.block(1)
    fake_node.results({"getrawmempool": ["ab" * 32], "getrawtransaction": lie})
    with pytest.raises(NodeError):
        on_fake.mempool(frozenset())
