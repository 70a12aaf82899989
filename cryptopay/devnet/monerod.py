"""Starting monerod in regtest mode, with its payer's wallet.

Mining takes RandomX a tenth of a second a block and half a gigabyte of memory, so a funded chain is mined once for all
checkouts of this user, kept in the cache, and copied for each start that finds none in its folder.
"""

import fcntl
import shutil
from collections.abc import Callable
from pathlib import Path

import httpx

from cryptopay.devnet import places, ports, processes
from cryptopay.devnet.monero import MoneroNode
from cryptopay.devnet.nodes import Running, first_success
from cryptopay.devnet.programs import MONERO_WALLET, MONEROD

_CHAIN, _WALLETS = "chain", "wallets"
_SWITCHES = (
    "--regtest", "--offline", "--fixed-difficulty", "1", "--keep-fakechain", "--rpc-bind-ip", ports.HOST,
    "--p2p-bind-ip", ports.HOST, "--no-zmq", "--no-igd", "--non-interactive", "--disable-dns-checkpoints",
    "--check-updates", "disabled", "--rpc-ssl", "disabled", "--log-level", "0",
)  # fmt: skip
_WALLET_SWITCHES = (
    "--rpc-bind-ip", ports.HOST, "--disable-rpc-login", "--trusted-daemon", "--rpc-ssl", "disabled",
    "--daemon-ssl", "disabled", "--log-level", "0", "--non-interactive",
    # It expects the hard forks of mainnet, and at their heights.
    "--allow-mismatched-daemon-version",
)  # fmt: skip


def start(folder: Path) -> Running:
    """Starts monerod and the payer's wallet with their data in `folder`, funded. Raises `PartMissing`, `PartFailed`."""
    for program in (MONEROD, MONERO_WALLET):  # both, before a minute is spent on mining
        program.command()
    if not (folder / _CHAIN).exists():
        shutil.copytree(mine_ahead(), folder, dirs_exist_ok=True)
    return _funded(_start(folder))


def start_view_only(folder: Path, daemon_url: str) -> Running:
    """A wallet program without a wallet, to be given a view key: tells what Monero itself finds. Raises as `start`."""
    folder.mkdir(parents=True, exist_ok=True)
    return first_success(lambda: _start_wallet(folder, daemon_url, ports.free()))


def mine_ahead() -> Path:
    """The cached chain and wallet, mined if nobody has yet; others wait for it. Raises as `start`."""
    kept = places.cache() / "chains" / "monero"
    kept.parent.mkdir(parents=True, exist_ok=True)
    with kept.with_name("monero.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            work = kept.with_name("monero.partial")
            shutil.rmtree(work, ignore_errors=True)
            print("Mining a chain for Monero ...", flush=True)
            running = _funded(_start(work))
            try:
                _driven(running.url, MoneroNode.keep)
            finally:
                running.stop()
            work.rename(kept)
    return kept


def _start(folder: Path) -> Running:
    (folder / _CHAIN).mkdir(parents=True, exist_ok=True)

    def attempt() -> Running:
        port = ports.free()
        own = ("--data-dir", folder / _CHAIN, "--rpc-bind-port", str(port), "--p2p-bind-port", str(ports.free()))
        child = processes.start(MONEROD.name, [*MONEROD.command(), *_SWITCHES, *own], log=folder / "output.log")
        url = f"http://{ports.HOST}:{port}"
        child.wait_until(lambda: _answers(url, "get_info"), timeout_seconds=120)
        try:
            wallet = _start_wallet(folder / _WALLETS, url, port + 1)
        except BaseException:
            child.stop()
            raise
        return Running(child, url, beside=(wallet.child,), faucet_url=wallet.url)

    return first_success(attempt)


def _start_wallet(folder: Path, daemon_url: str, port: int) -> Running:
    folder.mkdir(exist_ok=True)
    where = ("--wallet-dir", folder, "--rpc-bind-port", str(port), "--log-file", folder.with_suffix(".log"))
    command: list[str | Path] = [
        *MONERO_WALLET.command(),
        *_WALLET_SWITCHES,
        *where,
        "--daemon-address",
        httpx.URL(daemon_url).netloc.decode(),
    ]
    child = processes.start(MONERO_WALLET.name, command, log=folder.with_suffix(".output"))
    url = f"http://{ports.HOST}:{port}"
    child.wait_until(lambda: _answers(url, "get_version"), timeout_seconds=120)
    return Running(child, url)


def _funded(running: Running) -> Running:
    try:
        _driven(running.url, MoneroNode.fund)
    except BaseException:
        running.stop()
        raise
    return running


def _driven(url: str, drive: Callable[[MoneroNode], None]) -> None:
    node = MoneroNode(url)
    try:
        drive(node)
    finally:
        node.close()


def _answers(url: str, method: str) -> bool:
    body = {"jsonrpc": "2.0", "id": "0", "method": method}
    try:
        return "result" in httpx.post(f"{url}/json_rpc", json=body, timeout=10, trust_env=False).json()
    except (httpx.HTTPError, ValueError):  # not listening yet, or still loading
        return False
