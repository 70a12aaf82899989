"""Segregated-witness addresses: Bech32 (BIP173) for version 0, Bech32m (BIP350) for versions 1 to 16.

The encoder works on integers, ten bits (two characters) a step. The decoder takes the BIP's own way, character by
character, and shares nothing with the encoder but the alphabet, so that each checks the other.
"""

from functools import lru_cache

_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VALUE = {letter: value for value, letter in enumerate(_ALPHABET)}
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32, _BECH32M = 1, 0x2BC830A3
_LONGEST_TEXT = 90
_CHECKSUM_LETTERS = 6
_HIGHEST_VERSION = 16
_PROGRAM_BYTES = range(2, 41)
_V0_PROGRAM_BYTES = (20, 32)


class NotBech32(ValueError):
    """The message says why, for a person."""


def _polymod(values: list[int], checksum: int = 1) -> int:
    """BIP173's checksum, five bits a step."""
    for value in values:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for bit in range(5):
            if top >> bit & 1:
                checksum ^= _GENERATOR[bit]
    return checksum


def _expand(prefix: str) -> list[int]:
    return [ord(letter) >> 5 for letter in prefix] + [0] + [ord(letter) & 31 for letter in prefix]


_PAIRS = tuple(first + second for first in _ALPHABET for second in _ALPHABET)
_FOLD = tuple(_polymod([0, 0], top << 20) for top in range(1024))
"""What the ten bits that fall out at the top leave behind after two steps of the checksum."""


@lru_cache(maxsize=256)
def _head(prefix: str, version: int) -> tuple[str, int, int]:
    """The address up to the version's letter, the checksum so far, and the constant that ends it."""
    constant = _BECH32M if version else _BECH32
    return f"{prefix}1{_ALPHABET[version]}", _polymod([*_expand(prefix), version]), constant


def _check_program(version: int, length: int) -> None:
    if not 0 <= version <= _HIGHEST_VERSION:
        raise NotBech32("no such witness version")
    if length not in _PROGRAM_BYTES or (version == 0 and length not in _V0_PROGRAM_BYTES):
        raise NotBech32("the witness program has a wrong length")


def encode(prefix: str, version: int, program: bytes) -> str:
    """The lower-case address of a witness program. Raises `NotBech32` where BIP141 has no such program."""
    _check_program(version, len(program))
    text, checksum, constant = _head(prefix, version)
    symbols = (len(program) * 8 + 4) // 5
    number = int.from_bytes(program, "big") << (symbols * 5 - len(program) * 8)
    if symbols % 2:
        symbols -= 1
        first = number >> symbols * 5
        text += _ALPHABET[first]
        checksum = _polymod([first], checksum)
    fold, letters = _FOLD, _PAIRS
    for shift in range(symbols * 5 - 10, -1, -10):
        pair = number >> shift & 1023
        text += letters[pair]
        checksum = (checksum & 0xFFFFF) << 10 ^ pair ^ fold[checksum >> 20]
    for _ in range(_CHECKSUM_LETTERS // 2):
        checksum = (checksum & 0xFFFFF) << 10 ^ fold[checksum >> 20]
    checksum ^= constant
    return text + letters[checksum >> 20] + letters[checksum >> 10 & 1023] + letters[checksum & 1023]


def decode(prefix: str, text: str) -> tuple[int, bytes]:
    """Witness version and program of an address whose human-readable part is `prefix`. Raises `NotBech32`."""
    values = _symbols(prefix, text)
    version = values[0]
    constant = _BECH32M if version else _BECH32
    if _polymod(_expand(prefix) + values) != constant:
        raise NotBech32("its checksum is wrong: a character is mistyped or missing")
    program = _to_bytes(values[1:-_CHECKSUM_LETTERS])
    _check_program(version, len(program))
    return version, program


def _symbols(prefix: str, text: str) -> list[int]:
    if len(text) > _LONGEST_TEXT:
        raise NotBech32("it is too long")
    if not text.isascii() or text not in (text.lower(), text.upper()):
        raise NotBech32("it mixes upper and lower case, or is not plain ASCII")
    found, separator, data = text.lower().rpartition("1")
    if not separator or found != prefix:
        raise NotBech32(f"it does not start with {prefix}1")
    if len(data) <= _CHECKSUM_LETTERS:
        raise NotBech32("it is too short")
    try:
        return [_VALUE[letter] for letter in data]
    except KeyError:
        raise NotBech32("it holds a character that Bech32 does not have") from None


def _to_bytes(values: list[int]) -> bytes:
    number = 0
    for value in values:
        number = number << 5 | value
    spare_bits = len(values) * 5 % 8
    if spare_bits >= 5 or number & (1 << spare_bits) - 1:  # noqa: PLR2004
        raise NotBech32("its padding is not empty")
    return (number >> spare_bits).to_bytes(len(values) * 5 // 8, "big")
