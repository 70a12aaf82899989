"""Base58Check, strictly: the alphabet and nothing else, and the checksum must hold.

The encoding is one to one: a text decodes only if encoding the result gives the same text.
"""

from hashlib import sha256

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DIGIT = {letter: value for value, letter in enumerate(ALPHABET)}
_CHECKSUM_BYTES = 4
_LONGEST_TEXT = 200
"""Longer than any key or address; bounds the quadratic cost of the conversion."""


class NotBase58(ValueError):
    """The message says why, for a person."""


def _checksum(payload: bytes) -> bytes:
    return sha256(sha256(payload).digest()).digest()[:_CHECKSUM_BYTES]


def encode(payload: bytes) -> str:
    """`payload` followed by its checksum, in Base58."""
    raw = payload + _checksum(payload)
    number, letters = int.from_bytes(raw, "big"), []
    while number:
        number, digit = divmod(number, 58)
        letters.append(ALPHABET[digit])
    zeros = len(raw) - len(raw.lstrip(b"\0"))
    return "1" * zeros + "".join(reversed(letters))


def decode(text: str) -> bytes:
    """The payload without its checksum. Raises `NotBase58`: foreign character, too short or long, wrong checksum."""
    if len(text) > _LONGEST_TEXT:
        raise NotBase58("it is too long")
    number = 0
    for letter in text:
        digit = _DIGIT.get(letter)
        if digit is None:
            raise NotBase58("it holds a character that Base58 does not have")
        number = number * 58 + digit
    zeros = len(text) - len(text.lstrip("1"))
    raw = b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")
    if len(raw) < _CHECKSUM_BYTES:
        raise NotBase58("it is too short")
    payload = raw[:-_CHECKSUM_BYTES]
    if raw[-_CHECKSUM_BYTES:] != _checksum(payload):
        raise NotBase58("its checksum is wrong: a character is mistyped or missing")
    return payload
