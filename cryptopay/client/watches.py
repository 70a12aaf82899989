"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from collections.abc import Mapping

from .calls import Call, at, given
from .kinds import Watch
from .sending import AsyncListing, AsyncSender, Listing, Sender


class WatchesGroup:
    """Operations of `/watches`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def list(
        self,
        *,
        address: str | None = None,
        chain: str | None = None,
        limit: int | None = None,
        open: bool | None = None,
        txid: str | None = None,
    ) -> Listing[Watch]:
        """Your watches, newest first, ended ones among them.

        Scope: `watches:read`.
        """
        return Listing(self._sender, _list_watches(address=address, chain=chain, limit=limit, open=open, txid=txid))

    def create(
        self,
        *,
        chain: str,
        address: str | None = None,
        txid: str | None = None,
        confirmations: int | None = None,
        since_height: int | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Watch:
        """Hear of an address or a transaction by `chain.*` events (201); the same again is the same watch (200).

        Scope: `watches:write`.
        """
        return self._sender.send(
            _create_watch(
                chain=chain,
                address=address,
                txid=txid,
                confirmations=confirmations,
                since_height=since_height,
                metadata=metadata,
                idempotency_key=idempotency_key,
            )
        )

    def get(self, watch_id: str) -> Watch:
        """One watch; of a transaction, how deep it is buried.

        Scope: `watches:read`.
        """
        return self._sender.send(_get_watch(watch_id))

    def end(self, watch_id: str) -> Watch:
        """Nothing more is told of it. It stays on record, and so do its events.

        Scope: `watches:write`.
        """
        return self._sender.send(_end_watch(watch_id))


class AsyncWatchesGroup:
    """Operations of `/watches`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    def list(
        self,
        *,
        address: str | None = None,
        chain: str | None = None,
        limit: int | None = None,
        open: bool | None = None,
        txid: str | None = None,
    ) -> AsyncListing[Watch]:
        """Your watches, newest first, ended ones among them.

        Scope: `watches:read`.
        """
        return AsyncListing(
            self._sender, _list_watches(address=address, chain=chain, limit=limit, open=open, txid=txid)
        )

    async def create(
        self,
        *,
        chain: str,
        address: str | None = None,
        txid: str | None = None,
        confirmations: int | None = None,
        since_height: int | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Watch:
        """Hear of an address or a transaction by `chain.*` events (201); the same again is the same watch (200).

        Scope: `watches:write`.
        """
        return await self._sender.send(
            _create_watch(
                chain=chain,
                address=address,
                txid=txid,
                confirmations=confirmations,
                since_height=since_height,
                metadata=metadata,
                idempotency_key=idempotency_key,
            )
        )

    async def get(self, watch_id: str) -> Watch:
        """One watch; of a transaction, how deep it is buried.

        Scope: `watches:read`.
        """
        return await self._sender.send(_get_watch(watch_id))

    async def end(self, watch_id: str) -> Watch:
        """Nothing more is told of it. It stays on record, and so do its events.

        Scope: `watches:write`.
        """
        return await self._sender.send(_end_watch(watch_id))


def _list_watches(
    *,
    address: str | None = None,
    chain: str | None = None,
    limit: int | None = None,
    open: bool | None = None,
    txid: str | None = None,
) -> Call[Watch]:
    return Call("GET", "/watches", Watch, query=given(address=address, chain=chain, limit=limit, open=open, txid=txid))


def _create_watch(
    *,
    chain: str,
    address: str | None = None,
    txid: str | None = None,
    confirmations: int | None = None,
    since_height: int | None = None,
    metadata: Mapping[str, str] | None = None,
    idempotency_key: str | None = None,
) -> Call[Watch]:
    return Call(
        "POST",
        "/watches",
        Watch,
        body=given(
            chain=chain,
            address=address,
            txid=txid,
            confirmations=confirmations,
            since_height=since_height,
            metadata=metadata,
        ),
        idempotency_key=idempotency_key,
    )


def _get_watch(watch_id: str) -> Call[Watch]:
    return Call("GET", at("/watches/{}", watch_id), Watch)


def _end_watch(watch_id: str) -> Call[Watch]:
    return Call("DELETE", at("/watches/{}", watch_id), Watch)
