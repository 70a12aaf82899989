"""A node that tells what is not so. Whatever it says, nothing is credited that the true chain does not hold."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from cryptopay.devnet.drive import BitcoinNode, EthereumNode
from monitor.connectors import connect
from monitor.models import ChainEvent, Deposit
from tests.lying_node import LyingNode
from tests.monitor.conftest import Watching, dump

pytestmark = pytest.mark.django_db

SEEN, CONFIRMED, DROPPED = ("seen", "confirmed", "dropped")
COINS = 5_000_000


@pytest.fixture
def lied_to(
    bitcoin: Watching, bitcoind: BitcoinNode, lying: Callable[[str], LyingNode]
) -> Iterator[tuple[Watching, LyingNode]]:
    node = lying(bitcoind.url)
    bitcoin.connector = connect(bitcoin.chain, node.url)
    bitcoin.step()
    assert bitcoin.cursor.failing_since is None
    return bitcoin, node


def _pay(node: BitcoinNode, watching: Watching, base_units: int = COINS) -> str:
    address = node.new_address()
    watching.hear_of(address)
    return f"{node.pay(address, base_units)}:0"


def _more_coins(params: list[Any], true: str) -> str:
    """The same block or transaction with another amount in one output."""
    return true.replace(COINS.to_bytes(8, "little").hex(), (COINS * 9).to_bytes(8, "little").hex())


def _half(params: list[Any], true: str) -> str:
    return true[: len(true) // 2]


def _ends_in_nonsense(params: list[Any], true: str) -> str:
    return true + "00"


def _not_hexadecimal(params: list[Any], true: str) -> str:
    return "zz" + true[2:]


@pytest.mark.parametrize("lie", [_more_coins, _half, _ends_in_nonsense, _not_hexadecimal])
def test_threat_22_a_false_block_is_not_taken_in(
    lied_to: tuple[Watching, LyingNode], bitcoind: BitcoinNode, lie: Callable[[list[Any], str], str]
) -> None:
    bitcoin, node = lied_to
    key = _pay(bitcoind, bitcoin)
    bitcoind.mine(2)
    before = dump()
    node.lie("getblock", lie)
    bitcoin.step()
    assert dump() == before
    assert bitcoin.cursor.failure_code == "block_unreadable"
    node.alter = None
    bitcoin.step()
    assert bitcoin.told(key) == [(SEEN, 1), (CONFIRMED, 1)]
    assert bitcoin.deposit(key).base_units == COINS
    assert bitcoin.cursor.failure_code == ""


def test_threat_22_another_block_than_asked_for_is_not_taken_in(
    lied_to: tuple[Watching, LyingNode], bitcoind: BitcoinNode
) -> None:
    """True in itself, with the right merkle root, but from elsewhere in the chain."""
    bitcoin, node = lied_to
    elsewhere = bitcoind.rpc("getblock", bitcoind.rpc("getblockhash", 1), 0)
    bitcoind.mine(2)
    before = dump()
    node.lie("getblock", elsewhere)
    bitcoin.step()
    assert dump() == before
    assert bitcoin.cursor.failure_code == "block_unreadable"


@pytest.mark.parametrize("depth", [1, 50, 100_000])
def test_threat_22_a_tip_that_goes_back_is_waited_for(
    lied_to: tuple[Watching, LyingNode], bitcoind: BitcoinNode, depth: int
) -> None:
    """A node that was restored from an old copy, or that an eclipse holds back. Far or near: nothing is taken back."""
    bitcoin, node = lied_to
    key = _pay(bitcoind, bitcoin)
    bitcoind.mine(2)
    bitcoin.step()
    assert bitcoin.state(key) == CONFIRMED
    old = max(0, bitcoind.height() - depth)
    old_hash = bitcoind.rpc("getblockhash", old)
    before = dump()

    def held_back(method: str, params: list[Any], true: Any) -> Any:
        if method == "getbestblockhash":
            return old_hash
        return "ff" * 32 if method == "getblockhash" and params[0] > old else true

    node.alter = held_back
    bitcoin.step()
    assert dump() == before
    assert (bitcoin.cursor.failure_code, bitcoin.cursor.halted_at) == ("node_behind", None)
    node.alter = None
    bitcoin.step()
    assert (bitcoin.cursor.failing_since, bitcoin.cursor.failure_code) == (None, "")
    assert bitcoin.told(key) == [(SEEN, 1), (CONFIRMED, 1)]


@pytest.mark.parametrize(("hours", "reads"), [(1.9, True), (2.1, False)])
def test_threat_22_a_live_chain_has_no_blocks_of_the_future(
    lied_to: tuple[Watching, LyingNode], bitcoind: BitcoinNode, hours: float, reads: bool
) -> None:
    bitcoin, node = lied_to
    bitcoin.chain = replace(bitcoin.chain, live=True)
    bitcoin.connector = connect(bitcoin.chain, node.url)
    bitcoin.connector.check = lambda: None  # type: ignore[method-assign]  # that regtest is not live stands elsewhere
    seconds = int((timezone.now() + timedelta(hours=hours)).timestamp())
    node.lie("getblockheader", lambda params, true: {**true, "time": seconds})
    bitcoind.mine()
    before = bitcoin.cursor.height
    bitcoin.step()
    assert (bitcoin.cursor.height != before) == reads
    assert bitcoin.cursor.failure_code == ("" if reads else "tip_stale")


def test_threat_22_another_chain_behind_the_url_after_the_start_halts(
    lied_to: tuple[Watching, LyingNode], bitcoind: BitcoinNode, litecoind: BitcoinNode
) -> None:
    bitcoin, node = lied_to
    key = _pay(bitcoind, bitcoin)
    bitcoind.mine(2)
    bitcoin.step()
    before = dump()["Deposit"]
    node.upstream = litecoind.url
    bitcoin.step()
    assert dump()["Deposit"] == before
    assert bitcoin.cursor.halted_at is not None
    assert bitcoin.told(key) == [(SEEN, 1), (CONFIRMED, 1)]


def test_threat_22_a_mempool_that_makes_payments_up_is_seen_and_never_money(
    lied_to: tuple[Watching, LyingNode], bitcoind: BitcoinNode
) -> None:
    """Signed and well formed, but the network never hears of it: the liar alone shows it."""
    bitcoin, node = lied_to
    address = bitcoind.new_address()
    bitcoin.hear_of(address)
    txid = bitcoind.pay(bitcoind.new_address(), COINS)
    raw = bitcoind.conflicting(txid, address)
    made_up = bitcoind.rpc("decoderawtransaction", raw)["txid"]

    def shown(method: str, params: list[Any], true: Any) -> Any:
        if method == "getrawmempool":
            return [made_up]
        return raw if method == "getrawtransaction" and params[0] == made_up else true

    node.alter = shown
    bitcoin.step()
    assert [kind for kind, _ in bitcoin.told()] == [SEEN]
    bitcoind.mine(8)
    bitcoin.step()
    assert [kind for kind, _ in bitcoin.told()] == [SEEN, DROPPED]
    assert Deposit.objects.get().state == DROPPED


@pytest.mark.parametrize("lie", [_more_coins, _half, _not_hexadecimal])
def test_threat_22_a_mempool_that_changes_payments_is_not_believed(
    lied_to: tuple[Watching, LyingNode], bitcoind: BitcoinNode, lie: Callable[[list[Any], str], str]
) -> None:
    bitcoin, node = lied_to
    node.lie("getrawtransaction", lie)
    key = _pay(bitcoind, bitcoin)
    bitcoin.step()
    assert not ChainEvent.objects.exists()
    assert bitcoin.cursor.failure_code == "block_unreadable"
    node.alter = None
    bitcoin.step()
    assert bitcoin.deposit(key).base_units == COINS


def test_threat_22_a_mempool_that_hides_payments_hides_no_money(
    lied_to: tuple[Watching, LyingNode], bitcoind: BitcoinNode
) -> None:
    bitcoin, node = lied_to
    key = _pay(bitcoind, bitcoin)
    node.lie("getrawmempool", [])
    bitcoin.step()
    assert bitcoin.told() == []
    bitcoind.mine(2)
    bitcoin.step()
    assert bitcoin.told(key) == [(SEEN, 1), (CONFIRMED, 1)]


def test_threat_12_a_node_that_calls_all_blocks_final_contradicts_itself(
    ethereum: Watching, anvil: EthereumNode, lying: Callable[[str], LyingNode]
) -> None:
    address = "0x" + "33" * 20
    ethereum.hear_of(address)
    node = lying(anvil.url)
    ethereum.connector = connect(ethereum.chain, node.url)
    anvil.pay(address, 10**18)
    anvil.mine()
    beyond = {**anvil.rpc("eth_getBlockByNumber", "latest", False), "number": hex(anvil.height() + 5)}
    node.lie("eth_getBlockByNumber", lambda params, true: beyond if params[0] == "finalized" else true)
    ethereum.step()
    assert ethereum.cursor.failing_since is not None
    assert not ChainEvent.objects.filter(kind=CONFIRMED).exists()
