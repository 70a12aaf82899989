"""Real parts for tests: PostgreSQL and Valkey for the whole session, development nodes on demand.

Loaded by `-p` in pyproject.toml, so that the settings find a database before Django reads them. Each run has its own
servers on its own ports and folders; any number of runs may share a machine.
"""

import base64
import os
import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cryptopay.devnet import nodes, places, postgres, programs, valkey
from cryptopay.devnet.drive import BitcoinNode, EthereumNode
from cryptopay.devnet.errors import DevnetError
from monitor.chains import CHAINS

_SETTINGS = {
    "CRYPTOPAY_ENV": "development",
    "SECRET_KEY": "only-for-tests-" + "t" * 40,
    "KEYS_ENCRYPTION_KEY": base64.b64encode(b"only-for-tests-0123456789abcdef_").decode(),
    "PUBLIC_URL": "http://127.0.0.1:8000",
}


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """A wrapper, because wrappers run before pytest-django's own hook, which loads the settings."""
    os.environ.update(_SETTINGS)
    for chain in CHAINS.values():
        # Set, though empty: a stage running in this checkout must not lend its nodes to the tests.
        os.environ.setdefault(f"{chain.setting_name}_NODE_URL", "")
    try:
        _start_servers(early_config)
    except DevnetError as error:
        raise pytest.UsageError(str(error)) from error
    return (yield)


def _start_servers(config: pytest.Config) -> None:
    wanted: dict[str, Callable[[Path], postgres.Postgres | valkey.Valkey]] = {
        "DATABASE_URL": _start_postgres,
        "REDIS_URL": _start_valkey,
    }
    missing = [name for name in wanted if not os.environ.get(name)]
    if not missing:
        return
    folder = places.temporary_folder("tests")
    folder.chmod(0o711)  # the database's own user passes through
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    for name in missing:
        server = wanted[name](folder)
        config.add_cleanup(server.stop)
        os.environ[name] = server.url


def _start_postgres(folder: Path) -> postgres.Postgres:
    return postgres.start(folder / "postgres", folder / "postgres.log", durable=False)


def _start_valkey(folder: Path) -> valkey.Valkey:
    return valkey.start(folder / "valkey.log")


@pytest.fixture(scope="session")
def bitcoind(request: pytest.FixtureRequest) -> Iterator[BitcoinNode]:
    """Bitcoin on regtest, funded; one for the session."""
    with _running(request, lambda folder: nodes.start_bitcoin(programs.BITCOIND, folder), "bitcoind") as running:
        node = BitcoinNode(running.url)
        yield node
        node.close()


@pytest.fixture(scope="session")
def litecoind(request: pytest.FixtureRequest) -> Iterator[BitcoinNode]:
    """Litecoin on regtest, funded; one for the session."""
    with _running(request, lambda folder: nodes.start_bitcoin(programs.LITECOIND, folder), "litecoind") as running:
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
        running.child.stop(patience_seconds=5)
        if request.session.testsfailed:
            print(f"\n{name} left its folder: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
