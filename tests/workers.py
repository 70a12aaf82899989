"""Worker, reader and beat as the Procfile starts them, on the database, broker and nodes of a test."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import redis

from cryptopay.devnet import places
from monitor.chains import CHAINS
from tests.database import urls_of_this_database

_BROKER_OF_ITS_OWN = 7


class Celery:
    """Each process in a group of its own, so that it can be killed with its children."""

    def __init__(self, folder: Path, node_urls: Mapping[str, str]) -> None:
        self.folder = folder
        self.broker = f"{os.environ['REDIS_URL'].rsplit('/', 1)[0]}/{_BROKER_OF_ITS_OWN}"
        nodes = {f"{CHAINS[code].setting_name}_NODE_URL": url for code, url in node_urls.items()}
        logins = {"CRYPTOPAY_LOGIN": "worker", **urls_of_this_database()}
        self.environment = {**os.environ, **nodes, **logins, "REDIS_URL": self.broker}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *names: str) -> None:
        """`worker`, `reader` or `beat`."""
        for name in names:
            with (self.folder / f"{name}.log").open("ab") as log:
                self.processes[name] = subprocess.Popen(
                    [sys.executable, "-m", *self._order(name)],
                    env=self.environment,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )

    def kill(self, *names: str) -> None:
        for name in names:
            process = self.processes.pop(name)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def flush_broker(self) -> None:
        with redis.Redis.from_url(self.broker) as valkey:
            valkey.flushdb()

    def _order(self, name: str) -> list[str]:
        (order,) = re.findall(rf"^{name}: (.*)$", (places.CHECKOUT / "Procfile").read_text(), re.MULTILINE)
        quiet = order.replace("--loglevel info", "--loglevel warning")
        return shlex.split(quiet.replace(".state/beat", str(self.folder / "beat")))


@contextmanager
def running(folder: Path, node_urls: Mapping[str, str]) -> Iterator[Celery]:
    """All three; what they said is printed at the end, for the case that the test failed."""
    celery = Celery(folder, node_urls)
    celery.flush_broker()
    celery.start("worker", "reader", "beat")
    try:
        yield celery
    finally:
        celery.kill(*list(celery.processes))
        for log in folder.glob("*.log"):
            print(log.name, log.read_text()[-3000:])


def until(holds: Callable[[], bool], seconds: float = 90) -> None:
    """Wait for it; fails when it does not come."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.2)
