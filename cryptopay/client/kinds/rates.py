"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

RateOrigin = Literal["median", "recorded", "manual"]
RateRefusalCode = Literal["rate_missing", "rate_stale", "rate_suspect"]


@dataclass(frozen=True, slots=True)
class CurrentRate:
    """What prices an asset in a currency now."""

    asset: str
    currency: str
    usable: bool
    """Whether an invoice can be priced by it."""
    refused: RateRefusal | None
    age_seconds: int | None
    """Since the rate was observed."""
    rate: RecordedRate | None
    """What prices, or would if it were not refused."""
    sources: tuple[PriceSource, ...]
    """What the public sources say at this moment."""


@dataclass(frozen=True, slots=True)
class PriceSource:
    """What one source says."""

    source: str
    price: str | None
    observed_at: datetime
    used: bool
    why: str
    """Why it is not used."""


@dataclass(frozen=True, slots=True)
class RateRefusal:
    """Why nothing can be priced."""

    code: RateRefusalCode
    detail: str


@dataclass(frozen=True, slots=True)
class RecordedRate:
    """A rate as it was recorded, for good."""

    id: str
    asset: str
    currency: str
    price: str
    """Of one whole asset, in the currency."""
    origin: RateOrigin
    source: str
    own: bool
    """Yours; else the platform's."""
    observed_at: datetime
    valid_until: datetime | None
    suspect: str | None
    """Why it prices nothing; null: it may."""
    written_by: str | None
    reason: str | None
    recorded_at: datetime
    sources: tuple[PriceSource, ...]
    """What a median was made of, and what was left out."""
