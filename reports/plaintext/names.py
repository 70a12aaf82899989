"""Names that hledger, ledger-cli and beancount take. No two accounts get the same one, and no two assets.

An account keeps its place in the chart; what a tool's grammar does not allow is spelt out as `--<code point>-`:

    assets:custody:bitcoin-regtest      Assets:Custody:Bitcoin-regtest
    liabilities:customers:a:b; c        Liabilities:Customers:A--3a-b--3b---20-c
    liabilities:customers:Alice         Liabilities:Customers:X-Alice
    suspense                            Liabilities:Other--:Suspense

From the name the code can be told again: that is what makes it the only one.
"""

import re
from collections.abc import Sequence
from string import ascii_lowercase, digits

BEANCOUNT_PUNCTUATION = "-"
LEDGER_PUNCTUATION = "-_.@ "
"""What stays between two letters or digits. A second space would end the name."""

_ROOTS = {
    "A": ("Assets", "assets"),
    "L": ("Liabilities", "liabilities"),
    "E": ("Equity", "equity"),
    "I": ("Income", "income"),
    "X": ("Expenses", "expense"),
}
"""By the account's kind: the name all tools know, and the word our charts begin with."""
_ELSEWHERE = "Other--"
"""For a code that begins with another word; two dashes at the end come from nothing else."""
_CUSTOMERS = "customers:"
_MARK = "X-"
"""Before what does not begin with a small letter or a digit: beancount wants a capital there."""

_LEGAL_COMMODITY = re.compile(r"[A-Z][A-Z0-9]+")
_LONGEST_COMMODITY = 24
_WORDS = {"TRUE", "FALSE", "NULL"}
"""Beancount reads them as values."""


def account_name(kind: str, code: str, punctuation: str) -> str:
    """`kind` is a letter of `ledger.models.Account.Kind`."""
    root, word = _ROOTS[kind]
    top, colon, rest = code.partition(":")
    parts = _parts(rest) if (top, colon) == (word, ":") else [None, *_parts(code)]
    return ":".join([root, *(_ELSEWHERE if part is None else _component(part, punctuation) for part in parts)])


def commodity_name(asset_id: int, code: str, *, first: bool) -> str:
    """The asset's code, if it is the first of that code in its book and legal everywhere; else with its number."""
    if first and _LEGAL_COMMODITY.fullmatch(code) and code not in _WORDS:
        return code
    letters = re.sub("[^A-Z0-9]", "", code.upper())
    letters = letters if letters[:1].isalpha() else f"X{letters}"
    return f"{letters[: _LONGEST_COMMODITY - len(str(asset_id)) - 1]}-{asset_id}"


def _parts(code: str) -> Sequence[str]:
    """A customer's reference is one part, whatever colons it has: no customer becomes another's parent."""
    if code.startswith(_CUSTOMERS):
        return [_CUSTOMERS[:-1], code.removeprefix(_CUSTOMERS)]
    return code.split(":")


def _component(text: str, punctuation: str) -> str:
    body = "".join(
        char if _stays(text, at, punctuation) else f"--{ord(char):x}-"  # never two dashes otherwise
        for at, char in enumerate(text)
    )
    if body and body[0] in ascii_lowercase:
        capital = body[0].upper() + body[1:]
        return _MARK + body if capital.startswith(_MARK) else capital
    return body if body and body[0] in digits else _MARK + body


def _stays(text: str, at: int, punctuation: str) -> bool:
    if text[at] in punctuation:
        return 0 < at < len(text) - 1 and _plain(text[at - 1]) and _plain(text[at + 1])
    return _plain(text[at])


def _plain(char: str) -> bool:
    return char.isalpha() or char.isdecimal()
