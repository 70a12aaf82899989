"""Monero's connector on a real node, and on one that lies. What it finds is held against Monero's own wallet."""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from cryptopay.devnet import monerod as starting
from cryptopay.devnet.monero import MoneroNode
from cryptopay.testmode.faucets.calls import Calls
from cryptopay.testmode.faucets.monero import MoneroFaucet
from keys.formats import monero, monero_base58
from monitor import viewing
from monitor.chains import CHAINS
from monitor.connectors import connect
from monitor.connectors.base import Connector, NodeError, Transfer
from monitor.connectors.jsonrpc import JsonRpc, RpcRefused, node_at
from monitor.connectors.monero import MoneroConnector
from monitor.viewing import ViewKeysUnreadable
from tests.monitor.connectors.monero_sender import base, random_scalar

CHAIN = CHAINS["monero-regtest"]
XMR = 10**12
RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "monero_locked.json").read_text())
NOBODY = frozenset[str]()


class Merchant:
    """An account of which we hold the view key alone."""

    def __init__(self) -> None:
        self.pair = monero.ViewPair.of(base(random_scalar()), random_scalar())
        self.derive = monero.deriver(self.pair, CHAIN)
        keys = self.pair.spend_public_key + self.pair.view_public_key
        self.primary = monero_base58.encode(b"\x12" + keys)

    def address(self, index: int) -> str:
        return self.derive.address(index)[0]

    def destination(self, index: int) -> bytes:
        return self.derive.destination(index)


@dataclass
class Stage:
    node: MoneroNode
    connector: Connector
    merchants: list[Merchant]

    def in_tip(self) -> list[Transfer]:
        return self.in_block(self.node.height())

    def in_block(self, height: int) -> list[Transfer]:
        return self.connector.block(height).transfers_to(self.watched())

    def watched(self) -> set[bytes]:
        return {merchant.destination(index) for merchant in self.merchants for index in range(8)}


@pytest.fixture
def stage(monerod: MoneroNode) -> Iterator[Stage]:
    merchants = [Merchant(), Merchant()]
    connector = MoneroConnector(CHAIN, node_at(monerod.url), lambda _: [m.pair.view_secret for m in merchants])
    if monerod.pool():
        monerod.mine()
    yield Stage(monerod, connector, merchants)
    node_at(monerod.url).close()


@pytest.fixture(scope="module")
def paid(monerod: MoneroNode) -> int:
    """The height of a block with one payment."""
    monerod.mine()
    monerod.pay(Merchant().address(0), XMR)
    monerod.mine()
    return monerod.height()


def test_the_right_node_passes(stage: Stage) -> None:
    stage.connector.check()


WRONG: dict[str, dict[str, Any]] = {
    "genesis": {"genesis": "ab" * 32},
    "network": {"live": True},
    "version": {"minimum_node_version": 4 << 16},
}


@pytest.mark.parametrize("name", WRONG)
def test_threat_22_a_wrong_node_is_refused_for_good(stage: Stage, name: str) -> None:
    with pytest.raises(NodeError) as caught:
        MoneroConnector(replace(CHAIN, **WRONG[name]), node_at(stage.node.url), lambda _: []).check()
    assert caught.value.permanent


def test_tip_and_hashes(stage: Stage) -> None:
    *_, newest = stage.node.mine(2)
    tip = stage.connector.tip()
    assert (tip.ref.height, tip.ref.hash, tip.final_height) == (stage.node.height(), newest, None)
    assert stage.connector.hash_at(tip.ref.height) == newest
    assert stage.connector.hash_at(tip.ref.height + 1) is None
    assert stage.connector.hash_at(0) == CHAIN.genesis
    block = stage.connector.block(tip.ref.height)
    assert (block.ref, block.parent_hash) == (tip.ref, stage.connector.hash_at(tip.ref.height - 1))
    assert (block.time, len(block.parked)) == (tip.time, 0)
    with pytest.raises(RpcRefused):
        stage.connector.block(tip.ref.height + 1)


def test_a_payment_is_seen_and_then_mined(stage: Stage) -> None:
    merchant = stage.merchants[0]
    txid = stage.node.pay(merchant.address(3), 1_234_567_890_123)
    pool = stage.connector.mempool(NOBODY)
    [seen] = pool.transfers_to(stage.watched())
    assert (seen.txid, seen.base_units, seen.destination) == (txid, 1_234_567_890_123, merchant.destination(3))
    assert pool.inspected == {txid}
    assert pool.destinations() >= {merchant.destination(3)}
    assert not stage.connector.mempool({txid}).inspected
    assert stage.connector.waiting({txid, "ab" * 32}) == {txid}
    stage.node.mine()
    assert stage.in_tip() == [seen]
    assert txid in stage.connector.block(stage.node.height()).txids()
    assert stage.connector.waiting({txid}) == set()


def test_one_transaction_pays_many_subaddresses_of_two_merchants(stage: Stage) -> None:
    """Then every output has a public key of its own."""
    paid = [(merchant.address(index), XMR + index) for merchant in stage.merchants for index in range(4)]
    stage.node.pay([*paid, (stage.merchants[0].address(0), 5 * XMR)])
    for merchant, index in ((stage.merchants[0], 5), (stage.merchants[1], 6)):
        stage.node.pay(merchant.address(index), 7 * XMR)
    stage.node.mine()
    found = stage.in_tip()
    wanted = [(merchant.destination(index), XMR + index) for merchant in stage.merchants for index in range(4)]
    wanted += [(stage.merchants[0].destination(0), 5 * XMR)]
    wanted += [(stage.merchants[0].destination(5), 7 * XMR), (stage.merchants[1].destination(6), 7 * XMR)]
    assert sorted((t.destination, t.base_units) for t in found) == sorted(wanted)
    assert len({t.key for t in found}) == len(found)


def test_the_sum_is_what_moneros_own_wallet_finds(stage: Stage, tmp_path: Path) -> None:
    """A view-only wallet of the project's own finds the same outputs of the same amounts; the difference is 0."""
    merchant = stage.merchants[0]
    first = stage.node.height() + 1
    for turn in range(2):
        stage.node.pay([(merchant.address(secrets.randbelow(8)), secrets.randbelow(XMR) + 1) for _ in range(4)])
        stage.node.pay(merchant.address(turn), XMR + secrets.randbelow(XMR))
        stage.node.mine()
    ours = [transfer for height in range(first, stage.node.height() + 1) for transfer in stage.in_block(height)]
    running = starting.start_view_only(tmp_path / "wallets", stage.node.url)
    wallet = MoneroFaucet(Calls(stage.node.url), Calls(running.url))
    try:
        wallet.wallet(
            "generate_from_keys", restore_height=first - 1, filename="view", password="",
            address=merchant.primary, viewkey=merchant.pair.view_secret.hex(),
        )  # fmt: skip
        wallet.wallet("refresh")
        found = wallet.wallet("incoming_transfers", transfer_type="all")["transfers"]
        balance = wallet.wallet("get_balance", account_index=0)["balance"]
    finally:
        wallet.close()
        running.stop()
    assert sum(transfer.base_units for transfer in ours) - balance == 0
    assert sorted((t.txid, t.key, t.base_units) for t in ours) == sorted(
        (one["tx_hash"], one["pubkey"], one["amount"]) for one in found
    )
    numbers = {merchant.destination(index): index + 1 for index in range(8)}
    assert sorted((t.key, numbers[t.destination]) for t in ours) == sorted(
        (one["pubkey"], one["subaddr_index"]["minor"]) for one in found
    )


def test_a_miners_coins_count_at_their_maturity(stage: Stage) -> None:
    """Miners are paid at primary addresses, which nobody is given; watched here to see the rule."""
    merchant = stage.merchants[0]
    stage.node.mine(1, merchant.primary)
    block = stage.connector.block(stage.node.height())
    spend = merchant.pair.spend_public_key
    [found] = block.transfers_to({one for one in block.destinations() if one.startswith(spend)})
    assert found.maturity_blocks == 60
    assert found.base_units > XMR // 2


def test_threat_18_a_flagged_double_spend_is_held(stage: Stage) -> None:
    merchant = stage.merchants[0]
    rivals = stage.node.rivals(merchant.address(1), XMR)
    stage.node.resend(rivals.raw)
    assert [t.txid for t in stage.connector.mempool(NOBODY).transfers_to(stage.watched())] == [rivals.txid]
    with pytest.raises(RpcRefused):
        stage.node.resend(rivals.rival_raw)
    pool = stage.connector.mempool(NOBODY)
    assert pool.transfers_to(stage.watched()) == []
    assert rivals.txid not in pool.inspected
    assert stage.connector.waiting({rivals.txid}) == set()
    stage.node.mine()  # it may win all the same
    assert [t.txid for t in stage.in_tip()] == [rivals.txid]


def test_threat_18_a_locked_transfer_is_not_credited(fake_node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real one, recorded: later wallets refuse to make it, and later nodes to relay it; a block may still hold it."""
    height, block, txid = RECORDED["height"], RECORDED["block"], RECORDED["txid"]
    view_key, watched = bytes.fromhex(RECORDED["view_key"]), {monero.parse(RECORDED["address"], CHAIN)}
    entry = {"tx_hash": txid, "pruned_as_hex": RECORDED["pruned"], "prunable_hash": RECORDED["prunable_hash"]}
    entry |= {"in_pool": False, "double_spend_seen": False}
    name = MoneroConnector(CHAIN, node_at(fake_node.url), lambda _: [view_key])
    fake_node.answer = _recorded(block, entry)
    monkeypatch.setattr(name, "_hash", lambda _: _hash_of(block))
    found = name.block(height)
    assert watched <= found.destinations()
    assert found.transfers_to(watched) == []
    node_at(fake_node.url).close()


def _recorded(block: str, entry: dict[str, Any]) -> Callable[[Any], tuple[int, bytes]]:
    def answer(request: Any) -> tuple[int, bytes]:
        if "txs_hashes" in request:
            return 200, json.dumps({"status": "OK", "txs": [entry]}).encode()
        return 200, json.dumps({"id": "0", "result": {"status": "OK", "blob": block}}).encode()

    return answer


def _hash_of(block: str) -> str:
    from monitor.connectors.monero_blocks import read_block

    return read_block(bytes.fromhex(block)).hash


@pytest.fixture
def relay(fake_node: Any, stage: Stage) -> Iterator[Callable[..., MoneroConnector]]:
    """A node that passes on to the real one, but for what `lie` changes in an answer of that call."""
    honest = JsonRpc(stage.node.url)

    def before(call: str, lie: Callable[[Any], Any]) -> MoneroConnector:
        def answer(request: Any) -> tuple[int, bytes]:
            path = fake_node.paths[-1].strip("/")
            said = honest.ask(path, request, returns=dict)
            if call == path:
                said = lie(said)
            elif request.get("method") == call:
                said = {**said, "result": lie(said["result"])}
            return 200, json.dumps(said).encode()

        fake_node.answer = answer
        return MoneroConnector(CHAIN, node_at(fake_node.url), lambda _: [])

    yield before
    honest.close()
    node_at(fake_node.url).close()


def _first(change: Callable[[dict[str, Any]], Any]) -> Callable[[Any], Any]:
    """Changes the first transaction of the answer."""

    def lie(said: Any) -> Any:
        change(said["txs"][0])
        return said

    return lie


LIES: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "another block": ("get_block", lambda said: {**said, "blob": RECORDED["block"]}),
    "a cut block": ("get_block", lambda said: {**said, "blob": said["blob"][:-2]}),
    "no hexadecimal": ("get_block", lambda said: {**said, "blob": "x" + said["blob"][1:]}),
    "busy": ("get_block", lambda said: {**said, "status": "BUSY"}),
    "somebody else's answer": ("get_block", lambda said: {**said, "untrusted": True}),
    "no block": ("get_block", lambda said: {"status": "OK"}),
    "a hash that is none": ("on_get_block_hash", lambda said: "zz" * 32),
    "another hash": ("on_get_block_hash", lambda said: "ab" * 32),
    "a number for a hash": ("on_get_block_hash", lambda said: 7),
    "a transaction missing": ("get_transactions", lambda said: {**said, "txs": [], "missed_tx": ["ab" * 32]}),
    "a transaction twice": ("get_transactions", lambda said: {**said, "txs": said["txs"] * 2}),
    "untrusted transactions": ("get_transactions", lambda said: {**said, "untrusted": True}),
    "another transaction": ("get_transactions", _first(lambda tx: tx.update(pruned_as_hex=RECORDED["pruned"]))),
    "another name": ("get_transactions", _first(lambda tx: tx.update(tx_hash="ab" * 32))),
    "other proofs": ("get_transactions", _first(lambda tx: tx.update(prunable_hash="ab" * 32))),
    "no proofs": ("get_transactions", _first(lambda tx: tx.update(prunable_hash=""))),
    "a byte more": ("get_transactions", _first(lambda tx: tx.update(pruned_as_hex=tx["pruned_as_hex"] + "00"))),
    "another amount": (
        "get_transactions",
        _first(lambda tx: tx.update(pruned_as_hex=tx["pruned_as_hex"][:-200] + "00" + tx["pruned_as_hex"][-198:])),
    ),
}


@pytest.mark.parametrize("name", LIES)
def test_threat_22_a_lie_about_a_block_is_a_node_error(relay: Any, paid: int, name: str) -> None:
    with pytest.raises(NodeError) as caught:
        relay(*LIES[name]).block(paid)
    assert not caught.value.permanent


def test_a_transaction_of_an_unknown_form_is_parked(relay: Any, paid: int) -> None:
    """The block's others are read."""
    tomorrow = _first(lambda tx: tx.update(pruned_as_hex="03" + tx["pruned_as_hex"][2:]))
    block = relay("get_transactions", tomorrow).block(paid)
    assert [(parked.txid in block.txids(), parked.raw[:1]) for parked in block.parked] == [(True, b"\x03")]
    assert "version 3" in block.parked[0].reason


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"result":null}',
        b'{"result":{"status":"OK"}}',
        b'{"error":{"code":-1,"message":"no"}}',
    ],
)
@pytest.mark.parametrize("ask", ["check", "tip", "block", "mempool", "waiting", "hash_at"])
def test_threat_22_garbage_is_a_node_error(fake_node: Any, answer: bytes, ask: str) -> None:
    fake_node.answer = lambda _: (200, answer)
    connector = MoneroConnector(CHAIN, node_at(fake_node.url), lambda _: [])
    arguments: dict[str, tuple[Any, ...]] = {
        "block": (1,), "hash_at": (1,), "mempool": (NOBODY,), "waiting": ({"ab" * 32},),
    }  # fmt: skip
    with pytest.raises(NodeError) as caught:
        getattr(connector, ask)(*arguments.get(ask, ()))
    assert not caught.value.permanent
    node_at(fake_node.url).close()


def test_a_node_that_is_down_is_a_node_error(monerod: MoneroNode) -> None:
    connector = connect(CHAIN, "http://127.0.0.1:1")
    for ask in (connector.check, connector.tip, lambda: connector.block(1), lambda: connector.mempool(NOBODY)):
        with pytest.raises(NodeError) as caught:
            ask()
        assert not caught.value.permanent


def test_without_view_keys_nothing_is_read(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewing, "_sources", [])
    connector = connect(CHAIN, stage.node.url)
    connector.check()
    with pytest.raises(ViewKeysUnreadable):
        connector.block(stage.node.height())


def test_a_view_key_that_is_none_is_not_shown(stage: Stage) -> None:
    secret = b"\xff" * 32
    connector = MoneroConnector(CHAIN, node_at(stage.node.url), lambda _: [secret])
    with pytest.raises(NodeError) as caught:
        connector.block(stage.node.height())
    assert secret.hex() not in str(caught.value)


def test_a_block_of_many_transactions_is_proved(stage: Stage) -> None:
    """Their tree has several levels; more than one account scans it, well within the interval."""
    txids = {stage.node.pay(stage.merchants[0].address(1), XMR // 100) for _ in range(6)}
    stage.node.mine()
    ten = [*stage.merchants, *(Merchant() for _ in range(8))]
    connector = MoneroConnector(CHAIN, node_at(stage.node.url), lambda _: [m.pair.view_secret for m in ten])
    begin = time.process_time()
    block = connector.block(stage.node.height())
    assert time.process_time() - begin < CHAIN.interval_seconds / 20
    assert {t.txid for t in block.transfers_to(stage.watched())} == txids
