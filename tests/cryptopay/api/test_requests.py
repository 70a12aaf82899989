"""What cannot be read or may not be done is answered by problem+json, never by a 5xx or a page."""

import json
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cryptopay.api import invoices
from cryptopay.merchants.models import ApiKey
from cryptopay.payments import lifecycle
from keys.models import Address
from tests.cryptopay.api.conftest import Caller, code
from tests.cryptopay.api.test_invoices import rows

IDEMPOTENT = {"idempotency-key": "k"}


@pytest.mark.parametrize(
    ("raw", "status", "expected"),
    [
        (b"{", 400, "json_invalid"),
        (b"", 400, "request_invalid"),
        (b"nonsense", 400, "json_invalid"),
        (b'{"amount": NaN}', 400, "json_invalid"),
        (b'{"amount": -Infinity}', 400, "json_invalid"),
        (b'{"amount": "1"} trailing', 400, "json_invalid"),
        (b"{'amount': '1'}", 400, "json_invalid"),
        (b'\xff\xfe{"amount": "1"}', 400, "json_invalid"),
        ('{"amount": "1"}'.encode("utf-16"), 400, "json_invalid"),
        (b'\xef\xbb\xbf{"amount": "1"}', 400, "json_invalid"),
        (b"[]", 400, "body_not_an_object"),
        (b'"text"', 400, "body_not_an_object"),
        (b"null", 400, "body_not_an_object"),
        (b'{"amount": "1", "amount": "2"}', 400, "json_duplicate_name"),
        (b'{"order_id": "a\\u0000b"}', 400, "text_invalid"),
        (b'{"order_id": "\\ud800"}', 400, "text_invalid"),
        (b'{"metadata": {"\\udfff": ""}}', 400, "text_invalid"),
        (b'{"metadata": {"\\u0000": ""}}', 400, "text_invalid"),
        (b'{"expires_in_seconds": ' + b"9" * 10_000 + b"}", 400, "json_invalid"),
        (b'{"expires_in_seconds": 1e400}', 400, "request_invalid"),
        (b'{"metadata": ' + b'{"a":' * 50 + b"1" + b"}" * 51, 400, "body_too_deep"),
        (b'{"metadata": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, "body_too_deep"),
        (b'{"order_id": "' + b"x" * 1_000_000 + b'"}', 413, "body_too_large"),
    ],
)
def test_bodies(alice: Caller, raw: bytes, status: int, expected: str) -> None:
    before = rows()
    answer = alice.send("POST", "/invoices", raw=raw, headers=IDEMPOTENT)
    assert (answer.status_code, code(answer)) == (status, expected), answer.content
    assert rows() == before


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", "text/json"]
)
def test_other_content_types(alice: Caller, content_type: str) -> None:
    answer = alice.send("POST", "/invoices", raw=b'{"amount": "1"}', content_type=content_type, headers=IDEMPOTENT)
    assert (answer.status_code, code(answer)) == (415, "unsupported_media_type")


def test_charset_and_accept_do_not_matter(alice: Caller, order: dict[str, Any]) -> None:
    headers = {**IDEMPOTENT, "accept": "text/html"}
    answer = alice.send("POST", "/invoices", order, content_type="application/json; charset=utf-8", headers=headers)
    assert (answer.status_code, answer["Content-Type"]) == (201, "application/json")


def test_a_body_in_chunks_is_not_silently_dropped(alice: Caller, order: dict[str, Any]) -> None:
    answer = alice.send("POST", "/invoices", order, headers={**IDEMPOTENT, "transfer-encoding": "chunked"})
    assert (answer.status_code, code(answer)) == (411, "length_required")


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
_FIELDS = ["amount", "currency", "methods", "order_id", "metadata", "tolerance", "expires_in_seconds", "return_url"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(_FIELDS) | st.text(max_size=20), _json, max_size=6) | _json)
def test_whatever_json_is_sent_is_never_our_fault(alice: Caller, body: Any) -> None:
    raw = json.dumps(body).encode()
    for path in ("/invoices", "/webhook-endpoints", "/public-keys"):
        answer = alice.send("POST", path, raw=raw, headers={"idempotency-key": str(hash(raw))})
        assert answer.status_code in (201, 400, 413, 422, 503), answer.content
        assert answer.status_code == 201 or code(answer) != "internal_error"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_whatever_bytes_are_sent_are_never_our_fault(alice: Caller, raw: bytes) -> None:
    answer = alice.send("POST", "/invoices", raw=raw, headers=IDEMPOTENT)
    assert answer.status_code == 400
    code(answer)


@pytest.mark.parametrize(
    "path", ["/nothing", "/api/", "/api/v2/invoices", "/invoices/", "/invoices/inv_x", "/invoices/inv_%00",
             "/invoices/1", "/invoices/inv_%0a0000000000000000000000000", "/api/v1%0a",
             "/invoices/INV_00000000000000000000000000"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
def test_unknown_routes(alice: Caller, method: str, path: str) -> None:
    answer = alice.send(method, path, headers=IDEMPOTENT)
    assert (answer.status_code, code(answer)) == (404, "not_found")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
def test_methods_there_are_not(alice: Caller, method: str) -> None:
    answer = alice.send(method, "/invoices", {})
    assert (answer.status_code, code(answer)) == (405, "method_not_allowed")
    assert answer["Allow"] == "GET, POST, HEAD"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", "api_key_missing"),
        ("Bearer", "api_key_invalid"),
        ("Bearer sk_test_" + "0" * 64, "api_key_invalid"),
        ("Bearer sk_test_" + "é" * 64, "api_key_invalid"),
        ("Basic YTpi", "api_key_invalid"),
        ("Token x", "api_key_invalid"),
        ("Bearer a b c", "api_key_invalid"),
    ],
)
def test_keys_that_open_nothing(alice: Caller, header: str, expected: str) -> None:
    answer = Client().get("/api/v1/me", headers={"authorization": header} if header else {})
    assert (answer.status_code, code(answer)) == (401, expected)
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_session_of_the_back_office_opens_nothing(alice: Caller, admin_client: Client) -> None:
    assert admin_client.get("/api/v1/me").status_code == 401


@pytest.mark.parametrize("scope", ApiKey.Scope.values)
def test_a_scope_opens_its_own_methods_alone(alice: Caller, scope: str) -> None:
    caller = Caller(alice.merchant, scopes=[scope])
    noun, _, verb = scope.partition(":")
    path = {
        "invoices": "/invoices",
        "ledger": "/ledger/accounts",
        "keys": "/public-keys",
        "webhooks": "/webhook-endpoints",
    }
    for other, address in path.items():
        allowed_read = (noun, verb) == (other, "read")
        assert (caller.get(address).status_code == 200) is allowed_read
        allowed_write = (noun, verb) == (other, "write")
        answer = caller.post(address, {})
        assert answer.status_code == (400 if allowed_write else 403)
        assert allowed_write or code(answer) == "scope_missing"
    assert caller.get("/me").json()["scopes"] == [scope]


def test_a_fault_of_ours_undoes_all_and_says_nothing_of_its_cause(
    alice: Caller, order: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        assert Address.objects.exists()  # all has been written by now
        raise RuntimeError("the cause, with a secret in it")

    monkeypatch.setattr(invoices, "invoice_json", fail)
    before = rows()
    answer = alice.post("/invoices", order)
    assert (answer.status_code, code(answer)) == (500, "internal_error")
    assert b"secret" not in answer.content
    assert rows() == before


def test_a_database_that_is_away(alice: Caller, order: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OperationalError("server closed the connection, host=10.0.0.1")

    monkeypatch.setattr(lifecycle, "open_invoice", fail)
    answer = alice.post("/invoices", order)
    assert (answer.status_code, code(answer)) == (503, "temporarily_unavailable")
    assert b"10.0.0.1" not in answer.content


def test_threat_38_no_secret_in_a_log(
    alice: Caller, order: dict[str, Any], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """A working key, a wrong one, one in the wrong place, and a webhook's secret: none is logged or answered."""
    canary = "sk_live_" + "c0ffee" * 10 + "abcd"
    caplog.set_level(0)
    alice.post("/invoices", order)
    alice.post("/invoices", {**order, "amount": "0"})
    secret = alice.post("/webhook-endpoints", {"url": "https://shop.example/hook"}).json()["secret"]
    answers = [
        Client(raise_request_exception=False).get("/api/v1/me", headers={"authorization": f"Bearer {canary}"}),
        alice.post("/invoices", {"api_key": canary}),
        alice.post("/public-keys", {"chain": "bitcoin-regtest", "extended_public_key": canary, "label": "x"}),
    ]
    said = caplog.text + "".join(capfd.readouterr()) + "".join(answer.content.decode() for answer in answers)
    assert "request_finished" in said
    for word in (canary, alice.secret, secret):
        assert word not in said
    assert alice.key.secret_hash.hex() not in said
