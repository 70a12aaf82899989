"""Payments, chains, health, and what a key is."""

from datetime import timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from monitor.models import Cursor
from tests.cryptopay.api.conftest import Caller, code, pay
from tests.cryptopay.api.test_invoices import queries
from tests.people import DEVELOPMENT_CHAINS


def _read(**changes: Any) -> None:
    for chain in DEVELOPMENT_CHAINS:
        values = {"height": 100, "node_height": 100, "checked_at": timezone.now(), **changes}
        Cursor.objects.update_or_create(chain_code=chain.code, defaults=values)


def test_a_payment_is_told_as_it_stands(alice: Caller) -> None:
    order = {"amount": "0.001", "currency": "BTC", "methods": ["BTC"]}
    invoice = alice.post("/invoices", order).json()["id"]
    pay(alice)
    (seen,) = alice.get("/payments").json()["data"]
    assert alice.get(f"/payments/{seen['id']}").json() == seen
    assert (seen["state"], seen["confirmations"], seen["invoice_id"]) == ("seen", 0, invoice)
    assert seen["amount"] == {"asset": "BTC", "amount": "0.00050000", "base_units": "50000"}
    body = alice.get(f"/invoices/{invoice}").json()
    assert body["exception"] == "paid_partial"
    assert body["methods"][0]["payments"] == [seen]
    assert body["methods"][0]["remaining"]["base_units"] == "50000"
    assert alice.get("/payments", invoice=invoice, state="seen").json()["data"] == [seen]
    assert alice.get("/payments", state="confirmed").json()["data"] == []
    assert alice.get("/payments", invoice="inv_none").json()["data"] == []


def test_payments_take_a_constant_number_of_queries(alice: Caller) -> None:
    counted = []
    for _ in range(3):
        alice.post("/invoices", {"amount": "0.001", "currency": "BTC", "methods": ["BTC"]})
        pay(alice)
        counted.append(queries(lambda: alice.get("/payments")))
    assert len(set(counted)) == 1
    assert len(alice.get("/payments").json()["data"]) == 3


def test_me(alice: Caller) -> None:
    me = alice.get("/me").json()
    assert (me["merchant"], me["live"], me["hint"]) == ("Alice", False, alice.key.hint)
    assert alice.secret not in str(me)


def test_chains_of_a_key(alice: Caller) -> None:
    _read()
    assert [chain["chain"] for chain in alice.get("/chains").json()["data"]] == [c.code for c in DEVELOPMENT_CHAINS]
    first = alice.get("/chains").json()["data"][0]
    assert (first["height"], first["state"], first["since"], first["reason"]) == (100, "reading", None, "")
    assert Caller(alice.merchant, live=True).get("/chains").json()["data"] == []


def test_health(db: None) -> None:
    _read()
    well = Client().get("/api/v1/health")
    assert (well.status_code, well.json()) == (200, {"status": "ok"})
    since = timezone.now() - timedelta(minutes=2)
    for trouble, told, why in (
        (
            {"failing_since": since, "failure": "user:password@node", "failure_code": "node_slow"},
            "failing",
            "slow",
        ),
        ({"halted_at": since, "failure_code": "reorg_too_deep"}, "halted", "deeper than its limit"),
        ({"checked_at": since}, "failing", "nobody reads it"),
        ({"checked_at": None}, "failing", "has not answered yet"),
    ):
        _read(**{"failing_since": None, "halted_at": None, "failure_code": "", **trouble})
        ill = Client().get("/api/v1/health")
        assert (ill.status_code, code(ill)) == (503, "unhealthy")
        assert [error["code"] for error in ill.json()["errors"]] == [f"chain_{told}"] * len(DEVELOPMENT_CHAINS)
        detail = ill.json()["errors"][0]["detail"]
        assert why in detail
        assert (f"since {since:%Y-%m-%d %H:%M} UTC" in detail) == (None not in trouble.values())
        assert b"password" not in ill.content
    Cursor.objects.all().delete()
    assert Client().get("/api/v1/health").status_code == 503
