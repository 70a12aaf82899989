"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from .calls import Call, at, given
from .kinds import ApiKey, NewApiKey, RotatedKey
from .sending import AsyncListing, AsyncSender, Listing, Sender


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
    return Call("GET", "/api-keys", ApiKey, query=given(limit=limit))


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
    return Call("GET", at("/api-keys/{}", api_key_id), ApiKey)


def _revoke_api_key(api_key_id: str) -> Call[ApiKey]:
    return Call("DELETE", at("/api-keys/{}", api_key_id), ApiKey)


def _rotate_api_key(*, overlap_seconds: int | None = None, idempotency_key: str | None = None) -> Call[RotatedKey]:
    return Call(
        "POST",
        "/api-keys/rotate",
        RotatedKey,
        body=given(overlap_seconds=overlap_seconds),
        idempotency_key=idempotency_key,
    )
