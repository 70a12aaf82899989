"""How many requests an API key, or an address that shows none, may make in a minute; counted in Valkey.

A payment must not wait for a counter: while Valkey is away nobody is counted and everybody is served, and it is asked
again after `_LEFT_ALONE_SECONDS`. (Log-in of people decides otherwise: it lets nobody in that nobody counts.)
"""

import functools
import time
from typing import TYPE_CHECKING, ClassVar

import redis
import structlog
from django.conf import settings
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from cryptopay.api.errors import Problem
from cryptopay.merchants.models import ApiKey

if TYPE_CHECKING:
    from rest_framework.views import APIView  # which itself imports this module, named in the settings

log = structlog.get_logger(__name__)

WINDOW_SECONDS = 60
_ANSWERS_WITHIN_SECONDS = 0.1
_LEFT_ALONE_SECONDS = 5


class TooManyRequests(Problem):
    """429; `wait` seconds are told in Retry-After."""

    def __init__(self, wait: float | None) -> None:
        super().__init__(429, "too_many_requests", "Too many requests. Wait as long as Retry-After says.")
        self.wait = wait


class RequestLimits(BaseThrottle):
    """One count a request: of its key, or of its address where it shows none or a wrong one."""

    _left_alone_until: ClassVar[float] = 0.0
    _wait: int | None = None

    def allow_request(self, request: Request, view: "APIView") -> bool:
        key = request.auth
        if isinstance(key, ApiKey):
            counted, limit = f"key:{key.pk}", settings.API_REQUESTS_PER_MINUTE
        else:
            counted, limit = f"address:{self.get_ident(request)}", settings.API_REQUESTS_PER_MINUTE_WITHOUT_KEY
        self._wait = self._seconds_over(f"api:{counted}", limit) if limit else None
        return self._wait is None

    def wait(self) -> float | None:
        return self._wait

    def _seconds_over(self, name: str, limit: int) -> int | None:
        """Until the minute ends, for whoever is above the limit. A minute begins with the first request in it."""
        if time.monotonic() < RequestLimits._left_alone_until:
            return None
        try:
            with _counters().pipeline(transaction=False) as asked:
                asked.incr(name)
                asked.expire(name, WINDOW_SECONDS, nx=True)
                asked.ttl(name)
                count, _, left = asked.execute()
        except RedisError as failure:
            RequestLimits._left_alone_until = time.monotonic() + _LEFT_ALONE_SECONDS
            log.warning("api.requests_not_counted", exc_info=failure)
            return None
        return max(int(left), 1) if count > limit else None


@functools.cache
def _counters() -> redis.Redis:
    patience = {"socket_timeout": _ANSWERS_WITHIN_SECONDS, "socket_connect_timeout": _ANSWERS_WITHIN_SECONDS}
    return redis.Redis.from_url(settings.REDIS_URL, **patience)
