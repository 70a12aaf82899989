"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .shared import Scope


@dataclass(frozen=True, slots=True)
class Me:
    """A key, as a person knows it."""

    merchant: str
    live: bool
    """Whether this key moves real money."""
    label: str
    hint: str
    """The characters you know the key by."""
    scopes: tuple[Scope, ...]
    expires_at: datetime | None
