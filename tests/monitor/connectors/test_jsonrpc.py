"""The transport: whatever a node does, the caller sees a decoded answer or a `NodeError`."""

import base64
import logging
import multiprocessing
import socket
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from msgspec import Struct

from monitor.connectors.base import NodeError
from monitor.connectors.jsonrpc import METHOD_MISSING, Call, JsonRpc, RpcRefused, node_at
from monitor.connectors.patience import PatienceOver, patience


@pytest.fixture
def opened() -> Iterator[Callable[..., JsonRpc]]:
    """`JsonRpc`, closed at the end."""
    made: list[JsonRpc] = []

    def make(*args: Any, **kwargs: Any) -> JsonRpc:
        made.append(JsonRpc(*args, **kwargs))
        return made[-1]

    yield make
    for rpc in made:
        rpc.close()


class Named(Struct):
    name: str


def test_decodes_the_result_into_the_type(fake_node: Any, opened: Any) -> None:
    fake_node.results({"who": {"name": "alice", "more": 1}})
    assert opened(fake_node.url).call("who", returns=Named) == Named("alice")


def test_amounts_stay_exact(fake_node: Any, opened: Any) -> None:
    fake_node.answer = lambda _: (200, b'{"id":0,"result":20999999.97690001}')
    assert opened(fake_node.url).call("getbalance", returns=Decimal) == Decimal("20999999.97690001")


@pytest.mark.parametrize("below", ["", "/", "/node/"])
def test_asks_at_a_path_below_the_url(fake_node: Any, opened: Any, below: str) -> None:
    fake_node.answer = lambda request: (200, b'{"name":"%s"}' % request["who"].encode())
    assert opened(f"{fake_node.url}{below}").ask("v1/names", {"who": "alice"}, returns=Named) == Named("alice")
    assert fake_node.paths == [f"{below.rstrip('/')}/v1/names"]


def test_batches_keep_the_order_of_the_calls(fake_node: Any, opened: Any) -> None:
    fake_node.results({"double": lambda n: 2 * n, "null": None})
    rpc = opened(fake_node.url)
    calls = [Call("double", (n,)) for n in range(10)] + [Call("null"), Call("unknown")]
    *doubles, null, refused = rpc.each(calls, returns=int, at_once=4)
    assert doubles == [2 * n for n in range(10)]
    assert null is None
    assert isinstance(refused, RpcRefused)
    assert list(rpc.each([], returns=int)) == []


def test_polls_share_one_connection(fake_node: Any) -> None:
    fake_node.results({"n": 1})
    for _ in range(5):
        node_at(fake_node.url).call("n", returns=int)
    node_at(fake_node.url).close()
    assert len(fake_node.connections) == 1


def test_a_forked_child_opens_its_own_connection(fake_node: Any, opened: Any) -> None:
    fake_node.results({"n": 1})
    rpc = opened(fake_node.url)
    rpc.call("n", returns=int)
    child = multiprocessing.get_context("fork").Process(target=rpc.call, args=("n",), kwargs={"returns": int})
    child.start()
    child.join(20)
    assert child.exitcode == 0
    rpc.call("n", returns=int)
    assert len(fake_node.connections) == 2


def test_an_rpc_error_tells_its_number(fake_node: Any, opened: Any) -> None:
    fake_node.answer = lambda _: (
        500,
        b'{"result":null,"error":{"code":-8,"message":"Block height out of range"},"id":0}',
    )
    with pytest.raises(RpcRefused, match="out of range") as caught:
        opened(fake_node.url).call("getblockhash", 9, returns=str)
    assert (caught.value.number, caught.value.permanent) == (-8, False)


BAD_ANSWERS = {
    "empty": (200, b""),
    "html": (200, b"<html>proxy</html>"),
    "truncated": (200, b'{"id":0,"result":'),
    "not utf-8": (200, b'{"id":0,"result":"\xff\xfe"}'),
    "another type": (200, b'{"id":0,"result":{"name":1}}'),
    "neither result nor error": (200, b'{"id":0}'),
    "a list": (200, b"[]"),
    "another id": (200, b'{"id":7,"result":{"name":"alice"}}'),
    "null": (200, b'{"id":0,"result":null}'),
    "deep": (200, b'{"id":0,"result":' + b"[" * 100_000),
    "deep and ignored": (200, b'{"id":0,"x":' + b"[" * 100_000 + b"]" * 100_000 + b',"result":1}'),
    "overloaded": (503, b"Work queue depth exceeded"),
    "too many": (429, b'{"message":"slow down"}'),
    "redirect": (307, b""),
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
@pytest.mark.parametrize("ask", ["call", "find", "each"])
def test_garbage_is_a_node_error(fake_node: Any, name: str, ask: str, opened: Any) -> None:
    fake_node.answer = lambda _: BAD_ANSWERS[name]
    rpc = opened(fake_node.url)
    if (ask, name) == ("find", "null"):
        assert rpc.find("who", returns=Named) is None
        return
    with pytest.raises(NodeError) as caught:
        list(rpc.each([Call("who")], returns=Named)) if ask == "each" else getattr(rpc, ask)("who", returns=Named)
    assert not caught.value.permanent


@pytest.mark.parametrize(
    "answers",
    [
        b"[]",
        b'[{"id":5,"result":1}]',
        b'[{"id":0,"result":1},{"id":0,"result":1}]',
        b'[{"id":0,"result":1},{"id":1,"result":1},{"id":1,"result":2}]',
    ],
)
def test_a_batch_with_wrong_ids_is_a_node_error(fake_node: Any, answers: bytes, opened: Any) -> None:
    fake_node.answer = lambda _: (200, answers)
    with pytest.raises(NodeError, match="do not match"):
        list(opened(fake_node.url).each([Call("n"), Call("n")], returns=int))


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_are_mended_at_the_node(fake_node: Any, status: int, opened: Any) -> None:
    fake_node.answer = lambda _: (status, b'{"id":0,"result":1}')
    with pytest.raises(NodeError, match=str(status)) as caught:
        opened(fake_node.url).call("n", returns=int)
    assert not caught.value.permanent


def test_a_missing_method_tells_its_number(fake_node: Any, opened: Any) -> None:
    fake_node.results({})
    with pytest.raises(RpcRefused) as caught:
        opened(fake_node.url).call("n", returns=int)
    assert (caught.value.number, caught.value.permanent) == (METHOD_MISSING, False)


def test_nobody_listens(opened: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(NodeError, match="ConnectError") as caught:
        opened(f"http://127.0.0.1:{port}").call("n", returns=int)
    assert not caught.value.permanent


def test_threat_22_a_hanging_node_is_given_up(fake_node: Any, opened: Any) -> None:
    fake_node.answer = lambda _: (200, b"late") if fake_node.released.wait(60) else (200, b"")
    started = time.monotonic()
    with pytest.raises(NodeError, match="ReadTimeout"):
        opened(fake_node.url, read_seconds=0.2).call("n", returns=int)
    assert time.monotonic() - started < 30


def raw_server(send: Callable[[socket.socket], None]) -> tuple[socket.socket, str]:
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            try:
                send(connection)
            except OSError:
                return  # the client hung up, as it should

    threading.Thread(target=serve, daemon=True).start()
    return server, f"http://127.0.0.1:{server.getsockname()[1]}"


def test_threat_22_a_dripping_answer_is_given_up(opened: Any) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(1000):
            connection.sendall(b" ")
            time.sleep(0.02)

    server, url = raw_server(drip)
    with server, pytest.raises(NodeError, match="took longer"):
        opened(url, answer_seconds=0.3).call("n", returns=int)


def test_threat_22_headers_that_drip_are_given_up(opened: Any) -> None:
    """Each byte comes in time: only what they take together tells."""

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Padding: ")
        for _ in range(1000):
            connection.sendall(b"a")
            time.sleep(0.02)

    server, url = raw_server(drip)
    started = time.monotonic()
    with server, pytest.raises(NodeError, match="took longer"):
        opened(url, answer_seconds=0.3).call("n", returns=int)
    assert time.monotonic() - started < 10


def test_all_questions_of_one_piece_of_work_share_its_patience(fake_node: Any, opened: Any) -> None:
    def answer(_: object) -> tuple[int, bytes]:
        time.sleep(0.05)
        return 200, b'{"id":0,"result":1}'

    fake_node.answer = answer
    rpc = opened(fake_node.url)
    with patience(0.5), patience(60):
        answers = iter(lambda: rpc.call("n", returns=int), None)
        with pytest.raises(PatienceOver):
            assert all(answer == 1 for answer in answers)
    assert rpc.call("n", returns=int) == 1


@pytest.mark.parametrize("reply", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"])
def test_a_server_that_does_not_speak_http(reply: bytes, opened: Any) -> None:
    server, url = raw_server(lambda connection: connection.sendall(reply))
    with server, pytest.raises(NodeError):
        opened(url).call("n", returns=int)


def test_an_oversize_answer_is_refused(fake_node: Any, opened: Any) -> None:
    fake_node.answer = lambda _: (200, b'{"id":0,"result":"' + b"a" * 100_000 + b'"}')
    with pytest.raises(NodeError, match="longer than 50000 bytes"):
        opened(fake_node.url, max_answer_bytes=50_000).call("n", returns=str)


def test_credentials_are_sent_and_never_told(fake_node: Any, caplog: pytest.LogCaptureFixture, opened: Any) -> None:
    caplog.set_level(logging.DEBUG)
    secret, path_key = "p%40ss-word-canary", "provider-key-canary"
    url = fake_node.url.replace("http://", f"http://alice:{secret}@") + f"/v3/{path_key}"
    rpc = opened(url)
    told = [repr(rpc)]
    for answer in [(401, b""), (503, b""), (200, b"<html>"), (200, b'{"id":0,"error":{"code":1,"message":"no"}}')]:
        fake_node.answer = lambda _, answer=answer: answer
        with pytest.raises(NodeError) as caught:
            rpc.call("n", returns=int)
        told += [str(caught.value), repr(caught.value.__cause__)]
    expected = "Basic " + base64.b64encode(b"alice:p@ss-word-canary").decode()
    assert set(fake_node.authorizations) == {expected}
    everything = "\n".join([*told, caplog.text])
    for canary in ("word-canary", path_key, expected.removeprefix("Basic ")):
        assert canary not in everything


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:8332", "ftp://u:canary@host", "http://", "http://u:canary@[::1", "http://h:canary"]
)
def test_an_unreadable_url_is_permanent_and_not_repeated(url: str) -> None:
    with pytest.raises(NodeError) as caught:
        JsonRpc(url)
    assert caught.value.permanent
    assert "canary" not in str(caught.value)


def test_a_nodes_words_cannot_forge_log_lines(fake_node: Any, opened: Any) -> None:
    fake_node.answer = lambda _: (
        200,
        b'{"id":0,"error":{"code":1,"message":"x\\n2026-01-01 paid \\u001b[31m' + b"y" * 999 + b'"}}',
    )
    with pytest.raises(RpcRefused) as caught:
        opened(fake_node.url).call("n", returns=int)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300
