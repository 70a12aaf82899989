"""Expectations on real nodes with a real queue: what is said comes true, and what cannot be known is not said."""

import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cryptopay.devnet import places
from cryptopay.devnet.drive import BitcoinNode, EthereumNode
from cryptopay.devnet.programs import BITCOIND, LITECOIND, Program
from ledger.models import Book
from monitor import deposits, lookout
from monitor.chains import CHAINS, Chain
from monitor.connectors import connect, fee_queue
from monitor.connectors.base import NodeError, Transfer
from monitor.connectors.fees import FeeQueue
from monitor.deposits import Sighting
from monitor.expectation import Expected, Reason, Span, State
from monitor.lookout import Look
from monitor.models import Cursor, Deposit, Expectation, QueueLook
from tests import crowd, queues
from tests.crowd import Crowd
from tests.monitor.conftest import Watching
from tests.queues import Standings

pytestmark = pytest.mark.django_db

STRANGERS = [1_000 + 300 * number for number in range(200)]
"""Fee rates: from one to sixty-one base units per virtual byte."""
LOW, MEDIAN, HIGH = 1_500, 31_000, 70_000
NEXT = [Span(1, 1), Span(1, 2)]
"""A node that has learnt from blocks allows for newcomers."""
GWEI = 10**9


class Lookout:
    """One chain followed for a test's book, with looks at its queue between."""

    def __init__(self, watching: Watching, fees: FeeQueue) -> None:
        self.watching, self.fees = watching, fees

    def look(self) -> Look:
        """The follower reads on, and then the queue is read anew."""
        self.watching.step()
        QueueLook.objects.update(looked_at=None)
        return lookout.look(self.watching.chain, self.fees)

    def expected(self, txid: str) -> Expected:
        deposit = Deposit.objects.get(book=self.watching.book, txid=txid)
        return lookout.expected(deposit, self.watching.cursor)


class Till(Lookout):
    """A shop on a chain with small blocks, and a payer who chooses the fee."""

    def __init__(self, watching: Watching, fees: FeeQueue, crowd: Crowd) -> None:
        super().__init__(watching, fees)
        self.crowd, self.node = crowd, crowd.node

    def paid(self, fee_rate: int, **how: object) -> str:
        """A payment to an address of ours at that rate; its id."""
        address = self.node.new_address()
        self.watching.hear_of(address)
        return self.crowd.pay(address, fee_rate, **how).txid

    def blocks_until_mined(self, txid: str) -> int:
        for blocks in range(1, 40):
            (name,) = self.node.mine()
            if txid in self.node.rpc("getblock", name, 1)["tx"]:
                return blocks
        raise AssertionError("it was not mined")


@contextmanager
def _node_with_small_blocks(program: Program, *switches: str) -> Iterator[Crowd]:
    folder = places.temporary_folder("crowd")
    running = crowd.start(program, folder, *switches)
    node = BitcoinNode(running.url)
    yield Crowd(node)
    node.close()
    running.child.stop(patience_seconds=5)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def bitcoin_crowd() -> Iterator[Crowd]:
    with _node_with_small_blocks(BITCOIND) as found:
        yield found


@pytest.fixture(scope="module")
def litecoin_crowd() -> Iterator[Crowd]:
    with _node_with_small_blocks(LITECOIND) as found:
        yield found


@pytest.fixture
def till(request: pytest.FixtureRequest) -> Iterator[Till]:
    """On Bitcoin, or the chain asked for; its mempool is empty. The chain's row says how small its blocks are."""
    coin = getattr(request, "param", "bitcoin")
    found: Crowd = request.getfixturevalue(f"{coin}_crowd")
    found.prepare(40)
    yield _till(CHAINS[f"{coin}-regtest"], found)
    found.clear()


def _till(chain: Chain, busy: Crowd) -> Till:
    node = busy.node
    chain = replace(chain, block_vsize=crowd.block_vsize(node))
    fees = fee_queue(chain, node.url)
    assert fees is not None
    script = lambda address: bytes.fromhex(node.rpc("validateaddress", address)["scriptPubKey"])  # noqa: E731
    watching = Watching(chain, connect(chain, node.url), Book.objects.create(name="Alice"), script)
    watching.step()
    return Till(watching, fees, busy)


on_both = pytest.mark.parametrize("till", ["bitcoin", "litecoin"], indirect=True)


@on_both
def test_payments_are_mined_within_what_was_said(till: Till) -> None:
    till.crowd.queue_up(random.Random(4).sample(STRANGERS, len(STRANGERS)))
    paid = {fee_rate: till.paid(fee_rate) for fee_rate in (LOW, MEDIAN, HIGH)}
    assert till.look() == Look(waiting=3)
    said = {fee_rate: till.expected(txid) for fee_rate, txid in paid.items()}
    assert said[HIGH].state == State.NEXT_BLOCKS
    assert said[HIGH].mined_in in NEXT
    assert [said[each].fee_rate for each in paid] == pytest.approx(list(paid), rel=0.01)  # a signature may be shorter
    assert said[MEDIAN].mined_in.low >= 2
    assert said[LOW].mined_in.low >= 4
    left = dict(paid)
    for blocks in range(1, 12):
        (name,) = till.node.mine()
        mined = till.node.rpc("getblock", name, 1)["tx"]
        for fee_rate, txid in list(left.items()):
            if txid in mined:
                span = said[fee_rate].mined_in
                assert span.low <= blocks <= span.high, (fee_rate, blocks, span)
                del left[fee_rate]
    assert not left


def test_all_that_is_said_block_by_block_comes_true(till: Till) -> None:
    till.crowd.queue_up(STRANGERS[:150])
    txid = till.paid(LOW)
    required = 2 if till.watching.chain.native.code == "BTC" else 15
    till.look()
    said = [till.expected(txid)]
    while said[-1].state != State.CONFIRMING:
        till.node.mine()
        till.look()
        said.append(till.expected(txid))
    mined_after = len(said) - 1
    assert mined_after > 3
    for blocks, each in enumerate(said[:-1]):
        assert each.mined_in.low <= mined_after - blocks <= each.mined_in.high
        assert each.received_in == each.mined_in.later(Span(required - 1, required - 1))
    assert (said[-1].mined_in, said[-1].received_in) == (Span(0, 0), Span(required - 1, required - 1))
    till.node.mine(required - 1)
    till.look()
    assert (till.expected(txid).state, till.expected(txid).minutes) == (State.FINAL, Span(0, 0))


@on_both
def test_a_payer_raises_the_fee_by_replacing(till: Till) -> None:
    till.crowd.queue_up(STRANGERS[:120])
    coin, address = till.crowd.coin(), till.node.new_address()
    till.watching.hear_of(address)
    slow = till.crowd.pay(address, LOW, coin).txid
    till.look()
    assert till.expected(slow).mined_in.low > 2
    assert till.expected(slow).replaceable
    quick = till.crowd.pay(address, HIGH, coin).txid
    assert till.look() == Look(waiting=1, gone=1)
    assert till.expected(quick).mined_in in NEXT
    gone = till.expected(slow)
    assert (gone.state, gone.mined_in, gone.minutes) == (State.REPLACED, None, None)
    assert gone.replaced_by == (quick if till.watching.chain.native.code == "BTC" else "")  # an old node cannot say
    assert till.blocks_until_mined(quick) == 1


def test_a_child_that_pays_more_pulls_its_parent_along(till: Till) -> None:
    till.crowd.queue_up(STRANGERS[:120])
    address = till.node.new_address()
    till.watching.hear_of(address)
    parent = till.crowd.pay(address, LOW, replaceable=False)
    till.look()
    before = till.expected(parent.txid)
    assert before.replaceable is False
    till.crowd.pay(till.node.new_address(), 150_000, parent)
    till.look()
    after = till.expected(parent.txid)
    assert before.mined_in.low > 3
    assert after.mined_in in NEXT
    assert after.fee_rate == pytest.approx((LOW + 150_000) / 2, rel=0.01)  # a signature may be a byte shorter
    assert till.blocks_until_mined(parent.txid) == 1


def test_a_parent_that_pays_little_holds_its_child_back(till: Till) -> None:
    till.crowd.queue_up(STRANGERS[:120])
    parent = till.crowd.pay(till.node.new_address(), 1_000)
    child = till.paid(9_000, coin=parent)
    till.look()
    said = till.expected(child)
    assert said.fee_rate == pytest.approx(5_000, rel=0.01)
    blocks = till.blocks_until_mined(child)
    assert said.mined_in.low <= blocks <= said.mined_in.high


def test_what_goes_with_its_parent_was_not_replaced_itself(till: Till) -> None:
    """Whether the parent was replaced or forgotten, the node does not tell of a child."""
    coin = till.crowd.coin()
    parent = till.crowd.pay(till.node.new_address(), MEDIAN, coin)
    child = till.paid(MEDIAN, coin=parent)
    till.look()
    till.node.mine_exactly([_spending(till, coin)])
    till.look()
    assert till.expected(child).state == State.DROPPED


def _spending(till: Till, coin: crowd.Coin) -> str:
    """A signed transaction that spends this coin otherwise, as raw hex."""
    spent = {"txid": coin.txid, "vout": coin.vout}
    raw = till.node.rpc("createrawtransaction", [spent], [{till.node.new_address(): "0.001"}])
    return str(till.node.rpc("signrawtransactionwithwallet", raw)["hex"])


@on_both
def test_a_double_spend_that_was_mined_unseen_is_told_without_its_name(till: Till) -> None:
    coin = till.crowd.coin()
    txid = till.paid(HIGH, coin=coin)
    till.look()
    till.node.mine_exactly([_spending(till, coin)])
    till.look()
    said = till.expected(txid)
    assert (said.state, said.replaced_by) == (State.REPLACED, "")


def test_the_queue_is_read_once_in_a_while_and_the_payments_at_each_look(till: Till) -> None:
    txid = till.paid(HIGH)
    till.look()
    read_at = QueueLook.objects.get().looked_at
    with CaptureQueriesContext(
        connection,
    ) as few:
        assert lookout.look(till.watching.chain, till.fees) == Look(waiting=1)
    assert QueueLook.objects.get().looked_at == read_at
    for _ in range(5):
        till.paid(MEDIAN)
    till.watching.step()
    with CaptureQueriesContext(connection) as more:
        assert lookout.look(till.watching.chain, till.fees) == Look(waiting=6)
    assert len(more) == len(few)
    assert till.expected(txid).state == State.NEXT_BLOCKS
    QueueLook.objects.update(looked_at=timezone.now() - timedelta(seconds=lookout.QUEUE_SECONDS))
    lookout.look(till.watching.chain, till.fees)
    assert QueueLook.objects.get().looked_at > read_at


def test_a_sample_stands_for_the_whole_queue(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    till.crowd.queue_up(STRANGERS)
    whole = till.fees.queue()
    monkeypatch.setattr("monitor.connectors.bitcoin_fees.SAMPLE", 100)
    part = till.fees.queue()
    assert (whole.waiting, whole.sampled) == (200, False)
    assert (part.waiting, part.sampled, sum(band.count for band in part.bands)) == (200, True, 100)
    whole_size, part_size = (sum(band.size for band in queue.bands) for queue in (whole, part))
    assert part_size == pytest.approx(whole_size, rel=0.02)
    dear = [sum(b.size for b in queue.bands if b.fee_rate > MEDIAN) / whole_size for queue in (whole, part)]
    assert dear[1] == pytest.approx(dear[0], abs=0.2)


def test_a_node_that_does_not_answer_leaves_what_was_said_until_it_is_old(till: Till) -> None:
    txid = till.paid(HIGH)
    till.look()
    silent = fee_queue(till.watching.chain, "http://127.0.0.1:1")
    assert silent is not None
    assert lookout.look(till.watching.chain, silent) == Look()
    row = QueueLook.objects.get()
    assert row.failure
    assert row.busy_until is None
    assert till.expected(txid).state == State.NEXT_BLOCKS
    Expectation.objects.update(as_of=timezone.now() - timedelta(seconds=lookout.STALE_SECONDS + 1))
    said = till.expected(txid)
    assert (said.state, said.mined_in) == (State.UNKNOWN, Span(1, None))
    assert till.watching.step().at_tip
    assert till.look().waiting == 1
    assert not QueueLook.objects.get().failure
    assert till.expected(txid).state == State.NEXT_BLOCKS


def test_one_worker_looks_at_a_time_and_none_at_a_chain_in_trouble(till: Till) -> None:
    till.paid(HIGH)
    till.look()
    QueueLook.objects.update(busy_until=timezone.now() + timedelta(seconds=60))
    assert lookout.look(till.watching.chain, till.fees) == Look()
    QueueLook.objects.update(busy_until=timezone.now() - timedelta(seconds=1))  # that worker died
    assert lookout.look(till.watching.chain, till.fees).waiting == 1
    Cursor.objects.update(failing_since=timezone.now())
    assert lookout.look(till.watching.chain, till.fees) == Look()


@pytest.fixture
def till_of_a_small_mempool() -> Iterator[Till]:
    with _node_with_small_blocks(BITCOIND, "-maxmempool=5") as found:
        yield _till(CHAINS["bitcoin-regtest"], found)


def test_below_what_a_full_mempool_keeps_a_payment_is_stuck_and_then_dropped(till_of_a_small_mempool: Till) -> None:
    till = till_of_a_small_mempool
    till.crowd.prepare(10)
    lowest, next_lowest = till.paid(1_000), till.paid(5_500)
    till.look()
    assert till.expected(lowest).state == State.NEXT_BLOCKS
    till.crowd.fill(fee_rate=5_000)
    till.look()
    assert (till.expected(lowest).state, till.expected(lowest).replaced_by) == (State.DROPPED, "")
    said = till.expected(next_lowest)
    assert (said.state, said.reason) == (State.STUCK, Reason.BELOW_MINIMUM)
    assert said.mined_in.high is None


class OnEthereum(Lookout):
    def __init__(self, watching: Watching, node: EthereumNode) -> None:
        fees = fee_queue(watching.chain, node.url)
        assert fees is not None
        super().__init__(watching, fees)
        self.node = node
        self.sender, self.address = node.accounts()[3], "0x" + random.randbytes(20).hex()
        watching.hear_of(self.address)

    def paid(self, fee: int, tip: int = GWEI, **more: str) -> str:
        order = {"from": self.sender, "to": self.address, "value": hex(10**15), "gas": hex(21_000)}
        fees = {"maxFeePerGas": hex(fee), "maxPriorityFeePerGas": hex(tip)}
        return str(self.node.rpc("eth_sendTransaction", {**order, **fees, **more}))

    def base_fee(self, wei: int) -> None:
        """Of the next block."""
        self.node.rpc("anvil_setNextBlockBaseFeePerGas", hex(wei))


@pytest.fixture
def till_on_ethereum(ethereum: Watching, anvil: EthereumNode) -> Iterator[OnEthereum]:
    till = OnEthereum(ethereum, anvil)
    till.base_fee(GWEI)
    anvil.mine(25)
    till.watching.step()
    yield till
    till.base_fee(GWEI)
    anvil.mine(2)


def test_a_base_fee_that_rises_above_a_payment_holds_it_up(till_on_ethereum: OnEthereum) -> None:
    till = till_on_ethereum
    txid = till.paid(3 * GWEI)
    till.look()
    said = till.expected(txid)
    assert (said.state, said.mined_in, said.fee_rate) == (State.NEXT_BLOCKS, Span(1, 2), 3 * GWEI)
    assert said.received_in == Span(3, 5)  # final two to three blocks after its own
    till.base_fee(10 * GWEI)
    till.look()
    said = till.expected(txid)
    assert (said.state, said.reason) == (State.SLOW, Reason.BASE_FEE_ABOVE)
    assert said.mined_in == Span(11, None)  # ten empty blocks take ten gwei below three
    till.base_fee(2 * GWEI)
    till.look()
    assert till.expected(txid).mined_in == Span(1, 2)
    till.node.mine()
    till.look()
    said = till.expected(txid)
    assert (said.state, said.mined_in, said.received_in) == (State.CONFIRMING, Span(0, 0), Span(2, 3))
    till.node.mine(2)
    till.look()
    assert till.expected(txid).state == State.FINAL


def test_high_base_fees_for_long_leave_a_payment_stuck(till_on_ethereum: OnEthereum) -> None:
    till = till_on_ethereum
    for _ in range(20):
        till.base_fee(50 * GWEI)
        till.node.mine()
    till.base_fee(GWEI)
    txid = till.paid(3 * GWEI)
    till.watching.step()
    till.base_fee(50 * GWEI)  # a dip that was over before the block came
    till.look()
    said = till.expected(txid)
    assert (said.state, said.reason) == (State.STUCK, Reason.BASE_FEE_ABOVE)
    assert said.received_in.high is None


def test_a_payment_waits_for_an_earlier_one_of_its_sender(till_on_ethereum: OnEthereum) -> None:
    till = till_on_ethereum
    turn = int(till.node.rpc("eth_getTransactionCount", till.sender, "latest"), 16)
    earlier = till.paid(3 * GWEI, to=till.node.accounts()[4])
    txid = till.paid(3 * GWEI, nonce=hex(turn + 1))
    till.look()
    assert till.expected(txid).state == State.NEXT_BLOCKS
    raw, raw_earlier = till.node.raw(txid), till.node.raw(earlier)
    till.node.drop(earlier)
    till.node.drop(txid)
    till.node.resend(raw)  # the payer's program sends again what it has, and has lost the first
    till.look()
    said = till.expected(txid)
    assert (said.state, said.reason, said.mined_in) == (State.STUCK, Reason.EARLIER_MISSING, Span(1, None))
    till.node.resend(raw_earlier)
    till.look()
    assert till.expected(txid).state == State.NEXT_BLOCKS
    till.node.mine()
    till.look()
    assert till.expected(txid).state == State.CONFIRMING


def test_another_transaction_with_its_number_replaces_a_payment(till_on_ethereum: OnEthereum) -> None:
    till = till_on_ethereum
    txid = till.paid(3 * GWEI)
    till.look()
    other = till.node.replace(txid)
    assert till.look() == Look(gone=1)
    assert (till.expected(txid).state, till.expected(txid).replaced_by) == (State.REPLACED, other)


def test_a_forgotten_payment_is_dropped_and_replaced_once_its_number_is_used(till_on_ethereum: OnEthereum) -> None:
    till = till_on_ethereum
    txid = till.paid(3 * GWEI)
    till.look()
    till.node.drop(txid)
    till.look()
    assert till.expected(txid).state == State.DROPPED
    till.paid(3 * GWEI, to=till.node.accounts()[4])
    till.node.mine()
    till.look()
    assert (till.expected(txid).state, till.expected(txid).replaced_by) == (State.REPLACED, "")


def test_a_strange_answer_is_a_nodes_failure(till_on_ethereum: OnEthereum, bitcoind: BitcoinNode) -> None:
    """A node of another kind, and one that is none."""
    for url in (bitcoind.url, "http://127.0.0.1:1"):
        fees = fee_queue(till_on_ethereum.watching.chain, url)
        assert fees is not None
        with pytest.raises(NodeError):
            fees.queue()


def test_the_largest_bid_that_can_be_signed_is_written_down(ethereum: Watching) -> None:
    """2^256 - 1 wei per gas costs its sender nothing to say."""
    address = "0x" + random.randbytes(20).hex()
    watched = ethereum.hear_of(address)
    txids = ["0x" + random.randbytes(32).hex() for _ in range(2)]
    for txid in txids:
        transfer = Transfer(txid, txid, bytes.fromhex(address[2:]), 10**15)
        found = {transfer.destination: [watched]}
        deposits.take_in(Sighting(ethereum.chain, timezone.now()), [transfer], found)
    queues.look(Standings(GWEI, by_txid={txids[1]: 2**256 - 1}), ethereum.chain.code)
    rows = Expectation.objects.filter(deposit__txid__in=txids).order_by("fee_rate")
    assert [row.fee_rate for row in rows] == [GWEI, 2**256 - 1]
