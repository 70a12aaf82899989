"""The way of a deposit on real nodes: seen, mined, confirmed, and all that may come between."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from cryptopay.devnet.drive import BitcoinNode, EthereumNode
from ledger.models import Book
from monitor import backfill, deposits, follower
from monitor.chains import CHAINS
from monitor.connectors import connect
from monitor.connectors.base import Transfer
from monitor.models import ChainEvent, Cursor, Deposit, ReadBlock, WatchedAddress
from monitor.watching import watch, watched
from tests.database import as_owner
from tests.monitor.conftest import Watching, dump

pytestmark = pytest.mark.django_db

SMALL, LARGE = 10_000_000, 10_000_001
SEEN, CONFIRMED, DROPPED, REORGED = ("seen", "confirmed", "dropped", "reorged")


def _pay(node: BitcoinNode, watching: Watching, base_units: int = SMALL, **watch_options: int) -> str:
    """A payment to a new watched address; its key."""
    address = node.new_address()
    watching.hear_of(address, **watch_options)
    return f"{node.pay(address, base_units)}:0"


@pytest.mark.parametrize(("base_units", "confirmations"), [(546, 2), (SMALL, 2), (LARGE, 6)])
def test_a_deposit_is_seen_mined_and_confirmed_at_the_depth_its_size_asks(
    bitcoin: Watching, bitcoind: BitcoinNode, base_units: int, confirmations: int
) -> None:
    key = _pay(bitcoind, bitcoin, base_units)
    bitcoin.step()
    deposit = bitcoin.deposit(key)
    assert (deposit.state, deposit.block_height, deposit.base_units) == (SEEN, None, base_units)
    for depth in range(1, confirmations + 1):
        (block,) = bitcoind.mine()
        bitcoin.step()
        deposit = bitcoin.deposit(key)
        assert deposit.state == (CONFIRMED if depth == confirmations else SEEN)
    assert deposit.block_height == bitcoind.height() - confirmations + 1
    assert deposit.block_hash == bitcoind.rpc("getblockhash", deposit.block_height)
    assert bitcoin.told() == [(SEEN, 1), (CONFIRMED, 1)]
    assert bitcoin.cursor.hash == block


def test_a_deposit_that_was_never_in_the_mempool_here_is_seen_and_confirmed_in_one_step(
    bitcoin: Watching, bitcoind: BitcoinNode
) -> None:
    key = _pay(bitcoind, bitcoin)
    bitcoind.mine(3)
    step = bitcoin.step()
    assert (step.blocks, step.taken_back_blocks, step.at_tip) == (3, 0, True)
    assert bitcoin.told(key) == [(SEEN, 1), (CONFIRMED, 1)]


def test_a_merchant_may_ask_for_more_confirmations(bitcoin: Watching, bitcoind: BitcoinNode) -> None:
    key = _pay(bitcoind, bitcoin, least_confirmations=4)
    bitcoind.mine(3)
    bitcoin.step()
    assert bitcoin.state(key) == SEEN
    bitcoind.mine()
    bitcoin.step()
    assert bitcoin.state(key) == CONFIRMED


def test_litecoin_by_the_same_follower(litecoin: Watching, litecoind: BitcoinNode) -> None:
    key = _pay(litecoind, litecoin, 1_000_000_000)
    litecoin.step()
    litecoind.mine(14)
    litecoin.step()
    assert litecoin.told() == [(SEEN, 1)]
    litecoind.mine()
    litecoin.step()
    assert litecoin.told(key) == [(SEEN, 1), (CONFIRMED, 1)]


def test_a_litecoin_reorg_takes_back_and_gives_again(litecoin: Watching, litecoind: BitcoinNode) -> None:
    key = _pay(litecoind, litecoin)
    raw = litecoind.rpc("getrawtransaction", key.partition(":")[0])
    litecoind.mine(15)
    litecoin.step()
    litecoind.reorg(15)
    litecoin.step()
    litecoind.rpc("sendrawtransaction", raw)  # the node itself keeps what ten blocks held, not more
    litecoin.step()
    litecoind.mine(15)
    litecoin.step()
    assert litecoin.told(key) == [(SEEN, 1), (CONFIRMED, 1), (REORGED, 1), (SEEN, 2), (CONFIRMED, 2)]


def test_threat_03_each_output_of_one_transaction_is_a_deposit_of_its_own(
    bitcoin: Watching, bitcoind: BitcoinNode
) -> None:
    one, two, stranger = (bitcoind.new_address() for _ in range(3))
    bitcoin.hear_of(one)
    bitcoin.hear_of(two)
    txid = bitcoind.pay([(one, 1_000), (stranger, 2_000), (two, 3_000), (one, 4_000), (one, 1_000)])
    bitcoin.step()
    bitcoind.mine(2)
    bitcoin.step()
    found = Deposit.objects.order_by("key").values_list("key", "base_units", "state")
    assert list(found) == [
        (f"{txid}:{vout}", units, CONFIRMED) for vout, units in ((0, 1_000), (2, 3_000), (3, 4_000), (4, 1_000))
    ]
    assert len(bitcoin.told()) == 8


def test_threat_06_dust_is_no_deposit(bitcoin: Watching, bitcoind: BitcoinNode) -> None:
    address = bitcoind.new_address()
    bitcoin.hear_of(address)
    txid = bitcoind.pay([(address, 545), (address, 546)])
    bitcoin.step()
    bitcoind.mine(2)
    bitcoin.step()
    assert [row.key for row in Deposit.objects.all()] == [f"{txid}:1"]


def test_threat_06_a_coinbase_counts_when_it_is_mature(bitcoin: Watching, bitcoind: BitcoinNode) -> None:
    address = bitcoind.new_address()
    bitcoin.hear_of(address)
    bitcoind.mine(1, address)
    bitcoind.mine(98)
    bitcoin.step()
    deposit = Deposit.objects.get()
    assert (deposit.state, deposit.required_confirmations) == (SEEN, 100)
    bitcoind.mine()
    bitcoin.step()
    assert bitcoin.state(deposit.key) == CONFIRMED


def test_two_books_hear_of_one_address(bitcoin: Watching, bitcoind: BitcoinNode) -> None:
    charlie = Book.objects.create(name="Charlie")
    address = bitcoind.new_address()
    bitcoin.hear_of(address)
    bitcoin.hear_of(address, charlie, least_confirmations=3)
    bitcoind.pay(address, SMALL)
    bitcoin.step()
    bitcoind.mine(2)
    bitcoin.step()
    assert bitcoin.told() == [(SEEN, 1), (CONFIRMED, 1)]
    assert bitcoin.told(book=charlie) == [(SEEN, 1)]
    bitcoind.mine()
    bitcoin.step()
    assert bitcoin.told(book=charlie) == [(SEEN, 1), (CONFIRMED, 1)]


def test_what_nobody_watches_leaves_no_trace(bitcoin: Watching, bitcoind: BitcoinNode) -> None:
    bitcoind.pay(bitcoind.new_address(), SMALL)
    bitcoin.step()
    bitcoind.mine(2)
    bitcoin.step()
    assert not Deposit.objects.exists()


def test_reading_the_same_blocks_again_changes_no_row(bitcoin: Watching, bitcoind: BitcoinNode) -> None:
    for units in (SMALL, LARGE, 1_000):
        _pay(bitcoind, bitcoin, units)
        bitcoind.mine()
        bitcoin.step()
    _pay(bitcoind, bitcoin)
    bitcoin.step()
    before = dump()
    assert backfill.rescan(bitcoin.chain, bitcoin.connector, 0, bitcoind.height()) == 0
    bitcoin.step()
    assert dump() == before


def test_an_address_imported_late_is_found_by_reading_again(bitcoin: Watching, bitcoind: BitcoinNode) -> None:
    first, address = bitcoind.height() + 1, bitcoind.new_address()
    txid = bitcoind.pay(address, SMALL)
    bitcoind.mine(2)
    bitcoin.step()
    bitcoin.hear_of(address)
    bitcoin.step()
    assert bitcoin.told() == []
    assert backfill.rescan(bitcoin.chain, bitcoin.connector, first, first + 1) == 1
    assert bitcoin.told(f"{txid}:0") == [(SEEN, 1), (CONFIRMED, 1)]


def test_reading_again_leaves_unread_blocks_to_the_follower(bitcoin: Watching, bitcoind: BitcoinNode) -> None:
    key = _pay(bitcoind, bitcoin)
    bitcoind.mine()
    assert backfill.rescan(bitcoin.chain, bitcoin.connector, 1, bitcoind.height()) == 0
    bitcoin.step()
    assert bitcoin.told(key) == [(SEEN, 1)]


def test_a_dropped_payment_that_is_sent_again_is_seen_again(ethereum: Watching, anvil: EthereumNode) -> None:
    """Dropped, and later back in the same mempool."""
    address = "0x" + "11" * 20
    ethereum.hear_of(address)
    tx = anvil.pay(address, 10**18)
    raw = anvil.raw(tx)
    ethereum.step()
    anvil.drop(tx)
    ethereum.step()
    assert ethereum.told(tx) == [(SEEN, 1), (DROPPED, 1)]
    anvil.resend(raw)
    ethereum.step()
    assert ethereum.told(tx) == [(SEEN, 1), (DROPPED, 1), (SEEN, 2)]
    anvil.mine(4)
    ethereum.step()
    assert ethereum.told(tx) == [(SEEN, 1), (DROPPED, 1), (SEEN, 2), (CONFIRMED, 2)]


def test_ether_counts_when_its_block_is_final(ethereum: Watching, anvil: EthereumNode) -> None:
    address = "0x" + "22" * 20
    ethereum.hear_of(address)
    tx = anvil.pay(address, 10**18)
    ethereum.step()
    (block,) = anvil.mine()
    ethereum.step()
    deposit = ethereum.deposit(tx)
    assert (deposit.state, deposit.block_hash, deposit.required_confirmations) == (SEEN, block, None)
    anvil.mine()
    ethereum.step()
    assert ethereum.state(tx) == SEEN
    anvil.mine()
    ethereum.step()
    assert ethereum.told(tx) == [(SEEN, 1), (CONFIRMED, 1)]


def test_mempool_transactions_are_looked_at_once_and_forgotten_in_time(
    bitcoin: Watching, bitcoind: BitcoinNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [_pay(bitcoind, bitcoin) for _ in range(3)]
    bitcoin.step()
    known = follower._looked_at[bitcoin.chain.code]
    assert known >= {key.partition(":")[0] for key in keys}
    assert not bitcoin.connector.mempool(known).inspected
    monkeypatch.setattr(follower, "MEMPOOL_REMEMBERED", 2)
    _pay(bitcoind, bitcoin)
    bitcoin.step()
    bitcoin.step()
    assert len(follower._looked_at[bitcoin.chain.code]) <= 4
    bitcoin.step()
    assert bitcoin.told() == [(SEEN, 1)] * 4


def test_the_first_step_starts_at_the_tip_and_knows_the_blocks_below(bitcoin: Watching, bitcoind: BitcoinNode) -> None:
    assert bitcoin.cursor.height == bitcoind.height()
    rows = dict(ReadBlock.objects.values_list("height", "hash"))
    assert max(rows) == bitcoind.height()
    assert len(rows) == min(bitcoind.height(), bitcoin.chain.reorg_limit) + 1
    assert all(bitcoind.rpc("getblockhash", height) == name for height, name in rows.items())


def test_blocks_beyond_the_reorg_limit_are_forgotten(bitcoin: Watching, bitcoind: BitcoinNode) -> None:
    bitcoind.mine(5)
    bitcoin.step()
    assert ReadBlock.objects.count() == bitcoin.chain.reorg_limit + 1


def test_a_long_catch_up_goes_in_portions(
    bitcoin: Watching, bitcoind: BitcoinNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "BLOCKS_A_STEP", 4)
    key = _pay(bitcoind, bitcoin)
    bitcoind.mine(9)
    steps = [bitcoin.step() for _ in range(4)]
    assert [step.blocks for step in steps] == [4, 4, 1, 0]
    assert [step.at_tip for step in steps] == [False, False, True, True]
    assert bitcoin.told(key) == [(SEEN, 1), (CONFIRMED, 1)]


def test_who_watches_is_one_query_by_the_index(
    bitcoin: Watching, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """With many books: among a few, PostgreSQL may as well go through the key that begins with the book."""
    books = [bitcoin.book, *Book.objects.bulk_create(Book(name=f"Charlie {n}") for n in range(99))]
    WatchedAddress.objects.bulk_create(
        (
            WatchedAddress(
                book=books[n % 100], chain_code=bitcoin.chain.code, address=str(n), destination=n.to_bytes(22)
            )
            for n in range(20_000)
        ),
        batch_size=5_000,
    )
    asked = [n.to_bytes(22) for n in range(19_990, 25_000)]
    with django_assert_num_queries(1):
        found = watched(bitcoin.chain, asked)
    assert sorted(found) == [n.to_bytes(22) for n in range(19_990, 20_000)]
    with CaptureQueriesContext(connection) as queries:
        watched(bitcoin.chain, asked[:3])
    with as_owner(), connection.cursor() as sql:
        sql.execute("ANALYZE monitor_watchedaddress")  # of others PostgreSQL skips it, with a mere warning
    with connection.cursor() as sql:
        sql.execute("EXPLAIN " + queries[0]["sql"])
        plan = "\n".join(row[0] for row in sql.fetchall())
    assert "watched_by_destination" in plan


def test_more_payments_at_once_than_a_statement_has_parameters(bitcoin: Watching, bitcoind: BitcoinNode) -> None:
    """PostgreSQL takes 65,535. Many small outputs to one address must not stop the follower."""
    watch = bitcoin.hear_of(bitcoind.new_address())
    there = bytes(watch.destination)
    transfers = [Transfer(f"{n:064x}:0", f"{n:064x}", there, SMALL) for n in range(7_000)]
    seen = deposits.Sighting(bitcoin.chain, timezone.now())
    assert deposits.take_in(seen, transfers, {there: [watch]}) == 7_000
    assert deposits.take_in(seen, transfers, {there: [watch]}) == 0
    assert deposits.drop(bitcoin.chain, [f"{n:064x}" for n in range(70_000)], timezone.now()) == 7_000
    assert ChainEvent.objects.filter(kind=DROPPED).count() == 7_000


def test_the_queries_of_a_block_do_not_grow_with_what_is_watched_or_paid(
    bitcoin: Watching, bitcoind: BitcoinNode
) -> None:
    counts = []
    for paid in (1, 1, 40):
        addresses = [bitcoind.new_address() for _ in range(paid)]
        for address in addresses:
            bitcoin.hear_of(address)
        for n in range(paid * 10):
            watch(bitcoin.book.pk, bitcoin.chain, f"{paid} {n}", f"{paid} {n}".encode())
        bitcoind.pay([(address, 1_000) for address in addresses])
        bitcoind.mine()
        with CaptureQueriesContext(connection) as queries:
            assert bitcoin.step().blocks == 1
        counts.append(len(queries))
    assert counts[1] == counts[2]


def test_a_node_that_is_asked_for_the_first_time_and_does_not_answer_leaves_no_place() -> None:
    chain = CHAINS["bitcoin-regtest"]
    follower.step(chain, connect(chain, "http://127.0.0.1:9"))
    cursor = Cursor.objects.get()
    assert (cursor.height, cursor.hash, cursor.halted_at) == (None, "", None)
    assert cursor.failing_since is not None
    assert cursor.failure


def test_events_carry_what_happened(bitcoin: Watching, bitcoind: BitcoinNode) -> None:
    key = _pay(bitcoind, bitcoin)
    bitcoin.step()
    bitcoind.mine(2)
    bitcoin.step()
    seen, confirmed = ChainEvent.objects.order_by("pk")
    deposit = bitcoin.deposit(key)
    assert (seen.block_height, seen.block_hash) == (None, "")
    assert (confirmed.block_height, confirmed.block_hash) == (deposit.block_height, deposit.block_hash)
    assert confirmed.happened_at == deposit.block_time
    assert seen.book == confirmed.book == bitcoin.book
