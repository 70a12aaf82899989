"""Opening, reading and listing invoices; every wrong input has its code and leaves no half-written row."""

from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cryptopay.payments import lifecycle
from cryptopay.payments.lifecycle import NewInvoice
from cryptopay.payments.models import Invoice, Terms
from keys.models import Address, MasterKey
from ledger.models import Rate
from tests import people
from tests.cryptopay.api.conftest import Caller, code
from tests.database import past_triggers

ROOMS = ("payments", "keys", "monitor", "webhooks", "api", "ledger")


def rows() -> dict[str, int]:
    """How many rows every table of ours holds; the assets, which are known for good once named, aside."""
    models = [model for room in ROOMS for model in apps.get_app_config(room).get_models()]
    return {model._meta.label: model._default_manager.count() for model in models if model.__name__ != "Asset"}


def test_open(alice: Caller, order: dict[str, Any]) -> None:
    answer = alice.post("/invoices", order)
    assert answer.status_code == 201, answer.content
    body = answer.json()
    (method,) = body["methods"]
    assert (body["status"], body["exception"], body["live"]) == ("new", "none", False)
    assert (body["amount"], body["currency"], body["metadata"]) == ("25.00", "EUR", {"cart": "7"})
    # 25 / 60000, rounded up
    assert method["due"] == {"asset": "BTC", "amount": "0.00041667", "base_units": "41667"}
    assert method["remaining"] == method["due"]
    assert method["address"] == Address.objects.get().text
    assert method["uri"] == f"bitcoin:{method['address']}?amount=0.00041667"
    assert method["rate"]["price"] == "60000"
    assert body["checkout_url"].endswith(f"/pay/{body['id']}")
    assert alice.get(f"/invoices/{body['id']}").json() == body


def test_lines_and_quotes_are_shown(alice: Caller, order: dict[str, Any]) -> None:
    Terms.objects.create(book=alice.book, spread=Decimal("0.005"), tolerance=Decimal("0.01"))
    asked = [
        {"description": "Tea", "quantity": "2", "net": "22.00", "tax_rate": "19"},
        {"description": "Off", "net": "-1.18", "tax_rate": "0"},
    ]
    body = alice.post("/invoices", {**order, "lines": asked}).json()
    assert body["lines"] == [
        {"description": "Tea", "quantity": "2", "net": "22.00", "tax_rate": "19", "tax": "4.18"},
        {"description": "Off", "quantity": "1", "net": "-1.18", "tax_rate": "0", "tax": "0.00"},
    ]
    assert body["tax_totals"] == [
        {"tax_rate": "0", "net": "-1.18", "tax": "0.00"},
        {"tax_rate": "19", "net": "22.00", "tax": "4.18"},
    ]
    (method,) = body["methods"]
    rate = {name: method["rate"][name] for name in ("price", "spread", "quoted_price")}
    assert rate == {"price": "60000", "spread": "0.005", "quoted_price": "59700"}
    assert method["due"]["base_units"] == "41877"  # 25 / 59700, rounded up
    assert body["created_at"] <= method["quoted_at"] < method["quote_expires_at"] == body["expires_at"]
    assert body["tolerance"] == "0.01"
    assert alice.get(f"/invoices/{body['id']}").json() == body
    (listed,) = alice.get("/invoices").json()["data"]
    assert listed == body
    assert alice.get(f"/invoices/{body['id']}/payment-methods").json()["data"] == body["methods"]


def test_choose_later(alice: Caller) -> None:
    made = alice.post("/invoices", {"amount": "25", "currency": "EUR"}).json()
    assert made["methods"] == []
    path = f"/invoices/{made['id']}/payment-methods"
    offered = alice.get(path).json()
    assert [offer["method"] for offer in offered["available"]] == [
        "BTC@bitcoin-regtest",
        "LTC@litecoin-regtest",
        "BCH@bitcoincash-regtest",
        "ETH@ethereum-dev",
    ]
    chosen = alice.post(path, {"method": "LTC@litecoin-regtest"})
    assert chosen.status_code == 201
    again = alice.post(path, {"method": "LTC"})
    assert again.json() == chosen.json()
    assert alice.get(path).json()["data"] == [chosen.json()]
    assert code(alice.post(path, {"method": "XMR"})) == "payment_method_unavailable"


def test_public_tells_no_more_than_the_payer_needs(alice: Caller, order: dict[str, Any]) -> None:
    made = alice.post("/invoices", {**order, "customer_ref": "c-1", "description": "Tea"}).json()
    alice.secret = ""
    shown = alice.get(f"/invoices/{made['id']}/public").json()
    assert set(shown) == {"id", "status", "exception", "amount", "currency", "description", "expires_at", "methods"}
    assert shown["methods"][0]["address"] == made["methods"][0]["address"]
    assert set(shown["methods"][0]) == {
        "asset", "chain", "contract", "address", "memo", "uri", "due", "paid", "confirmed", "remaining", "payments"
    }  # fmt: skip


def test_an_address_that_fails_verification_is_not_shown(alice: Caller, order: dict[str, Any]) -> None:
    made = alice.post("/invoices", order).json()
    with past_triggers(), connection.cursor() as cursor:
        cursor.execute("UPDATE keys_address SET text = 'bcrt1qthief'")
    for path in (f"/invoices/{made['id']}", f"/invoices/{made['id']}/public", "/invoices"):
        answer = alice.get(path)
        assert answer.status_code == 200
        assert b"bcrt1qthief" not in answer.content
        assert made["methods"][0]["address"].encode() not in answer.content


def test_pages(alice: Caller, charlie: Caller) -> None:
    ids = [
        lifecycle.open_invoice(
            alice.book, NewInvoice(amount="1", currency="EUR", order_id=f"o{n % 2}")
        ).invoice.public_id
        for n in range(5)
    ]
    lifecycle.open_invoice(charlie.book, NewInvoice(amount="1", currency="EUR"))
    seen, cursor = [], None
    for _ in range(3):
        page = alice.get("/invoices", limit=2, **({"cursor": cursor} if cursor else {})).json()
        seen += [invoice["id"] for invoice in page["data"]]
        cursor = page["next_cursor"]
        assert page["has_more"] is (cursor is not None)
    assert seen == ids[::-1]
    assert cursor is None
    assert [i["id"] for i in alice.get("/invoices", order_id="o1").json()["data"]] == [ids[3], ids[1]]
    assert alice.get("/invoices", status="settled").json()["data"] == []
    assert code(charlie.get("/invoices", cursor=ids[2])) == "cursor_invalid"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"limit": "0"}, "min_value"),
        ({"limit": "101"}, "max_value"),
        ({"limit": "x"}, "invalid"),
        ({"limit": "9" * 5000}, "max_string_length"),
        ({"cursor": "inv_\0"}, "null_characters_not_allowed"),
        ({"cursor": "nothing"}, "cursor_invalid"),
        ({"status": "paid"}, "invalid_choice"),
        ({"page": "2"}, "unknown_parameter"),
        ({"limit": ["1", "2"]}, "parameter_repeated"),
    ],
)
def test_wrong_parameters(alice: Caller, query: dict[str, Any], expected: str) -> None:
    answer = alice.get("/invoices", **query)
    assert (answer.status_code, code(answer)) == (400, expected)
    assert answer.json()["errors"][0]["parameter"] == next(iter(query))


@pytest.mark.parametrize(
    ("change", "status", "expected", "pointer"),
    [
        ({"amount": "-1"}, 400, "amount_malformed", "/amount"),
        ({"amount": "0"}, 400, "amount_not_positive", "/amount"),
        ({"amount": "0.00"}, 400, "amount_not_positive", "/amount"),
        ({"amount": "1.001"}, 400, "amount_too_precise", "/amount"),
        ({"amount": "1" * 79}, 400, "amount_out_of_range", "/amount"),
        ({"amount": "9" * 121}, 400, "amount_malformed", "/amount"),
        ({"amount": "1e3"}, 400, "amount_malformed", "/amount"),
        ({"amount": "NaN"}, 400, "amount_malformed", "/amount"),
        ({"amount": "Infinity"}, 400, "amount_malformed", "/amount"),
        ({"amount": " 1"}, 400, "amount_malformed", "/amount"),
        ({"amount": "1,5"}, 400, "amount_malformed", "/amount"),
        ({"amount": "\u0661"}, 400, "amount_malformed", "/amount"),
        ({"amount": ""}, 400, "amount_malformed", "/amount"),
        ({"amount": 25}, 400, "amount_malformed", "/amount"),
        ({"amount": 25.5}, 400, "amount_malformed", "/amount"),
        ({"amount": True}, 400, "amount_malformed", "/amount"),
        ({"amount": None}, 400, "null", "/amount"),
        ({"amount": ["25"]}, 400, "amount_malformed", "/amount"),
        ({"amount": "0.01"}, 422, "amount_below_minimum", "/amount"),
        ({"currency": "QQQ"}, 422, "currency_unknown", "/currency"),
        ({"currency": "eur"}, 422, "currency_unknown", "/currency"),
        ({"currency": 978}, 400, "invalid", "/currency"),
        ({"currency": "E" * 17}, 400, "max_length", "/currency"),
        ({"methods": ["DOGE"]}, 422, "payment_method_unavailable", "/methods"),
        ({"methods": ["BTC@bitcoin"]}, 422, "payment_method_unavailable", "/methods"),
        ({"methods": "BTC"}, 400, "not_a_list", "/methods"),
        ({"methods": ["BTC", 5]}, 400, "invalid", "/methods/1"),
        ({"methods": ["BTC"] * 11}, 400, "max_length", "/methods"),
        ({"order_id": "x" * 101}, 400, "max_length", "/order_id"),
        ({"description": "x" * 301}, 400, "max_length", "/description"),
        ({"customer_ref": "x" * 129}, 400, "max_length", "/customer_ref"),
        ({"customer_ref": " a"}, 400, "external_ref_invalid", "/customer_ref"),
        ({"return_url": "javascript:alert(1)"}, 400, "invalid", "/return_url"),
        ({"return_url": "//evil.example"}, 400, "invalid", "/return_url"),
        ({"metadata": {"n": 5}}, 400, "invalid", "/metadata/n"),
        ({"metadata": {"a/b~c": {}}}, 400, "invalid", "/metadata/a~1b~0c"),
        ({"metadata": {str(n): "" for n in range(51)}}, 400, "metadata_too_large", "/metadata"),
        ({"metadata": {"n" * 41: ""}}, 400, "metadata_too_large", "/metadata"),
        ({"metadata": {"n": "x" * 501}}, 400, "max_length", "/metadata/n"),
        ({"metadata": {str(n): "x" * 500 for n in range(40)}}, 400, "metadata_too_large", "/metadata"),
        ({"metadata": []}, 400, "not_a_dict", "/metadata"),
        ({"expires_in_seconds": 59}, 400, "min_value", "/expires_in_seconds"),
        ({"expires_in_seconds": 10**30}, 400, "max_value", "/expires_in_seconds"),
        ({"expires_in_seconds": "900"}, 400, "invalid", "/expires_in_seconds"),
        ({"expires_in_seconds": 900.0}, 400, "invalid", "/expires_in_seconds"),
        ({"tolerance": "1"}, 400, "tolerance_invalid", "/tolerance"),
        ({"tolerance": "-0.1"}, 400, "tolerance_invalid", "/tolerance"),
        ({"tolerance": "nan"}, 400, "tolerance_invalid", "/tolerance"),
        ({"tolerance": 0.1}, 400, "invalid", "/tolerance"),
        ({"least_confirmations": -1}, 400, "min_value", "/least_confirmations"),
        ({"least_confirmations": 1001}, 400, "max_value", "/least_confirmations"),
        ({"least_confirmations": "6"}, 400, "invalid", "/least_confirmations"),
        ({"lines": [{"description": "Tea", "net": "25"}, {"net": 5}]}, 400, "request_invalid", "/lines/1/description"),
        ({"lines": [{"description": "Tea", "net": "25", "gross": "25"}]}, 400, "unknown_field", "/lines/0/gross"),
        ({"lines": [{"description": "Tea", "net": "24"}]}, 400, "lines_amount_mismatch", "/lines"),
        ({"lines": [{"description": "Tea", "net": "2.555"}]}, 400, "line_invalid", "/lines/0/net"),
        (
            {"lines": [{"description": "Tea", "net": "21.01", "tax_rate": "19", "tax": "4.00"}]},
            *(400, "line_tax_mismatch", "/lines/0/tax"),
        ),
        ({"lines": [{"description": "Tea", "net": "1"}] * 201}, 400, "max_length", "/lines"),
        ({"colour": "red"}, 400, "unknown_field", "/colour"),
        ({"amount": "25\0"}, 400, "text_invalid", "/amount"),
    ],
)
def test_wrong_input(
    alice: Caller, order: dict[str, Any], change: dict[str, Any], status: int, expected: str, pointer: str
) -> None:
    before = rows()
    answer = alice.post("/invoices", {**order, **change})
    assert (answer.status_code, code(answer)) == (status, expected), answer.content
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert rows() == before


def test_rate_missing_stale_or_suspect(alice: Caller, order: dict[str, Any]) -> None:
    before = rows()
    assert code(alice.post("/invoices", {**order, "currency": "USD"})) == "rate_missing"
    people.rates.record("BTC", "EUR", Decimal(600_000), "test", people.timezone.now())
    suspect = alice.post("/invoices", order)
    assert (suspect.status_code, code(suspect)) == (503, "rate_suspect")
    with past_triggers(), connection.cursor() as cursor:
        cursor.execute("UPDATE ledger_rate SET observed_at = now() - interval '1 hour'")
    assert code(alice.post("/invoices", order)) == "rate_stale"
    assert rows() == {**before, "ledger.Rate": Rate.objects.count()}


def test_no_key_on_the_chain(alice: Caller, order: dict[str, Any]) -> None:
    MasterKey.objects.filter(book=alice.book, chain="bitcoin-regtest").update(active=False)
    before = rows()
    assert code(alice.post("/invoices", order)) == "payment_method_unavailable"
    assert code(alice.post("/invoices", {"amount": "1", "currency": "BTC"})) == "currency_unknown"
    assert rows() == before


def test_several_faults_are_told_at_once(alice: Caller) -> None:
    answer = alice.post("/invoices", {"currency": 5, "colour": "red"})
    assert code(answer) == "request_invalid"
    assert {(error["code"], error["pointer"]) for error in answer.json()["errors"]} == {
        ("required", "/amount"),
        ("invalid", "/currency"),
        ("unknown_field", "/colour"),
    }


def test_queries(alice: Caller, order: dict[str, Any]) -> None:
    """Whatever is stored: opening one, reading one, and listing take a fixed number."""
    alice.post("/invoices", order)
    opening = queries(lambda: alice.post("/invoices", order))
    assert opening <= 34
    few = queries(lambda: alice.get("/invoices"))
    for _ in range(8):
        alice.post("/invoices", {**order, "customer_ref": "c"})
    assert queries(lambda: alice.get("/invoices")) <= few + 1  # the customers, in one
    assert queries(lambda: alice.post("/invoices", order)) == opening


def queries(ask: Any) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert ask().status_code < 300
    return len(captured)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(min_value=546, max_value=21 * 10**14))
def test_threat_24_amounts_come_back_exactly(alice: Caller, base_units: int) -> None:
    text = f"{base_units // 10**8}.{base_units % 10**8:08}"
    made = alice.post("/invoices", {"amount": text, "currency": "BTC", "methods": ["BTC"]}).json()
    due = made["methods"][0]["due"]
    assert due == {"asset": "BTC", "amount": text, "base_units": str(base_units)}
    assert Decimal(made["amount"]) == Decimal(text)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(min_value=10**12, max_value=10**30))
def test_threat_24_amounts_beyond_what_a_double_holds(alice: Caller, wei: int) -> None:
    text = f"{wei // 10**18}.{wei % 10**18:018}"
    made = alice.post("/invoices", {"amount": text, "currency": "ETH", "methods": ["ETH"]}).json()
    assert made["methods"][0]["due"] == {"asset": "ETH", "amount": text, "base_units": str(wei)}


@pytest.mark.parametrize("number", [1, 0.5, 1e3, 10**30, 2**53 + 1, -1, 0])
def test_threat_24_json_numbers_are_no_amounts(alice: Caller, number: float) -> None:
    answer = alice.post("/invoices", {"amount": number, "currency": "EUR"})
    assert code(answer) == "amount_malformed"
    assert not Invoice.objects.exists()


def test_threat_42_no_field_of_a_model_can_be_set(alice: Caller, order: dict[str, Any]) -> None:
    accepted = set(order) | {
        "description",
        "customer_ref",
        "return_url",
        "expires_in_seconds",
        "tolerance",
        "least_confirmations",
        "lines",
    }
    names = {
        name
        for room in (*ROOMS, "merchants")
        for model in apps.get_app_config(room).get_models()
        for field in model._meta.get_fields()
        for name in {field.name, getattr(field, "attname", field.name)}
    }
    assert len(names) > 100
    for name in sorted(names - accepted):
        answer = alice.post("/invoices", {**order, name: 1})
        assert (answer.status_code, code(answer)) == (400, "unknown_field"), name
        assert answer.json()["errors"][0]["pointer"] == f"/{name}"
    assert not Invoice.objects.exists()


@pytest.mark.parametrize(
    "name",
    ["order_id__contains", "order_id__startswith", "book", "book_id", "pk", "id__gt", "_connector", "_negated",
     "status__in", "metadata__x", "__class__", "book__live_merchant__api_keys__secret_hash", "order_by", "limit;--"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/invoices", "/payments", "/events", "/public-keys", "/webhook-endpoints", "/me"])
def test_threat_43_no_lookup_of_the_orm_is_a_parameter(alice: Caller, path: str, name: str) -> None:
    answer = alice.get(path, **{name: "1"})
    assert (answer.status_code, code(answer)) == (400, "unknown_parameter")


def test_threat_43_no_lookup_of_the_orm_is_a_field(alice: Caller, order: dict[str, Any]) -> None:
    for name in ("book__id", "_connector", "amount__gt", "**"):
        assert code(alice.post("/invoices", {**order, name: "OR 1=1"})) == "unknown_field"
    kept = {"_connector": "OR 1=1 --", "a' OR '1": "x", "a__b": "%s", '"': "\u2028<script>"}
    made = alice.post("/invoices", {**order, "metadata": kept}).json()
    assert made["metadata"] == kept
