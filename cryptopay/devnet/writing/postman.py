"""The Postman collection (format 2.1): every operation with its example, in folders, with the key as a variable."""

import json
from collections.abc import Mapping
from typing import Any

from cryptopay.devnet.writing import Operation, operations

_SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"


def collection(schema: Mapping[str, Any]) -> str:
    folders: dict[str, list[dict[str, Any]]] = {}
    for operation in operations(schema):
        folders.setdefault(operation.tag, []).append(_item(operation))
    told = {
        "info": {"name": "CryptoPay", "description": schema["info"]["description"], "schema": _SCHEMA},
        "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{apiKey}}", "type": "string"}]},
        "variable": [
            {"key": "baseUrl", "value": "http://127.0.0.1:8000", "type": "string"},
            {"key": "apiKey", "value": "sk_test_...", "type": "string"},
        ],
        "item": [{"name": name, "item": items} for name, items in folders.items()],
    }
    return json.dumps(told, indent=2, ensure_ascii=False) + "\n"


def _item(operation: Operation) -> dict[str, Any]:
    request: dict[str, Any] = {
        "method": operation.method,
        "header": _headers(operation),
        "url": _url(operation),
        "description": operation.told["description"],
    }
    if "security" not in operation.told:
        request["auth"] = {"type": "noauth"}
    if operation.body is not None:
        raw = json.dumps(_example(operation.body), indent=2, ensure_ascii=False)
        request["body"] = {"mode": "raw", "raw": raw, "options": {"raw": {"language": "json"}}}
    return {"name": operation.told["summary"], "request": request, "response": []}


def _headers(operation: Operation) -> list[dict[str, str]]:
    headers = [{"key": "Content-Type", "value": "application/json"}] if operation.body is not None else []
    if operation.method == "POST":
        headers.append({"key": "Idempotency-Key", "value": "{{$guid}}"})
    return headers


def _url(operation: Operation) -> dict[str, Any]:
    parts = ["api", "v1", *operation.path.strip("/").replace("{", ":").replace("}", "").split("/")]
    query = [
        {"key": one["name"], "value": "", "description": one.get("description", ""), "disabled": True}
        for one in operation.parameters("query")
    ]
    variables = [{"key": one["name"], "value": str(one["example"])} for one in operation.parameters("path")]
    return {
        "raw": "{{baseUrl}}/" + "/".join(parts),
        "host": ["{{baseUrl}}"],
        "path": parts,
        "query": query,
        "variable": variables,
    }


def _example(body: Mapping[str, Any]) -> Any:
    return body["example"] if "example" in body else next(iter(body["examples"].values()))["value"]
