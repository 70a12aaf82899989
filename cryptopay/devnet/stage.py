"""`make run`: the whole stage under one roof. Whatever ends first, by Ctrl-C or by accident, ends everything."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

import httpx
import psutil

from cryptopay.devnet import (
    environment,
    logins,
    monerod,
    nodeos,
    nodes,
    places,
    ports,
    postgres,
    processes,
    programs,
    valkey,
)
from cryptopay.devnet.errors import AlreadyRunning, PartFailed, PartMissing
from monitor.chains import CHAINS

DEFAULT_PORT = 8000
_ENDING_SECONDS = 20
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_NODES: Mapping[str, Callable[[Path], nodes.Running]] = {
    "bitcoin-regtest": nodes.start_bitcoind_or_bcoin,
    "litecoin-regtest": lambda folder: nodes.start_bitcoin(programs.LITECOIND, folder),
    "bitcoincash-regtest": nodes.start_bcash,
    "ethereum-dev": nodes.start_anvil,
    "monero-regtest": monerod.start,
    "eos-dev": nodeos.start,
}
"""The chains that have a node on the stage."""


class Stage:
    """The embedded parts: those that run, what the application must know of them, and those that cannot be had."""

    def __init__(self, stack: ExitStack) -> None:
        self.settings: dict[str, str] = {}
        self.missing: list[PartMissing] = []
        self._children: list[processes.Child] = []
        self._stack = stack

    def add(self, child: processes.Child, stop: Callable[[], None], *beside: processes.Child) -> None:
        """`stop` is called when the stage is struck, last part first; it stops those `beside`, too."""
        self._children += (child, *beside)
        self._stack.callback(stop)

    def first_ended(self) -> processes.Child | None:
        return next((child for child in self._children if child.ended()), None)

    def has_orphans(self) -> bool:
        """Whether a descendant lost its parent and became ours.

        honcho counts a part as running while anything holds its output open, so a worker killed alone would go unseen.
        """
        return bool(processes.children() - {child.pid for child in self._children})


def run() -> int:
    """Runs until Ctrl-C, SIGTERM or the end of a part; the exit status. Raises `DevnetError`."""
    port = int(environment.given("PORT") or DEFAULT_PORT)
    processes.adopt_orphans()
    for number in _STOP_SIGNALS:
        signal.signal(number, _interrupt)
    try:
        with _only_one(), ExitStack() as stack:
            stack.callback(_strike_in_peace)
            ports.require_free(port)
            return _perform(Stage(stack), port)
    except KeyboardInterrupt:
        print("\nStopped.")
        return 0
    finally:
        _strike_in_peace()
        processes.end_descendants()


def reset() -> None:
    """Forgets everything the stage kept. Raises `AlreadyRunning` while it runs."""
    if not places.STATE.exists():
        return
    with _only_one():
        if places.aside().exists():
            shutil.rmtree(places.aside())
        shutil.rmtree(places.STATE)


def _perform(stage: Stage, port: int) -> int:
    public_url = f"http://{ports.HOST}:{port}"
    shop_port = int(environment.given("SHOP_PORT") or port + 1)
    ports.require_free(shop_port)
    fixed = {
        "CRYPTOPAY_ENV": "development",
        "DEMO_SHOP_URL": f"http://{ports.HOST}:{shop_port}",
        "PUBLIC_URL": public_url,
        "RECONCILE_SECONDS": "300",  # these nodes have little to search
        **environment.kept_secrets(),
    }
    _start_servers(stage)
    environment.write({**fixed, **stage.settings})
    finish_migration = _begin("migrate", "--no-input")
    _start_nodes(stage)
    environment.write({**fixed, **stage.settings})
    finish_migration()
    _begin("seed_demo")()
    _start_application(stage, port)
    print(_welcome(public_url, stage), flush=True)
    return _watch(stage)


def _start_servers(stage: Stage) -> None:
    owner_url = environment.given("DATABASE_URL")
    if not owner_url:
        print("Starting PostgreSQL ...", flush=True)
        database = postgres.start(postgres.data_folder(), places.LOGS / "postgres.log", durable=True)
        stage.add(database.child, database.stop)
        stage.settings["DATABASE_URL"] = owner_url = database.url
    stage.settings |= {name: url for name, url in logins.beside(owner_url).items() if not environment.given(name)}
    if not environment.given("REDIS_URL"):
        print("Starting Valkey ...", flush=True)
        broker = valkey.start(places.LOGS / "valkey.log")
        stage.add(broker.child, broker.stop)
        stage.settings["REDIS_URL"] = broker.url


def _start_nodes(stage: Stage) -> None:
    """A node that cannot be had closes its chain alone; the table says so."""
    for code, start in _NODES.items():
        setting = f"{CHAINS[code].setting_name}_NODE_URL"
        if environment.given(setting):
            continue
        print(f"Starting {CHAINS[code].title} ...", flush=True)
        try:
            node = start(places.STATE / "nodes" / code)
        except PartMissing as missing:
            stage.missing.append(missing)
            continue
        stage.add(node.child, node.stop, *node.beside)
        stage.settings[setting] = node.url
        stage.settings[f"{CHAINS[code].setting_name}_FAUCET_URL"] = node.faucet_url


def _start_application(stage: Stage, port: int) -> None:
    print("Starting web, worker, reader and beat ...", flush=True)
    log = places.LOGS / "application.log"
    log.unlink(missing_ok=True)
    # honcho's own reading of .env is switched off: the settings read it.
    command = [sys.executable, "-m", "honcho", "--env", os.devnull, "start", "--no-colour", "--port", str(port)]
    application = processes.start(
        "The application", command, log=log, folder=places.CHECKOUT, environment=_application_environment()
    )
    stage.add(application, lambda: application.stop(patience_seconds=15))
    application.wait_until(lambda: _web_answers(port), timeout_seconds=60)


def _application_environment() -> dict[str, str]:
    programs_first = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return {**os.environ, "PATH": programs_first, "PYTHONUNBUFFERED": "1"}


def _begin(*order: str) -> Callable[[], None]:
    """Starts `manage.py`. The answer waits for its end, and raises `PartFailed` with all it said."""
    print(f"manage.py {order[0]} ...", flush=True)
    process = subprocess.Popen(
        [sys.executable, "manage.py", *order],
        cwd=places.CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )

    def finish() -> None:
        said, _ = process.communicate()
        if process.returncode:
            raise PartFailed(f"manage.py {' '.join(order)} failed:\n{said}")

    return finish


def _web_answers(port: int) -> bool:
    try:
        httpx.get(f"http://{ports.HOST}:{port}/", timeout=10, trust_env=False)
    except httpx.HTTPError:
        return False
    return True


def _watch(stage: Stage) -> int:
    while (ended := stage.first_ended()) is None and not stage.has_orphans():
        time.sleep(0.5)
    if ended:
        story = f"{ended.name} ended by itself, so everything is stopped. Its last words:\n{ended.last_words()}"
    else:
        story = f"A part of the application ended by itself, so everything is stopped. See {places.LOGS}"
    print(f"\n{story}", flush=True)
    return 1


def _welcome(public_url: str, stage: Stage) -> str:
    """The table a newcomer reads: where to go, as whom."""
    titles = {"name": "What", "url": "Where", "login": "Login", "password": "Password"}
    rows = [titles, *_demo_accounts(public_url)]
    widths = {key: max(len(row.get(key, "")) for row in rows) for key in titles}
    lines = ["  " + "  ".join(row.get(key, "").ljust(widths[key]) for key in titles).rstrip() for row in rows]
    lines.insert(1, "  " + "  ".join("-" * width for width in widths.values()))
    absent = [f"\n{missing}" for missing in stage.missing]
    logs = places.LOGS.relative_to(places.CHECKOUT)
    mails = places.MAILS.relative_to(places.CHECKOUT)
    last = f"Logs: {logs}/   Mails: {mails}/   Stop: Ctrl-C"
    return "\n".join(["", f"CryptoPay runs at {public_url}", "", *lines, *absent, "", last])


def _demo_accounts(public_url: str) -> list[dict[str, str]]:
    if not places.DEMO_FILE.exists():
        return [{"name": "CryptoPay", "url": public_url}]
    accounts: list[dict[str, str]] = json.loads(places.DEMO_FILE.read_text())
    return accounts


@contextmanager
def _only_one() -> Iterator[None]:
    """Two stages in one checkout would fight over the same data."""
    places.STATE.mkdir(exist_ok=True)
    with (places.STATE / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            raise AlreadyRunning("The stage of this checkout runs already", fix="stop it with Ctrl-C there") from taken
        _wait_for_the_last_one()
        yield


def _wait_for_the_last_one() -> None:
    """A stage that was killed is ended by the kernel, and its database and nodes may still be writing their files."""
    kept = (str(places.STATE), str(places.aside()))
    ending = [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(folder in word for word in process.info["cmdline"] or () for folder in kept)
    ]
    psutil.wait_procs(ending, timeout=_ENDING_SECONDS)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _strike_in_peace() -> None:
    """From here on everything stops in its own time, each with a limit; a second Ctrl-C would only leave something."""
    for number in _STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
