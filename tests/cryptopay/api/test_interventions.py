"""Cancelling and marking over REST: who may, what they must say, and what they get back."""

from typing import Any

import pytest

from cryptopay.payments.models import Intervention
from tests.cryptopay.api.conftest import Caller, code, pay

READ_AND_WRITE = ["invoices:read", "invoices:write"]


@pytest.fixture
def invoice(alice: Caller, order: dict[str, Any]) -> str:
    """0.00041667 BTC are due."""
    return f"/invoices/{alice.post('/invoices', order).json()['id']}"


def test_cancel(alice: Caller, invoice: str) -> None:
    answer = alice.post(f"{invoice}/cancel", {"reason": "Out of stock"}, key="once")
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert (body["status"], body["exception"]) == ("cancelled", "none")
    (done,) = body["interventions"]
    assert (done["status_before"], done["status"], done["reason"]) == ("new", "cancelled", "Out of stock")
    assert done["by"] == f"API key tests ({alice.key.hint})"
    assert alice.get(invoice).json() == body
    assert alice.get("/invoices", status="cancelled").json()["data"] == [body]
    assert alice.post(f"{invoice}/cancel", {"reason": "Out of stock"}, key="once").json() == body
    assert code(alice.post(f"{invoice}/cancel", {"reason": "Again"})) == "invoice_closed"
    assert code(alice.post(f"{invoice}/payment-methods", {"method": "ETH"})) == "invoice_closed"
    assert Intervention.objects.count() == 1


def test_mark(alice: Caller, invoice: str) -> None:
    pay(alice)  # more than is due, unconfirmed
    refused = alice.post(f"{invoice}/cancel", {"reason": "Out of stock"})
    assert (refused.status_code, code(refused)) == (409, "invoice_closed")
    body = alice.post(f"{invoice}/mark", {"status": "settled", "reason": "A good customer"}).json()
    assert (body["status"], body["exception"]) == ("settled", "marked")
    assert [done["status_before"] for done in body["interventions"]] == ["processing"]
    again = alice.post(f"{invoice}/mark", {"status": "settled", "reason": "A good customer"})
    assert (again.status_code, code(again)) == (409, "invoice_not_markable")
    body = alice.post(f"{invoice}/mark", {"status": "invalid", "reason": "It was stolen"}).json()
    assert (body["status"], body["exception"]) == ("invalid", "marked")
    assert [done["reason"] for done in body["interventions"]] == ["A good customer", "It was stolen"]


def test_a_part_that_was_seen_is_not_cancelled(alice: Caller, order: dict[str, Any]) -> None:
    made = alice.post("/invoices", {**order, "amount": "50.00"}).json()
    pay(alice)
    refused = alice.post(f"/invoices/{made['id']}/cancel", {"reason": "Out of stock"})
    assert (refused.status_code, code(refused)) == (409, "invoice_paid")


def test_a_key_that_opens_invoices_cancels_and_does_not_mark(alice: Caller, invoice: str) -> None:
    cashier = Caller(alice.merchant, scopes=READ_AND_WRITE)
    refused = cashier.post(f"{invoice}/mark", {"status": "settled", "reason": "Trust me"})
    assert (refused.status_code, code(refused)) == (403, "scope_missing")
    accountant = Caller(alice.merchant, scopes=["invoices:mark"])
    refused = accountant.post(f"{invoice}/cancel", {"reason": "Trust me"})
    assert (refused.status_code, code(refused)) == (403, "scope_missing")
    assert not Intervention.objects.exists()
    assert accountant.post(f"{invoice}/mark", {"status": "settled", "reason": "Paid in cash"}).status_code == 200


@pytest.mark.parametrize(
    ("act", "body", "expected", "pointer"),
    [
        ("cancel", {}, "required", "/reason"),
        ("cancel", {"reason": ""}, "blank", "/reason"),
        ("cancel", {"reason": " "}, "reason_invalid", "/reason"),
        ("cancel", {"reason": "x" * 301}, "max_length", "/reason"),
        ("cancel", {"reason": 5}, "invalid", "/reason"),
        ("cancel", {"reason": "two\nlines"}, "reason_invalid", "/reason"),
        ("cancel", {"reason": "x", "by": "rosa"}, "unknown_field", "/by"),
        ("mark", {"reason": "x"}, "required", "/status"),
        ("mark", {"reason": "x", "status": "new"}, "invalid_choice", "/status"),
        ("mark", {"reason": "x", "status": "cancelled"}, "invalid_choice", "/status"),
        ("mark", {"reason": "x", "status": ["settled"]}, "invalid_choice", "/status"),
    ],
)
def test_wrong_input(alice: Caller, invoice: str, act: str, body: Any, expected: str, pointer: str) -> None:
    before = alice.get(invoice).json()
    answer = alice.post(f"{invoice}/{act}", body)
    assert (answer.status_code, code(answer)) == (400, expected), answer.content
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert alice.get(invoice).json() == before
    assert not Intervention.objects.exists()
