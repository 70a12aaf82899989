"""How long all the questions of one piece of work may take together.

A node that answers each question just in time, a byte a second, would otherwise hold its reader for hours.
"""

import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpcore

from monitor.connectors.base import NodeError

_ENDS_AT: ContextVar[float | None] = ContextVar("patience_ends_at", default=None)


class PatienceOver(NodeError):
    """The node took longer than the whole piece of work may take."""

    code = "node_slow"


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Within, whoever asks a node waits no longer than to this instant; an outer, shorter patience stays."""
    outer, ends_at = _ENDS_AT.get(), time.monotonic() + seconds
    token = _ENDS_AT.set(ends_at if outer is None else min(outer, ends_at))
    try:
        yield
    finally:
        _ENDS_AT.reset(token)


def seconds_left(at_most: float) -> float:
    """What one question may take. Raises `PatienceOver` if nothing is left."""
    ends_at = _ENDS_AT.get()
    if ends_at is None:
        return at_most
    left = ends_at - time.monotonic()
    if left <= 0:
        raise PatienceOver("the node took longer than it may")
    return min(at_most, left)


class PatientNetwork(httpcore.SyncBackend):
    """Connections of which no single wait goes beyond what is left of the patience, whatever comes in drips."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        return _Patient(super().connect_tcp(host, port, _capped(timeout), local_address, socket_options))


class _Patient(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            return self._stream.read(max_bytes, _capped(timeout))
        except httpcore.TimeoutException:
            seconds_left(at_most=0)
            raise

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _capped(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Patient(self._stream.start_tls(ssl_context, server_hostname, _capped(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _capped(timeout: float | None) -> float:
    return seconds_left(float("inf") if timeout is None else timeout)
