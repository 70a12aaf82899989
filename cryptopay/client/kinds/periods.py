"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Package:
    """What an auditor is given."""

    size: int
    """Bytes."""
    sha256: str
    """Of the zip."""
    public_key: str
    """Ed25519, in hex: of the key that signed its manifest."""
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Period:
    """The books were closed through a day, or opened again."""

    id: str
    closed_through: date | None
    """Null: everything was opened again."""
    reason: str
    asked_by: str
    approved_by: str
    recorded_at: datetime
    package: Package | None
    """Null: it is not made yet, or there is none."""


@dataclass(frozen=True, slots=True)
class Periods:
    """Newest first, at most 500. The first says how far the books are closed now."""

    data: tuple[Period, ...]
    public_key_pem: str
    """With which this installation signs packages now."""
