"""HTTP to addresses that strangers chose. A merchant's URL must not reach our own network (SSRF).

The name is resolved once, every address found is judged, and the connection goes to exactly those: a second answer of a
hostile name server is never asked for. `Host` and the TLS name stay the URL's. Redirects are not followed, proxies of
the environment not used, answers read up to a bound, and one deadline covers everything after the name was resolved.
"""

import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpcore
import httpx
from django.conf import settings

from cryptopay.webhooks.addresses import is_public
from cryptopay.webhooks.errors import UrlRefused

TOTAL_SECONDS = 15.0
MOST_ANSWER_BYTES = 4096
_SHOWN_CHARACTERS = 500


class NotSent(Exception):
    """No answer: no such name, a refused address, no connection, a broken TLS or HTTP exchange, or no time left."""


@dataclass(frozen=True)
class Answer:
    """What the receiver said: the first 500 characters of the body, and `Retry-After` as it stood."""

    status: int
    text: str
    retry_after: str


def check_url(url: str) -> httpx.URL:
    """The URL, parsed by the parser that will also send. Raises `UrlRefused`.

    Only https, without credentials, fragment or a numeric address that is not public; development may send anywhere.
    """
    if not url.isascii() or not url.isprintable() or any(character in url for character in ' \\"<>^`{|}'):
        raise UrlRefused("The URL holds a character that does not belong into one.", "/url")
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise UrlRefused("This is not a URL.", "/url") from error
    allowed = {"https", "http"} if settings.WEBHOOKS_TO_PRIVATE_ADDRESSES else {"https"}
    if parsed.scheme not in allowed or not parsed.host:
        raise UrlRefused("The URL must begin with https:// and name a host.", "/url")
    if parsed.userinfo or "@" in parsed.netloc.decode():
        raise UrlRefused("The URL must not hold a user name or password.", "/url")
    if parsed.fragment or "#" in url:
        raise UrlRefused("The URL must not hold a fragment.", "/url")
    if _is_number(parsed.host) and not _allowed(parsed.host):
        raise UrlRefused("The URL must not lead into a private network.", "/url")
    return parsed


def post(url: str, headers: Mapping[str, str], body: bytes, *, total_seconds: float = TOTAL_SECONDS) -> Answer:
    """Send once. Raises `NotSent`, and `UrlRefused` where the rules have changed since the URL was stored."""
    target = check_url(url)
    deadline = time.monotonic() + total_seconds
    sent = {"Host": target.netloc.decode(), "Connection": "close", "Content-Length": str(len(body)), **headers}
    try:
        with (
            httpcore.ConnectionPool(ssl_context=_tls(), network_backend=_Backend(deadline)) as pool,
            pool.stream("POST", _httpcore_url(target), headers=_encoded(sent), content=body) as response,
        ):
            return Answer(response.status, _beginning(response), _header(response, b"retry-after"))
    except httpcore.TimeoutException as error:
        raise NotSent(f"no answer within {total_seconds:g} seconds") from error
    except (httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError, OSError, UnicodeError) as error:
        raise NotSent(_printable(f"{type(error).__name__}: {error}")[:200]) from error


def _beginning(response: httpcore.Response) -> str:
    """The status has been said already; an answer that breaks off is shown as far as it came."""
    parts: list[bytes] = []
    try:
        for part in response.iter_stream():
            parts.append(part)
            if sum(map(len, parts)) >= MOST_ANSWER_BYTES:
                break
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError):
        pass
    return _printable(b"".join(parts)[:MOST_ANSWER_BYTES].decode(errors="replace"))[:_SHOWN_CHARACTERS]


def _header(response: httpcore.Response, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in response.headers if key.lower() == name), "")


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]


def _httpcore_url(url: httpx.URL) -> httpcore.URL:
    return httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _allowed(address: str) -> bool:
    return settings.WEBHOOKS_TO_PRIVATE_ADDRESSES or is_public(address)


def _resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, asked for once. One that is not public refuses all: no honest name mixes the two."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not addresses or not all(map(_allowed, addresses)):
        raise NotSent("the name leads into a private network")
    return addresses


class _Backend(httpcore.SyncBackend):
    """Connects to judged addresses only, and lets no operation outlast the deadline."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = _resolve(host, port)
        for address in addresses[:-1]:
            try:
                return self._connect(address, port, _left(self._deadline) / 2)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue  # an IPv6 address on a machine without a route, for one
        return self._connect(addresses[-1], port, _left(self._deadline))

    def _connect(self, address: str, port: int, seconds: float) -> httpcore.NetworkStream:
        return _Stream(super().connect_tcp(address, port, timeout=seconds), self._deadline)


class _Stream(httpcore.NetworkStream):
    """A stream whose every read and write may take what is left of the deadline: slow drops do not add up to hours."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, timeout=_left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout=_left(self._deadline))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, timeout=_left(self._deadline))
        return _Stream(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the deadline has passed")
    return left
