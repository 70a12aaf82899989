"""Nodes that are down, lie or stand still: nothing is concluded from that, and the cursor says why."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.utils import timezone

from cryptopay.devnet.drive import BitcoinNode, EthereumNode
from monitor import nodes, tasks
from monitor.chains import CHAINS
from monitor.connectors import connect
from monitor.connectors.base import BlockRef, Tip
from monitor.connectors.bitcoin import BitcoinConnector
from monitor.connectors.jsonrpc import JsonRpc
from monitor.errors import ChainHalted, ChainOff
from monitor.models import ChainEvent, Cursor
from tests.lying_node import LyingNode
from tests.monitor.conftest import Watching, dump

pytestmark = pytest.mark.django_db

SEEN, CONFIRMED, DROPPED = ("seen", "confirmed", "dropped")


@pytest.fixture
def through(
    bitcoin: Watching, bitcoind: BitcoinNode, lying: Callable[[str], LyingNode]
) -> Iterator[tuple[Watching, LyingNode]]:
    """The same chain through a proxy, with a short patience."""
    proxy = lying(bitcoind.url)
    rpc = JsonRpc(proxy.url, connect_seconds=1, read_seconds=2, answer_seconds=1, max_answer_bytes=8_000_000)
    watching = Watching(bitcoin.chain, BitcoinConnector(bitcoin.chain, rpc), bitcoin.book, bitcoin.destination)
    watching.step()
    assert watching.cursor.failing_since is None
    yield watching, proxy
    rpc.close()


@pytest.mark.parametrize("failure", ["refused", "garbage", "silent", "headers", "drip", "reset", "flood"])
def test_threat_05_while_the_node_is_away_nothing_advances(
    through: tuple[Watching, LyingNode], bitcoind: BitcoinNode, failure: str
) -> None:
    """A payment is replaced while nobody can be asked: it is neither dropped nor confirmed until the node says so."""
    watching, proxy = through
    address = bitcoind.new_address()
    watching.hear_of(address)
    txid = bitcoind.pay(address, 1_000_000)
    watching.step()
    before = dump()
    proxy.fail(failure)
    bitcoind.replace(txid, bitcoind.new_address())
    for _ in range(2):
        watching.step()
    bitcoind.mine(2)
    watching.step()
    cursor = watching.cursor
    assert dump() == before
    assert (cursor.failing_since is not None, cursor.halted_at) == (True, None)
    assert cursor.failure
    assert "devnet" not in cursor.failure, "a login"

    proxy.fail("open")
    watching.step()
    assert watching.told(f"{txid}:0") == [(SEEN, 1), (DROPPED, 1)]
    assert (watching.cursor.failing_since, watching.cursor.failure) == (None, "")


def test_threat_05_a_node_lost_at_any_request_of_a_step_leaves_whole_blocks_only(
    through: tuple[Watching, LyingNode], bitcoind: BitcoinNode
) -> None:
    watching, _ = through
    address = bitcoind.new_address()
    watching.hear_of(address)
    key = f"{bitcoind.pay(address, 1_000_000)}:0"
    watching.step()
    bitcoind.mine(2)
    steps = 0
    while watching.state(key) == SEEN:
        failing = Watching(watching.chain, _Failing(watching, after=steps), watching.book, watching.destination)  # type: ignore[arg-type]
        failing.step()
        height = watching.cursor.height
        assert (watching.state(key) == CONFIRMED) == (height == bitcoind.height())
        assert watching.told(key) in ([(SEEN, 1)], [(SEEN, 1), (CONFIRMED, 1)])
        steps += 1
        assert steps < 20
    assert steps > 2


class _Failing:
    """Answers so often, and then is gone."""

    def __init__(self, watching: Watching, after: int) -> None:
        self._node, self._left = watching.connector, after

    def __getattr__(self, name: str) -> object:
        method = getattr(self._node, name)

        def ask(*arguments: object) -> object:
            self._left -= 1
            if self._left < 0:
                return connect(CHAINS["bitcoin-regtest"], "http://127.0.0.1:9").tip()
            return method(*arguments)

        return ask


def test_threat_22_another_chain_behind_the_url_halts_until_a_person_says_so(
    bitcoin: Watching, litecoind: BitcoinNode
) -> None:
    before = dump()["ReadBlock"]
    wrong = Watching(bitcoin.chain, connect(bitcoin.chain, litecoind.url), bitcoin.book, bitcoin.destination)
    wrong.step()
    cursor = bitcoin.cursor
    assert cursor.halted_at is not None
    assert "another chain" in cursor.failure
    assert dump()["ReadBlock"] == before
    with pytest.raises(ChainHalted):
        bitcoin.step()


def test_threat_22_another_chain_id_halts(ethereum: Watching, anvil: EthereumNode) -> None:
    ethereum.chain = replace(ethereum.chain, chain_id=1)
    ethereum.connector = connect(ethereum.chain, anvil.url)
    ethereum.step()
    assert ethereum.cursor.halted_at is not None
    assert "31337" in ethereum.cursor.failure


def test_threat_22_another_chain_of_the_same_genesis_halts(bitcoin: Watching, bitcoind: BitcoinNode) -> None:
    """No block that was read is known to the node."""
    bitcoin.connector = _Elsewhere(bitcoin)  # type: ignore[assignment]
    bitcoin.step()
    assert bitcoin.cursor.halted_at is not None
    assert bitcoin.cursor.height == bitcoind.height()


class _Elsewhere:
    def __init__(self, watching: Watching) -> None:
        self._node = watching.connector

    def __getattr__(self, name: str) -> object:
        return getattr(self._node, name)

    def hash_at(self, height: int) -> str:
        return f"{height:064x}"


@pytest.mark.parametrize(("intervals", "advances"), [(5.9, True), (6.1, False)])
def test_threat_22_a_stale_tip_of_a_live_chain_is_not_read(
    bitcoin: Watching, bitcoind: BitcoinNode, intervals: float, advances: bool
) -> None:
    bitcoin.chain = replace(bitcoin.chain, live=True)
    bitcoin.connector = _Aged(bitcoin, timedelta(seconds=intervals * bitcoin.chain.interval_seconds))  # type: ignore[assignment]
    before = bitcoin.cursor.height
    bitcoind.mine()
    bitcoin.step()
    cursor = bitcoin.cursor
    assert (cursor.height != before) == advances
    assert (cursor.failing_since is None) == advances
    assert cursor.halted_at is None


class _Aged:
    """A node whose newest block is that old."""

    def __init__(self, watching: Watching, age: timedelta) -> None:
        self._node, self._age = watching.connector, age

    def __getattr__(self, name: str) -> object:
        return getattr(self._node, name)

    def check(self) -> None: ...

    def tip(self) -> Tip:
        tip = self._node.tip()
        return Tip(BlockRef(tip.ref.height, tip.ref.hash), timezone.now() - self._age)


def test_a_block_that_does_not_follow_the_last_one_is_not_taken_in(bitcoin: Watching, bitcoind: BitcoinNode) -> None:
    """The chain turned between two questions: nothing is read until the next step has walked back."""
    before = bitcoin.cursor.height
    bitcoind.mine(2)
    node = bitcoin.connector
    bitcoin.connector = _Skipping(bitcoin)  # type: ignore[assignment]
    assert bitcoin.step().blocks == 0
    assert bitcoin.cursor.height == before
    bitcoin.connector = node
    assert bitcoin.step().blocks == 2


class _Skipping:
    def __init__(self, watching: Watching) -> None:
        self._node = watching.connector

    def __getattr__(self, name: str) -> object:
        return getattr(self._node, name)

    def block(self, height: int) -> object:
        return self._node.block(height + 1)


def test_a_chain_without_a_node_is_off(settings: LazySettings) -> None:
    settings.NODE_URLS = {"bitcoin-regtest": "http://127.0.0.1:9"}
    assert [chain.code for chain in nodes.switched_on()] == ["bitcoin-regtest"]
    for code in ("litecoin-regtest", "dogecoin"):
        with pytest.raises(ChainOff) as refusal:
            nodes.chain(code)
        assert refusal.value.code == "chain_unavailable"


def test_the_doorbell_survives_chains_that_are_off_down_or_halted(settings: LazySettings) -> None:
    settings.NODE_URLS = {"bitcoin-regtest": "http://127.0.0.1:9"}
    tasks.step("dogecoin")
    tasks.step("bitcoin-regtest")
    assert Cursor.objects.get().failing_since is not None
    Cursor.objects.update(halted_at=timezone.now())
    tasks.step("bitcoin-regtest")
    assert not ChainEvent.objects.exists()
