"""hledger's journal format; passes `hledger check --strict`."""

from collections.abc import Iterator

from reports.plaintext import semicolons
from reports.plaintext.journal import Export


def lines(export: Export) -> Iterator[str]:
    """Without line ends. Amounts are exact at any length."""
    return semicolons.lines(export, iter(["decimal-mark .", ""]), lambda decimals: f"1.{'0' * decimals}")
