"""Following EOS on a real nodeos: irreversibility, turns of the chain, nodes that are away, who hears of a transfer."""

from collections.abc import Callable, Iterator

import pytest

from cryptopay.devnet.nodeos import OwnNodeos
from ledger.models import Book
from monitor.chains import CHAINS
from monitor.connectors import connect
from monitor.connectors.antelope import AntelopeConnector
from monitor.connectors.jsonrpc import JsonRpc
from monitor.errors import ChainHalted
from monitor.models import ChainEvent, Deposit
from tests.lying_node import LyingNode
from tests.monitor.conftest import Watching, dump

pytestmark = pytest.mark.django_db

CHAIN = CHAINS["eos-dev"]


@pytest.fixture
def eos(nodeos: OwnNodeos) -> Watching:
    nodeos.mine()
    watching = Watching(CHAIN, connect(CHAIN, nodeos.url), Book.objects.create(name="Alice"), str.encode)
    watching.step()
    assert watching.cursor.failure == ""
    return watching


@pytest.fixture
def through(
    eos: Watching, nodeos: OwnNodeos, lying: Callable[[str], LyingNode]
) -> Iterator[tuple[Watching, LyingNode]]:
    """The same chain through a proxy, with a short patience."""
    proxy = lying(nodeos.url)
    rpc = JsonRpc(proxy.url, connect_seconds=1, read_seconds=2, answer_seconds=1, max_answer_bytes=8_000_000)
    yield Watching(CHAIN, AntelopeConnector(CHAIN, rpc), eos.book, eos.destination), proxy
    rpc.close()


def test_a_payment_is_seen_in_its_block_and_confirmed_when_that_is_irreversible(
    eos: Watching, nodeos: OwnNodeos
) -> None:
    account = nodeos.new_account()
    eos.hear_of(f"{account}/INV1")
    txid = nodeos.pay(f"{account}/INV1", 10_000)
    eos.step()
    deposit = Deposit.objects.get()
    assert (deposit.txid, deposit.required_confirmations, deposit.sender) == (txid, None, "payer")
    final = eos.cursor.final_height or 0
    assert deposit.state == ("confirmed" if final >= (deposit.block_height or 0) else "seen")
    nodeos.mine(2)
    eos.step()
    assert eos.told() == [("seen", 1), ("confirmed", 1)]


def test_who_watches_account_and_memo_hears_once_and_others_hear_their_own(eos: Watching, nodeos: OwnNodeos) -> None:
    account, bob = nodeos.new_account(), Book.objects.create(name="Bob")
    memo = eos.hear_of(f"{account}/INV1")
    whole = eos.hear_of(account)
    eos.hear_of(account, bob)
    nodeos.pay(f"{account}/INV1", 10_000)
    nodeos.pay(f"{account}/INV2", 20_000)
    eos.step()
    received = {(row.watched_id, row.base_units) for row in Deposit.objects.filter(book=eos.book)}
    assert received == {(memo.pk, 10_000), (whole.pk, 20_000)}
    assert sorted(Deposit.objects.filter(book=bob).values_list("base_units", flat=True)) == [10_000, 20_000]


def test_dust_is_logged_and_not_credited(eos: Watching, nodeos: OwnNodeos) -> None:
    account = nodeos.new_account()
    eos.hear_of(account)
    nodeos.pay(account, CHAIN.minimum_base_units - 1, memo="buy our coin")
    eos.step()
    assert not Deposit.objects.exists()


def test_threat_02_after_a_turn_the_ledger_is_a_fresh_rescans(eos: Watching, nodeos: OwnNodeos) -> None:
    """In the new branch another transfer may have the very number that one taken back had."""
    account = nodeos.new_account()
    eos.hear_of(account)
    given_twice = False
    for depth in (1, 3, 1, 2, 1, 2):
        before = nodeos.height()
        nodeos.mine()
        for amount in (11, 12):
            nodeos.pay(account, amount * depth, memo="old")
        eos.step()
        nodeos.reorg(nodeos.height() - before, blocks=1)
        for amount in (21, 22, 23):
            nodeos.pay(account, amount * depth, memo="new")
        nodeos.mine(2)
        eos.step()
        assert eos.cursor.hash == nodeos.block_id(eos.cursor.height or 0)
        counted = Deposit.objects.filter(state="confirmed")
        assert sum(row.base_units for row in counted) == nodeos.holds(account)
        assert set(counted.values_list("memo", flat=True)) == {"new"}
        numbers = [key.partition(":")[0] for key in Deposit.objects.values_list("key", flat=True)]
        given_twice = len(set(numbers)) < len(numbers)
        if given_twice and depth > 1:
            break
    assert given_twice, "no number was given twice, so nothing is shown"


def test_threat_21_another_chains_node_halts_the_chain(eos: Watching, nodeos: OwnNodeos) -> None:
    live = Watching(CHAINS["eos"], connect(CHAINS["eos"], nodeos.url), eos.book, str.encode)
    live.step()
    assert live.cursor.halted_at is not None
    assert "chain id 8a34ec7d" in live.cursor.failure
    with pytest.raises(ChainHalted):
        live.step()
    assert eos.cursor.halted_at is None


@pytest.mark.parametrize("failure", ["refused", "garbage", "silent"])
def test_threat_05_while_the_node_is_away_nothing_advances(
    through: tuple[Watching, LyingNode], nodeos: OwnNodeos, failure: str
) -> None:
    watching, proxy = through
    account = nodeos.new_account()
    watching.hear_of(account)
    nodeos.pay(account, 10_000)
    watching.step()
    told, before = watching.told(), dump()
    proxy.fail(failure)
    nodeos.mine(2)
    watching.step()
    assert dump() == before
    assert (watching.cursor.failing_since is not None, watching.cursor.halted_at) == (True, None)
    proxy.fail("open")
    watching.step()
    assert watching.cursor.failure == ""
    assert watching.told() == [("seen", 1), ("confirmed", 1)]
    assert told[0] == ("seen", 1)


def test_a_step_after_a_step_tells_nothing_anew(eos: Watching, nodeos: OwnNodeos) -> None:
    account = nodeos.new_account()
    eos.hear_of(account)
    nodeos.pay(account, 10_000)
    nodeos.mine(2)
    eos.step()
    events = ChainEvent.objects.count()
    eos.step()
    assert ChainEvent.objects.count() == events == 2
