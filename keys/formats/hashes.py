"""RIPEMD-160 of SHA-256, by which the Bitcoin family and BIP32 name a public key."""

from collections.abc import Callable
from hashlib import new, sha256


def _ripemd160() -> Callable[[bytes], bytes]:
    """OpenSSL's where it is built in: several times faster; OpenSSL 3 may come without it."""
    try:
        empty = new("ripemd160")
    except ValueError:
        from Crypto.Hash import RIPEMD160

        return lambda message: bytes(RIPEMD160.new(message).digest())

    def digest(message: bytes) -> bytes:
        state = empty.copy()
        state.update(message)
        return state.digest()

    return digest


ripemd160 = _ripemd160()


def hash160(message: bytes) -> bytes:
    """RIPEMD-160 of SHA-256: 20 bytes."""
    return ripemd160(sha256(message).digest())
