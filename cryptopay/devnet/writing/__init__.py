"""Writes what follows from the API's description: the Python client's operations and the Postman collection.

`make write` writes them anew; a test compares what is checked in.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import django

from cryptopay.devnet import environment, places

CLIENT = places.CHECKOUT / "cryptopay" / "client"
POSTMAN = places.CHECKOUT / "docs" / "postman.json"
HEADER = '"""Written by `make write` from the API\'s description; changes by hand are lost."""\n'
"""What a written module of the client begins with."""
_PREFIX = "/api/v1"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the description."""

    method: str
    path: str
    """Below /api/v1."""
    told: Mapping[str, Any]

    @property
    def tag(self) -> str:
        return str(self.told["tags"][0])

    @property
    def id(self) -> str:
        return str(self.told["operationId"])

    def parameters(self, place: str) -> list[Mapping[str, Any]]:
        return [parameter for parameter in self.told.get("parameters", []) if parameter["in"] == place]

    @property
    def body(self) -> Mapping[str, Any] | None:
        return self.told["requestBody"]["content"]["application/json"] if "requestBody" in self.told else None

    def answer(self, media: str = "application/json") -> Mapping[str, Any] | None:
        """The schema of the first answer that is no refusal."""
        status = min(status for status in self.told["responses"])
        found: Mapping[str, Any] | None = self.told["responses"][status].get("content", {}).get(media, {}).get("schema")
        return found


def description() -> dict[str, Any]:
    """Read off the views."""
    from drf_spectacular.generators import SchemaGenerator

    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return found


def operations(schema: Mapping[str, Any]) -> Iterator[Operation]:
    for path, item in schema["paths"].items():
        for method, told in item.items():
            yield Operation(method.upper(), path.removeprefix(_PREFIX), told)


def files() -> dict[Path, str]:
    """All that is written, by its place."""
    from cryptopay.devnet.writing import client, postman

    schema = description()
    return {
        POSTMAN: postman.collection(schema),
        **{CLIENT / name: text for name, text in client.modules(schema).items()},
    }


def run() -> None:
    """Writes them, and removes modules of the client that are written no more. No database is asked."""
    os.environ.update(environment.for_tests(), DATABASE_URL="postgresql://none/none")
    os.environ["DJANGO_SETTINGS_MODULE"] = "cryptopay.settings"
    django.setup()
    wanted = files()
    for path in CLIENT.rglob("*.py"):
        if path not in wanted and path.read_text().startswith(HEADER):
            path.unlink()
    for path, text in wanted.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
