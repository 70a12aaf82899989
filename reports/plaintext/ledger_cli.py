"""ledger-cli's format; passes `ledger --strict --pedantic --explicit`."""

from collections.abc import Iterator

from reports.plaintext import semicolons
from reports.plaintext.journal import Export


def lines(export: Export) -> Iterator[str]:
    """Without line ends. Amounts are exact at any length."""
    # Unlike hledger it takes a point without decimals for the commodity's first character.
    return semicolons.lines(export, iter(()), lambda decimals: f"1.{'0' * decimals}" if decimals else "1")
