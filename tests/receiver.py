"""A merchant's server: a real HTTP server on this machine that keeps what it is sent and answers as told."""

import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from standardwebhooks import Webhook


@dataclass(frozen=True)
class Received:
    """One request, as it came."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    def verified(self, secret: str) -> dict[str, Any]:
        """The event, read by the public verifier. Raises `WebhookVerificationError`."""
        event: dict[str, Any] = Webhook(secret).verify(self.body, self.headers)
        return event


@dataclass(frozen=True)
class Reply:
    """What to answer, after how many seconds; `drip_seconds` apart, byte by byte, if that is not zero."""

    status: int = 204
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    after_seconds: float = 0
    drip_seconds: float = 0


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # a burst of deliveries is not refused


class Receiver:
    """Answers 204, or one after the other what `answer_with` was given. `requests` are in the order they came."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.in_flight_at_most = 0
        self._replies: deque[Reply] = deque()
        self._always = Reply()
        self._in_flight = 0
        self._came = threading.Condition()
        self._stopping = threading.Event()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"

    def answer_with(self, *replies: Reply | int) -> None:
        """The next answers; after them the usual one."""
        self._replies.extend(reply if isinstance(reply, Reply) else Reply(reply) for reply in replies)

    def answer_always(self, reply: Reply | int) -> None:
        self._always = reply if isinstance(reply, Reply) else Reply(reply)

    def wait_for(self, count: int, *, seconds: float = 10) -> list[Received]:
        """The requests, once there are that many. Fails if they do not come in time."""
        with self._came:
            came = self._came.wait_for(lambda: len(self.requests) >= count, seconds)
        assert came, f"{len(self.requests)} of {count} requests came within {seconds} s"
        return self.requests

    def events(self, secret: str) -> list[dict[str, Any]]:
        """Every request verified and read, in the order they came."""
        return [request.verified(secret) for request in self.requests]

    def stop(self) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _take(self, request: Received) -> Reply:
        with self._came:
            self.requests.append(request)
            self._in_flight += 1
            self.in_flight_at_most = max(self.in_flight_at_most, self._in_flight)
            self._came.notify_all()
            return self._replies.popleft() if self._replies else self._always

    def _done(self) -> None:
        with self._came:
            self._in_flight -= 1

    def _handler(receiver) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                reply = receiver._take(Received(self.path, headers, body, time.time()))
                try:
                    receiver._stopping.wait(reply.after_seconds)
                    self._answer(reply)
                except OSError:
                    pass  # the sender has gone
                finally:
                    receiver._done()

            def do_GET(self) -> None:
                """A sender that follows a redirect by GET is found out, too."""
                self.do_POST()

            def _answer(self, reply: Reply) -> None:
                headers = {"Content-Length": str(len(reply.body)), "Connection": "close", **reply.headers}
                lines = [f"HTTP/1.1 {reply.status} Told", *(f"{name}: {value}" for name, value in headers.items())]
                whole = "\r\n".join([*lines, "", ""]).encode() + reply.body
                if not reply.drip_seconds:
                    self.wfile.write(whole)
                    return
                for byte in whole:
                    self.wfile.write(bytes([byte]))
                    if receiver._stopping.wait(reply.drip_seconds):
                        return

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        return Handler


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """One merchant's server."""
    server = Receiver()
    yield server
    server.stop()


@pytest.fixture
def second_receiver() -> Iterator[Receiver]:
    """Another merchant's server."""
    server = Receiver()
    yield server
    server.stop()
