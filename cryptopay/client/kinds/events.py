"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """What a webhook carries, word for word."""

    id: str
    type: str
    created_at: datetime
    book: str
    live: bool
    subject: str
    sequence: int
    """Counts the events of one subject: 1, 2, 3..."""
    data: Mapping[str, Mapping[str, Any]]
