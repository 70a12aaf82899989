"""Sends calls, and again where that is safe: nobody answered, 429, 503. Each POST has an Idempotency-Key of its own,
which all its tries share, so that a repeated one happens once.
"""

import asyncio
import json
import secrets
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import httpx

from .calls import Call, Page, next_page
from .errors import ConnectionFailed, Refused, refused

T = TypeVar("T")

LONGEST_WAIT_SECONDS = 60.0
_FIRST_WAIT_MILLISECONDS = 500
_JSON = "json"
_OVERLOADED = (429, 502, 503, 504)
_NOT_NOW = {"temporarily_unavailable", "unknown"}
"""503 tells more often what a moment does not change: no rate, a node that is away. Only these are tried again."""
_FIRST_REFUSAL = 400


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a call is sent at most, and how long is waited between."""

    tries: int = 5

    def wait_seconds(self, number: int, asked_seconds: float | None) -> float:
        """Before try `number` (2, 3...): as the server asks, else twice as long each time, and never all at once."""
        if asked_seconds is not None:
            return min(asked_seconds, LONGEST_WAIT_SECONDS)
        longest: int = _FIRST_WAIT_MILLISECONDS * 2 ** (number - 2)
        return float(longest // 2 + secrets.randbelow(longest // 2 + 1)) / 1000


def prepared(call: Call[T]) -> Call[T]:
    """With the key that makes it happen once."""
    if call.method != "POST" or call.idempotency_key is not None:
        return call
    return replace(call, idempotency_key=str(uuid.uuid4()))


def arguments(call: Call[Any]) -> dict[str, Any]:
    """For httpx."""
    headers = {"Accept": call.accept}
    if call.idempotency_key is not None:
        headers["Idempotency-Key"] = call.idempotency_key
    content = None
    if call.body is not None:
        headers["Content-Type"] = "application/json"
        content = json.dumps(call.body, ensure_ascii=False).encode()
    query = {name: _in_a_query(value) for name, value in call.query.items()}
    return {"method": call.method, "url": call.path, "params": query, "headers": headers, "content": content}


def outcome(answer: httpx.Response) -> Any:
    """What the server told. Raises `Refused`; `ConnectionFailed` for an answer that is none of CryptoPay's."""
    if answer.has_redirect_location:
        raise ConnectionFailed(f"This is not CryptoPay: it sends elsewhere, to {answer.headers['location']}.")
    is_json = _JSON in answer.headers.get("content-type", "")
    if answer.status_code < _FIRST_REFUSAL and not is_json:
        return answer.text if answer.headers.get("content-type", "").startswith("text/") else answer.content
    try:
        told = answer.json() if is_json else {}
    except ValueError as error:
        raise ConnectionFailed("The answer is not whole.") from error
    if answer.status_code < _FIRST_REFUSAL:
        return told
    raise refused(answer.status_code, told if isinstance(told, Mapping) else {}, _retry_after(answer))


def is_worth_another_try(error: Exception) -> bool:
    if isinstance(error, Refused):
        busy = error.status in _OVERLOADED and (error.status == 429 or error.code in _NOT_NOW)  # noqa: PLR2004
        return busy or error.code == "idempotency_in_progress"
    return isinstance(error, httpx.TransportError | ConnectionFailed)


def _in_a_query(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _retry_after(answer: httpx.Response) -> float | None:
    """Seconds; the header's other form, a date, is left to the usual waiting."""
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isdecimal() else None


class Sender:
    """Sends calls, one after the other."""

    def __init__(self, http: httpx.Client, patience: Patience, sleep: Callable[[float], None] = time.sleep) -> None:
        self.http, self._patience, self._sleep = http, patience, sleep

    def send(self, call: Call[T]) -> T:
        """Raises `Refused`, `ConnectionFailed`."""
        return call.read(self.ask(call))

    def ask(self, call: Call[Any]) -> Any:
        """The answer as JSON has it, as text, or as a file's bytes."""
        call = prepared(call)
        for number in range(2, self._patience.tries + 2):
            try:
                return outcome(self.http.request(**arguments(call)))
            except (httpx.HTTPError, Refused, ConnectionFailed) as error:
                wait = _after(error, number, self._patience, call)
            self._sleep(wait)
        raise AssertionError  # the last try has raised


class AsyncSender:
    """The same in an event loop."""

    def __init__(
        self, http: httpx.AsyncClient, patience: Patience, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self.http, self._patience, self._sleep = http, patience, sleep

    async def send(self, call: Call[T]) -> T:
        """Raises `Refused`, `ConnectionFailed`."""
        return call.read(await self.ask(call))

    async def ask(self, call: Call[Any]) -> Any:
        """The answer as JSON has it, as text, or as a file's bytes."""
        call = prepared(call)
        for number in range(2, self._patience.tries + 2):
            try:
                return outcome(await self.http.request(**arguments(call)))
            except (httpx.HTTPError, Refused, ConnectionFailed) as error:
                wait = _after(error, number, self._patience, call)
            await self._sleep(wait)
        raise AssertionError  # the last try has raised


def _after(error: Exception, number: int, patience: Patience, call: Call[Any]) -> float:
    """Seconds to wait before try `number`. Raises the error where there is none."""
    if number > patience.tries or not is_worth_another_try(error):
        if isinstance(error, httpx.HTTPError):
            raise ConnectionFailed(f"CryptoPay does not answer: {error!r}.", call.idempotency_key) from error
        raise error
    return patience.wait_seconds(number, getattr(error, "retry_after_seconds", None))


class Listing(Generic[T]):
    """All rows, page by page, asked for as they are read: `for invoice in client.invoices.list(): ...`"""

    def __init__(self, sender: Sender, call: Call[T]) -> None:
        self._sender, self._call = sender, call

    def page(self, cursor: str | None = None) -> Page[T]:
        """One page: the first, or the one behind `cursor`."""
        call = self._call if cursor is None else next_page(self._call, cursor)
        return Page.of(call.answer, self._sender.ask(call))

    def __iter__(self) -> Iterator[T]:
        cursor = None
        while True:
            page = self.page(cursor)
            yield from page.data
            cursor = page.next_cursor
            if cursor is None:
                return


class AsyncListing(Generic[T]):
    """The same in an event loop: `async for invoice in client.invoices.list(): ...`"""

    def __init__(self, sender: AsyncSender, call: Call[T]) -> None:
        self._sender, self._call = sender, call

    async def page(self, cursor: str | None = None) -> Page[T]:
        """One page: the first, or the one behind `cursor`."""
        call = self._call if cursor is None else next_page(self._call, cursor)
        return Page.of(call.answer, await self._sender.ask(call))

    async def __aiter__(self) -> AsyncIterator[T]:
        cursor = None
        while True:
            page = await self.page(cursor)
            for row in page.data:
                yield row
            cursor = page.next_cursor
            if cursor is None:
                return
