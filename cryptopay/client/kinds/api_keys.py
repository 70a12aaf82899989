"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from .shared import Scope

ApiKeyState = Literal["active", "expired", "revoked"]


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key, as a person knows it; never its secret."""

    id: str
    label: str
    hint: str
    """How its secret begins and ends."""
    live: bool
    """Whether it moves real money."""
    scopes: tuple[Scope, ...]
    state: ApiKeyState
    asking: bool
    """This is the key you ask with."""
    created_at: datetime
    made_by: str | None
    """The person who made it in the back office."""
    made_with: str | None
    """Or the key that a program made it with."""
    last_used_at: datetime | None
    rotated_at: datetime | None
    """Since when there is a newer one in its place."""
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A key just made."""

    id: str
    label: str
    hint: str
    """How its secret begins and ends."""
    live: bool
    """Whether it moves real money."""
    scopes: tuple[Scope, ...]
    state: ApiKeyState
    asking: bool
    """This is the key you ask with."""
    created_at: datetime
    made_by: str | None
    """The person who made it in the back office."""
    made_with: str | None
    """Or the key that a program made it with."""
    last_used_at: datetime | None
    rotated_at: datetime | None
    """Since when there is a newer one in its place."""
    expires_at: datetime | None
    revoked_at: datetime | None
    secret: str
    """Shown this once: `sk_test_...` or `sk_live_...`."""


@dataclass(frozen=True, slots=True)
class RotatedKey:
    """The key that takes the place of the asking one."""

    id: str
    label: str
    hint: str
    """How its secret begins and ends."""
    live: bool
    """Whether it moves real money."""
    scopes: tuple[Scope, ...]
    state: ApiKeyState
    asking: bool
    """This is the key you ask with."""
    created_at: datetime
    made_by: str | None
    """The person who made it in the back office."""
    made_with: str | None
    """Or the key that a program made it with."""
    last_used_at: datetime | None
    rotated_at: datetime | None
    """Since when there is a newer one in its place."""
    expires_at: datetime | None
    revoked_at: datetime | None
    secret: str
    """Shown this once: `sk_test_...` or `sk_live_...`."""
    former: ApiKey
    """Works until its `expires_at`."""
