"""Signatures by the Standard Webhooks specification, symmetric scheme `v1`.

Signed is `id.timestamp.body`: a body moved to another event, or replayed after the receiver's five minutes, fails.
"""

import base64
import hmac
from collections.abc import Sequence

_PREFIX = "whsec_"


def secret_text(secret: bytes) -> str:
    """The secret as merchants store it."""
    return _PREFIX + base64.b64encode(secret).decode()


def signature(secret: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """`v1,` and the base64 of HMAC-SHA256. `timestamp` in seconds since 1970 UTC."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(secret, signed, "sha256")).decode()


def headers(secrets: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """One signature a secret, the newest first; a receiver accepts any that verifies."""
    signatures = " ".join(signature(secret, message_id, timestamp, body) for secret in secrets)
    return {"webhook-id": message_id, "webhook-timestamp": str(timestamp), "webhook-signature": signatures}
