"""Starting the development nodes. What they are then made to do stands in `drive`."""

import os
import secrets
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptopay.devnet import ports, processes
from cryptopay.devnet.drive import BitcoinNode, wallet_url
from cryptopay.devnet.errors import PartFailed, PartMissing
from cryptopay.devnet.programs import ANVIL, BCASH, BCOIN, BITCOIND, LITECOIND, Program
from cryptopay.testmode.faucets.calls import Calls
from monitor.connectors.base import NodeError

ANVIL_CHAIN_ID = 31337
_LOGIN = "devnet"
_ATTEMPTS = 3
_TEN_YEARS_SECONDS = 10 * 365 * 24 * 3600
_BITCOIN_SWITCHES = (
    "-regtest", "-server", "-txindex=1", "-listen=0", "-connect=0", "-dnsseed=0", f"-rpcbind={ports.HOST}",
    f"-rpcallowip={ports.HOST}", "-fallbackfee=0.0002", "-dbcache=16", "-maxmempool=20", "-printtoconsole=0",
    # A stage left alone over a holiday must not believe that it is still catching up.
    f"-maxtipage={_TEN_YEARS_SECONDS}",
)  # fmt: skip
_LITECOIN_SWITCHES = ("-mempoolreplacement=1",)  # off by default since 0.21
_SEGWIT_ACTIVE_HEIGHT = 600
"""bcoin signals for it block by block (BIP9), where today's bitcoind has it from the start."""
_WITHOUT_EXTENSION_BLOCKS = ("-vbparams=mweb:9000000000:9100000000",)
"""Regtest begins them (LIP-3) at height 432, where only a peg-in can be mined and `generateblock` breaks; so: never."""


@dataclass(frozen=True, slots=True)
class Running:
    """A started node: its process, and the URL connectors use, login included."""

    child: processes.Child
    url: str
    beside: Sequence[processes.Child] = ()
    """What else was started for it, such as a wallet; it ends first."""
    faucet_url: str = ""
    """Where test mode finds what pays; empty: nothing does."""

    def stop(self, *, patience_seconds: float = 60) -> None:
        for child in (*self.beside, self.child):
            child.stop(patience_seconds=patience_seconds)


def start_bitcoin(
    program: Program, folder: Path, *, extension_blocks: bool = False, more_switches: Sequence[str] = ()
) -> Running:
    """Starts bitcoind or litecoind on regtest with its data in `folder`, wallet open and funded.

    `extension_blocks`: Litecoin's, from height 432 on.

    Raises `PartMissing`, `PartFailed`.
    """
    command = program.command()
    folder.mkdir(parents=True, exist_ok=True)
    password = secrets.token_hex(16)
    settings = folder / "devnet.conf"
    settings.touch(mode=0o600)
    settings.write_text(f"rpcuser={_LOGIN}\nrpcpassword={password}\n")
    switches = [*_BITCOIN_SWITCHES, *more_switches]
    if program is LITECOIND:
        switches += [*_LITECOIN_SWITCHES, *(() if extension_blocks else _WITHOUT_EXTENSION_BLOCKS)]

    def attempt() -> Running:
        port = ports.free()
        own = (f"-datadir={folder}", f"-conf={settings}", f"-rpcport={port}")
        child = processes.start(program.name, [*command, *own, *switches], log=folder / "output.log")
        url = f"http://{_LOGIN}:{password}@{ports.HOST}:{port}"
        child.wait_until(lambda: _answers(url, "getblockchaininfo"), timeout_seconds=60)
        return Running(child, url, faucet_url=wallet_url(url))

    return _funded(first_success(attempt))


def start_bcoin(folder: Path) -> Running:
    """Starts the stand-in for bitcoind with its blocks kept in `folder`, funded and with segwit active.

    Raises `PartMissing`, `PartFailed`.
    """
    return _funded(_start_from_npm(BCOIN, folder), blocks=_SEGWIT_ACTIVE_HEIGHT)


def start_bcash(folder: Path) -> Running:
    """Starts Bitcoin Cash on regtest with its blocks kept in `folder`, funded. Raises `PartMissing`, `PartFailed`."""
    return _funded(_start_from_npm(BCASH, folder))


def _start_from_npm(program: Program, folder: Path) -> Running:
    """Both packages have the same launcher and speak the same calls."""
    command = program.command()
    folder.mkdir(parents=True, exist_ok=True)
    password = secrets.token_hex(16)

    def attempt() -> Running:
        port = ports.free()
        # By the environment: a password on the command line is everybody's to read.
        settings = {"PATH": os.defpath, "BCOIN_HTTP_PORT": str(port), "BCOIN_API_KEY": password}
        child = processes.start(program.name, [*command, folder], log=folder / "output.log", environment=settings)
        url = f"http://{_LOGIN}:{password}@{ports.HOST}:{port}"
        child.wait_until(lambda: _answers(url, "getblockchaininfo"), timeout_seconds=60)
        return Running(child, url, faucet_url=wallet_url(url))

    return first_success(attempt)


def start_bitcoind_or_bcoin(folder: Path) -> Running:
    """bitcoind, or bcoin where bitcoind cannot be had; each has a folder in `folder`. Raises as they do."""
    try:
        return start_bitcoin(BITCOIND, folder)
    except PartMissing as missing:
        try:
            return start_bcoin(folder / BCOIN.name)
        except PartMissing:
            raise missing from None


def start_anvil(folder: Path, chain_id: int = ANVIL_CHAIN_ID) -> Running:
    """Starts anvil with the chain kept in `folder` from run to run. Raises `PartMissing`, `PartFailed`."""
    command = ANVIL.command()
    folder.mkdir(parents=True, exist_ok=True)
    # Written at exit and now and then: a chain that forgot its blocks would look like a foreign one to the monitor.
    kept = ("--state", folder / "state.json", "--state-interval", "10", "--cache-path", folder / "cache")
    shape = ("--chain-id", str(chain_id), "--no-mining", "--slots-in-an-epoch", "1", "--quiet")
    # States in memory and none on disk: after a thousand blocks, reorganisations would find those on disk wrong.
    states = ("--prune-history", "500")

    def attempt() -> Running:
        port = ports.free()
        where = ("--host", ports.HOST, "--port", str(port))
        child = processes.start(
            ANVIL.name,
            [*command, *where, *shape, *states, *kept],
            log=folder / "output.log",
            stop_signal=signal.SIGINT,
        )
        url = f"http://{ports.HOST}:{port}"
        child.wait_until(lambda: _answers(url, "eth_chainId"), timeout_seconds=60)
        return Running(child, url, faucet_url=url)

    return first_success(attempt)


def _funded(running: Running, blocks: int = 0) -> Running:
    """With a wallet that has coins to spend, and that many blocks at least."""
    node = BitcoinNode(running.url)
    try:
        node.fund()
        if (missing := blocks - node.height()) > 0:
            node.mine(missing)
    except BaseException:
        running.stop()
        raise
    finally:
        node.close()
    return running


def first_success(attempt: Callable[[], Running]) -> Running:
    """A free port may be taken between finding and using it; asking again is the whole cure."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return attempt()
        except PartFailed:
            continue
    return attempt()


def _answers(url: str, method: str) -> bool:
    rpc = Calls(url)
    try:
        rpc(method)
    except NodeError:  # not listening yet, or still loading
        return False
    finally:
        rpc.close()
    return True
