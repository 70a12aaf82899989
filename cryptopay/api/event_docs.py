"""The `webhooks` section of the description: what each event posts to a merchant's server."""

from typing import Any

from cryptopay.payments import event_schemas

_HEADERS = {
    "webhook-id": "The event's id, the same in every attempt.",
    "webhook-timestamp": "Seconds since 1970 when this attempt was signed; refuse what is older than five minutes.",
    "webhook-signature": "`v1,` and the base64 of HMAC-SHA256 of `id.timestamp.body`; two of them during a rotation.",
}


def add_to(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A drf-spectacular hook."""
    each, components = event_schemas.schemas("#/components/schemas/{name}")
    result["components"]["schemas"] |= components | {_component(name): schema for name, schema in each.items()}
    result["webhooks"] = {name: {"post": _operation(name)} for name in each}
    return result


def _operation(name: str) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{_component(name)}"}
    return {
        "operationId": f"on_{name.replace('.', '_')}",
        "summary": name,
        "description": event_schemas.meaning(name),
        "tags": ["webhooks"],
        "parameters": [
            {"name": header, "in": "header", "required": True, "schema": {"type": "string"}, "description": said}
            for header, said in _HEADERS.items()
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {"2XX": {"description": "You have it. Anything else: it is sent again."}},
        "security": [],
    }


def _component(name: str) -> str:
    """InvoiceSettledEvent"""
    return "".join(word.capitalize() for word in name.replace(".", "_").split("_")) + "Event"
