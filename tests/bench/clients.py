"""Clients of a database, each in an interpreter of its own: an order a line in, its answer a line out, in JSON.

Both sides of a pair run the same way and read their CPU time with the same clock: the client's own and that of the
PostgreSQL process that serves it. Standard library alone: the peers' environments import this too.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_CHECKOUT = Path(__file__).resolve().parents[2]
_NANOSECONDS = 1e9


class Client:
    """A running client. `order` asks and waits; `send` and `receive` let several work at once."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("no pipes")
        self._stdin, self._stdout = process.stdin, process.stdout

    def order(self, name: str, **details: Any) -> Any:
        self.send(name, **details)
        return self.receive()

    def send(self, name: str, **details: Any) -> None:
        self._stdin.write(json.dumps([name, details]) + "\n")
        self._stdin.flush()

    def receive(self) -> Any:
        answer = self._stdout.readline()
        if not answer:
            raise RuntimeError("a client ended; what it said stands above")
        return json.loads(answer)


@contextmanager
def started(python: Path, module: str, settings: Mapping[str, str]) -> Iterator[Client]:
    """A client that runs `serve` in `module`; it ends with this block."""
    command, pipe = [str(python), "-m", module], subprocess.PIPE
    environment = {**os.environ, **settings}
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment, cwd=_CHECKOUT) as process:
        client = Client(process)
        try:
            yield client
        finally:
            if process.stdin is not None:
                process.stdin.close()


def serve(orders: Mapping[str, Callable[..., Any]]) -> None:
    """The client's side: obeys until its input ends."""
    for line in sys.stdin:
        name, details = json.loads(line)
        sys.stdout.write(json.dumps(orders[name](**details)) + "\n")
        sys.stdout.flush()


def cpu_seconds(backend_pid: int, work: Callable[[], object]) -> float:
    """What `work` costs this process and the PostgreSQL process `backend_pid`, which must run on this machine."""
    before = time.process_time() + _backend_seconds(backend_pid)
    work()
    return time.process_time() + _backend_seconds(backend_pid) - before


def _backend_seconds(pid: int) -> float:
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / _NANOSECONDS
