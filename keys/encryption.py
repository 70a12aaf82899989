"""Extended public keys at rest: AES-256-GCM under the installation's secret.

The associated data names the book, the chain and the version of the secret, so a ciphertext moved to another row does
not open. The same secret also keys the fingerprint by which a key is recognised without being read.
"""

import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from keys.errors import EncryptionKeyMissing, SealedKeyUnreadable

KEY_VERSION = 1
"""Of the secret in use; stands beside each ciphertext, so that a later secret can coexist with this one."""
KEY_BYTES = 32
_NONCE_BYTES = 12


def _secret() -> bytes:
    """`settings.KEYS_ENCRYPTION_KEY`. Raises `EncryptionKeyMissing` unless it is 32 bytes that differ."""
    secret = getattr(settings, "KEYS_ENCRYPTION_KEY", None)
    if not isinstance(secret, bytes) or len(secret) != KEY_BYTES or len(set(secret)) == 1:
        raise EncryptionKeyMissing(f"KEYS_ENCRYPTION_KEY must be {KEY_BYTES} random bytes.")
    return secret


def _subkey(purpose: bytes) -> bytes:
    """One secret, one key for each purpose: a single HMAC is HKDF's expand step (RFC 5869) for 32 bytes."""
    return hmac.digest(_secret(), b"cryptopay keys " + purpose + b"\x01", "sha256")


def _associated(book_id: int, chain: str, version: int) -> bytes:
    return f"{book_id}|{chain}|{version}".encode()


def seal(plain: bytes, *, book_id: int, chain: str) -> bytes:
    """A fresh nonce followed by the ciphertext and its tag. Raises `EncryptionKeyMissing`."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(_subkey(b"seal")).encrypt(nonce, plain, _associated(book_id, chain, KEY_VERSION))


def unseal(sealed: bytes, *, book_id: int, chain: str, version: int) -> bytes:
    """What `seal` was given. Raises `SealedKeyUnreadable` where one bit, the book, the chain or the secret differs."""
    if version != KEY_VERSION:
        raise SealedKeyUnreadable(f"It was sealed under version {version} of the secret, which is not at hand.")
    nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    try:
        return AESGCM(_subkey(b"seal")).decrypt(nonce, ciphertext, _associated(book_id, chain, version))
    except (InvalidTag, ValueError):
        raise SealedKeyUnreadable("The stored key was altered, or sealed under another secret.") from None


def fingerprint(plain: bytes) -> bytes:
    """32 bytes, equal for equal input; tells nothing of the input to who lacks the secret."""
    return hmac.digest(_subkey(b"fingerprint"), plain, "sha256")
