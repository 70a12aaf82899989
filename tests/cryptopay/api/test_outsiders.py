"""Charlie asks at every door. The doors are read off the URLconf, so a new one without an entry here fails."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from cryptopay.api.authentication import PUBLIC
from cryptopay.api.resource import Resource
from cryptopay.merchants import api_keys
from cryptopay.merchants.models import Customer
from cryptopay.monthend import packages
from cryptopay.payments.models import ChainNotice, Payment
from cryptopay.webhooks.models import Delivery, Event
from ledger.models import Account, JournalEntry
from reports import exporting
from tests.closing import change
from tests.cryptopay.api.conftest import Caller, code, pay
from tests.cryptopay.api.test_invoices import rows

OPEN_TO_ALL = {"public-invoice", "health"}
"""API routes that need no key: the invoice's id is the secret a payer was given; health tells nothing of anybody."""
NOT_RESOURCES = {"schema", "docs", "no-such-route"}
"""The API's own description, and the 404."""
ASKED = {"rate-history": {"asset": "BTC", "currency": "EUR"}}
"""What a GET must be asked with, by route."""
OPEN_PAGES = {"": {"start"}, ".well-known/": {"period_key"}, "pay/": {"invoice", "state", "method"}}
"""Pages that need no key, by prefix: the start page, and the checkout, for whoever was given an invoice's id."""


NAMES_FOR_ALL = {"report_name": "trial-balance"}
"""Parameters of routes that every merchant has alike; what is behind them is each one's own."""


@dataclass(frozen=True)
class Door:
    """One route of the API."""

    name: str
    route: str
    view: type

    @property
    def parameters(self) -> list[str]:
        """Those that name a merchant's own things."""
        return [name for name in re.findall(r"<\w+:(\w+)>", self.route) if name not in NAMES_FOR_ALL]

    @property
    def methods(self) -> list[str]:
        return [name.upper() for name in ("get", "post", "put", "patch", "delete") if hasattr(self.view, name)]

    def path(self, ids: dict[str, str]) -> str:
        return "/" + re.sub(r"<\w+:(\w+)>", lambda match: {**NAMES_FOR_ALL, **ids}[match[1]], self.route)


def _routes(patterns: Any, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns, route)
        else:
            yield route, pattern


def _doors() -> list[Door]:
    return [
        Door(str(pattern.name), route, pattern.callback.view_class)
        for route, pattern in _routes(get_resolver().url_patterns)
        if route.startswith("api/")
    ]


DOORS = [door for door in _doors() if door.name not in NOT_RESOURCES]


@pytest.fixture
def ids(alice: Caller, order: dict[str, Any]) -> dict[str, str]:
    """One of each of Alice's things, by the name of the parameter that stands for it."""
    endpoint = alice.post("/webhook-endpoints", {"url": "https://shop.example/hook"}).json()["id"]
    address = alice.post("/addresses", {"chain": "bitcoin-regtest", "user": "bob"}).json()["id"]
    invoice = alice.post("/invoices", {**order, "customer_ref": "bob", "description": "Alice's tea"}).json()
    target = {"chain": "bitcoin-regtest", "address": invoice["methods"][0]["address"]}
    watch = alice.post("/watches", target).json()["id"]
    pay(alice)
    closed = change(alice.book.pk, timezone.now().date() - timedelta(days=400))
    packages.make(closed)
    export = alice.post("/reports/trial-balance/exports", {"format": "csv"}).json()["id"]
    assert exporting.make_next()
    return {
        "period_id": f"per_{closed.pk}",
        "api_key_id": alice.key.public_id,
        "invoice_id": invoice["id"],
        "address_id": address,
        "customer_id": Customer.objects.get(book=alice.book, external_ref="bob").public_id,
        "watch_id": watch,
        "chain_event_id": ChainNotice.objects.get().public_id,
        "endpoint_id": endpoint,
        "payment_id": Payment.objects.get().public_id,
        "event_id": Event.objects.order_by("pk")[0].public_id,
        "delivery_id": Delivery.objects.order_by("pk")[0].public_id,
        "entry_id": f"je_{JournalEntry.objects.get().pk}",
        "rate_id": alice.post("/rates", {"asset": "BTC", "currency": "EUR", "price": "60001"}).json()["id"],
        "export_id": export,
        "account_id": f"acc_{Account.objects.get(code='liabilities:customers:bob').pk}",
    }


def test_every_door_is_known(ids: dict[str, str]) -> None:
    for route, pattern in _routes(get_resolver().url_patterns):
        first = route[: route.index("/") + 1] if "/" in route else ""
        if first not in ("api/", "admin/", "account/"):  # these ask for a person, and have tests of their own
            assert pattern.name in OPEN_PAGES.get(first, set()), f"Nobody said who may pass {route}"
    for door in DOORS:
        assert issubclass(door.view, Resource), door
        assert set(door.view.scopes) == set(door.methods), f"{door.name} must declare a scope for each of its methods"
        assert (PUBLIC in door.view.scopes.values()) == (door.name in OPEN_TO_ALL), door
        assert set(door.parameters) <= set(ids), f"Name one of Alice's things for {door.route}"
    assert len(DOORS) == len({door.name for door in DOORS}) >= 31


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_threat_39_outsiders_find_nothing(
    door: Door, alice: Caller, charlie: Caller, ids: dict[str, str], order: dict[str, Any]
) -> None:
    """Another merchant's key, and her own for real money: her test things are not there, as if they had never been."""
    theirs = rows_of(alice)
    for outsider in (charlie, Caller(alice.merchant, live=True), Caller(charlie.merchant, live=True)):
        for method in door.methods:
            answer = outsider.send(method, door.path(ids), {}, headers={"idempotency-key": f"{method}{door.name}"})
            if door.name in OPEN_TO_ALL:
                assert answer.status_code < 500 or code(answer) == "unhealthy"
                continue
            told = answer.getvalue().decode()
            for hers in (*ids.values(), "Alice's tea", "shop.example", "bob"):
                assert hers not in told, (door, method)
            if door.parameters:
                assert (answer.status_code, code(answer)) == (404, "not_found"), (door, method)
                assert without_id(answer) == without_id(_asked_for_nothing(outsider, door, method, ids))
    assert rows_of(alice) == theirs


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_threat_39_dead_keys_open_nothing(door: Door, alice: Caller, ids: dict[str, str]) -> None:
    """Revoked, expired, never there, none: 401 at every door, found or not."""
    revoked, expired, wrong, none = (Caller(alice.merchant) for _ in range(4))
    api_keys.revoke(revoked.key)
    expired.key.expires_at = timezone.now() - timedelta(seconds=1)
    expired.key.save()
    wrong.secret = "sk_test_" + "0" * 64
    none.secret = ""
    before = rows()
    said = {revoked: "api_key_revoked", expired: "api_key_expired", wrong: "api_key_invalid", none: "api_key_missing"}
    for caller, word in said.items():
        for method in door.methods:
            answer = caller.send(method, door.path(ids), {}, headers={"idempotency-key": "k"})
            if door.name in OPEN_TO_ALL:
                assert answer.status_code != 401
                continue
            assert answer.status_code == 401, (door, method)
            assert code(answer) == word
    assert rows() == before


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_threat_39_methods_there_are_not(door: Door, alice: Caller, ids: dict[str, str]) -> None:
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} - set(door.methods):
        answer = alice.send(method, door.path(ids), headers={"idempotency-key": "k"})
        assert (answer.status_code, code(answer)) == (405, "method_not_allowed"), (door, method)


def test_threat_39_alice_herself_finds_all(alice: Caller, ids: dict[str, str]) -> None:
    """Else the tests above would pass on an API that answers 404 to everyone."""
    for door in DOORS:
        if "GET" in door.methods and door.name != "health":
            assert alice.get(door.path(ids), **ASKED.get(door.name, {})).status_code == 200, door


def test_what_is_no_resource_tells_nothing(ids: dict[str, str]) -> None:
    for door in _doors():
        if door.name in NOT_RESOURCES - {"no-such-route"}:
            answer = Client().get("/" + door.route)
            assert answer.status_code == 200
            assert not any(hers in answer.content.decode() for hers in ids.values())


def rows_of(caller: Caller) -> dict[str, int]:
    """Of her test book, in every table that has a book."""
    return {
        model._meta.label: model._default_manager.filter(book=caller.book).count()
        for model in apps.get_models()
        if any(field.name == "book" for field in model._meta.fields)
    }


def without_id(answer: Any) -> dict[str, Any]:
    return {**answer.json(), "request_id": ""}


def _asked_for_nothing(caller: Caller, door: Door, method: str, ids: dict[str, str]) -> Any:
    nothing = {}
    for name, value in ids.items():
        prefix, _, rest = value.partition("_")
        nothing[name] = f"{prefix}_{'9' * 18 if rest.isdigit() else '0' * 26}"
    return caller.send(method, door.path(nothing), {}, headers={"idempotency-key": f"{method}{door.name}"})
