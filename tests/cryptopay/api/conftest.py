"""Alice has a merchant account and asks over REST; Charlie has another one and must see nothing of hers."""

import secrets
import uuid
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from cryptopay.merchants import api_keys
from cryptopay.merchants.models import ApiKey, Merchant
from cryptopay.payments import intake
from keys.models import Address
from monitor import deposits
from monitor.chains import CHAINS
from monitor.connectors.base import Transfer
from monitor.deposits import Sighting
from monitor.watching import watched
from tests import people


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cases", type=int, help="requests to each operation in test_fuzz, at random")


class Caller:
    """A program with an API key. Every answer is JSON, whatever went wrong."""

    def __init__(self, merchant: Merchant, *, live: bool = False, scopes: list[str] | None = None) -> None:
        self.merchant = merchant
        self.key, self.secret = api_keys.create(
            merchant, "tests", live=live, scopes=scopes or list(ApiKey.Scope.values)
        )
        self.book = self.key.book
        self._client = Client(raise_request_exception=False)

    def get(self, path: str, **query: Any) -> HttpResponse:
        return self.send("GET", path, query=query)

    def post(self, path: str, body: Any = None, *, key: str | None = None) -> HttpResponse:
        return self.send("POST", path, body, headers={"idempotency-key": key or uuid.uuid4().hex})

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        query: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        content_type: str = "application/json",
    ) -> HttpResponse:
        path = path if path.startswith("/api/") else f"/api/v1{path}"
        # GET's data becomes the query string, everyone else's the body.
        given: dict[str, Any] = {"data": query or {}} if method in ("GET", "HEAD") else {}
        if method in ("POST", "PUT", "PATCH"):
            sent = raw if raw is not None else b"" if body is None else body
            given = {"data": sent, "content_type": content_type}
        everyone = {"authorization": f"Bearer {self.secret}"} if self.secret else {}
        ask = getattr(self._client, method.lower())
        answer: HttpResponse = ask(path, **given, headers={**everyone, **(headers or {})})
        return answer


@pytest.fixture(autouse=True)
def _chains_on(settings: Settings) -> None:
    settings.NODE_URLS = {chain.code: "http://127.0.0.1:1" for chain in people.DEVELOPMENT_CHAINS}
    settings.WEBHOOKS_TO_PRIVATE_ADDRESSES = True


@pytest.fixture
def alice(db: None) -> Caller:
    """With a public key on every development chain, and rates in EUR."""
    people.record_rates()
    return Caller(people.merchant("Alice"))


@pytest.fixture
def charlie(db: None) -> Caller:
    """The outsider."""
    return Caller(people.merchant("Charlie"))


@pytest.fixture
def order() -> dict[str, Any]:
    """A body that opens an invoice and chooses its method."""
    return {"amount": "25.00", "currency": "EUR", "methods": ["BTC"], "order_id": "1042", "metadata": {"cart": "7"}}


def code(answer: HttpResponse) -> str:
    """The code of a refusal, which must be problem+json in full."""
    assert answer["Content-Type"] == "application/problem+json", (answer.status_code, answer.content[:300])
    body = answer.json()  # type: ignore[attr-defined]
    assert set(body) == {"type", "title", "status", "detail", "code", "errors", "request_id"}
    assert body["status"] == answer.status_code
    assert body["errors"]
    assert body["request_id"]
    return str(body["code"])


def pay(caller: Caller) -> None:
    """0.0005 BTC are seen on their way to the caller's newest bitcoin address, as the monitor tells it."""
    chain = CHAINS["bitcoin-regtest"]
    newest = Address.objects.filter(book=caller.book, chain=chain.code).order_by("pk").reverse()[0]
    destination, txid = bytes(newest.destination), secrets.token_hex(32)
    transfer = Transfer(f"{txid}:0", txid, destination, 50_000)
    deposits.take_in(Sighting(chain, timezone.now(), None), [transfer], watched(chain, [destination]))
    intake.drain(chain.code)
