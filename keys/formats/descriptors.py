"""Output descriptors (BIP380 to 386): what another program needs to find every coin of an account."""

from collections.abc import Mapping
from types import MappingProxyType

from keys.formats import base58
from keys.formats.accounts import Account, neutral_version
from monitor.chains import Chain

_INPUT = "0123456789()[],'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#\"\\ "
_CHECKSUM = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0xF5DEE51989, 0xA9FDCA3312, 0x1BAB10E32D, 0x3706B1677A, 0x644D626FFD)
_SYMBOLS = 8
_SHAPES: Mapping[str, str] = MappingProxyType(
    {"p2pkh": "pkh({})", "p2sh-p2wpkh": "sh(wpkh({}))", "p2wpkh": "wpkh({})", "p2tr": "tr({})"}
)


def descriptor(account: Account, chain: Chain) -> str:
    """The receiving addresses of the account, at 0/0, 0/1, 0/2 ..., with BIP380's checksum. Holds the extended key."""
    text = base58.encode(neutral_version(chain) + account.key.payload[4:])
    body = _SHAPES[account.form].format(f"{text}/0/*")
    return f"{body}#{checksum(body)}"


def _fold(state: int, value: int) -> int:
    top = state >> 35
    state = (state & 0x7FFFFFFFF) << 5 ^ value
    for bit, generator in enumerate(_GENERATOR):
        if top >> bit & 1:
            state ^= generator
    return state


def checksum(body: str) -> str:
    """BIP380's eight characters. Raises `ValueError` where the text holds a character descriptors do not have."""
    state, group, grouped = 1, 0, 0
    for letter in body:
        place = _INPUT.index(letter)
        state = _fold(state, place & 31)
        group, grouped = group * 3 + (place >> 5), grouped + 1
        if grouped == 3:  # noqa: PLR2004
            state, group, grouped = _fold(state, group), 0, 0
    if grouped:
        state = _fold(state, group)
    for _ in range(_SYMBOLS):
        state = _fold(state, 0)
    state ^= 1
    return "".join(_CHECKSUM[state >> 5 * (_SYMBOLS - 1 - place) & 31] for place in range(_SYMBOLS))
