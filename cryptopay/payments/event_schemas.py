"""All events: their JSON schemas (2020-12), and the page `docs/events.md`. Both are made from the types of their data.

EVENTS              every class of event, by the name that programs know
schemas()           a schema for each, and what they share
alone(name)         one schema, whole
page()              the page, in Markdown
"""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, get_type_hints

from msgspec.json import schema_components

from cryptopay.payments import events
from cryptopay.webhooks.outbox import EndpointTest, EndpointTestData, Envelope

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_DEFINITIONS = "#/$defs/{name}"

EVENTS: Mapping[str, type] = {
    kind.type: kind for kind in (*vars(events).values(), EndpointTest) if isinstance(getattr(kind, "type", None), str)
}


def schemas(ref_template: str = _DEFINITIONS) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """By name, a schema for each event; and by name what they refer to, by `ref_template`."""
    carried = {name: _carries(kind) for name, kind in EVENTS.items()}
    kinds = [Envelope, *dict.fromkeys(carried.values())]
    (envelope, *parts), components = schema_components(kinds, ref_template=ref_template)
    of_type = dict(zip(kinds[1:], parts, strict=True))
    whole = components.pop(envelope["$ref"].rpartition("/")[2])
    return {name: _schema(name, whole, of_type[carried[name]]) for name in EVENTS}, components


def alone(name: str) -> dict[str, Any]:
    """The schema of one event, with all it refers to."""
    each, components = schemas()
    return {"$schema": _DIALECT, **each[name], "$defs": components}


def meaning(name: str) -> str:
    """What it tells, in words."""
    return " ".join((inspect.getdoc(EVENTS[name]) or "").split())


def page() -> str:
    """`docs/events.md`."""
    each, components = schemas()
    return "\n".join([*_beginning(), *_table(each), *_parts(each, components)]) + "\n"


def _carries(kind: type) -> type:
    """The type of its `data`."""
    return EndpointTestData if kind is EndpointTest else get_type_hints(kind.data)["return"]  # type: ignore[attr-defined]


def _schema(name: str, envelope: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    properties = {**envelope["properties"], "type": {"const": name}, "data": data}
    return {**envelope, "title": name, "description": meaning(name), "properties": properties}


def _beginning() -> Iterator[str]:
    yield "# Events"
    yield ""
    yield "Made from the program's own types by `manage.py describe_events`; do not edit it. How to hear of events:"
    yield "[For integrators](integrator.md). As JSON schemas: `webhooks` in `/api/schema` of your installation."
    yield ""
    yield "New fields may come with any version: ignore what you do not know. None goes, none changes its meaning."
    yield ""


def _table(each: dict[str, dict[str, Any]]) -> Iterator[str]:
    yield "| Event | Meaning | `data` |"
    yield "|---|---|---|"
    for name, schema in each.items():
        yield f"| `{name}` | {schema['description']} | {_kind(schema['properties']['data'])} |"
    yield ""


def _parts(each: dict[str, dict[str, Any]], components: dict[str, dict[str, Any]]) -> Iterator[str]:
    (first, *_) = each.values()
    envelope = {name: part for name, part in first["properties"].items() if name not in ("type", "data")}
    named = {"type": {"type": "string"}, **envelope, "data": {"type": "object", "description": "See above."}}
    whole = {"title": "Event", "description": Envelope.__doc__, "required": first["required"], "properties": named}
    for title, part in {"Event": whole, **components}.items():
        yield f"## {title}"
        yield ""
        yield " ".join(part["description"].split())
        yield ""
        yield "| Field | | Meaning |"
        yield "|---|---|---|"
        for name, field in part["properties"].items():
            rare = "" if name in part["required"] else ", not always there"
            yield f"| `{name}` | {_kind(field)}{rare} | {_words(field)} |"
        yield ""


def _kind(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"])
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    return str(schema.get("format") or schema.get("type"))


def _words(schema: dict[str, Any]) -> str:
    one_of = ", ".join(f"`{value}`" for value in schema.get("enum", ()))
    return " ".join(part for part in (schema.get("description", ""), one_of) if part)
