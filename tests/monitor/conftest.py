"""Following real nodes: a book, addresses it watches, and what the monitor then knows."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from cryptopay.devnet.drive import BitcoinNode, EthereumNode
from ledger.models import Book
from monitor import follower
from monitor.chains import CHAINS, Chain
from monitor.connectors import connect
from monitor.connectors.base import Connector
from monitor.follower import Step
from monitor.models import ChainEvent, Cursor, Deposit, ReadBlock, WatchedAddress
from monitor.watching import watch
from tests import lying_node
from tests.lying_node import LyingNode

BOOK_KEEPING = ("node_height", "checked_at", "failing_since", "failure", "failure_code", "final_height")


@dataclass
class Watching:
    """One chain followed for the book of a test."""

    chain: Chain
    connector: Connector
    book: Book
    destination: Callable[[str], bytes]

    def hear_of(self, address: str, book: Book | None = None, least_confirmations: int = 0) -> WatchedAddress:
        book = book or self.book
        return watch(book.pk, self.chain, address, self.destination(address), least_confirmations)

    def book_watches(self) -> list[WatchedAddress]:
        return list(WatchedAddress.objects.filter(book=self.book, chain_code=self.chain.code))

    def step(self) -> Step:
        return follower.step(self.chain, self.connector)

    @property
    def cursor(self) -> Cursor:
        return Cursor.objects.get(chain_code=self.chain.code)

    def told(self, key: str = "", book: Book | None = None) -> list[tuple[str, int]]:
        """Events in order, of one deposit or of all: kind and appearance."""
        events = ChainEvent.objects.filter(chain_code=self.chain.code, book=book or self.book).order_by("pk")
        if key:
            events = events.filter(deposit__key=key)
        return list(events.values_list("kind", "appearance"))

    def deposit(self, key: str) -> Deposit:
        return Deposit.objects.get(book=self.book, chain_code=self.chain.code, key=key)

    def state(self, key: str) -> str:
        return str(self.deposit(key).state)


def dump() -> dict[str, list[object]]:
    """Every row of the monitor, whole."""
    models = (Cursor, ReadBlock, WatchedAddress, Deposit, ChainEvent)
    rows: dict[str, list[object]] = {}
    for model in models:
        names = [f.attname for f in model._meta.concrete_fields if model is not Cursor or f.name not in BOOK_KEEPING]
        found = model._default_manager.order_by("pk").values_list(*names)
        rows[model.__name__] = [tuple(bytes(v) if isinstance(v, memoryview) else v for v in row) for row in found]
    return rows


@pytest.fixture(autouse=True)
def _forget_mempools() -> Iterator[None]:
    follower._looked_at.clear()
    yield
    follower._looked_at.clear()


def _script(node: BitcoinNode) -> Callable[[str], bytes]:
    return lambda address: bytes.fromhex(node.rpc("validateaddress", address)["scriptPubKey"])


def _started(watching: Watching) -> Watching:
    watching.step()
    return watching


@pytest.fixture
def bitcoin(bitcoind: BitcoinNode) -> Watching:
    """Bitcoin, followed up to the tip; the mempool is empty."""
    bitcoind.mine()
    chain = CHAINS["bitcoin-regtest"]
    book = Book.objects.create(name="Alice")
    return _started(Watching(chain, connect(chain, bitcoind.url), book, _script(bitcoind)))


@pytest.fixture
def litecoin(litecoind: BitcoinNode) -> Watching:
    litecoind.mine()
    chain = CHAINS["litecoin-regtest"]
    book = Book.objects.create(name="Alice")
    return _started(Watching(chain, connect(chain, litecoind.url), book, _script(litecoind)))


@pytest.fixture
def ethereum(anvil: EthereumNode) -> Watching:
    anvil.mine(4)
    chain = CHAINS["ethereum-dev"]
    book = Book.objects.create(name="Alice")
    return _started(Watching(chain, connect(chain, anvil.url), book, lambda address: bytes.fromhex(address[2:])))


@pytest.fixture
def lying() -> Iterator[Callable[[str], LyingNode]]:
    """Puts a proxy before the node at a URL."""
    with ExitStack() as stack:
        yield lambda url: stack.enter_context(lying_node.before(url))
