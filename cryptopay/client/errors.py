"""What can go wrong, in one tree.

CryptoPayError
    ConnectionFailed      nobody answered, or with what is no answer of CryptoPay's
    SignatureRefused      a webhook that CryptoPay did not send, or sent long ago
    Refused               CryptoPay said no: `code` for programs, `detail` for people
        BadRequest 400  Unauthorized 401  Forbidden 403  NotFound 404  Conflict 409
        Unprocessable 422  TooManyRequests 429  Unavailable 503  ServerFault other 5xx
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class CryptoPayError(Exception):
    """All of them."""


class ConnectionFailed(CryptoPayError):
    """Nobody answered, after all tries. What was asked may have happened: ask again with the same `idempotency_key`."""

    def __init__(self, detail: str, idempotency_key: str | None = None) -> None:
        super().__init__(detail)
        self.idempotency_key = idempotency_key


class SignatureRefused(CryptoPayError):
    """A webhook is forged, altered, too old, or signed with another secret. Answer it with 400 or 401."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: `pointer` leads into the body (RFC 6901), `parameter` names one of the query string."""

    code: str
    detail: str
    pointer: str = ""
    parameter: str = ""


class Refused(CryptoPayError):
    """CryptoPay's own answer (RFC 9457). `code` stays; `detail` may change. Tell `request_id` when you ask us."""

    def __init__(self, status: int, told: Mapping[str, Any], retry_after_seconds: float | None = None) -> None:
        self.status = status
        self.code = str(told.get("code", "unknown"))
        self.detail = str(told.get("detail", ""))
        self.request_id = str(told.get("request_id", ""))
        self.errors = tuple(_fault(error) for error in told.get("errors", ()) if isinstance(error, Mapping))
        self.retry_after_seconds = retry_after_seconds
        super().__init__(f"{self.code}: {self.detail} (request {self.request_id})")

    @property
    def pointer(self) -> str:
        """Of the first thing that is wrong; empty where it is not in the body."""
        return self.errors[0].pointer if self.errors else ""


class BadRequest(Refused):
    """400: wrong whatever the state of the world."""


class Unauthorized(Refused):
    """401: no API key, or none that is valid."""


class Forbidden(Refused):
    """403: the API key lacks the scope."""


class NotFound(Refused):
    """404: there is no such object in your book."""


class Conflict(Refused):
    """409: right, but not as things stand."""


class Unprocessable(Refused):
    """422: well formed, and refused as your account is set up."""


class TooManyRequests(Refused):
    """429: more than your share; `retry_after_seconds` says when to come again."""


class ServerFault(Refused):
    """5xx: not your fault."""


class Unavailable(ServerFault):
    """503: not now. No trustworthy rate, no node, no database."""


_BY_STATUS: Mapping[int, type[Refused]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    422: Unprocessable,
    429: TooManyRequests,
    503: Unavailable,
}
_FIRST_OF_SERVER = 500


def refused(status: int, told: Mapping[str, Any], retry_after_seconds: float | None) -> Refused:
    """The error of that status."""
    usual = ServerFault if status >= _FIRST_OF_SERVER else Refused
    return _BY_STATUS.get(status, usual)(status, told, retry_after_seconds)


def _fault(told: Mapping[str, Any]) -> Fault:
    return Fault(*(str(told.get(name, "")) for name in ("code", "detail", "pointer", "parameter")))
