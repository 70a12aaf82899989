"""Customers over REST: the same ones whom invoices and addresses name, with what they hold and how it came about."""

from typing import Any

import pytest

from cryptopay.merchants.models import Customer
from tests.cryptopay.api.conftest import Caller, code, pay

ANN = {"external_ref": "ann", "name": "Ann", "email": "ann@example.com", "metadata": {"level": "gold"}}


def test_write_and_read(alice: Caller, charlie: Caller) -> None:
    made = alice.post("/customers", ANN)
    body = made.json()
    assert made.status_code == 201, made.content
    assert {name: body[name] for name in ANN} == ANN
    assert body["id"].startswith("cus_")
    assert alice.get(f"/customers/{body['id']}").json() == body
    charlie.post("/customers", ANN)
    assert alice.get("/customers").json()["data"] == [body]


def test_the_same_reference_is_the_same_customer(alice: Caller, order: dict[str, Any]) -> None:
    """Whoever names them first: an invoice, an address, or this."""
    alice.post("/invoices", {**order, "customer_ref": "ann"})
    alice.post("/addresses", {"chain": "bitcoin-regtest", "user": "bob"})
    written = alice.post("/customers", ANN)
    assert written.status_code == 200
    again = alice.post("/customers", {"external_ref": "ann", "name": "Ann Onymous"}).json()
    assert again == {**written.json(), "name": "Ann Onymous"}
    assert Customer.objects.count() == 2
    (found,) = alice.get("/customers", external_ref="ann").json()["data"]
    assert found == again
    assert alice.get("/customers", email="ann@example.com").json()["data"] == [again]
    assert alice.get("/customers", email="bob@example.com").json()["data"] == []


def test_change(alice: Caller) -> None:
    made = alice.post("/customers", ANN).json()
    path = f"/customers/{made['id']}"
    changed = alice.send("PATCH", path, {"email": "", "metadata": {}}).json()
    assert changed == {**made, "email": "", "metadata": {}}
    assert alice.send("PATCH", path, {}).json() == changed
    assert alice.get(path).json() == changed


def test_pages(alice: Caller) -> None:
    ids = [alice.post("/customers", {"external_ref": f"c{n}"}).json()["id"] for n in range(3)]
    first = alice.get("/customers", limit=2).json()
    assert [row["id"] for row in first["data"]] == [ids[2], ids[1]]
    assert [row["id"] for row in alice.get("/customers", cursor=first["next_cursor"]).json()["data"]] == [ids[0]]


@pytest.mark.parametrize(
    ("change", "expected", "pointer"),
    [
        ({"external_ref": ""}, "blank", "/external_ref"),
        ({"external_ref": " ann"}, "external_ref_invalid", "/external_ref"),
        ({"external_ref": "x" * 129}, "max_length", "/external_ref"),
        ({"external_ref": "a\u202eb"}, "external_ref_invalid", "/external_ref"),
        ({"external_ref": 5}, "invalid", "/external_ref"),
        ({"name": "x" * 201}, "max_length", "/name"),
        ({"email": "ann"}, "email_invalid", "/email"),
        ({"email": "ann@" + "x" * 260 + ".example"}, "max_length", "/email"),
        ({"email": ["ann@example.com"]}, "invalid", "/email"),
        ({"metadata": {"n": 5}}, "invalid", "/metadata/n"),
        ({"id": "cus_1"}, "unknown_field", "/id"),
        ({"book": 1}, "unknown_field", "/book"),
    ],
)
def test_wrong_input(alice: Caller, change: dict[str, Any], expected: str, pointer: str) -> None:
    answer = alice.post("/customers", {**ANN, **change})
    assert (answer.status_code, expected in {error["code"] for error in answer.json()["errors"]}) == (400, True)
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert not Customer.objects.exists()


def test_a_reference_is_for_good(alice: Caller) -> None:
    made = alice.post("/customers", ANN).json()
    answer = alice.send("PATCH", f"/customers/{made['id']}", {"external_ref": "eve"})
    assert (answer.status_code, code(answer)) == (400, "unknown_field")


def test_balances_and_statement(alice: Caller, order: dict[str, Any]) -> None:
    """Seen coins stand beside the balance; on the statement is what was validated."""
    made = alice.post("/customers", ANN).json()
    path = f"/customers/{made['id']}"
    assert alice.get(f"{path}/balances").json() == {"data": []}
    nothing = alice.get(f"{path}/statement", asset="BTC")
    assert (nothing.status_code, code(nothing)) == (422, "account_unknown")
    alice.post("/invoices", {**order, "customer_ref": "ann"})
    pay(alice)
    (held,) = alice.get(f"{path}/balances").json()["data"]
    assert held["asset"]["name"] == "BTC@bitcoin-regtest"
    assert [held[name]["base_units"] for name in ("posted", "pending_in", "pending_out", "available")] == [
        "0", "50000", "0", "0"
    ]  # fmt: skip
    _credit(alice)
    (held,) = alice.get(f"{path}/balances").json()["data"]
    assert held["posted"] == {"asset": "BTC", "amount": "0.00000300", "base_units": "300"}
    statement = alice.get(f"{path}/statement", asset="BTC").json()
    assert [line["balance"]["base_units"] for line in statement["data"]] == ["100", "300"]
    assert (statement["opening"]["base_units"], statement["closing"]["base_units"]) == ("0", "300")
    assert alice.get(f"{path}/statement").json() == statement
    assert alice.get(f"/ledger/accounts/{held['account_id']}/statement").json() == statement
    page = alice.get(f"{path}/statement", limit=1).json()
    assert alice.get(f"{path}/statement", cursor=page["next_cursor"]).json()["data"] == statement["data"][1:]
    assert code(alice.get(f"{path}/statement", asset="LTC")) == "account_unknown"
    assert code(alice.get(f"{path}/statement", **{"from": "2026-02-02", "to": "2026-02-01"})) == "period_invalid"


def _credit(alice: Caller) -> None:
    """By hand, as goodwill, twice."""
    for units in ("100", "200"):
        legs = [
            {"account": "expense:network fees", "asset": "BTC", "debit_base_units": units},
            {"account": "liabilities:customers:ann", "asset": "BTC", "credit_base_units": units},
        ]
        answer = alice.post("/ledger/entries", {"description": "Goodwill", "legs": legs})
        assert answer.status_code == 201, answer.content


def test_scopes(alice: Caller) -> None:
    made = alice.post("/customers", ANN).json()
    path = f"/customers/{made['id']}"
    reader, writer = (Caller(alice.merchant, scopes=[f"customers:{verb}"]) for verb in ("read", "write"))
    assert reader.get(path).status_code == 200
    assert code(reader.post("/customers", ANN)) == "scope_missing"
    assert code(reader.send("PATCH", path, {"name": "Eve"})) == "scope_missing"
    assert code(writer.get(f"{path}/balances")) == "scope_missing"
    assert writer.send("PATCH", path, {"name": "Ann B."}).status_code == 200
