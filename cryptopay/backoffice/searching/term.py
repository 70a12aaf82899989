"""What somebody typed, in the spellings under which it may stand in the database."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from keys.errors import InvalidAddress
from keys.formats import format_of
from monitor.chains import CHAINS

LONGEST = 200
_HEX = re.compile(r"(?:0x)?([0-9a-f]{64})", re.IGNORECASE)
_EVM = re.compile(r"(?:0x)?([0-9a-f]{40})", re.IGNORECASE)
_AMOUNT = re.compile(r"(\d{1,18}(?:\.\d{1,18})?)(?:\s*([A-Za-z][A-Za-z0-9]{1,11}))?")
_LARGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Amount:
    """A figure and, if it was named, the code of its currency or coin."""

    figure: Decimal
    code: str


@dataclass(frozen=True, slots=True)
class Term:
    """`text` as it was typed, trimmed; what it may be is read off it once."""

    text: str
    txids: tuple[str, ...] = field(init=False)
    """A transaction id with and without 0x, in both cases; empty: it is none."""
    places: Mapping[str, bytes] = field(init=False)
    """By the code of the chain, the destination it is an address of."""
    number: int | None = field(init=False)
    amount: Amount | None = field(init=False)

    def __post_init__(self) -> None:
        for name, read in (("txids", _txids), ("places", _places), ("number", _number), ("amount", _amount)):
            object.__setattr__(self, name, read(self.text))


def read(typed: str) -> Term | None:
    """None: nothing that a row could have."""
    text = " ".join(typed.split())
    return Term(text) if text and len(text) <= LONGEST and text.isprintable() else None


def _txids(text: str) -> tuple[str, ...]:
    found = _HEX.fullmatch(text)
    if found is None:
        return ()
    digits = found[1].lower()
    return digits, f"0x{digits}", digits.upper()


def _places(text: str) -> dict[str, bytes]:
    """However it is written: bech32 in capitals, CashAddr without its prefix, an EVM address in any case."""
    evm = _EVM.fullmatch(text)
    address = f"0x{evm[1].lower()}" if evm else text
    found = {}
    for code, chain in CHAINS.items():
        try:
            found[code] = format_of(chain).parse(address, chain)
        except InvalidAddress:
            continue
    return found


def _number(text: str) -> int | None:
    digits = text.removeprefix("#")
    return int(digits) if digits.isascii() and digits.isdecimal() and int(digits) <= _LARGEST_ID else None


def _amount(text: str) -> Amount | None:
    found = _AMOUNT.fullmatch(text.replace(",", ""))
    return Amount(Decimal(found[1]), (found[2] or "").upper()) if found else None
