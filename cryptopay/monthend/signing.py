"""The installation's key for period packages: Ed25519 (RFC 8032). Its public half is for everybody."""

import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings


def _key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(settings.PERIOD_SIGNING_KEY)


def sign(content: bytes) -> bytes:
    """64 bytes."""
    return _key().sign(content)


def public_key() -> bytes:
    """32 bytes."""
    return _key().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def public_pem() -> str:
    """As OpenSSL reads it (RFC 8410)."""
    return _key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def fingerprint() -> str:
    """What people compare: SHA-256 of the key's DER, in hex."""
    encoded = _key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(encoded).hexdigest()
