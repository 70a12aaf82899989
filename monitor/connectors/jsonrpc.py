"""JSON-RPC over HTTP with a pool of connections: answers decoded strictly into types, every failure a `NodeError`.

No failure here is permanent but an unreadable URL: a wrong password, a missing method or a provider's refusal is mended
at the node, and the chain should then go on by itself.

Amounts are never read as binary floating point: decode numbers into `int`, `str` or `Decimal`.
"""

import os
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, TypeVar

import httpcore
import httpx
import msgspec

from monitor.connectors.base import NodeError
from monitor.connectors.patience import PatientNetwork, patience

T = TypeVar("T")

MAX_ANSWER_BYTES = 64 * 1024 * 1024
AT_ONCE = 64  # calls a batch: Bitcoin transactions of 400 kB, the largest relayed, then still fit into one answer
CONNECT_SECONDS, READ_SECONDS, ANSWER_SECONDS = 3.0, 30.0, 60.0
METHOD_MISSING = -32601
_SHOWN_CHARACTERS = 200
_IDLE_SECONDS = 20.0  # bitcoind closes idle connections after 30
_NULL = msgspec.Raw(b"null")
_REFUSING_STATUSES = frozenset({401, 403})
_FAILURES = (
    *(httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError),
    *(httpcore.ProxyError, httpcore.UnsupportedProtocol, httpcore.ConnectionNotAvailable),
)


class RpcRefused(NodeError):
    """The node answered with a JSON-RPC error. `number` is its error code."""

    code = "node_refused"

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.number = number


class _Error(msgspec.Struct):
    code: int
    message: str = ""


class _Answer(msgspec.Struct):
    id: int | str | None = None
    result: msgspec.Raw = msgspec.Raw(b"")
    """Empty where the answer has none: that decodes into nothing, while `null` may be an answer."""
    error: _Error | None = None


class Call(msgspec.Struct, frozen=True):
    """One method with its positional parameters."""

    method: str
    params: tuple[Any, ...] = ()


class JsonRpc:
    """One node. Safe to share between threads and to inherit by a fork: a child opens its own connections."""

    def __init__(
        self,
        url: str,
        *,
        connect_seconds: float = CONNECT_SECONDS,
        read_seconds: float = READ_SECONDS,
        answer_seconds: float = ANSWER_SECONDS,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
    ) -> None:
        self._url, self._headers = _split_credentials(url)
        self._timeout = {"connect": connect_seconds, "read": read_seconds, "write": read_seconds, "pool": read_seconds}
        self._answer_seconds = answer_seconds
        self._max_answer_bytes = max_answer_bytes
        self._lock = threading.Lock()
        self._pid = 0
        self._pool: httpcore.ConnectionPool | None = None
        self._closing: Callable[[], object] | None = None

    def __repr__(self) -> str:
        return f"JsonRpc({self._url.host}:{self._url.port})"

    def call(self, method: str, *params: Any, returns: type[T]) -> T:
        """The decoded result. Raises `RpcRefused` for an error of the node's, else `NodeError`; `null` is one."""
        found = self.find(method, *params, returns=returns)
        if found is None:
            raise NodeError(f"{method}: the node knows no such thing")
        return found

    def find(self, method: str, *params: Any, returns: type[T]) -> T | None:
        """As `call`, where `null` says that there is none."""
        answer = self._decode(method, self._post(method, _request(0, Call(method, params))), _Answer)
        if answer.error is None and answer.id != 0:
            raise NodeError(f"{method}: the answer does not match the call")
        return self._result(method, answer, returns)

    def each(
        self, calls: Iterable[Call], *, returns: type[T], at_once: int = AT_ONCE
    ) -> Iterator[T | RpcRefused | None]:
        """Results in the order of the calls, asked for in batches as they are taken; a refused call gives its error."""
        left = iter(calls)
        while portion := list(islice(left, at_once)):
            yield from self._batch(portion, returns)

    def ask(self, path: str, body: object, *, returns: type[T]) -> T:
        """A plain POST to a path below the node's URL, as nodes speak that do not put everything into JSON-RPC."""
        return self._decode(path, self._post(path, body, path), returns)

    def _batch(self, calls: Sequence[Call], returns: type[T]) -> list[T | RpcRefused | None]:
        name = f"{len(calls)} x {calls[0].method}"
        body = self._post(name, [_request(number, call) for number, call in enumerate(calls)])
        answers = self._decode(name, body, list[_Answer])
        by_id = {answer.id: answer for answer in answers}
        if len(answers) != len(calls) or by_id.keys() != set(range(len(calls))):
            raise NodeError(f"{name}: the answers do not match the calls")
        return [self._result_or_refusal(call.method, by_id[number], returns) for number, call in enumerate(calls)]

    def _result_or_refusal(self, method: str, answer: _Answer, returns: type[T]) -> T | RpcRefused | None:
        try:
            return self._result(method, answer, returns)
        except RpcRefused as refused:
            return refused

    def _result(self, method: str, answer: _Answer, returns: type[T]) -> T | None:
        if answer.error is not None:
            raise RpcRefused(f"{method}: {_shown(answer.error.message)} ({answer.error.code})", answer.error.code)
        if answer.result == _NULL:
            return None
        return self._decode(method, bytes(answer.result), returns)

    @staticmethod
    def _decode(name: str, body: bytes, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise NodeError(f"{name}: an answer of another form: {_shown(str(error))}") from error

    def _post(self, name: str, payload: object, path: str = "") -> bytes:
        request: dict[str, Any] = {
            "url": str(self._below(path) if path else self._url),
            "headers": self._headers.raw,
            "content": msgspec.json.encode(payload),
            "extensions": {"timeout": self._timeout},
        }
        try:
            with patience(self._answer_seconds), self._transport().stream("POST", **request) as response:
                body = self._read(name, response)
        except _FAILURES as error:
            raise NodeError(f"{name}: {type(error).__name__}: {_shown(str(error))}") from error
        _check_status(name, response.status, body)
        return body

    def _below(self, path: str) -> httpx.URL:
        return self._url.copy_with(path=f"{self._url.path.rstrip('/')}/{path}")

    def _read(self, name: str, response: httpcore.Response) -> bytes:
        chunks, size = [], 0
        for chunk in response.iter_stream():
            chunks.append(chunk)
            size += len(chunk)
            if size > self._max_answer_bytes:
                raise NodeError(f"{name}: the answer is longer than {self._max_answer_bytes} bytes")
        return b"".join(chunks)

    def close(self) -> None:
        """Ends idle connections; the next call opens its own."""
        with self._lock:
            closing, self._pool = self._closing, None
        if closing is not None:
            closing()

    def _transport(self) -> httpcore.ConnectionPool:
        # Not httpx.Client: that one logs every URL, and a provider's key stands in the path.
        with self._lock:
            if self._pool is None or self._pid != os.getpid():
                self._pid, self._pool = os.getpid(), _pool()
                self._closing = weakref.finalize(self, _close_own, self._pool, self._pid)
            return self._pool


def _pool() -> httpcore.ConnectionPool:
    """Connections that know no proxy but what the URL says, and read no longer than patience lasts."""
    return httpcore.ConnectionPool(
        max_connections=8,
        max_keepalive_connections=4,
        keepalive_expiry=_IDLE_SECONDS,
        network_backend=PatientNetwork(),
    )


def _close_own(pool: httpcore.ConnectionPool, pid: int) -> None:
    """What a fork inherited is its parent's to close."""
    if pid == os.getpid():
        pool.close()


@lru_cache(maxsize=256)
def node_at(url: str) -> JsonRpc:
    """The one pool of this process for that URL, so that polls reuse connections."""
    return JsonRpc(url)


def _split_credentials(url: str) -> tuple[httpx.URL, httpx.Headers]:
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        raise NodeError("the node's URL cannot be read", permanent=True) from None
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise NodeError("the node's URL must be http:// or https://", permanent=True)
    # A compressed answer could outgrow the bound while it is unpacked.
    headers = httpx.Headers({"Content-Type": "application/json", "Accept-Encoding": "identity"})
    if parsed.userinfo:
        request = httpx.Request("POST", parsed)
        flow = httpx.BasicAuth(parsed.username, parsed.password).sync_auth_flow(request)
        headers["Authorization"] = next(flow).headers["Authorization"]
    return parsed.copy_with(userinfo=b""), headers


def _request(number: int, call: Call) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": number, "method": call.method, "params": call.params}


def _check_status(name: str, status: int, body: bytes) -> None:
    """Older nodes say an RPC error with status 500 or 404 and a JSON body: that body is for the decoder."""
    if status == httpx.codes.OK or (body.lstrip()[:1] in {b"{", b"["} and status not in _REFUSING_STATUSES):
        return
    raise NodeError(f"{name}: HTTP status {status}")


def _shown(text: str) -> str:
    """What a node says, fit for one line of a log."""
    return "".join(c if c.isprintable() else "?" for c in text[:_SHOWN_CHARACTERS])
