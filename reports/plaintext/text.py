"""Anybody's text in a file of lines: an order id may hold anything and must not become a line, a tag or a date."""

import re
import unicodedata

LONGEST_BYTES = 3_000
"""ledger-cli refuses a line of more than 4,096 bytes."""

_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode categories of what ends a line, turns its direction or cannot be seen."""
_LOOKS_ESCAPED = re.compile("%(?=[0-9A-Fa-f]{2})")


def one_line(text: str, also: str = "") -> str:
    """`text` with what cannot be seen, spaces at its ends and the characters of `also` percent-encoded.

    Percent-decoding gives `text` again, unless it was longer than `LONGEST_BYTES`: then it is cut and ends with `…`.
    """
    line = "".join(
        _encoded(char) if char in also or unicodedata.category(char) in _UNSEEN else char
        for char in _LOOKS_ESCAPED.sub("%25", text)
    )
    inner = line.strip()
    start = line.find(inner) if inner else len(line)
    line = _encoded(line[:start]) + inner + _encoded(line[start + len(inner) :])
    kept = line.encode()[:LONGEST_BYTES].decode(errors="ignore")
    return kept if kept == line else f"{kept}…"


def _encoded(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())
