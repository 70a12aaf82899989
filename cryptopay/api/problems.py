"""Every refusal and every fault leaves as `application/problem+json` (RFC 9457), written here and nowhere else."""

from collections.abc import Iterator, Mapping
from typing import Any

import structlog
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from drf_standardized_errors.handler import ExceptionHandler
from drf_standardized_errors.types import ExceptionHandlerContext
from rest_framework import exceptions
from rest_framework.response import Response

from cryptopay.api.errors import CONTENT_TYPE, BodyRefused, Problem, escaped, from_domain


def exception_handler(exc: Exception, context: ExceptionHandlerContext) -> Response | None:
    """What DRF calls for everything raised in a view."""
    return _ProblemHandler(exc, context).run()


class _ProblemHandler(ExceptionHandler):
    """The library's flow of conversion, rollback and reporting, with our own form of answer."""

    def should_not_handle(self, exc: Exception) -> bool:
        return False

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, exceptions.APIException):
            return exc
        if known := from_domain(exc):
            return known
        if isinstance(exc, OperationalError | InterfaceError):
            return Problem(503, "temporarily_unavailable", "The database did not answer in time. Try again.")
        if isinstance(exc, SuspiciousOperation | BadRequest):
            return Problem(400, "bad_request", "The request cannot be read.")
        return super().convert_known_exceptions(exc)

    def convert_unhandled_exceptions(self, exc: Exception) -> exceptions.APIException:
        if isinstance(exc, exceptions.APIException):
            return exc
        return Problem(500, "internal_error", "Something went wrong on our side. It has been logged.")

    def format_exception(self, exc: exceptions.APIException) -> dict[str, Any]:
        errors = [_with_pointer(code, detail, pointer) for code, detail, pointer in _flat(exc)]
        first = errors[0]
        code = first["code"] if len(errors) == 1 else "request_invalid"
        detail = first["detail"] if len(errors) == 1 else f"{len(errors)} things are wrong with this request."
        return problem(exc.status_code, code, detail, errors)

    def get_response(self, exc: exceptions.APIException, data: dict[str, Any]) -> Response:
        response = super().get_response(exc, data)
        return Response(
            response.data, status=response.status_code, headers=dict(response.items()), content_type=CONTENT_TYPE
        )


def problem(status: int, code: str, detail: str, errors: list[dict[str, str]] | None = None) -> dict[str, Any]:
    """The members of RFC 9457 and ours: `code`, which is stable, `errors` and `request_id`, which the log has, too."""
    return {
        "type": f"urn:cryptopay:problem:{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": int(status),
        "detail": detail,
        "code": code,
        "errors": errors if errors is not None else [{"code": code, "detail": detail, "pointer": ""}],
        "request_id": str(structlog.contextvars.get_contextvars().get("request_id", "")),
    }


def _with_pointer(code: str, detail: str, pointer: str) -> dict[str, str]:
    """A query parameter stands in no body, so it has a name instead of a pointer."""
    if pointer.startswith("?"):
        return {"code": code, "detail": detail, "parameter": pointer[1:]}
    return {"code": code, "detail": detail, "pointer": pointer}


def _flat(exc: exceptions.APIException) -> list[tuple[str, str, str]]:
    if isinstance(exc, Problem | BodyRefused):
        return [(code, detail, exc.pointer) for code, detail, _ in _leaves(exc.detail, "")]
    prefix = getattr(exc, "prefix", "/")
    return list(_leaves(exc.detail, "", prefix))


def _leaves(detail: Any, pointer: str, prefix: str = "/") -> Iterator[tuple[str, str, str]]:
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            below = pointer if name == "non_field_errors" else f"{pointer}{prefix}{escaped(str(name))}"
            yield from _leaves(inner, below)
    elif isinstance(detail, list | tuple):
        for position, inner in enumerate(detail):
            nested = isinstance(inner, Mapping | list)
            yield from _leaves(inner, f"{pointer}/{position}" if nested else pointer)
    else:
        yield (detail.code or "invalid", str(detail), pointer)
