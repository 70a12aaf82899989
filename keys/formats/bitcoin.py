"""Addresses of the Bitcoin family: pay to witness public key hash (BIP84, BIP141). A destination is the script."""

from collections.abc import Callable
from hashlib import new, sha256

from coincurve import PublicKey

from keys.errors import InvalidAddress
from keys.formats import bech32
from monitor.chains import Chain

_HASH_BYTES = 20
_P2WPKH = bytes((0, _HASH_BYTES))
_LONGEST_SCRIPT = 42
_PUSH_1 = 0x51


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


def destination(public_key: PublicKey) -> bytes:
    """The 22-byte script that pays to the key."""
    return _P2WPKH + hash160(public_key.format())


def text(script: bytes, chain: Chain) -> str:
    """The address of a witness script. Raises `InvalidAddress` for other scripts."""
    if not 2 < len(script) <= _LONGEST_SCRIPT or len(script) != script[1] + 2:  # noqa: PLR2004
        raise InvalidAddress("only witness programs have an address here")
    version = script[0] - _PUSH_1 + 1 if script[0] else 0
    try:
        return bech32.encode(chain.bech32_hrp, version, script[2:])
    except bech32.NotBech32 as error:
        raise InvalidAddress(f"This script has no address: {error}.") from None


def parse(address: str, chain: Chain) -> bytes:
    """The script an address stands for. Raises `InvalidAddress`."""
    try:
        version, program = bech32.decode(chain.bech32_hrp, address)
    except bech32.NotBech32 as error:
        raise InvalidAddress(f"This is not an address of {chain.title}: {error}.") from None
    return bytes((_PUSH_1 - 1 + version if version else 0, len(program))) + program
