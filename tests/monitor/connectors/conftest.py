"""A node that says whatever a test wants, and real blocks."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest


@dataclass
class FakeNode:
    """An HTTP server for what no honest node does. `answer` gets the decoded request and gives status and body."""

    url: str = ""
    answer: Callable[[Any], tuple[int, bytes]] = lambda _: (200, b"")
    released: threading.Event = field(default_factory=threading.Event)
    """Set at the end of the test: a hanging answer waits for it."""
    connections: set[tuple[str, int]] = field(default_factory=set)
    authorizations: list[str | None] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def results(self, by_method: dict[str, Any]) -> None:
        """Answer each call with what stands under its method; a `LookupError(number, message)` is an RPC error."""

        def one(call: dict[str, Any]) -> dict[str, Any]:
            result = by_method.get(call["method"], LookupError(-32601, "Method not found"))
            result = result(*call["params"]) if callable(result) else result
            if isinstance(result, LookupError):
                return {"id": call["id"], "error": dict(zip(("code", "message"), result.args, strict=True))}
            return {"jsonrpc": "2.0", "id": call["id"], "result": result}

        def answer(request: Any) -> tuple[int, bytes]:
            body = [one(call) for call in reversed(request)] if isinstance(request, list) else one(request)
            return 200, json.dumps(body).encode()

        self.answer = answer


@pytest.fixture
def fake_node() -> Iterator[FakeNode]:
    node = FakeNode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            node.connections.add(self.client_address)
            node.authorizations.append(self.headers["Authorization"])
            node.paths.append(self.path)
            status, body = node.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # the client may have hung up: that is the test
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    node.url = f"http://127.0.0.1:{server.server_port}"
    yield node
    node.released.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def recorded_block() -> Callable[[str], bytes | None]:
    """A mainnet block by its file's name; None where the blocks are not at hand."""

    def read(name: str) -> bytes | None:
        folder = os.environ.get("CRYPTOPAY_BLOCKS_DIR")
        return (Path(folder) / name).read_bytes() if folder else None

    return read
