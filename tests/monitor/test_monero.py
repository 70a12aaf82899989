"""Monero followed on a real node: seen, confirmed, taken back, double-spent. What the follower does for every chain is
tried in its own tests; here stands what Monero's node does differently."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from cryptopay.devnet.monero import MoneroNode
from keys.formats import monero
from ledger.models import Book
from monitor import deposits
from monitor.chains import CHAINS, Chain, Tier
from monitor.connectors.base import BlockRef, Transfer
from monitor.connectors.jsonrpc import RpcRefused, node_at
from monitor.connectors.monero import MoneroConnector
from monitor.deposits import Sighting
from monitor.models import Deposit
from monitor.viewing import ViewKeysUnreadable
from monitor.watching import watched
from tests.monitor.conftest import Watching
from tests.monitor.connectors.monero_sender import base, random_scalar

pytestmark = pytest.mark.django_db

XMR = 10**12
CHAIN = CHAINS["monero-regtest"]
SHALLOW = replace(CHAIN, confirmation_tiers=(Tier(None, 3),), confirmations_floor=1)
"""Three confirmations: mining is the slow part of these tests."""
SEEN, CONFIRMED, DROPPED, REORGED = ("seen", "confirmed", "dropped", "reorged")


@dataclass
class Stage:
    node: MoneroNode
    watching: Watching
    keys: list[bytes]
    pair: monero.ViewPair
    given: int = field(default=0)

    def new_address(self) -> str:
        text, destination = monero.deriver(self.pair, CHAIN).address(self.given)
        self.given += 1
        self.watching.destination = lambda _: destination
        self.watching.hear_of(text)
        return text

    def step(self) -> None:
        self.watching.step()

    @property
    def deposit(self) -> Deposit:
        return Deposit.objects.get(book=self.watching.book)


def _stage(node: MoneroNode, chain: Chain) -> Stage:
    if node.pool():
        node.mine()
    pair = monero.ViewPair.of(base(random_scalar()), random_scalar())
    keys = [pair.view_secret]
    connector = MoneroConnector(chain, node_at(node.url), lambda _: keys)
    stage = Stage(node, Watching(chain, connector, Book.objects.create(name="Alice"), lambda _: b""), keys, pair)
    stage.step()
    return stage


@pytest.fixture
def stage(monerod: MoneroNode) -> Iterator[Stage]:
    yield _stage(monerod, SHALLOW)
    node_at(monerod.url).close()


def test_a_small_payment_counts_at_twenty_confirmations(monerod: MoneroNode) -> None:
    stage = _stage(monerod, CHAIN)
    txid = stage.node.pay(stage.new_address(), XMR)
    stage.step()
    assert stage.watching.told() == [(SEEN, 1)]
    assert (stage.deposit.txid, stage.deposit.base_units, stage.deposit.block_height) == (txid, XMR, None)
    stage.node.mine(19)
    stage.step()
    assert (stage.deposit.state, stage.deposit.block_height) == (SEEN, stage.node.height() - 18)
    stage.node.mine()
    stage.step()
    assert stage.watching.told() == [(SEEN, 1), (CONFIRMED, 1)]
    node_at(monerod.url).close()


def test_a_large_payment_waits_for_sixty() -> None:
    assert [tier.confirmations for tier in CHAINS["monero"].confirmation_tiers] == [20, 60]
    assert CHAINS["monero"].confirmations_floor == 10


def test_threat_02_blocks_popped_and_regrown_without_the_payment_take_it_back(stage: Stage) -> None:
    txid = stage.node.pay(stage.new_address(), XMR)
    raw = stage.node.raw(txid)
    stage.node.mine(3)
    stage.step()
    assert stage.deposit.state == CONFIRMED

    stage.node.ask("pop_blocks", nblocks=3)
    stage.node.drop(txid)
    stage.step()
    assert stage.deposit.state == CONFIRMED, "a node that is merely behind proves nothing"
    assert "behind" in stage.watching.cursor.failure

    stage.node.mine(4)
    stage.step()
    assert stage.watching.told() == [(SEEN, 1), (CONFIRMED, 1), (REORGED, 1)]
    assert stage.watching.cursor.failure == ""

    stage.node.resend(raw)
    stage.node.mine(3)
    stage.step()
    assert stage.watching.told() == [(SEEN, 1), (CONFIRMED, 1), (REORGED, 1), (SEEN, 2), (CONFIRMED, 2)]


def test_a_payment_taken_back_into_the_pool_waits_there(stage: Stage) -> None:
    stage.node.pay(stage.new_address(), XMR)
    stage.node.mine(2)
    stage.step()
    stage.node.reorg(2)
    stage.step()
    assert (stage.deposit.state, stage.deposit.block_height) == (SEEN, None)
    stage.node.mine(3)
    stage.step()
    assert stage.watching.told() == [(SEEN, 1), (CONFIRMED, 1)]


def test_threat_18_a_double_spend_in_the_pool_drops_what_was_seen(stage: Stage) -> None:
    rivals = stage.node.rivals(stage.new_address(), XMR)
    stage.node.resend(rivals.raw)
    stage.step()
    assert stage.watching.told() == [(SEEN, 1)]
    with suppress(RpcRefused):  # refused, and that is what flags the first one
        stage.node.resend(rivals.rival_raw)
    stage.step()
    assert stage.watching.told() == [(SEEN, 1), (DROPPED, 1)]

    stage.node.drop(rivals.txid)
    stage.node.resend(rivals.rival_raw)
    stage.node.mine(3)
    stage.step()
    assert stage.watching.told() == [(SEEN, 1), (DROPPED, 1)]


def test_a_flagged_payment_that_is_mined_all_the_same_counts(stage: Stage) -> None:
    rivals = stage.node.rivals(stage.new_address(), XMR)
    stage.node.resend(rivals.raw)
    with suppress(RpcRefused):
        stage.node.resend(rivals.rival_raw)
    stage.step()
    assert stage.watching.told() == []
    stage.node.mine(3)
    stage.step()
    assert stage.watching.told() == [(SEEN, 1), (CONFIRMED, 1)]


def test_a_new_view_key_is_used_from_the_next_block_on(stage: Stage) -> None:
    own, stage.keys[:] = stage.keys[0], []
    stage.node.pay(stage.new_address(), XMR)
    stage.step()
    assert stage.watching.told() == []
    stage.keys.append(own)
    stage.node.mine()
    stage.step()
    assert stage.watching.told() == [(SEEN, 1)]


def test_without_one_view_key_the_chain_waits_and_goes_on_by_itself(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(_: Chain) -> list[bytes]:
        raise ViewKeysUnreadable("a view key cannot be read")

    stage.node.pay(stage.new_address(), XMR)
    stage.node.mine()
    read = stage.watching.cursor.height
    with monkeypatch.context() as patched:
        patched.setattr(stage.watching.connector, "_view_keys", unreadable)
        stage.step()
    cursor = stage.watching.cursor
    assert (cursor.height, cursor.halted_at) == (read, None)
    assert "view key" in cursor.failure
    stage.step()
    assert stage.watching.told() == [(SEEN, 1)]


def test_threat_17_a_key_counts_once_whichever_transaction_came_first(stage: Stage) -> None:
    """A payer shows 1,000 XMR in the pool and has another transaction mined, with the same one-time key and 1 XMR."""
    stage.new_address()
    [address] = stage.watching.book_watches()
    destination = bytes(address.destination)
    found = watched(SHALLOW, [destination])
    shown = Transfer("ab" * 32, "01" * 32, destination, 1000 * XMR)
    mined = Transfer("ab" * 32, "02" * 32, destination, XMR)
    at = datetime.now(UTC)
    deposits.take_in(Sighting(SHALLOW, at), [shown], found)
    deposits.take_in(Sighting(SHALLOW, at, BlockRef(9_000_000, "cd" * 32)), [mined], found)
    assert stage.watching.told() == [(SEEN, 1)]
    assert (stage.deposit.txid, stage.deposit.block_height) == (shown.txid, None)

    deposits.drop(SHALLOW, [shown.txid], at)
    for height, again in enumerate([mined, shown], start=9_000_001):
        deposits.take_in(Sighting(SHALLOW, at, BlockRef(height, "ce" * 32)), [again], found)
    assert stage.watching.told() == [(SEEN, 1), (DROPPED, 1), (SEEN, 2)]
    assert (stage.deposit.txid, stage.deposit.base_units) == (shown.txid, 1000 * XMR)
