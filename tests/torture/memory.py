"""A worker reads 10,000 blocks with payments in them: its memory stays what it was, and how fast it reads is told.

Catching up as after a long outage, from a real bitcoind; once fetching ahead as the follower does, once block by block.
The node answers a proxy's while later, as one on another machine would.
"""

import gc
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil

from cryptopay.devnet import nodes, places, programs
from cryptopay.devnet.drive import BitcoinNode
from ledger.models import Book
from monitor import ahead, follower
from monitor.chains import CHAINS, Chain
from monitor.connectors import connect
from monitor.connectors.base import Connector
from monitor.models import Cursor, Deposit, ReadBlock
from monitor.watching import watch
from tests import lying_node

BLOCKS = 10_000
WARM_UP = 1_000
"""Blocks after which what is loaded once has been loaded."""
MOST_GROWTH_BYTES = 32 * 1024 * 1024
PAID_EVERY = 25
AWAY_SECONDS = 0.02
COMPARED = 300


def run(blocks: int | None) -> None:
    """Raises `AssertionError` if memory grew with the blocks, or a payment was missed."""
    blocks = blocks or BLOCKS
    folder = places.temporary_folder("bitcoind")
    running = nodes.start_bitcoin(programs.BITCOIND, folder)
    node = BitcoinNode(running.url)
    try:
        chain = CHAINS["bitcoin-regtest"]
        connector = connect(chain, node.url)
        follower.step(chain, connector)
        paid = _mine(node, chain, blocks)
        _compare(node, chain)
        _read_all(chain, connector, node.height() - (Cursor.objects.get().height or 0))
        found = Deposit.objects.filter(state=Deposit.State.CONFIRMED).count()
        assert found == paid, f"{found} of {paid} payments were found"
    finally:
        node.close()
        running.child.stop(patience_seconds=5)
        shutil.rmtree(folder, ignore_errors=True)


def _mine(node: BitcoinNode, chain: Chain, blocks: int) -> int:
    """How many payments are among them."""
    address = node.new_address()
    book = Book.objects.create(name="Alice")
    watch(book.pk, chain, address, bytes.fromhex(node.rpc("validateaddress", address)["scriptPubKey"]))
    paid = 0
    for _ in range(0, blocks, PAID_EVERY):
        node.pay(address, 100_000)
        node.mine(PAID_EVERY)
        paid += 1
    node.mine(6)
    return paid


def _read_all(chain: Chain, connector: Connector, blocks: int) -> None:
    read, base, peak, began = 0, 0, 0, time.monotonic()
    while read < blocks:
        done = follower.step(chain, connector).blocks
        assert done, Cursor.objects.get().failure
        read += done
        if read >= WARM_UP or read >= blocks // 2:
            gc.collect()
            resident = psutil.Process().memory_info().rss
            base, peak = base or resident, max(peak, resident)
    seconds = time.monotonic() - began
    grown = peak - base
    print(f"memory_resident_mb {peak / 2**20:.0f} MB")
    print(f"memory_growth_mb {grown / 2**20:.1f} MB over {read} blocks")
    print(f"catch_up_blocks_a_second {read / seconds:.0f} blocks/s")
    assert grown <= MOST_GROWTH_BYTES, f"{grown} bytes more than after the warm-up"
    assert ReadBlock.objects.count() <= chain.reorg_limit + 1


def _compare(node: BitcoinNode, chain: Chain) -> None:
    """The same blocks from a node that is some way off, fetched ahead and one by one."""
    with lying_node.before(node.url) as away, _answering_late(away):
        connector = connect(chain, away.url)
        by_one = _seconds(chain, connector, at_once=1)
        by_many = _seconds(chain, connector, at_once=ahead.AT_ONCE)
    print(f"catch_up_away_one_by_one {COMPARED / by_one:.0f} blocks/s")
    print(f"catch_up_away_ahead {COMPARED / by_many:.0f} blocks/s")


@contextmanager
def _answering_late(away: lying_node.LyingNode) -> Iterator[None]:
    def late(method: str, params: list[object], true: object) -> object:
        time.sleep(AWAY_SECONDS)
        return true

    away.alter = late
    yield
    away.alter = None


def _seconds(chain: Chain, connector: Connector, *, at_once: int) -> float:
    usual, ahead.AT_ONCE = ahead.AT_ONCE, at_once
    try:
        return _timed(lambda: _read(chain, connector))
    finally:
        ahead.AT_ONCE = usual


def _timed(work: Callable[[], None]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def _read(chain: Chain, connector: Connector) -> None:
    read = 0
    while read < COMPARED:
        read += follower.step(chain, connector).blocks
