"""Events against their schemas, made strict: nothing may be there that they do not name."""

import functools
from typing import Any

from jsonschema_rs import Draft202012Validator

from cryptopay.payments import event_schemas


def check(event: Any) -> None:
    """A whole event, as it was delivered. Raises `ValidationError`."""
    _validator(event["type"]).validate(event)


def check_data(name: str, data: Any) -> None:
    """The data of an event of that name. Raises `ValidationError`."""
    _validator(name, "data").validate(data)


@functools.cache
def _validator(name: str, part: str = "") -> Draft202012Validator:
    schema = event_schemas.alone(name)
    wanted = {"$defs": schema["$defs"], **schema["properties"][part]} if part else schema
    return Draft202012Validator(_strict(wanted), validate_formats=True)


def _strict(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {"additionalProperties": False} if "properties" in schema and "type" in schema else {}
    return {**closed, **{name: _strict(part) for name, part in schema.items()}}
