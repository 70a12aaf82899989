"""Who asks, in a request: what stands beside every change it makes (`ledger.tracking`)."""

from collections.abc import Callable
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse

from ledger import tracking


class Asking:
    """Middleware: a person by their name, a program by the hint of its API key; and the request's id in the log."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with tracking.asked_by(lambda: _told(request)):
            return self.get_response(request)


def _told(request: HttpRequest) -> dict[str, Any]:
    key = getattr(request, "api_key", None)
    user: Any = getattr(request, "user", None)
    person = user.get_username() if getattr(user, "is_authenticated", False) else ""  # of a program there is none
    return {
        "who": f"API key {key.hint}" if key is not None else person,
        "request": str(structlog.contextvars.get_contextvars().get("request_id", "")),
        "path": request.path,
    }
