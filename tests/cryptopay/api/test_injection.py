"""Names that nobody described reach neither a model nor a query: every operation refuses them, each by its name."""

import ast
import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps

from tests.cryptopay.api.conftest import Caller
from tests.cryptopay.api.test_fuzz import _examples, _operation, _schema, connection_kept
from tests.cryptopay.api.test_outsiders import DOORS, Door, ids, rows_of

__all__ = ["ids"]

ROOT = Path(__file__).parents[3]
ROOMS = ("cryptopay", "ledger", "monitor", "keys", "reports")
FREE_FORM = {"metadata"}
"""Objects whose names are the merchant's own."""
LOOKUPS = [
    "book", "book_id", "book__merchant__name", "pk", "pk__in", "id__gt", "public_id__startswith", "merchant",
    "_connector", "_negated", "scopes__contains", "secret_hash__startswith", "created_at__year", "limit__gt",
    "order_id__regex", "status__in", "ordering", "fields", "expand", "__class__", "select", "offset", "page",
]  # fmt: skip
"""Django's own ways to say more than a name, and what other frameworks read from a query string."""
WRITING = [(door, method) for door in DOORS for method in door.methods if method in ("POST", "PATCH")]
READING = [door for door in DOORS if "GET" in door.methods]


def _model_fields() -> set[str]:
    return {name for model in apps.get_models() for field in model._meta.fields for name in (field.name, field.attname)}


def _objects(value: Any, pointer: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of a body with its pointer, those within lists included."""
    if isinstance(value, dict):
        yield pointer, value
        for name, inner in value.items():
            if name not in FREE_FORM:
                yield from _objects(inner, f"{pointer}/{name}")
    if isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _objects(inner, f"{pointer}/{position}")


def test_threat_42_fields_of_models_are_no_fields_of_requests(alice: Caller, ids: dict[str, str]) -> None:
    """Each name of each model's field, in each object of each body: refused by its name, and nothing is written."""
    foreign = _model_fields() | {*LOOKUPS} | {"is_staff", "is_superuser"}
    assert len(foreign) > 100
    before = rows_of(alice)
    for door, method in WRITING:
        with connection_kept():
            example = (_examples(door, method) or [{}])[0]
        for pointer, _ in _objects(example):
            body = copy.deepcopy(example)
            target = next(found for place, found in _objects(body) if place == pointer)
            added = foreign - set(target) - _own_names(door, method, pointer)
            target.update(dict.fromkeys(added, "1"))
            answer = alice.send(method, door.path(ids), body, headers={"idempotency-key": f"{door.name}{pointer}"})
            assert answer.status_code == 400, (door, pointer, answer.content[:300])
            told = answer.json()["errors"]  # type: ignore[attr-defined]
            unknown = {error["pointer"] for error in told if error["code"] == "unknown_field"}
            assert unknown == {f"{pointer}/{name}" for name in added}, (door, pointer)
    assert rows_of(alice) == before


def _own_names(door: Door, method: str, pointer: str) -> set[str]:
    """Those that the description knows at that place."""
    raw = _schema().raw_schema
    path = _operation(door, method).path
    body = raw["paths"][path][method.lower()].get("requestBody")
    schema: dict[str, Any] = body["content"]["application/json"]["schema"] if body else {}
    for step in ["", *pointer.split("/")[1:]]:
        if step.isdigit():
            schema = schema["items"]
        elif step:
            schema = schema["properties"][step]
        if "$ref" in schema:
            schema = raw["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return set(schema.get("properties", {}))


def test_threat_43_lookups_are_no_parameters(alice: Caller, ids: dict[str, str]) -> None:
    """A filter is one of those that are named; whatever else is asked is refused, never ignored, never looked up."""
    for door in READING:
        known = set(door.view.parameters().fields)
        asked = {name for name in LOOKUPS if name not in known} | {f"{name}__startswith" for name in known}
        answer = alice.get(door.path(ids), **dict.fromkeys(asked, "1"))
        assert answer.status_code == 400, door
        told = answer.json()["errors"]  # type: ignore[attr-defined]
        refused = {error["parameter"] for error in told if error["code"] == "unknown_parameter"}
        assert refused == asked, door


def test_threat_43_no_query_is_made_of_names_that_came_from_outside() -> None:
    """`filter(**request.GET)` and its kin stand nowhere: what is unpacked into a call is never a request's own."""
    found = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call)
        for argument in call.keywords
        if argument.arg is None and _is_from_outside(argument.value)
    ]
    assert not found, f"Names of a request become arguments here: {found}"


OUTSIDE = ("GET", "POST", "data", "query_params", "META", "headers", "COOKIES")


def _is_from_outside(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        return _is_from_outside(value.func) or any(_is_from_outside(argument) for argument in value.args)
    if isinstance(value, ast.Attribute):
        owner = ast.unparse(value.value)
        own = owner in ("request", "self.request") and value.attr in OUTSIDE
        return own or (owner, value.attr) == ("self", "query") or _is_from_outside(value.value)
    return False


@pytest.mark.parametrize(
    ("text", "outside"),
    [
        ("rows.filter(**request.GET.dict())", True),
        ("rows.filter(**request.data)", True),
        ("rows.filter(**self.query)", True),
        ("Model(**dict(self.request.query_params))", True),
        ("rows.filter(**{names[name]: self.query[name] for name in names})", False),
        ("NewInvoice(**self.body(NewInvoiceBody))", False),
    ],
)
def test_the_search_itself_finds_what_it_looks_for(text: str, outside: bool) -> None:
    call = ast.parse(text, mode="eval").body
    assert isinstance(call, ast.Call)
    assert _is_from_outside(call.keywords[0].value) is outside
