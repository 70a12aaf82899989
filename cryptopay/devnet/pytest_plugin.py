"""Real parts for tests: PostgreSQL and Valkey for the whole session, development nodes on demand.

Loaded by `-p` in pyproject.toml, so that the settings find a database before Django reads them. Each run has its own
servers on its own ports and folders; any number of runs may share a machine. Under `pytest -n 2` so has each of the
two processes, nodes included: roles, locks and chains are a server's, and not a database's.
"""

import os
import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cryptopay.devnet import environment, logins, nodes, places, programs, servers
from cryptopay.devnet.drive import BcoinNode, BitcoinNode, EthereumNode
from cryptopay.devnet.errors import DevnetError
from cryptopay.devnet.monero import MoneroNode
from cryptopay.devnet.monerod import start as start_monerod
from cryptopay.devnet.nodeos import OwnNodeos
from cryptopay.devnet.nodeos import start as start_nodeos

_NOWHERE = "postgresql://nobody:@nowhere/nothing"
"""The database of the process that hands out tests and runs none: Django's settings want a name."""
_KEPT_FOLDERS = pytest.StashKey[list[str]]()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """A wrapper, because wrappers run before pytest-django's own hook, which loads the settings."""
    early_config.stash[_KEPT_FOLDERS] = []
    if "PYTEST_XDIST_WORKER" in os.environ:
        for inherited in ("DATABASE_URL", "REDIS_URL"):
            os.environ.pop(inherited, None)
    elif getattr(early_config.known_args_namespace, "numprocesses", None):
        os.environ.update(environment.for_tests() | logins.beside(_NOWHERE) | {"DATABASE_URL": _NOWHERE})
        return (yield)
    stack = ExitStack()
    early_config.add_cleanup(stack.close)
    try:
        os.environ.update(stack.enter_context(servers.throw_away()))
    except DevnetError as error:
        raise pytest.UsageError(str(error)) from error
    return (yield)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A process that runs tests for another one tells it."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["kept_folders"] = session.config.stash[_KEPT_FOLDERS]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash[_KEPT_FOLDERS].extend(getattr(node, "workeroutput", {}).get("kept_folders", []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash[_KEPT_FOLDERS]:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def bitcoind(request: pytest.FixtureRequest) -> Iterator[BitcoinNode]:
    """Bitcoin on regtest, funded; one for the session."""
    with _running(request, lambda folder: nodes.start_bitcoin(programs.BITCOIND, folder), "bitcoind") as running:
        node = BitcoinNode(running.url)
        yield node
        node.close()


@pytest.fixture(scope="session")
def bcoin(request: pytest.FixtureRequest) -> Iterator[BcoinNode]:
    """What stands in for bitcoind where that cannot be had, funded; one for the session."""
    with _running(request, nodes.start_bcoin, "bcoin") as running:
        node = BcoinNode(running.url)
        yield node
        node.close()


@pytest.fixture(scope="session")
def bcash(request: pytest.FixtureRequest) -> Iterator[BcoinNode]:
    """Bitcoin Cash on regtest, funded; one for the session."""
    with _running(request, nodes.start_bcash, "bcash") as running:
        node = BcoinNode(running.url)
        yield node
        node.close()


@pytest.fixture(scope="session")
def litecoind(request: pytest.FixtureRequest) -> Iterator[BitcoinNode]:
    """Litecoin on regtest, funded; one for the session."""
    with _running(request, lambda folder: nodes.start_bitcoin(programs.LITECOIND, folder), "litecoind") as running:
        node = BitcoinNode(running.url)
        yield node
        node.close()


@pytest.fixture
def bitcoind_without_history(request: pytest.FixtureRequest) -> Iterator[BitcoinNode]:
    """Bitcoin that has seen nobody's fees, and so estimates nothing; one for each test."""
    with _running(request, lambda folder: nodes.start_bitcoin(programs.BITCOIND, folder), "bitcoind") as running:
        node = BitcoinNode(running.url)
        yield node
        node.close()


@pytest.fixture
def litecoind_with_mweb(request: pytest.FixtureRequest) -> Iterator[BitcoinNode]:
    """Litecoin that begins its extension blocks at height 432; one for each test."""
    start = partial(nodes.start_bitcoin, programs.LITECOIND, extension_blocks=True)
    with _running(request, start, "litecoind") as running:
        node = BitcoinNode(running.url)
        yield node
        node.close()


@pytest.fixture(scope="session")
def anvil(request: pytest.FixtureRequest) -> Iterator[EthereumNode]:
    """Ethereum without automatic mining; one for the session."""
    with _running(request, nodes.start_anvil, "anvil") as running:
        node = EthereumNode(running.url)
        yield node
        node.close()


@pytest.fixture(scope="session")
def monerod(request: pytest.FixtureRequest) -> Iterator[MoneroNode]:
    """Monero in regtest mode with its payer's wallet, funded; one for the session."""
    with _running(request, start_monerod, "monerod") as running:
        node = MoneroNode(running.url)
        yield node
        node.close()


@pytest.fixture(scope="module")
def monerod_to_play_with(request: pytest.FixtureRequest) -> Iterator[MoneroNode]:
    """Monero as `monerod` is, for tests that take its payer's coins back and forth; one for each of their files."""
    with _running(request, start_monerod, "monerod") as running:
        node = MoneroNode(running.url)
        yield node
        node.close()


@pytest.fixture(scope="session")
def nodeos(request: pytest.FixtureRequest) -> Iterator[OwnNodeos]:
    """EOS, with its token and a payer; one for the session."""
    with _running(request, start_nodeos, "nodeos") as running:
        node = OwnNodeos(running, running.child.log.parent)
        yield node
        node.stop()
        node.close()


@contextmanager
def _running(
    request: pytest.FixtureRequest, start: Callable[[Path], nodes.Running], name: str
) -> Iterator[nodes.Running]:
    """Keeps the node's folder if any test of the session failed, for then its log may tell why."""
    folder = places.temporary_folder(name)
    running = start(folder)
    try:
        yield running
    finally:
        # Its chain is thrown away: litecoind would otherwise wait 30 s for idle connections of clients under test.
        running.stop(patience_seconds=5)
        if request.session.testsfailed:
            request.config.stash[_KEPT_FOLDERS].append(f"{name} left its folder: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
