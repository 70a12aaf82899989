"""Merchants' servers at their worst, for real: they drop, fail, hang, redirect, talk nonsense and answer twice.

Shops       one HTTP server, an endpoint a path; what it does is fixed by the request, so that runs are alike
check       each event accepted, none before the one before it in its subject, all signed
"""

import json
import threading
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

FLAKY_ATTEMPTS = 4
"""The last of them is accepted, so that no delivery is ever given up."""
_MOODS = {"accept": 55, "fail": 67, "drop": 77, "break off": 83, "twice": 89, "redirect": 93}
_MOODS |= {"nonsense": 97, "hang": 100}
"""Of a hundred drawn, those below that number."""
_OK = b"HTTP/1.1 200 Told\r\nContent-Length: 0\r\n\r\n"
_FAILED = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"
_ANSWERS = {
    "accept": _OK,
    "hang": _OK,
    "twice": _OK + _FAILED,
    "fail": _FAILED,
    "drop": b"",
    "break off": b"HTTP/1.1 20",
    "redirect": b"HTTP/1.1 307 There\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",
    "nonsense": b"\x00\xffSSH-2.0-no\r\n\r\n",
}
_ACCEPTING = ("accept", "twice", "hang")


class Shops:
    """Many endpoints. `flaky`: they behave by their moods. Paths in `hanging` answer nothing until `release`."""

    def __init__(self, *, flaky: bool = False, hanging: set[str] | None = None) -> None:
        self.secrets: dict[str, str] = {}
        """By path; what comes is verified with it."""
        self.accepted: dict[str, dict[tuple[str, int], int]] = defaultdict(dict)
        """By path: subject and sequence -> how many had been accepted there before."""
        self.moods: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.hanging = hanging or set()
        self.held: Counter[str] = Counter()
        self.released = threading.Event()
        self._flaky = flaky
        self._tries: Counter[tuple[str, str]] = Counter()
        self._bodies: dict[str, bytes] = {}
        self._changed = threading.Condition()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}{path}"

    def wait_until(self, holds: Callable[[], bool], *, seconds: float) -> None:
        with self._changed:
            held = self._changed.wait_for(holds, seconds)
        assert held, f"{sum(map(len, self.accepted.values()))} accepted within {seconds} s"

    def stop(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def take(self, path: str, headers: dict[str, str], body: bytes) -> str:
        """What is done with it: a mood."""
        try:
            event = Webhook(self.secrets[path]).verify(body, headers)
        except Exception as error:
            self.wrong.append(f"{path}: {error!r}")
            raise
        with self._changed:
            known = self._bodies.setdefault(event["id"], body)
            if (known, headers["webhook-id"]) != (body, event["id"]):
                self.wrong.append(f"{event['id']} came in two versions")
            subject, sequence = event["subject"], event["sequence"]
            if sequence > 1 and (subject, sequence - 1) not in self.accepted[path]:
                self.wrong.append(f"{path}: {subject} {sequence} came before {sequence - 1} was accepted")
            self._tries[path, event["id"]] += 1
            mood = self._mood(path, subject, sequence, self._tries[path, event["id"]])
            self.moods[mood] += 1
            self.held[path] += mood == "hang"
            self._changed.notify_all()
        return mood

    def accept(self, path: str, body: bytes) -> None:
        event = json.loads(body)
        with self._changed:
            self.accepted[path].setdefault((event["subject"], event["sequence"]), len(self.accepted[path]))
            self._changed.notify_all()

    def _mood(self, path: str, subject: str, sequence: int, attempt: int) -> str:
        if path in self.hanging:
            return "hang"
        if not self._flaky or attempt >= FLAKY_ATTEMPTS:
            return "accept"
        drawn = zlib.crc32(f"{path} {subject} {sequence} {attempt}".encode()) % 100
        return next(mood for mood, below in _MOODS.items() if drawn < below)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, shops: Shops) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.shops = shops


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        mood = self.server.shops.take(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        self.close_connection = True
        if mood == "hang" and not self._is_released():
            return
        if mood in _ACCEPTING:
            self.server.shops.accept(self.path, body)
        with suppress(OSError):  # the sender has gone
            self.wfile.write(_ANSWERS[mood])

    def _is_released(self) -> bool:
        """False if the sender's patience was over first."""
        while not self.server.shops.released.wait(0.05):
            self.connection.settimeout(0.001)
            try:
                self.connection.recv(1)
            except TimeoutError:
                continue
            except OSError:
                pass
            return False
        return True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


def check(shops: Shops, expected: dict[str, set[tuple[str, int]]]) -> None:
    """`expected`: by path, the subjects and sequences that were told."""
    assert shops.wrong == [], shops.wrong[:5]
    for path, told in expected.items():
        assert shops.accepted[path].keys() == told, f"{path}: {len(told - shops.accepted[path].keys())} missing"
        for subject in {name for name, _ in told}:
            ours = {number: at for (name, number), at in shops.accepted[path].items() if name == subject}
            assert [ours[number] for number in sorted(ours)] == sorted(ours.values()), f"{path}: {subject} out of order"
