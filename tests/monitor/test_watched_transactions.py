"""Watching transactions by their ids, on real nodes: each change is told once, and a replay tells nothing."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cryptopay.devnet.drive import BitcoinNode, EthereumNode
from monitor import backfill, watches
from monitor.models import TransactionEvent, Watch, WatchedTransaction
from tests.monitor.conftest import Watching

pytestmark = pytest.mark.django_db

SEEN, CONFIRMED, DROPPED, REORGED = ("seen", "confirmed", "dropped", "reorged")
AMOUNT = 10_000_000
DEEP = 6
NOBODY = "ab" * 32


def hear_of(watching: Watching, txid: str, at_least: int = 0) -> Watch:
    watch, _ = watches.watch_transaction(watching.book.pk, watching.chain, txid, at_least=at_least)
    return watch


def told(watch: Watch) -> list[tuple[str, int]]:
    events = TransactionEvent.objects.filter(transaction=watch.transaction_id).order_by("pk")
    return list(events.values_list("kind", "appearance"))


def row(watch: Watch) -> WatchedTransaction:
    return WatchedTransaction.objects.get(watch=watch)


def state(watch: Watch) -> str:
    return row(watch).state


def test_from_the_mempool_to_confirmed(bitcoin: Watching, bitcoind: BitcoinNode) -> None:
    before = hear_of(bitcoin, NOBODY)
    txid = bitcoind.pay(bitcoind.new_address(), AMOUNT)
    bitcoin.step()  # the mempool has been looked at, so only a question finds it
    watch = hear_of(bitcoin, txid)
    bitcoin.step()
    assert told(watch) == [(SEEN, 1)]
    bitcoind.mine(DEEP - 1)
    bitcoin.step()
    assert state(watch) == SEEN
    bitcoind.mine()
    bitcoin.step()
    bitcoin.step()
    assert told(watch) == [(SEEN, 1), (CONFIRMED, 1)]
    assert (told(before), state(before)) == ([], "awaited")


def test_one_that_comes_after_it_is_watched(bitcoin: Watching, bitcoind: BitcoinNode) -> None:
    paid = bitcoind.pay(bitcoind.new_address(), AMOUNT)
    raw = bitcoind.conflicting(paid)
    txid = str(bitcoind.rpc("decoderawtransaction", raw)["txid"])
    first, second = hear_of(bitcoin, paid), hear_of(bitcoin, txid)
    bitcoin.step()
    assert (told(first), told(second)) == ([(SEEN, 1)], [])
    bitcoind.rpc("sendrawtransaction", raw)
    bitcoin.step()
    assert (told(first), told(second)) == ([(SEEN, 1), (DROPPED, 1)], [(SEEN, 1)])
    bitcoind.mine(DEEP)
    bitcoin.step()
    assert (state(first), state(second)) == (DROPPED, CONFIRMED)


def test_a_reorg_takes_it_back_and_it_comes_again(bitcoin: Watching, bitcoind: BitcoinNode) -> None:
    txid = bitcoind.pay(bitcoind.new_address(), AMOUNT)
    watch = hear_of(bitcoin, txid)
    bitcoind.mine(DEEP)
    bitcoin.step()
    bitcoind.reorg(DEEP)
    bitcoin.step()
    bitcoind.mine(DEEP)
    bitcoin.step()
    assert told(watch) == [(SEEN, 1), (CONFIRMED, 1), (REORGED, 1), (SEEN, 2), (CONFIRMED, 2)]


def test_the_chain_says_what_is_final(ethereum: Watching, anvil: EthereumNode) -> None:
    txid = anvil.pay(anvil.accounts()[1], 10**15)
    watch = hear_of(ethereum, txid)
    ethereum.step()
    anvil.mine()
    ethereum.step()
    assert told(watch) == [(SEEN, 1)]
    height = row(watch).block_height
    assert height is not None
    while (ethereum.cursor.final_height or 0) < height:
        anvil.mine(16)
        ethereum.step()
    assert told(watch) == [(SEEN, 1), (CONFIRMED, 1)]


def test_one_that_failed_in_its_block_has_done_nothing(ethereum: Watching, anvil: EthereumNode) -> None:
    reverting = "0x600580600b6000396000f360006000fd"  # creates PUSH1 0, PUSH1 0, REVERT
    about = {"from": anvil.accounts()[0], "gas": hex(200_000)}
    created = str(anvil.rpc("eth_sendTransaction", {**about, "data": reverting}))
    anvil.mine()
    contract = anvil.rpc("eth_getTransactionReceipt", created)["contractAddress"]
    txid = str(anvil.rpc("eth_sendTransaction", {**about, "to": contract, "value": hex(10**15)}))
    watch = hear_of(ethereum, txid)
    ethereum.step()
    anvil.mine()
    assert anvil.rpc("eth_getTransactionReceipt", txid)["status"] == "0x0"
    ethereum.step()
    assert told(watch) == [(SEEN, 1), (DROPPED, 1)]


def test_blocks_read_before_are_read_again_for_it(bitcoin: Watching, bitcoind: BitcoinNode) -> None:
    txid = bitcoind.pay(bitcoind.new_address(), AMOUNT)
    bitcoind.mine(DEEP)
    bitcoin.step()
    watch = hear_of(bitcoin, txid)
    bitcoin.step()
    assert told(watch) == []
    tip = bitcoind.height()
    for _ in range(2):
        backfill.rescan(bitcoin.chain, bitcoin.connector, tip - DEEP, tip)
        assert told(watch) == [(SEEN, 1), (CONFIRMED, 1)]


def test_nothing_is_told_after_its_end(bitcoin: Watching, bitcoind: BitcoinNode) -> None:
    txid = bitcoind.pay(bitcoind.new_address(), AMOUNT)
    watch = hear_of(bitcoin, txid)
    bitcoin.step()
    watches.end(watch)
    bitcoind.mine(DEEP)
    bitcoin.step()
    assert told(watch) == [(SEEN, 1)]
    again = hear_of(bitcoin, txid)
    assert again.pk != watch.pk


def test_a_block_is_matched_in_one_question_however_many_are_watched(bitcoin: Watching, bitcoind: BitcoinNode) -> None:
    def questions() -> int:
        bitcoind.mine()
        with CaptureQueriesContext(connection) as asked:
            bitcoin.step()
        return len(asked)

    hear_of(bitcoin, NOBODY)
    bitcoin.step()
    few = questions()
    WatchedTransaction.objects.bulk_create(
        WatchedTransaction(book=bitcoin.book, chain_code=bitcoin.chain.code, txid=f"{n:064x}", looked_for=True)
        for n in range(1000)
    )
    assert questions() == few
