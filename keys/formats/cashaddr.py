"""CashAddr, the addresses of Bitcoin Cash: an address in the old form would also be one of Bitcoin.

Source: bitcoincash.org, spec/cashaddr.md; the kinds 2 and 3, for payers whose wallets send tokens, and 32-byte script
hashes: CHIP-2022-02 CashTokens and CHIP-2022-05 P2SH32.
"""

from keys.formats import base58

_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VALUE = {letter: value for value, letter in enumerate(_ALPHABET)}
_GENERATOR = (0x98F2BC8E61, 0x79B76D99E2, 0xF33E5FB3C4, 0xAE2EABE2A8, 0x1E4F43E470)
_CHECKSUM_BITS = 40
_CHECKSUM_LETTERS = 8
_HASH_BYTES = (20, 24, 28, 32, 40, 48, 56, 64)
_HIGHEST_KIND = 15
_LONGEST_TEXT = 200

KEY_HASH, SCRIPT_HASH = 0, 1
_WITHOUT_TOKENS = {0: KEY_HASH, 1: SCRIPT_HASH, 2: KEY_HASH, 3: SCRIPT_HASH}
"""Kinds 2 and 3 pay to the same scripts as 0 and 1; they only say that the wallet understands tokens."""
_SCRIPTS = {
    (KEY_HASH, 20): (bytes.fromhex("76a914"), bytes.fromhex("88ac")),
    (SCRIPT_HASH, 20): (bytes.fromhex("a914"), bytes.fromhex("87")),
    (SCRIPT_HASH, 32): (bytes.fromhex("aa20"), bytes.fromhex("87")),
}


class NotCashAddr(ValueError):
    """The message says why, for a person."""


def text(prefix: str, script: bytes) -> str:
    """The address of a script. Raises `NotCashAddr` where it has none."""
    for (kind, length), (head, tail) in _SCRIPTS.items():
        digest = script[len(head) : len(head) + length]
        if script == head + digest + tail and len(digest) == length:
            return encode(prefix, kind, digest)
    raise NotCashAddr("this script has no address")


def script(prefix: str, address: str) -> bytes:
    """The script an address pays to. Raises `NotCashAddr`."""
    kind, digest = decode(prefix, address)
    try:
        head, tail = _SCRIPTS[_WITHOUT_TOKENS[kind], len(digest)]
    except KeyError:
        raise NotCashAddr("it is of a kind that nobody has defined") from None
    return head + digest + tail


def encode(prefix: str, kind: int, digest: bytes) -> str:
    """The lower-case address with its prefix. Raises `NotCashAddr` for a kind or length the specification lacks."""
    if not 0 <= kind <= _HIGHEST_KIND or len(digest) not in _HASH_BYTES:
        raise NotCashAddr("there is no such kind or length")
    payload = bytes((kind << 3 | _HASH_BYTES.index(len(digest)),)) + digest
    spare_bits = -len(payload) * 8 % 5
    number = int.from_bytes(payload, "big") << spare_bits
    symbols = _symbols(number, (len(payload) * 8 + spare_bits) // 5)
    checksum = _polymod([*_expand(prefix), *symbols, *[0] * _CHECKSUM_LETTERS])
    return f"{prefix}:" + "".join(_ALPHABET[symbol] for symbol in symbols + _symbols(checksum, _CHECKSUM_LETTERS))


def decode(prefix: str, address: str) -> tuple[int, bytes]:
    """Kind and hash. The prefix may be left out, as wallets do: the checksum covers it. Raises `NotCashAddr`."""
    values = _values(prefix, address)
    if _polymod(_expand(prefix) + values):
        raise NotCashAddr("its checksum is wrong: a character is mistyped or missing, or it is of another network")
    number, bits = 0, (len(values) - _CHECKSUM_LETTERS) * 5
    for value in values[:-_CHECKSUM_LETTERS]:
        number = number << 5 | value
    if bits % 8 >= 5 or number & (1 << bits % 8) - 1:  # noqa: PLR2004
        raise NotCashAddr("its padding is not empty")
    version, *digest = (number >> bits % 8).to_bytes(bits // 8, "big") or (0x80,)
    if version & 0x80 or len(digest) != _HASH_BYTES[version & 7]:
        raise NotCashAddr("its length is not the one it names")
    return version >> 3, bytes(digest)


def _values(prefix: str, address: str) -> list[int]:
    if len(address) > _LONGEST_TEXT:
        raise NotCashAddr("it is too long")
    if not address.isascii() or address not in (address.lower(), address.upper()):
        _refuse_old_form(address)
        raise NotCashAddr("it mixes upper and lower case, or is not plain ASCII")
    found, separator, data = address.lower().rpartition(":")
    if separator and found != prefix:
        raise NotCashAddr(f"it does not start with {prefix}:")
    if len(data) <= _CHECKSUM_LETTERS:
        raise NotCashAddr("it is too short")
    try:
        return [_VALUE[letter] for letter in data]
    except KeyError:
        _refuse_old_form(address)
        raise NotCashAddr("it holds a character that CashAddr does not have") from None


def _refuse_old_form(address: str) -> None:
    try:
        base58.decode(address)
    except base58.NotBase58:
        return
    raise NotCashAddr("it is in the old form, which Bitcoin has, too. Ask for the one that begins with q or p")


def _polymod(values: list[int]) -> int:
    checksum = 1
    for value in values:
        top = checksum >> _CHECKSUM_BITS - 5
        checksum = (checksum & (1 << _CHECKSUM_BITS - 5) - 1) << 5 ^ value
        for bit in range(5):
            if top >> bit & 1:
                checksum ^= _GENERATOR[bit]
    return checksum ^ 1


def _expand(prefix: str) -> list[int]:
    return [*(ord(letter) & 31 for letter in prefix), 0]


def _symbols(number: int, count: int) -> list[int]:
    return [number >> 5 * place & 31 for place in range(count - 1, -1, -1)]
