"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from .calls import Call, at, given
from .sending import AsyncListing, AsyncSender, Listing, Sender

ChainEventKind = Literal["seen", "confirmed", "dropped", "reversed"]


@dataclass(frozen=True, slots=True)
class ChainAmount:
    """What moved. A token that is no asset here is told in its base units alone."""

    asset: str | None
    amount: Decimal | None
    base_units: int
    contract: str | None
    """Of a token; null: the chain's own coin."""


@dataclass(frozen=True, slots=True)
class ChainEvent:
    """One event, as the webhook has it in `data.chain_event`, and its `sequence`."""

    id: str
    kind: ChainEventKind
    subject: str
    """The address (`adr_...`) or watch (`wat_...`) it is about."""
    sequence: int
    """Counts the events of one subject: 1, 2, 3..."""
    user: str | None
    chain: str
    address: str | None
    memo: str | None
    txid: str
    amount: ChainAmount | None
    appearance: int
    """2 and more: it comes again, after it was dropped or reversed."""
    height: int | None
    block_hash: str | None
    required_confirmations: int | None
    """Null: the chain itself says when a block is final."""
    happened_at: datetime
    metadata: Mapping[str, str]


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
        kind: Literal["seen", "confirmed", "dropped", "reversed"] | None = None,
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
        kind: Literal["seen", "confirmed", "dropped", "reversed"] | None = None,
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
    kind: Literal["seen", "confirmed", "dropped", "reversed"] | None = None,
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
    return Call(
        "GET",
        at("/chain-events/{}", chain_event_id),
        ChainEvent,
    )
