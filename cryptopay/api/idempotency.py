"""Every POST happens once. The answer is kept for 24 hours in the transaction of the effect, and given again.

The row is inserted first, so a parallel request with the same key waits at the unique constraint until the first one
has committed or rolled back; it then replays, or does the work itself. A refusal rolls everything back, the row
included: only answers to what happened are kept. They are sealed, for one of them shows a secret.

    idempotency_key_missing, _invalid   400
    idempotency_key_reused              422   the same key with another method, path or body
    idempotency_in_progress             409   the first request is still running after `WAIT_MILLISECONDS`
"""

import functools
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Concatenate, ParamSpec, TypeVar

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import OperationalError, connection
from django.http import HttpResponse
from django.utils import timezone
from psycopg.errors import LockNotAvailable
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from cryptopay.api.errors import Problem
from cryptopay.api.models import IdempotencyKey
from cryptopay.api.resource import Resource

KEPT = timedelta(hours=24)
WAIT_MILLISECONDS = 5000
"""How long a request waits for another one's lock; this one's, or a row's later in the same transaction."""
LONGEST_KEY = 255
_NONCE_BYTES = 12

_V = TypeVar("_V", bound=Resource)
_P = ParamSpec("_P")

_CLAIM = """
WITH bounded AS MATERIALIZED (SELECT set_config('lock_timeout', %s, true) AS wait)
INSERT INTO api_idempotencykey (api_key_id, key, request_hash)
SELECT %s, %s, %s FROM bounded WHERE wait IS NOT NULL
ON CONFLICT (api_key_id, key) DO NOTHING RETURNING id
"""
_KEEP = "UPDATE api_idempotencykey SET status = %s, sealed_answer = %s WHERE id = %s"


@dataclass(frozen=True, slots=True)
class _Claim:
    """The place of one request: its API key, its Idempotency-Key, and a hash of what it asks."""

    api_key_id: int
    key: str
    request_hash: bytes


def idempotent(
    post: Callable[Concatenate[_V, Request, _P], Response],
) -> Callable[Concatenate[_V, Request, _P], HttpResponse]:
    """Wraps a view's `post`: its effect and the answer are kept together, by the request's own transaction."""

    @functools.wraps(post)
    def once(view: _V, request: Request, *args: _P.args, **kwargs: _P.kwargs) -> HttpResponse:
        claim = _Claim(view.api_key.pk, _key(request), _hash(request))
        row_id = _take(claim)
        if row_id is None:
            return _replay(claim)
        response = post(view, request, *args, **kwargs)
        body = JSONRenderer().render(response.data) if response.data is not None else b""
        _keep(row_id, claim, response.status_code, body)
        return _answer(response.status_code, body)

    once.idempotent = True  # type: ignore[attr-defined]
    return once  # type: ignore[return-value]  # mypy names the arguments


def purge_expired() -> int:
    """Delete answers older than `KEPT`; how many."""
    deleted, _ = IdempotencyKey.objects.filter(created_at__lt=timezone.now() - KEPT).delete()
    return deleted


def _key(request: Request) -> str:
    key: str = request.META.get("HTTP_IDEMPOTENCY_KEY", "")
    if not key:
        raise Problem(400, "idempotency_key_missing", "Every POST needs an Idempotency-Key header, e.g. a UUID.")
    if len(key) > LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise Problem(400, "idempotency_key_invalid", f"An Idempotency-Key is at most {LONGEST_KEY} ASCII characters.")
    return key


def _hash(request: Request) -> bytes:
    """Of method, path and body; the order of names and the spaces between them do not matter."""
    body = json.dumps(request.data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{request.method}\n{request.path}\n{body}".encode()).digest()


def _take(claim: _Claim) -> int | None:
    """The new row's id, or None where the key has been used. Waits for whoever is using it now."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(_CLAIM, [str(WAIT_MILLISECONDS), claim.api_key_id, claim.key, claim.request_hash])
            row = cursor.fetchone()
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            raise Problem(
                409, "idempotency_in_progress", "The first request with this Idempotency-Key is still running."
            ) from None
        raise
    return row[0] if row else None


def _replay(claim: _Claim) -> HttpResponse:
    known = IdempotencyKey.objects.get(api_key_id=claim.api_key_id, key=claim.key)
    if bytes(known.request_hash) != claim.request_hash:
        raise Problem(422, "idempotency_key_reused", "This Idempotency-Key was used for another request.")
    sealed = bytes(known.sealed_answer)
    body = _cipher().decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _associated(claim))
    response = _answer(known.status, body)
    response["Idempotent-Replayed"] = "true"
    return response


def _keep(row_id: int, claim: _Claim, status: int, body: bytes) -> None:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = nonce + _cipher().encrypt(nonce, body, _associated(claim))
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, [status, sealed, row_id])


def _cipher() -> AESGCM:
    """Under a key of its own, expanded from the installation's secret (HKDF's expand step, RFC 5869)."""
    return AESGCM(hmac.digest(settings.KEYS_ENCRYPTION_KEY, b"cryptopay api answers\x01", "sha256"))


def _associated(claim: _Claim) -> bytes:
    return f"{claim.api_key_id}|{claim.key}".encode()


def _answer(status: int, body: bytes) -> HttpResponse:
    return HttpResponse(body, status=status, content_type="application/json" if body else None)
