"""What is tried again, what is not, and how long is waited: against answers as servers and networks give them."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from cryptopay.client import (
    AsyncClient,
    Client,
    Conflict,
    ConnectionFailed,
    Patience,
    ServerFault,
    TooManyRequests,
    Unavailable,
)
from cryptopay.client.sending import LONGEST_WAIT_SECONDS, AsyncSender, Sender

HEALTHY = {"status": "ok"}
Step = httpx.Response | Exception


def _problem(status: int, code: str, **headers: str) -> httpx.Response:
    told = {"code": code, "detail": "No.", "request_id": "r", "errors": []}
    return httpx.Response(status, json=told, headers={"content-type": "application/problem+json", **headers})


def _fine() -> httpx.Response:
    return httpx.Response(200, json=HEALTHY)


class Server:
    """Answers as told, one step a request; keeps what it was asked."""

    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps)
        self.asked: list[httpx.Request] = []
        self.waits: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    def client(self, tries: int = 5) -> Client:
        made = Client("http://x", "sk_test_1", transport=httpx.MockTransport(self))
        sender = Sender(made._http, Patience(tries), self.waits.append)
        for group in vars(made).values():
            if hasattr(group, "_sender"):
                group._sender = sender
        return made


@pytest.mark.parametrize(
    "step",
    [
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("cut off"),
        _problem(429, "too_many_requests"),
        _problem(503, "temporarily_unavailable"),
        httpx.Response(502, text="<html>Bad gateway</html>"),
        httpx.Response(200, content=b'{"status": "o', headers={"content-type": "application/json"}),
    ],
)
def test_it_is_tried_again(step: Step) -> None:
    server = Server(step, _fine())
    assert server.client().health.get().status == "ok"
    assert len(server.waits) == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (_problem(503, "rate_missing"), Unavailable),
        (_problem(503, "unhealthy"), Unavailable),
        (_problem(500, "internal_error"), ServerFault),
        (_problem(409, "invoice_closed"), Conflict),
    ],
)
def test_it_is_told_at_once(answer: httpx.Response, error: type[Exception]) -> None:
    server = Server(answer)
    with pytest.raises(error):
        server.client().health.get()
    assert not server.waits


def test_all_tries_of_a_post_have_one_key_and_one_body() -> None:
    fails: list[Step] = [httpx.ReadTimeout("slow"), _problem(409, "idempotency_in_progress"), httpx.ConnectError("no")]
    server = Server(*fails, httpx.Response(201, json={"event": "evt_1"}))
    assert server.client().webhook_endpoints.test("ep_1").event == "evt_1"
    assert len({request.headers["idempotency-key"] for request in server.asked}) == 1
    assert len({request.content for request in server.asked}) == 1
    again = Server(httpx.Response(201, json={"event": "evt_1"}))
    again.client().webhook_endpoints.test("ep_1")
    assert again.asked[0].headers["idempotency-key"] != server.asked[0].headers["idempotency-key"]


def test_it_gives_up_and_says_with_which_key() -> None:
    server = Server(*[httpx.ConnectError("refused")] * 3)
    with pytest.raises(ConnectionFailed) as failed:
        server.client(tries=3).webhook_endpoints.test("ep_1", idempotency_key="mine")
    assert (failed.value.idempotency_key, len(server.asked), len(server.waits)) == ("mine", 3, 2)
    with pytest.raises(TooManyRequests):
        Server(*[_problem(429, "too_many_requests") for _ in range(2)]).client(tries=2).health.get()


def test_the_server_says_how_long() -> None:
    steps = [_problem(429, "too_many_requests", **{"retry-after": text}) for text in ("7", "86400", "Wed, 21 Oct 2015")]
    server = Server(*steps, _fine())
    server.client().health.get()
    assert server.waits[:2] == [7, LONGEST_WAIT_SECONDS]
    assert 0 < server.waits[2] < 7


def test_waiting_doubles() -> None:
    waits = [Patience().wait_seconds(number, None) for number in (2, 3, 4, 5)]
    assert all(low <= wait <= 2 * low for low, wait in zip((0.25, 0.5, 1, 2), waits, strict=True))


def test_an_answer_with_less_or_more_is_read() -> None:
    """An older client reads a newer server."""
    told = {"data": [{"id": "evt_1", "type": "new.kind", "surprise": 1}], "has_more": False, "next_cursor": None}
    (event,) = Server(httpx.Response(200, json=told)).client().events.list()
    assert (event.id, event.type) == ("evt_1", "new.kind")


def test_the_key_goes_nowhere_else() -> None:
    server = Server(httpx.Response(302, headers={"location": "http://elsewhere/"}))
    with pytest.raises(ConnectionFailed, match="elsewhere"):
        server.client(tries=1).me.get()
    assert [request.url.host for request in server.asked] == ["x"]


def test_async_tries_again_too() -> None:
    server = Server(httpx.ConnectError("refused"), _problem(429, "busy", **{"retry-after": "3"}), _fine())

    async def wait(seconds: float) -> None:
        server.waits.append(seconds)

    async def ask() -> Any:
        client = AsyncClient("http://x", "k", transport=httpx.MockTransport(server))
        client.health._sender = AsyncSender(client._http, Patience(), wait)
        async with client:
            return await client.health.get()

    assert asyncio.run(ask()).status == "ok"
    assert len(server.waits) == 2
    assert server.waits[1] == 3


def test_catching_up_reads_forward_from_page_to_page() -> None:
    told = {"created_at": "2026-03-02T09:00:00Z", "data": {}}
    pages = [
        {"data": [{"id": name, **told}], "has_more": further is not None, "next_cursor": further}
        for name, further in (("evt_2", "evt_2"), ("evt_3", None))
    ]
    server = Server(*(httpx.Response(200, json=page) for page in pages))
    assert [event.id for event in server.client().events.list(after="evt_1", limit=1)] == ["evt_2", "evt_3"]
    assert [dict(request.url.params) for request in server.asked] == [
        {"after": "evt_1", "limit": "1"},
        {"after": "evt_2", "limit": "1"},
    ]


@pytest.mark.parametrize("given", [{"limit": 5}, {"after": "a&b=c#d"}])
def test_a_query_is_written_as_it_is(given: dict[str, Any]) -> None:
    server = Server(httpx.Response(200, json={"data": [], "has_more": False, "next_cursor": None}))
    assert list(server.client().events.list(**given)) == []
    assert dict(server.asked[0].url.params) == {name: str(value) for name, value in given.items()}


def test_bodies_are_json_without_what_was_left_out() -> None:
    server = Server(_problem(422, "chain_unknown"))
    ask: Callable[[], object] = lambda: server.client().addresses.create(chain="btc", user="ü")  # noqa: E731
    with pytest.raises(Exception, match="chain_unknown"):
        ask()
    assert json.loads(server.asked[0].content) == {"chain": "btc", "user": "ü"}
