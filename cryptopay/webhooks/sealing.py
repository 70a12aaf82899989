"""Endpoint secrets at rest: AES-256-GCM under a key of their own, derived from `settings.KEYS_ENCRYPTION_KEY`.

Unlike an API key, which we only recognise, a signing secret must be read again: it is sealed and not hashed. Extended
public keys (`keys.encryption`) are sealed under another key, so neither kind of ciphertext opens as the other.
"""

import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from cryptopay.webhooks.errors import SecretUnreadable

_NONCE_BYTES = 12


def seal(secret: bytes, endpoint_public_id: str) -> bytes:
    """A fresh nonce, then the ciphertext and its tag. It opens for this endpoint alone."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + _cipher().encrypt(nonce, secret, _associated(endpoint_public_id))


def unseal(sealed: bytes, endpoint_public_id: str) -> bytes:
    """What `seal` was given. Raises `SecretUnreadable` where a bit, the endpoint or the installation's key differs."""
    nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    try:
        return _cipher().decrypt(nonce, ciphertext, _associated(endpoint_public_id))
    except (InvalidTag, ValueError):
        raise SecretUnreadable("The stored secret was altered, or sealed under another key.") from None


def _cipher() -> AESGCM:
    # A single HMAC is HKDF's expand step (RFC 5869) for 32 bytes.
    return AESGCM(hmac.digest(settings.KEYS_ENCRYPTION_KEY, b"cryptopay webhooks seal\x01", "sha256"))


def _associated(endpoint_public_id: str) -> bytes:
    return f"webhook|{endpoint_public_id}".encode()
