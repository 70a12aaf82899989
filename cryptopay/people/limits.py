"""Tries of log-in and sign-up are counted in Valkey. Where nobody counts, nobody is let in."""

from collections.abc import Callable
from http import HTTPStatus

import structlog
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)


class WithoutCounters:
    """Middleware: a page that could not count a try says so, instead of a fault; the try was not made."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, RedisError):
            return None
        log.error("people.counters_away", exc_info=exception)
        return render(request, "people/counters_away.html", status=HTTPStatus.SERVICE_UNAVAILABLE)


def too_many(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """The page of whoever tried too often; the longest limit ends after five minutes."""
    answer = render(request, "people/too_many.html", status=HTTPStatus.TOO_MANY_REQUESTS)
    answer.headers["Retry-After"] = "300"
    return answer
