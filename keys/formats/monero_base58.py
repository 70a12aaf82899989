"""Monero's Base58: Bitcoin's alphabet, but eight bytes at a time, so that a text's length follows from its bytes.

Read strictly: exactly one text stands for some bytes. The checksum behind them is the first four bytes of Keccak-256.
Source: Monero `common/base58.cpp`.
"""

import sha3

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_VALUE = {letter: value for value, letter in enumerate(_ALPHABET)}
_BLOCK_BYTES, _BLOCK_LETTERS = 8, 11
_LETTERS = (0, 2, 3, 5, 6, 7, 9, 10, 11)
"""How many letters stand for so many bytes."""
_BYTES = {letters: count for count, letters in enumerate(_LETTERS)}
_CHECKSUM_BYTES = 4


class NotMoneroBase58(ValueError):
    """Says what is wrong with a text, without repeating it."""


def encode(payload: bytes) -> str:
    """The text of those bytes, checksum included."""
    checked = payload + _checksum(payload)
    blocks = (checked[at : at + _BLOCK_BYTES] for at in range(0, len(checked), _BLOCK_BYTES))
    return "".join(map(_block_text, blocks))


def decode(text: str) -> bytes:
    """The bytes whose checksum the text carries. Raises `NotMoneroBase58`."""
    blocks = (text[at : at + _BLOCK_LETTERS] for at in range(0, len(text), _BLOCK_LETTERS))
    checked = b"".join(map(_block_bytes, blocks))
    payload, checksum = checked[:-_CHECKSUM_BYTES], checked[-_CHECKSUM_BYTES:]
    if len(checked) <= _CHECKSUM_BYTES or _checksum(payload) != checksum:
        raise NotMoneroBase58("its checksum is wrong: a character is mistyped or missing")
    return payload


def _checksum(payload: bytes) -> bytes:
    digest: bytes = sha3.keccak_256(payload).digest()
    return digest[:_CHECKSUM_BYTES]


def _block_text(block: bytes) -> str:
    number, letters = int.from_bytes(block, "big"), []
    for _ in range(_LETTERS[len(block)]):
        number, value = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[value])
    return "".join(reversed(letters))


def _block_bytes(block: str) -> bytes:
    if len(block) not in _BYTES:
        raise NotMoneroBase58("it has a length that no bytes have")
    number = 0
    for letter in block:
        if letter not in _VALUE:
            raise NotMoneroBase58("it holds a character that Base58 does not have")
        number = number * len(_ALPHABET) + _VALUE[letter]
    try:
        return number.to_bytes(_BYTES[len(block)], "big")
    except OverflowError:
        raise NotMoneroBase58("a part of it is larger than the bytes it stands for") from None
