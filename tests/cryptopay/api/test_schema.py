"""The description is complete, says what really comes back, and its page loads nothing from elsewhere."""

import json
import re
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.cryptopay.api.conftest import Caller
from tests.cryptopay.api.test_outsiders import DOORS, NAMES_FOR_ALL, ids  # noqa: F401 - a fixture


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
    OpenAPIV31SpecValidator(schema).validate()


def test_every_door_is_described(schema: dict[str, Any]) -> None:
    described = {(path, method.upper()) for path, item in schema["paths"].items() for method in item}
    doors = {("/" + re.sub(r"<\w+:(\w+)>", r"{\1}", door.route), method) for door in DOORS for method in door.methods}
    assert described == doors
    for path, item in schema["paths"].items():
        for method, operation in item.items():
            headers = [p["name"] for p in operation.get("parameters", []) if p["in"] == "header"]
            assert headers == (["Idempotency-Key"] if method == "post" else [])
            assert "Scope: " in operation["description"]
            assert 5 < len(operation["summary"]) < 140, f"{method} {path}: its first sentence is its summary"
            assert operation["operationId"] == operation["operationId"].lower()


def test_every_refusal_is_described(schema: dict[str, Any]) -> None:
    """By status, with its codes; in the one form that refusals have."""
    shared = schema["components"]["responses"]
    for path, method, operation in _operations(schema):
        answers = {status: shared.get(answer.get("$ref", "").rpartition("/")[2], answer)
                   for status, answer in operation["responses"].items()}  # fmt: skip
        refusals = {status: answer for status, answer in answers.items() if status >= "400"}
        assert {"400", "411", "500", "503"} <= set(refusals), path
        assert ("401" in refusals) == ("security" in operation)
        assert ("404" in refusals) >= ("{" in path)
        assert ("409" in refusals) >= (method == "post")
        for answer in refusals.values():
            assert answer["x-codes"] == list(dict.fromkeys(answer["x-codes"])) != []
            assert answer["description"].split() == [f"`{code}`" for code in answer["x-codes"]]
            (content,) = answer["content"].items()
            assert content == ("application/problem+json", {"schema": {"$ref": "#/components/schemas/Problem"}})


def test_the_scope_is_told_to_programs_too(schema: dict[str, Any]) -> None:
    """As the role of the operation's security (OpenAPI 3.1)."""
    told = {operation["operationId"]: operation.get("security") for _, _, operation in _operations(schema)}
    assert told["create_invoice"] == [{"apiKey": ["invoices:write"]}]
    assert told["get_me"] == [{"apiKey": []}]
    assert told["get_public_invoice"] is None


def test_every_example_is_as_described(schema: dict[str, Any]) -> None:
    for path, method, operation in _operations(schema):
        content = [operation["requestBody"]["content"]] if "requestBody" in operation else []
        content += [answer["content"] for status, answer in operation["responses"].items() if status < "300"]
        for part in [part for media in content for name, part in media.items() if name == "application/json"]:
            examples = [part["example"]] if "example" in part else [e["value"] for e in part["examples"].values()]
            assert examples, (method, path)
            for example in examples:
                _check(schema, part["schema"], example)


DONE = {
    "create_invoice",
    "create_address",
    "create_watch",
    "import_public_key",
    "create_webhook_endpoint",
    "change_webhook_endpoint",
    "open_account",
    "create_asset",
}
"""Operations whose examples need nothing before them."""
AS_THINGS_STAND = (404, 409, 422, 503)


def test_every_example_of_a_request_is_taken(schema: dict[str, Any], alice: Caller, ids: dict[str, str]) -> None:  # noqa: F811
    for path, method, operation in _operations(schema):
        if "requestBody" not in operation:
            continue
        content = operation["requestBody"]["content"]["application/json"]
        examples = [content["example"]] if "example" in content else [e["value"] for e in content["examples"].values()]
        for number, body in enumerate(examples):
            headers = {"idempotency-key": f"{operation['operationId']} {number}"}
            answer = alice.send(method.upper(), path.format(**{**NAMES_FOR_ALL, **ids}), body, headers=headers)
            done = answer.status_code < 300
            assert done or answer.status_code in AS_THINGS_STAND, (path, body, answer.content)
            assert done or operation["operationId"] not in DONE, (path, body, answer.content)


def test_answers_are_as_described(schema: dict[str, Any], alice: Caller, ids: dict[str, str]) -> None:  # noqa: F811
    for door in DOORS:
        if "GET" not in door.methods:
            continue
        answer = alice.get(door.path(ids))
        operation = schema["paths"]["/" + re.sub(r"<\w+:(\w+)>", r"{\1}", door.route)]["get"]
        described = operation["responses"][str(answer.status_code)]
        described = schema["components"]["responses"].get(described.get("$ref", "").rpartition("/")[2], described)
        media = described["content"][answer["Content-Type"]]
        if answer["Content-Type"] == "application/json":
            _check(schema, media["schema"], json.loads(answer.getvalue()))


def test_answers_to_posts_are_as_described(schema: dict[str, Any], alice: Caller, order: dict[str, Any]) -> None:
    made = alice.post("/invoices", order).json()
    endpoint = alice.post("/webhook-endpoints", {"url": "https://shop.example/hook"}).json()
    answers = {
        "Invoice": made,
        "Method": alice.post(f"/invoices/{made['id']}/payment-methods", {"method": "ETH"}).json(),
        "EndpointWithSecret": endpoint,
        "Address": alice.post("/addresses", {"chain": "bitcoin-regtest", "user": "bob"}).json(),
        "Customer": alice.post("/customers", {"external_ref": "bob"}).json(),
        "Watch": alice.post("/watches", {"chain": "bitcoin-regtest", "txid": "ab" * 32}).json(),
        "TestEvent": alice.post(f"/webhook-endpoints/{endpoint['id']}/test").json(),
        "Problem": alice.post("/invoices", {}).json(),
    }
    for name, answer in answers.items():
        _check(schema, {"$ref": f"#/components/schemas/{name}"}, answer)


def _operations(schema: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, told) for path, item in schema["paths"].items() for method, told in item.items()]


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
