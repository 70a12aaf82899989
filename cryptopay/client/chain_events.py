"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from .calls import Call, at, given
from .kinds import ChainEvent, ChainEventKind
from .sending import AsyncListing, AsyncSender, Listing, Sender


class ChainEventsGroup:
    """Operations of `/chain-events`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def list(
        self,
        *,
        address: str | None = None,
        after: str | None = None,
        chain: str | None = None,
        kind: ChainEventKind | None = None,
        limit: int | None = None,
        subject: str | None = None,
    ) -> Listing[ChainEvent]:
        """What was told, newest first; with `after`, what was told since, oldest first. Kept for good, missing
        none.

        Scope: `chain-events:read`.
        """
        return Listing(
            self._sender,
            _list_chain_events(address=address, after=after, chain=chain, kind=kind, limit=limit, subject=subject),
        )

    def get(self, chain_event_id: str) -> ChainEvent:
        """One event.

        Scope: `chain-events:read`.
        """
        return self._sender.send(_get_chain_event(chain_event_id))


class AsyncChainEventsGroup:
    """Operations of `/chain-events`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    def list(
        self,
        *,
        address: str | None = None,
        after: str | None = None,
        chain: str | None = None,
        kind: ChainEventKind | None = None,
        limit: int | None = None,
        subject: str | None = None,
    ) -> AsyncListing[ChainEvent]:
        """What was told, newest first; with `after`, what was told since, oldest first. Kept for good, missing
        none.

        Scope: `chain-events:read`.
        """
        return AsyncListing(
            self._sender,
            _list_chain_events(address=address, after=after, chain=chain, kind=kind, limit=limit, subject=subject),
        )

    async def get(self, chain_event_id: str) -> ChainEvent:
        """One event.

        Scope: `chain-events:read`.
        """
        return await self._sender.send(_get_chain_event(chain_event_id))


def _list_chain_events(
    *,
    address: str | None = None,
    after: str | None = None,
    chain: str | None = None,
    kind: ChainEventKind | None = None,
    limit: int | None = None,
    subject: str | None = None,
) -> Call[ChainEvent]:
    return Call(
        "GET",
        "/chain-events",
        ChainEvent,
        query=given(address=address, after=after, chain=chain, kind=kind, limit=limit, subject=subject),
    )


def _get_chain_event(chain_event_id: str) -> Call[ChainEvent]:
    return Call("GET", at("/chain-events/{}", chain_event_id), ChainEvent)
