"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from .calls import Call, at, given
from .sending import AsyncListing, AsyncSender, Listing, Sender
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


class ApiKeysGroup:
    """Operations of `/api-keys`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def list(self, *, limit: int | None = None) -> Listing[ApiKey]:
        """The keys of your book, newest first, ended ones among them.

        Scope: `api-keys:read`.
        """
        return Listing(self._sender, _list_api_keys(limit=limit))

    def create(
        self,
        *,
        label: str,
        scopes: Sequence[str],
        expires_at: datetime | None = None,
        idempotency_key: str | None = None,
    ) -> NewApiKey:
        """Make a key of the same book, with no more rights than your own and no longer a life.

        Scope: `api-keys:write`.
        """
        return self._sender.send(
            _create_api_key(label=label, scopes=scopes, expires_at=expires_at, idempotency_key=idempotency_key)
        )

    def get(self, api_key_id: str) -> ApiKey:
        """One key.

        Scope: `api-keys:read`.
        """
        return self._sender.send(_get_api_key(api_key_id))

    def revoke(self, api_key_id: str) -> ApiKey:
        """From now on it opens nothing; it stays on record. Your own key, and those with no more rights than it.

        Scope: `api-keys:write`.
        """
        return self._sender.send(_revoke_api_key(api_key_id))

    def rotate(self, *, overlap_seconds: int | None = None, idempotency_key: str | None = None) -> RotatedKey:
        """A new secret in the place of the one you ask with, which works for a while longer.

        Scope: `api-keys:write`.
        """
        return self._sender.send(_rotate_api_key(overlap_seconds=overlap_seconds, idempotency_key=idempotency_key))


class AsyncApiKeysGroup:
    """Operations of `/api-keys`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    def list(self, *, limit: int | None = None) -> AsyncListing[ApiKey]:
        """The keys of your book, newest first, ended ones among them.

        Scope: `api-keys:read`.
        """
        return AsyncListing(self._sender, _list_api_keys(limit=limit))

    async def create(
        self,
        *,
        label: str,
        scopes: Sequence[str],
        expires_at: datetime | None = None,
        idempotency_key: str | None = None,
    ) -> NewApiKey:
        """Make a key of the same book, with no more rights than your own and no longer a life.

        Scope: `api-keys:write`.
        """
        return await self._sender.send(
            _create_api_key(label=label, scopes=scopes, expires_at=expires_at, idempotency_key=idempotency_key)
        )

    async def get(self, api_key_id: str) -> ApiKey:
        """One key.

        Scope: `api-keys:read`.
        """
        return await self._sender.send(_get_api_key(api_key_id))

    async def revoke(self, api_key_id: str) -> ApiKey:
        """From now on it opens nothing; it stays on record. Your own key, and those with no more rights than it.

        Scope: `api-keys:write`.
        """
        return await self._sender.send(_revoke_api_key(api_key_id))

    async def rotate(self, *, overlap_seconds: int | None = None, idempotency_key: str | None = None) -> RotatedKey:
        """A new secret in the place of the one you ask with, which works for a while longer.

        Scope: `api-keys:write`.
        """
        return await self._sender.send(
            _rotate_api_key(overlap_seconds=overlap_seconds, idempotency_key=idempotency_key)
        )


def _list_api_keys(*, limit: int | None = None) -> Call[ApiKey]:
    return Call(
        "GET",
        "/api-keys",
        ApiKey,
        query=given(limit=limit),
    )


def _create_api_key(
    *, label: str, scopes: Sequence[str], expires_at: datetime | None = None, idempotency_key: str | None = None
) -> Call[NewApiKey]:
    return Call(
        "POST",
        "/api-keys",
        NewApiKey,
        body=given(label=label, scopes=scopes, expires_at=expires_at),
        idempotency_key=idempotency_key,
    )


def _get_api_key(api_key_id: str) -> Call[ApiKey]:
    return Call(
        "GET",
        at("/api-keys/{}", api_key_id),
        ApiKey,
    )


def _revoke_api_key(api_key_id: str) -> Call[ApiKey]:
    return Call(
        "DELETE",
        at("/api-keys/{}", api_key_id),
        ApiKey,
    )


def _rotate_api_key(*, overlap_seconds: int | None = None, idempotency_key: str | None = None) -> Call[RotatedKey]:
    return Call(
        "POST",
        "/api-keys/rotate",
        RotatedKey,
        body=given(overlap_seconds=overlap_seconds),
        idempotency_key=idempotency_key,
    )
