"""What stands behind an entry, told by the rooms above: its payment, its transaction, its block.

The ledger knows none of them. A room that writes entries registers a teller at its start; pages ask `behind`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ledger.models import JournalEntry


@dataclass(frozen=True, slots=True)
class Fact:
    """One line: "Block", "867001, 6 of 6 confirmations". `url` is its page; a `whole` text (a txid) is copied whole."""

    title: str
    text: str
    url: str = ""
    whole: bool = False


Teller = Callable[[Sequence[JournalEntry]], Mapping[int, list[Fact]]]
"""Facts by the entries' ids, for entries of one book, in a number of queries that does not grow with theirs."""

_tellers: list[Teller] = []


def register(teller: Teller) -> None:
    """Ask this one, too, from now on; twice is once."""
    if teller not in _tellers:
        _tellers.append(teller)


def behind(entries: Sequence[JournalEntry]) -> dict[int, list[Fact]]:
    """All that the rooms know of these entries of one book; an empty list where it is nothing."""
    facts: dict[int, list[Fact]] = {entry.pk: [] for entry in entries}
    for teller in _tellers:
        for entry_id, told in teller(entries).items():
            facts[entry_id] += told
    return facts
