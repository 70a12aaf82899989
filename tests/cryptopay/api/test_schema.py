"""The description is complete, says what really comes back, and its page loads nothing from elsewhere."""

import re
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema
from jsonschema import Draft202012Validator

from tests.cryptopay.api.conftest import Caller
from tests.cryptopay.api.test_outsiders import DOORS, ids  # noqa: F401 - a fixture


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    GENERATOR_STATS.reset()
    made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return made


def test_generated_without_warnings(schema: dict[str, Any]) -> None:
    assert not GENERATOR_STATS._warn_cache
    assert not GENERATOR_STATS._error_cache
    assert schema["openapi"].startswith("3.1")
    validate_schema(schema)


def test_every_door_is_described(schema: dict[str, Any]) -> None:
    described = {(path, method.upper()) for path, item in schema["paths"].items() for method in item}
    doors = {("/" + re.sub(r"<\w+:(\w+)>", r"{\1}", door.route), method) for door in DOORS for method in door.methods}
    assert described == doors
    for item in schema["paths"].values():
        for method, operation in item.items():
            problem = operation["responses"]["default"]["content"]["application/problem+json"]["schema"]
            assert problem == {"$ref": "#/components/schemas/Problem"}
            headers = [p["name"] for p in operation.get("parameters", []) if p["in"] == "header"]
            assert headers == (["Idempotency-Key"] if method == "post" else [])
            assert "Scope: " in operation["description"]


def test_answers_are_as_described(schema: dict[str, Any], alice: Caller, ids: dict[str, str]) -> None:  # noqa: F811
    for door in DOORS:
        if "GET" not in door.methods:
            continue
        answer = alice.get(door.path(ids))
        operation = schema["paths"]["/" + re.sub(r"<\w+:(\w+)>", r"{\1}", door.route)]["get"]
        described = "default" if answer.status_code >= 400 else str(answer.status_code)
        (media,) = operation["responses"][described]["content"].values()
        _check(schema, media["schema"], answer.json())


def test_answers_to_posts_are_as_described(schema: dict[str, Any], alice: Caller, order: dict[str, Any]) -> None:
    made = alice.post("/invoices", order).json()
    endpoint = alice.post("/webhook-endpoints", {"url": "https://shop.example/hook"}).json()
    answers = {
        "Invoice": made,
        "Method": alice.post(f"/invoices/{made['id']}/payment-methods", {"method": "ETH"}).json(),
        "EndpointWithSecret": endpoint,
        "Address": alice.post("/addresses", {"chain": "bitcoin-regtest", "user": "bob"}).json(),
        "Watch": alice.post("/watches", {"chain": "bitcoin-regtest", "txid": "ab" * 32}).json(),
        "TestEvent": alice.post(f"/webhook-endpoints/{endpoint['id']}/test").json(),
        "Problem": alice.post("/invoices", {}).json(),
    }
    for name, answer in answers.items():
        _check(schema, {"$ref": f"#/components/schemas/{name}"}, answer)


def _check(schema: dict[str, Any], part: dict[str, Any], answer: Any) -> None:
    """Against the description made strict: nothing may be there that it does not name."""
    components = {
        name: {"additionalProperties": False, **component} if component.get("properties") else component
        for name, component in schema["components"]["schemas"].items()
    }
    Draft202012Validator({**part, "components": {"schemas": components}}).validate(answer)


def test_the_page_loads_nothing_from_other_hosts() -> None:
    for path in ("/api/docs", "/api/docs?script="):
        answer = Client().get(path)
        assert answer.status_code == 200
        text = answer.content.decode()
        assert not re.search(r"(?:src|href|url)\s*[=:(]\s*[\"']?(?:https?:)?//", text)
    assert "script-src" not in answer["Content-Security-Policy"]
    assert "default-src 'self'" in answer["Content-Security-Policy"]
