"""POST /invoices with its method chosen and its address issued, 50,000 stored, against a bare DRF insert of two rows.

One gunicorn serves both (2 workers of 4 threads), 8 connections ask, A B A B, and the medians of the rounds' requests a
second are compared. Both sides must answer 201 throughout, else there is no figure.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptopay.devnet import places, ports, processes

ROUNDS = 5
ROUND_SECONDS = 4.0
CONNECTIONS = 8


def measure() -> Iterator[tuple[str, float, str]]:
    """Name, value and unit of each figure."""
    with TemporaryDirectory() as scratch, _server(Path(scratch)) as (port, api_key):
        create = _Load(port, "/api/v1/invoices", _invoice, api_key)
        bare = _Load(port, "/bare", _order, api_key)
        for load in (create, bare):
            load.run(2.0)
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(create.run(ROUND_SECONDS))
            theirs.append(bare.run(ROUND_SECONDS))
        yield "invoice_create_per_second", statistics.median(ours), "/s"
        yield "invoice_create_vs_bare_drf", 100 * statistics.median(ours) / statistics.median(theirs), "percent"


@contextmanager
def _server(scratch: Path) -> Iterator[tuple[int, str]]:
    environment = {**os.environ, "BITCOIN_REGTEST_NODE_URL": "http://127.0.0.1:1", "LOG_LEVEL": "WARNING"}
    prepared = subprocess.run(
        [sys.executable, "-m", "tests.bench.bare"],
        env=environment,
        cwd=places.CHECKOUT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    port = ports.free()
    command = [sys.executable, "-m", "gunicorn", "tests.bench.bare:application()", "--bind", f"{ports.HOST}:{port}"]
    options = ["--workers", "2", "--threads", "4", "--keep-alive", "60", "--graceful-timeout", "1"]
    log = scratch / "gunicorn.log"
    web = {**environment, "CRYPTOPAY_LOGIN": "web"}
    server = processes.start("gunicorn", [*command, *options], log=log, environment=web, folder=places.CHECKOUT)
    try:
        server.wait_until(lambda: _answers(port), timeout_seconds=60)
        yield port, prepared.stdout
    finally:
        server.stop()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((ports.HOST, port)) == 0


def _invoice() -> dict[str, object]:
    return {"amount": "0.0015", "currency": "BTC", "methods": ["BTC"], "order_id": "1042", "description": "Tea"}


def _order() -> dict[str, object]:
    return {"number": "1042", "amount": "0.0015"}


class _Load:
    """Sends the same request over and over, each time with another Idempotency-Key.

    Plain sockets: the load generator shares the machine's cores with the server and must cost little.
    """

    def __init__(self, port: int, path: str, body: Callable[[], dict[str, object]], api_key: str) -> None:
        self.port = port
        self.payload = json.dumps(body()).encode()
        self.head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {api_key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(self.payload)}\r\nIdempotency-Key: "
        ).encode()

    def run(self, seconds: float) -> float:
        """Answers a second."""
        answers: list[int] = []
        failures: list[bytes] = []
        end = time.perf_counter() + seconds
        threads = [threading.Thread(target=self._ask_until, args=(end, answers, failures)) for _ in range(CONNECTIONS)]
        started = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise RuntimeError(f"the server answered {failures[0][:500]!r}")
        return sum(answers) / (time.perf_counter() - started)

    def _ask_until(self, end: float, answers: list[int], failures: list[bytes]) -> None:
        count = 0
        with socket.create_connection((ports.HOST, self.port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while time.perf_counter() < end:
                connection.sendall(self.head + uuid.uuid4().hex.encode() + b"\r\n\r\n" + self.payload)
                answer = _read_answer(connection)
                if not answer.startswith(b"HTTP/1.1 201 "):
                    failures.append(answer)
                    break
                count += 1
        answers.append(count)


def _read_answer(connection: socket.socket) -> bytes:
    """One whole answer; both sides send a Content-Length."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += _more(connection, received)
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
    while len(body) < length:
        body += _more(connection, head)
    return head + body


def _more(connection: socket.socket, so_far: bytes) -> bytes:
    piece = connection.recv(65536)
    if not piece:
        raise RuntimeError(f"the server hung up after {so_far[:500]!r}")
    return piece


if __name__ == "__main__":
    for name, value, unit in measure():
        print(f"{name} {value:.1f} {unit}")
