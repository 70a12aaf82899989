"""HTTP to a source: bounded in time and size, no redirects, every failure a `SourceError`."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from types import TracebackType

import httpx
from django.utils import timezone

from cryptopay.feeds.errors import SourceError
from cryptopay.feeds.source import Answer

CONNECT_SECONDS, READ_SECONDS, ANSWER_SECONDS = 5.0, 10.0, 20.0
MOST_BYTES = 8 * 1024 * 1024
LONGEST_WAIT_SECONDS = 86_400


class Questions:
    """Asks one source, over connections of its own. `transport` is for tests."""

    def __init__(self, transport: httpx.BaseTransport | None = None) -> None:
        timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
        headers = {"User-Agent": "CryptoPay", "Accept-Encoding": "gzip, deflate"}
        self._client = httpx.Client(transport=transport, timeout=timeout, headers=headers, follow_redirects=False)

    def __enter__(self) -> "Questions":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._client.close()

    def ask(self, url: str, parameters: Mapping[str, str]) -> Answer:
        """GET. Raises `SourceError`: no answer, another status than 200, too large, too slow as a whole."""
        ends = time.monotonic() + ANSWER_SECONDS
        try:
            with self._client.stream("GET", url, params=parameters) as response:
                if response.status_code != HTTPStatus.OK:
                    raise _refusal(response)
                return Answer(_body(response, ends), _made_at(response.headers))
        except httpx.HTTPError as error:
            raise SourceError(f"no answer: {type(error).__name__}") from error


def _body(response: httpx.Response, ends: float) -> bytes:
    parts: list[bytes] = []
    size = 0
    for part in response.iter_bytes():
        parts.append(part)
        size += len(part)
        if size > MOST_BYTES:
            raise SourceError(f"the answer has more than {MOST_BYTES} bytes")
        if time.monotonic() > ends:
            raise SourceError(f"no whole answer within {ANSWER_SECONDS:g} seconds")
    return b"".join(parts)


def _refusal(response: httpx.Response) -> SourceError:
    status = response.status_code
    wait = response.headers.get("Retry-After", "")
    seconds = min(int(wait), LONGEST_WAIT_SECONDS) if wait.isascii() and wait.isdigit() and len(wait) < 10 else 0  # noqa: PLR2004
    return SourceError(f"it answers HTTP {status}", status=status, retry_seconds=seconds)


def _made_at(headers: httpx.Headers) -> datetime:
    """By the source's clock, less the time a cache kept it; by ours where it says nothing or claims the future."""
    now = timezone.now()
    age = headers.get("Age", "0")
    kept = timedelta(seconds=int(age)) if age.isascii() and age.isdigit() and len(age) < 10 else timedelta()  # noqa: PLR2004
    try:
        told = parsedate_to_datetime(headers["Date"])
    except (KeyError, ValueError):
        told = now
    told = told.replace(tzinfo=UTC) if told.tzinfo is None else told
    return min(told, now - kept)
