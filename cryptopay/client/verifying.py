"""Webhooks: whether CryptoPay sent this, just now (Standard Webhooks specification, version 1)."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from .errors import SignatureRefused
from .reading import read

WINDOW_SECONDS = 300
"""An older one is a replay, or a clock is wrong."""
_PREFIX = "whsec_"


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """What happened. Act on the highest `sequence` of a `subject`; the same `id` may come again."""

    id: str
    type: str
    created_at: datetime
    book: str
    live: bool
    subject: str
    sequence: int
    data: Mapping[str, Any]


_NAMES = {field.name for field in fields(WebhookEvent)}


class WebhookVerifier:
    """Holds an endpoint's secret; while it is rotated, the former one as well."""

    def __init__(self, *secrets: str) -> None:
        if not secrets or not all(secret.removeprefix(_PREFIX) for secret in secrets):
            raise ValueError("An endpoint's secret begins with whsec_; it was shown when the endpoint was made.")
        self._keys = [base64.b64decode(secret.removeprefix(_PREFIX)) for secret in secrets]

    def verify(self, headers: Mapping[str, str], body: bytes, now: float | None = None) -> WebhookEvent:
        """The event. `body` must be the very bytes that came. Raises `SignatureRefused`."""
        named = {name.lower(): value for name, value in headers.items()}
        message_id, moment, signatures = (named.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
        if not message_id or not moment.isdecimal() or not moment.isascii():
            raise SignatureRefused("This is no signed webhook.")
        if abs((time.time() if now is None else now) - int(moment)) > WINDOW_SECONDS:
            raise SignatureRefused("This webhook was signed too long ago, or a clock is wrong.")
        signed = f"{message_id}.{moment}.".encode() + body
        if not self._is_signed(signed, signatures.split(" ")):
            raise SignatureRefused("This webhook was not signed with this endpoint's secret, or was altered.")
        return _event(body)

    def _is_signed(self, signed: bytes, signatures: list[str]) -> bool:
        """Compared in constant time; every one of them, whichever holds."""
        wanted = [b"v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()) for key in self._keys]
        held = [hmac.compare_digest(ours, theirs.encode()) for ours in wanted for theirs in signatures]
        return any(held)


def _event(body: bytes) -> WebhookEvent:
    no_event = SignatureRefused("This is signed, and no event of CryptoPay's.")
    try:
        told = json.loads(body)
        event = read(WebhookEvent, told) if isinstance(told, dict) and told.keys() >= _NAMES else None
    except (ValueError, TypeError) as error:
        raise no_event from error
    if event is None:
        raise no_event
    return event
