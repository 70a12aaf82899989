"""Asking a web server over and over, and what each answer cost.

Plain sockets: the load generator shares the machine's cores with the server and must cost little.
"""

import json
import socket
import statistics
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psutil

from cryptopay.devnet import ports

CONNECTIONS = 8


@dataclass(frozen=True, slots=True)
class Round:
    """What came of asking for some seconds."""

    answers_per_second: float
    latencies: Sequence[float]
    """Seconds, of each answer."""
    cpu_seconds: float
    """Of the server and the database, an answer."""


class Question:
    """One request, a POST if it has a body: sent each time with another Idempotency-Key."""

    def __init__(self, port: int, api_key: str, path: str, body: Mapping[str, object] | None = None) -> None:
        self.port = port
        self.payload = b"" if body is None else json.dumps(body).encode()
        self.head = (
            f"{'GET' if body is None else 'POST'} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {api_key}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(self.payload)}\r\nIdempotency-Key: "
        ).encode()
        self.expected = b"HTTP/1.1 200 " if body is None else b"HTTP/1.1 201 "

    def ask(self, connection: socket.socket) -> bytes:
        """The whole answer. Raises `RuntimeError` if it is not the expected one."""
        connection.sendall(self.head + uuid.uuid4().hex.encode() + b"\r\n\r\n" + self.payload)
        answer = _read_answer(connection)
        if not answer.startswith(self.expected):
            raise RuntimeError(f"the server answered {answer[:500]!r}")
        return answer

    def connect(self) -> socket.socket:
        connection = socket.create_connection((ports.HOST, self.port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def by_many(self, seconds: float) -> Round:
        """Over `CONNECTIONS` at once."""
        latencies: list[float] = []
        failures: list[Exception] = []
        end, before, started = time.perf_counter() + seconds, _cpu_seconds(), time.perf_counter()
        threads = [
            threading.Thread(target=self._ask_until, args=(end, latencies, failures)) for _ in range(CONNECTIONS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        elapsed, used = time.perf_counter() - started, _cpu_seconds() - before
        return Round(len(latencies) / elapsed, latencies, used / len(latencies))

    def by_one(self, times: int) -> float:
        """The median of the seconds that an answer takes where nobody else asks."""
        latencies = []
        with self.connect() as connection:
            for _ in range(times):
                began = time.perf_counter()
                self.ask(connection)
                latencies.append(time.perf_counter() - began)
        return statistics.median(latencies)

    def _ask_until(self, end: float, latencies: list[float], failures: list[Exception]) -> None:
        try:
            with self.connect() as connection:
                while (began := time.perf_counter()) < end:
                    self.ask(connection)
                    latencies.append(time.perf_counter() - began)
        except (OSError, RuntimeError) as failure:
            failures.append(failure)


def _cpu_seconds() -> float:
    """That all programs started from here have used so far, those that they started and that ended included."""
    return sum(sum(process.cpu_times()[:4]) for process in psutil.Process().children(recursive=True))


def _read_answer(connection: socket.socket) -> bytes:
    """One whole answer; both sides send a Content-Length."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += _more(connection, received)
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
    while len(body) < length:
        body += _more(connection, head)
    return head + b"\r\n\r\n" + body


def _more(connection: socket.socket, so_far: bytes) -> bytes:
    piece = connection.recv(65536)
    if not piece:
        raise RuntimeError(f"the server hung up after {so_far[:500]!r}")
    return piece
