"""Two real nodes, apart from each other: a large deposit counts only when both have it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from django.conf import LazySettings

from cryptopay.devnet import nodes, places, programs
from cryptopay.devnet.drive import BitcoinNode
from ledger.models import Book
from monitor import agreement, deposits
from monitor.chains import CHAINS
from monitor.connectors.jsonrpc import RpcRefused
from monitor.models import Deposit
from monitor.watching import watch
from tests.lying_node import LyingNode
from tests.monitor.conftest import Watching

pytestmark = pytest.mark.django_db

SEEN, CONFIRMED, REORGED = ("seen", "confirmed", "reorged")
LIMIT = 1_000_000


@pytest.fixture(scope="module")
def isolated() -> Iterator[BitcoinNode]:
    """A second bitcoind that hears of nobody: it mines a branch of its own until it is fed."""
    folder = places.temporary_folder("bitcoind")
    running = nodes.start_bitcoin(programs.BITCOIND, folder)
    node = BitcoinNode(running.url)
    yield node
    node.close()
    running.child.stop(patience_seconds=5)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def second(bitcoin: Watching, bitcoind: BitcoinNode, isolated: BitcoinNode, settings: LazySettings) -> BitcoinNode:
    """The second node, on the first one's branch, asked above the limit."""
    settings.NODE_URLS = {bitcoin.chain.code: bitcoind.url}
    settings.SECOND_NODE_URLS = {bitcoin.chain.code: isolated.url}
    settings.AGREEMENT_ABOVE = {bitcoin.chain.code: LIMIT}
    feed(bitcoind, isolated)
    return isolated


def feed(source: BitcoinNode, sink: BitcoinNode) -> None:
    """Tell all of the source's blocks; the sink follows if that is more work than it has."""
    for height in range(1, source.height() + 1):
        name = source.rpc("getblockhash", height)
        try:
            sink.rpc("getblockheader", name)
        except RpcRefused:
            sink.rpc("submitblock", source.rpc("getblock", name, 0))
    assert sink.rpc("getbestblockhash") == source.rpc("getbestblockhash")


def _pay(node: BitcoinNode, watching: Watching, base_units: int) -> str:
    address = node.new_address()
    watching.hear_of(address)
    return f"{node.pay(address, base_units)}:0"


def test_threat_22_a_large_deposit_counts_when_both_nodes_have_it(
    bitcoin: Watching, bitcoind: BitcoinNode, second: BitcoinNode
) -> None:
    small, large = _pay(bitcoind, bitcoin, LIMIT), _pay(bitcoind, bitcoin, LIMIT + 1)
    second.mine()  # a block of its own at the height of the payments: one of the two is eclipsed
    bitcoind.mine(2)
    bitcoin.step()
    assert (bitcoin.state(small), bitcoin.state(large)) == (CONFIRMED, SEEN)
    held = bitcoin.deposit(large)
    assert held.held_because == agreement.DISAGREES
    assert held.held_since is not None
    assert bitcoin.cursor.failing_since is None, "reading goes on"

    feed(bitcoind, second)
    bitcoin.step()
    agreed = bitcoin.deposit(large)
    assert (agreed.state, agreed.agreed_hash) == (CONFIRMED, agreed.block_hash)
    assert (agreed.held_since, agreed.held_because) == (None, "")
    assert bitcoin.told(large) == [(SEEN, 1), (CONFIRMED, 1)]


def test_threat_22_blocks_that_the_first_node_alone_shows_credit_nothing_large(
    bitcoin: Watching, bitcoind: BitcoinNode, second: BitcoinNode
) -> None:
    """The first node was eclipsed: its branch loses, and with it the payment."""
    key = _pay(bitcoind, bitcoin, LIMIT + 1)
    conflicting = bitcoind.conflicting(key.partition(":")[0])
    bitcoind.mine(6)
    bitcoin.step()
    assert bitcoin.state(key) == SEEN
    assert bitcoin.deposit(key).held_because == agreement.BEHIND
    second.mine(5)
    bitcoin.step()
    assert bitcoin.deposit(key).held_because == agreement.DISAGREES
    bitcoind.reorg(6, transactions=[conflicting])
    feed(bitcoind, second)
    bitcoin.step()
    assert bitcoin.told(key) == [(SEEN, 1), ("dropped", 1)]


def test_an_agreement_ends_with_its_block(bitcoin: Watching, bitcoind: BitcoinNode, second: BitcoinNode) -> None:
    key = _pay(bitcoind, bitcoin, LIMIT + 1)
    bitcoind.mine(2)
    feed(bitcoind, second)
    bitcoin.step()
    assert bitcoin.state(key) == CONFIRMED
    bitcoind.reorg(2, transactions=[bitcoind.rpc("getrawtransaction", key.partition(":")[0])])
    bitcoin.step()
    assert bitcoin.told(key) == [(SEEN, 1), (CONFIRMED, 1), (REORGED, 1), (SEEN, 2)]
    feed(bitcoind, second)
    bitcoin.step()
    assert bitcoin.told(key)[-1] == (CONFIRMED, 2)


@pytest.mark.parametrize("failure", ["refused", "garbage", "another chain"])
def test_threat_22_without_the_second_node_large_deposits_are_held_and_go_on_by_themselves(
    bitcoin: Watching,
    bitcoind: BitcoinNode,
    second: BitcoinNode,
    lying: Callable[[str], LyingNode],
    settings: LazySettings,
    failure: str,
) -> None:
    between = lying(second.url)
    settings.SECOND_NODE_URLS = {bitcoin.chain.code: between.url}
    if failure == "another chain":
        between.lie("getblockhash", lambda params, true: "00" * 32 if params == [0] else true)
    else:
        between.fail(failure)
    small, large = _pay(bitcoind, bitcoin, LIMIT), _pay(bitcoind, bitcoin, LIMIT + 1)
    bitcoind.mine(2)
    feed(bitcoind, second)
    bitcoin.step()
    assert (bitcoin.state(small), bitcoin.state(large)) == (CONFIRMED, SEEN)
    assert bitcoin.deposit(large).held_because == agreement.SILENT
    cursor = bitcoin.cursor
    assert cursor.second_failing_since is not None
    assert cursor.second_failure
    assert (cursor.failing_since, cursor.halted_at, cursor.height) == (None, None, bitcoind.height())
    between.fail("open")
    between.alter = None
    bitcoin.step()
    assert bitcoin.state(large) == CONFIRMED
    assert (bitcoin.cursor.second_failing_since, bitcoin.cursor.second_failure) == (None, "")


def test_tokens_need_both_whatever_their_amount(settings: LazySettings) -> None:
    """A limit in the chain's own coin says nothing of a token's units."""
    chain, token = CHAINS["ethereum-dev"], "0x" + "11" * 20
    settings.SECOND_NODE_URLS, settings.AGREEMENT_ABOVE = {chain.code: "http://127.0.0.1:9"}, {chain.code: LIMIT}
    book = Book.objects.create(name="Alice")
    watched = watch(book.pk, chain, "address", b"destination")
    rows = {"own": ("", ""), "token": (token, ""), "agreed": (token, "hash"), "another block": (token, "orphan")}
    for key, (contract, agreed_hash) in rows.items():
        Deposit.objects.create(
            book=book,
            watched=watched,
            chain_code=chain.code,
            key=key,
            txid=key,
            contract=contract,
            base_units=1,
            block_height=1,
            block_hash="hash",
            agreed_hash=agreed_hash,
        )
    assert set(Deposit.objects.filter(deposits.agreed(chain)).values_list("key", flat=True)) == {"own", "agreed"}
    settings.SECOND_NODE_URLS = {}
    assert Deposit.objects.filter(deposits.agreed(chain)).count() == len(rows)


@pytest.mark.parametrize(
    "half",
    [
        {"BITCOIN_AGREEMENT_ABOVE": "5", "BITCOIN_NODE_URL": "http://127.0.0.1:1"},
        {"BITCOIN_SECOND_NODE_URL": "http://127.0.0.1:1"},
        {
            "BITCOIN_AGREEMENT_ABOVE": "-1",
            "BITCOIN_NODE_URL": "http://127.0.0.1:1",
            "BITCOIN_SECOND_NODE_URL": "http://127.0.0.1:2",
        },
    ],
)
def test_a_limit_without_its_second_node_refuses_to_boot(half: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import cryptopay.settings"],
        env={**os.environ, **half},
        cwd=places.CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "BITCOIN_SECOND_NODE_URL" in done.stderr
