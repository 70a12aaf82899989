"""Reading what was sent, strictly: JSON only, bounded, and no text that a database or a page could choke on."""

import json
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from cryptopay.api.errors import BodyRefused, Problem, escaped

LARGEST_BODY_BYTES = 1_000_000
DEEPEST = 8
"""Levels of arrays and objects; our own deepest request has two."""


class StrictJSONParser(BaseParser):
    """A JSON object. Refused: over a megabyte, not UTF-8, too deep, duplicate names, NaN, NUL, lone surrogates."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        body = stream.read(LARGEST_BODY_BYTES + 1)
        if len(body) > LARGEST_BODY_BYTES:
            raise Problem(413, "body_too_large", f"A request has {LARGEST_BODY_BYTES} bytes at most.")
        value = _loads(body)
        if not isinstance(value, dict):
            raise BodyRefused("body_not_an_object", "The body must be a JSON object.")
        _check(value, "", 1)
        return value


def _loads(body: bytes) -> Any:
    try:
        return json.loads(body.decode("utf-8"), object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except RecursionError:
        raise BodyRefused("body_too_deep", f"A body is nested {DEEPEST} levels at most.") from None
    except ValueError as error:  # bad UTF-8, bad JSON, an integer of thousands of digits
        reason = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise BodyRefused("json_invalid", f"The body is not valid JSON{reason}.") from None


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BodyRefused("json_duplicate_name", "The body has the same name twice in one object.")
    return found


def _no_constant(_: str) -> NoReturn:
    raise ValueError


def _check(value: Any, pointer: str, depth: int) -> None:
    if isinstance(value, str):
        _check_text(value, pointer)
    elif isinstance(value, dict | list):
        if depth > DEEPEST:
            raise BodyRefused("body_too_deep", f"A body is nested {DEEPEST} levels at most.", pointer)
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for name, inner in pairs:
            if isinstance(name, str):
                _check_text(name, pointer)
            _check(inner, f"{pointer}/{escaped(str(name))}", depth + 1)


def _check_text(text: str, pointer: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BodyRefused("text_invalid", "A text holds half of a surrogate pair.", pointer) from None
    if "\0" in text:
        raise BodyRefused("text_invalid", "A text holds a NUL character.", pointer)


class AlwaysJson(BaseContentNegotiation):
    """One form of answer, whatever `Accept` says: a browser reads it, too."""

    def select_parser(self, request: Request, parsers: Any) -> BaseParser | None:
        if request.content_type.partition(";")[0].strip().lower() != StrictJSONParser.media_type:
            return None
        return parsers[0]  # type: ignore[no-any-return]

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type
