"""A proxy before a real node that lies, hangs and breaks as nodes and networks do.

It understands JSON-RPC, one call or a batch: `alter` changes what the node says, everything else how it is said.
"""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import httpx

DRIP_SECONDS = 1.0
FLOOD_CHUNK = b" " * 65536

Alter = Callable[[str, list[Any], Any], Any]
"""Method, parameters and the node's result: what is told instead."""


@dataclass
class LyingNode:
    """`url` is the proxy's, with the node's login. Change `mode`, `upstream` or `alter` at any time."""

    upstream: str
    url: str = ""
    mode: str = "open"
    """open; refused: hangs up at once; garbage: answers nonsense; silent: never answers; headers: drips its headers, a
    byte a second; drip: drips its answer; reset: breaks off half way; flood: an answer without an end."""
    alter: Alter | None = None
    asked: list[str] = field(default_factory=list)
    heard: int = 0
    """Requests, answered or not."""
    flooded_bytes: int = 0
    released: threading.Event = field(default_factory=threading.Event)
    """Set at the end: whatever hangs ends."""
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=60, trust_env=False))

    def fail(self, mode: str) -> None:
        self.mode = mode

    def lie(self, method: str, result: Any) -> None:
        """What that method is answered with: a value, or a function of its parameters and the true result."""

        def alter(asked: str, params: list[Any], true: Any) -> Any:
            if asked != method:
                return true
            return result(params, true) if callable(result) else result

        self.alter = alter

    def answer(self, body: bytes, path: str = "/") -> tuple[int, bytes]:
        """What the node says, altered; below a path, where no JSON-RPC is spoken, as it is.

        It is asked by its own login, whoever asks here.
        """
        if path != "/":
            plain = self.client.post(f"{self.upstream}{path}", content=body)
            return plain.status_code, plain.content
        found = self.client.post(self.upstream, content=body, headers={"Content-Type": "application/json"})
        asked, told = json.loads(body), json.loads(found.content)
        for call, answer in _pairs(asked, told):
            self.asked.append(call["method"])
            true = answer.get("result")
            if self.alter is not None and (lie := self.alter(call["method"], list(call["params"]), true)) is not true:
                answer.update(result=lie, error=None)
        return found.status_code, json.dumps(told).encode()


@contextmanager
def before(url: str) -> Iterator[LyingNode]:
    """A proxy before the node at that URL."""
    node = LyingNode(url)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"node": node}))
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # the client may have hung up: that is the test
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    login = urlsplit(url).netloc.rpartition("@")[0]
    node.url = f"http://{login}@127.0.0.1:{server.server_port}" if login else f"http://127.0.0.1:{server.server_port}"
    try:
        yield node
    finally:
        node.released.set()
        server.shutdown()
        thread.join()
        server.server_close()
        node.client.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    node: LyingNode

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.node.heard += 1
        if self.node.mode in ("refused", "silent"):
            if self.node.mode == "silent":
                self.node.released.wait()
            self.close_connection = True
            return
        self._say(*self.node.answer(body, self.path))

    def _say(self, status: int, answer: bytes) -> None:
        head = f"HTTP/1.1 {status} OK\r\nContent-Length: {len(answer)}\r\n\r\n".encode()
        match self.node.mode:
            case "garbage":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n<html>no\xff\x00{")
            case "headers":
                self._drip(b"HTTP/1.1 200 OK\r\nX-Padding: " + b"a" * 10_000)
            case "drip":
                self.wfile.write(head)
                self._drip(answer)
            case "reset":
                self.wfile.write(head + answer[: len(answer) // 2])
                self.wfile.flush()
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                self.close_connection = True
            case "flood":
                self._flood()
            case _:
                self.wfile.write(head + answer)

    def _drip(self, answer: bytes) -> None:
        for byte in answer:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            if self.node.released.wait(DRIP_SECONDS):
                return

    def _flood(self) -> None:
        """Ten gigabytes are promised, and sent as long as somebody reads."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
        while not self.node.released.is_set():
            self.wfile.write(FLOOD_CHUNK)
            self.node.flooded_bytes += len(FLOOD_CHUNK)

    def log_message(self, *_: object) -> None:
        pass


def _pairs(asked: Any, told: Any) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    if not isinstance(asked, list):
        return [(asked, told)]
    by_id = {answer["id"]: answer for answer in told}
    return [(call, by_id[call["id"]]) for call in asked]
