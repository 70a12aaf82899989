"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from .shared import Amount, Entry, Price, References

Standing = Literal["unconfirmed", "validated", "dropped", "reversed"]


@dataclass(frozen=True, slots=True)
class FullStory:
    """The same with every entry and its legs."""

    id: str
    """Of the entry that began it."""
    standing: Standing
    """Only `validated` moves balances."""
    source: str
    description: str
    references: References
    amounts: tuple[Amount, ...]
    """What was debited, which is what was credited, in each asset."""
    rate: Price | None
    effective_at: datetime
    recorded_at: datetime
    entry_ids: tuple[str, ...]
    """In the order of recording."""
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """A transaction or an entry, and where it stands."""

    id: str
    """Of the entry that began it."""
    standing: Standing
    """Only `validated` moves balances."""
    source: str
    description: str
    references: References
    amounts: tuple[Amount, ...]
    """What was debited, which is what was credited, in each asset."""
    rate: Price | None
    effective_at: datetime
    recorded_at: datetime
    entry_ids: tuple[str, ...]
    """In the order of recording."""
