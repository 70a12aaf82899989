"""Addresses of Ethereum and its kin: 20 bytes, written in mixed case as a checksum (EIP-55)."""

import re

import sha3
from coincurve import PublicKey

from keys.errors import InvalidAddress
from keys.formats import accounts
from keys.formats.accounts import Account
from keys.formats.bip32 import AccountDeriver
from monitor.chains import Chain

PARTS: tuple[str, ...] = accounts.PARTS
read, restore = accounts.read, accounts.restore

_ADDRESS_BYTES = 20
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)
_HEX = tuple(f"{byte:02x}" for byte in range(256))
_CASED = {
    mask: tuple((h[0].upper() if mask & 0x80 else h[0]) + (h[1].upper() if mask & 0x08 else h[1]) for h in _HEX)
    for mask in (0x00, 0x08, 0x80, 0x88)
}
"""Both digits of a byte, upper case where the hash has its high bit set."""


def keccak256(message: bytes) -> bytes:
    """Keccak-256 as Ethereum uses it, which is not the SHA3-256 of FIPS 202."""
    digest: bytes = sha3.keccak_256(message).digest()
    return digest


def deriver(account: Account, chain: Chain) -> AccountDeriver:
    return AccountDeriver(account.key, chain, _destination, text, parse)


def _destination(public_key: PublicKey) -> bytes:
    """The last 20 bytes of the hash of the point."""
    return keccak256(public_key.format(False)[1:])[-_ADDRESS_BYTES:]


def text(address: bytes, chain: Chain) -> str:
    """The EIP-55 form. Raises `InvalidAddress` unless there are 20 bytes."""
    if len(address) != _ADDRESS_BYTES:
        raise InvalidAddress(f"an address has {_ADDRESS_BYTES} bytes")
    digest = keccak256(address.hex().encode())
    return "0x" + "".join([_CASED[mask & 0x88][byte] for byte, mask in zip(address, digest, strict=False)])


def parse(address: str, chain: Chain) -> bytes:
    """The 20 bytes. Takes one case throughout or a correct EIP-55 checksum, character by character.

    Raises `InvalidAddress`.
    """
    if _ADDRESS.fullmatch(address) is None:
        raise InvalidAddress(f"This is not an address of {chain.title}: it takes 0x and 40 hexadecimal digits.")
    digits = address[2:]
    if digits not in (digits.lower(), digits.upper()) and digits != _checksummed(digits.lower()):
        raise InvalidAddress(f"This is not an address of {chain.title}: its upper and lower case do not match.")
    return bytes.fromhex(digits)


def _checksummed(digits: str) -> str:
    """EIP-55 as its text has it, one nibble at a time; apart from `text`, so that each checks the other."""
    nibbles = keccak256(digits.encode()).hex()
    return "".join(d.upper() if int(n, 16) >= 8 else d for d, n in zip(digits, nibbles, strict=False))  # noqa: PLR2004
