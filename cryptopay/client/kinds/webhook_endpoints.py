"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint."""

    id: str
    url: str
    event_types: tuple[str, ...]
    """Empty: all."""
    disabled: bool
    disabled_reason: str
    failing_since: datetime | None
    """Nothing was delivered since then. After days of it the endpoint is disabled, and the owners told."""
    former_secret_until: datetime | None
    """Until then deliveries carry the former secret's signature, too."""
    created_at: datetime


@dataclass(frozen=True, slots=True)
class EndpointWithSecret:
    """An endpoint and its new secret, shown this once."""

    id: str
    url: str
    event_types: tuple[str, ...]
    """Empty: all."""
    disabled: bool
    disabled_reason: str
    failing_since: datetime | None
    """Nothing was delivered since then. After days of it the endpoint is disabled, and the owners told."""
    former_secret_until: datetime | None
    """Until then deliveries carry the former secret's signature, too."""
    created_at: datetime
    secret: str
    """`whsec_...`: verifies what we send (Standard Webhooks)."""


@dataclass(frozen=True, slots=True)
class Redelivered:
    """How many deliveries begin again."""

    redelivered: int
    """10000: there may be more, ask again."""


@dataclass(frozen=True, slots=True)
class TestEvent:
    """The event that was sent."""

    event: str
