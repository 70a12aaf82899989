"""A developer's ear: reads a CryptoPay's events over REST as they come, and hands them to a server on his own machine.

It needs an API key and no webhook endpoint, so nothing of his need be reachable from outside. It reads by position
(`GET /events?after=`), so it misses none, and goes on where it stopped.
"""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from cryptopay.webhooks import signing

START = "start"
_PAGE = 100
_SECONDS = 15.0
_REFUSED = 400
_BUSY = (408, 425, 429)
_FAULT = 500


class Refused(Exception):
    """The server does not answer this key or this position; asking again is of no use."""


class Unreachable(Exception):
    """No answer now."""


@dataclass
class Source:
    """The events of the key's book, read forward from `after`: an event's id, or `START`. None: from now on."""

    server: str
    key: str
    after: str | None = None
    _http: httpx.Client = field(init=False, repr=False)
    _known: set[str] = field(default_factory=set, init=False, repr=False)

    def __post_init__(self) -> None:
        headers = {"Authorization": f"Bearer {self.key}", "User-Agent": "CryptoPay listen"}
        self._http = httpx.Client(base_url=f"{self.server.rstrip('/')}/api/v1/", headers=headers, timeout=_SECONDS)

    def close(self) -> None:
        self._http.close()

    def come(self) -> Iterator[dict[str, Any]]:
        """What has come since, oldest first. Raises `Refused`, `Unreachable`; what was yielded before is read."""
        if self.after is None:
            self._begin()
        more = True
        while more:
            page = self._get({"after": self.after or START, "limit": str(_PAGE)})
            for event in page["data"]:
                if event["id"] not in self._known:
                    yield event
                self.after = event["id"]
            more = page["has_more"]

    def _begin(self) -> None:
        """Behind the newest. One that was begun before and is committed later stands before some of these."""
        page = self._get({"limit": str(_PAGE)})
        self._known = {event["id"] for event in page["data"]}
        self.after = page["data"][-1]["id"] if page["has_more"] else START

    def _get(self, query: dict[str, str]) -> dict[str, Any]:
        try:
            answer = self._http.get("events", params=query)
        except httpx.HTTPError as error:
            raise Unreachable(f"{type(error).__name__}: {error}") from error
        if answer.status_code >= _FAULT or answer.status_code in _BUSY:
            raise Unreachable(f"HTTP {answer.status_code}")
        if answer.status_code >= _REFUSED:
            raise Refused(_detail(answer))
        if not answer.is_success:
            raise Refused(f"HTTP {answer.status_code}: is this the address of a CryptoPay?")
        try:
            page: dict[str, Any] = answer.json()
        except ValueError:
            raise Refused("This does not answer in JSON: is it the address of a CryptoPay?") from None
        return page


@dataclass(frozen=True)
class Forwarding:
    """To a server of one's own: signed as webhooks are, once each, at an address of any kind."""

    url: str
    secret: bytes

    def send(self, event: dict[str, Any], now: int) -> str:
        """What came of it, in a word. `now` in seconds since 1970 UTC."""
        body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "CryptoPay"}
        headers |= signing.headers([self.secret], event["id"], now, body)
        try:
            answer = httpx.post(self.url, headers=headers, content=body, timeout=_SECONDS, trust_env=False)
        except httpx.HTTPError as error:
            return type(error).__name__
        return str(answer.status_code)


def wanted(name: str, types: Collection[str]) -> bool:
    """No types: all."""
    return not types or name in types


def line(event: dict[str, Any]) -> str:
    """For people: when, what, about what, and the id to go on from."""
    mark = "  (example)" if event.get("example") else ""
    return f"{event['created_at'][:19].replace('T', ' ')}  {event['type']:<24} {event['subject']}  {event['id']}{mark}"


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {answer.status_code}"
