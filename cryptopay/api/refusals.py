"""Which codes an operation may answer instead of what was asked, by status.

What follows from its form is read off the view: its scope, its path, its fields. What follows from the state of the
world is named there, method by method: `refusals = {"POST": ("invoice_closed", ...)}`. A trial sends each operation
whatever its description allows, and more; an answer that is not described fails it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from rest_framework import serializers

from cryptopay.api.authentication import PUBLIC
from cryptopay.api.errors import STATUS_OF_CODE
from cryptopay.api.pagination import PageParameters

_OWN: Mapping[HTTPStatus, tuple[str, ...]] = {
    HTTPStatus.BAD_REQUEST: (
        "parameters_conflict",
        "watch_target_invalid",
        "txid_invalid",
        "asset_code_invalid",
        "unknown_field",
        "required",
    ),
    HTTPStatus.CONFLICT: (
        "account_conflict",
        "asset_conflict",
        "asset_code_taken",
        "too_many_assets",
        "entry_reserved",
    ),
    HTTPStatus.UNPROCESSABLE_ENTITY: (
        "chain_unknown",
        "account_kind_invalid",
        "account_reserved",
        "address_not_yours",
        "asset_ambiguous",
        "request_invalid",  # beside its usual 400: several things are wrong, and the first of them gives the status
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: ("unhealthy", "chain_failing", "chain_halted", "chain_off", "chain_retired"),
}
"""Codes that are the API's own, of one operation or another."""
STATUS: Mapping[str, HTTPStatus] = {
    **STATUS_OF_CODE,
    **{code: status for status, codes in _OWN.items() for code in codes},
}

Codes = dict[HTTPStatus, list[str]]

EVERYWHERE: Mapping[HTTPStatus, tuple[str, ...]] = {
    HTTPStatus.LENGTH_REQUIRED: ("length_required",),
    HTTPStatus.TOO_MANY_REQUESTS: ("too_many_requests",),
    HTTPStatus.INTERNAL_SERVER_ERROR: ("internal_error",),
    HTTPStatus.SERVICE_UNAVAILABLE: ("temporarily_unavailable",),
}
_QUERY = ("bad_request", "unknown_parameter", "parameter_repeated", "request_invalid")
_KEY: Mapping[HTTPStatus, tuple[str, ...]] = {
    HTTPStatus.UNAUTHORIZED: ("api_key_missing", "api_key_invalid", "api_key_revoked", "api_key_expired")
}
_SCOPE: Mapping[HTTPStatus, tuple[str, ...]] = {HTTPStatus.FORBIDDEN: ("scope_missing",)}
_PATH: Mapping[HTTPStatus, tuple[str, ...]] = {HTTPStatus.NOT_FOUND: ("not_found",)}
_BODY: Mapping[HTTPStatus, tuple[str, ...]] = {
    HTTPStatus.BAD_REQUEST: (
        "json_invalid",
        "json_duplicate_name",
        "body_not_an_object",
        "body_too_deep",
        "text_invalid",
        "unknown_field",
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("body_too_large",),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: ("unsupported_media_type",),
}
_ONCE: Mapping[HTTPStatus, tuple[str, ...]] = {
    HTTPStatus.BAD_REQUEST: ("idempotency_key_missing", "idempotency_key_invalid"),
    HTTPStatus.CONFLICT: ("idempotency_in_progress",),
    HTTPStatus.UNPROCESSABLE_ENTITY: ("idempotency_key_reused",),
}


SHARED: Mapping[HTTPStatus, tuple[str, ...]] = {
    **EVERYWHERE,
    **_KEY,
    **_SCOPE,
    **{status: codes for status, codes in _BODY.items() if status is not HTTPStatus.BAD_REQUEST},
}
"""Answers that are the same whatever the operation, so that the description tells them once."""


ISSUING_AN_ADDRESS = (
    "no_key_for_chain",
    "addresses_exhausted",
    "address_verification_failed",
    "sealed_key_unreadable",
)
NAMING_A_CHAIN = ("chain_unknown", "chain_unavailable")
CHOOSING_A_COIN = (
    "payment_method_unavailable",
    "amount_below_minimum",
    "rate_missing",
    "rate_stale",
    "rate_suspect",
    *ISSUING_AN_ADDRESS,
)
_ENTERING = ("balance_below_floor", "balance_too_large", "account_closed", "period_closed", "entry_conflict")
POSTING = (
    "amount_too_precise",
    "amount_out_of_range",
    "amount_not_positive",
    "entry_unbalanced",
    "leg_invalid",
    "account_unknown",
    "account_ambiguous",
    "account_reserved",
    "request_invalid",
    *_ENTERING,
)
RESOLVING = ("entry_reserved", "entry_not_pending", "entry_already_resolved", *_ENTERING)
"""What several operations may answer, by what they do."""


def of(view: Any, method: str, in_a_path: bool, reader: serializers.Serializer[Any] | None) -> Codes:
    """All an operation may answer. `reader` reads its body, or its query string."""
    found: Codes = defaultdict(list)
    for group in _groups(view.scopes.get(method), method, in_a_path):
        for status, codes in group.items():
            _add(found[status], codes)
    _add(found[HTTPStatus.BAD_REQUEST], (*_QUERY, *_of_fields(reader)))
    if isinstance(reader, PageParameters):
        _add(found[HTTPStatus.BAD_REQUEST], ["cursor_invalid"])
    for code in view.refusals.get(method, ()):
        _add(found[STATUS[code]], [code])
    return dict(sorted(found.items()))


def _groups(scope: str | None, method: str, in_a_path: bool) -> Iterator[Mapping[HTTPStatus, tuple[str, ...]]]:
    yield EVERYWHERE
    if scope != PUBLIC:
        yield from (_KEY, _SCOPE)
    if in_a_path:
        yield _PATH
    if method in ("POST", "PATCH"):
        yield _BODY
    if method == "POST":
        yield _ONCE


def _add(found: list[str], codes: Iterable[str]) -> None:
    found.extend(code for code in dict.fromkeys(codes) if code not in found)


def _of_fields(reader: Any) -> Iterator[str]:
    """What the fields themselves refuse, those within fields included."""
    fields = list(reader.fields.values()) if isinstance(reader, serializers.Serializer) else []
    child = getattr(reader, "child", None)
    for field in fields if child is None else [child]:
        yield from _of_field(field)
        yield from _of_fields(field)


_LIMITS = ("max_length", "min_length", "max_value", "min_value")
_TEXT = ("null_characters_not_allowed", "surrogate_characters_not_allowed")


def _of_field(field: serializers.Field[Any, Any, Any, Any]) -> Iterator[str]:
    impossible = {limit for limit in _LIMITS if getattr(field, limit, None) is None}
    impossible |= {
        code
        for code, possible in (
            ("required", field.required),
            ("null", not field.allow_null),
            ("blank", not getattr(field, "allow_blank", False)),
            ("empty", not getattr(field, "allow_empty", True)),
        )
        if not possible
    }
    yield from (code for code in field.error_messages if code not in impossible)
    if isinstance(field, serializers.CharField):
        yield from _TEXT
