"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from .calls import Call, at, given
from .kinds import Delivery, Event
from .sending import AsyncListing, AsyncSender, Listing, Sender


class EventsGroup:
    """Operations of `/events`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def list(
        self, *, after: str | None = None, limit: int | None = None, subject: str | None = None, type: str | None = None
    ) -> Listing[Event]:
        """What happened, newest first; with `after`, what happened since, oldest first.

        Scope: `webhooks:read`.
        """
        return Listing(self._sender, _list_events(after=after, limit=limit, subject=subject, type=type))

    def list_deliveries(self, event_id: str, *, limit: int | None = None) -> Listing[Delivery]:
        """How the delivery of one event went, endpoint by endpoint, with every attempt.

        Scope: `webhooks:read`.
        """
        return Listing(self._sender, _list_deliveries(event_id, limit=limit))


class AsyncEventsGroup:
    """Operations of `/events`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    def list(
        self, *, after: str | None = None, limit: int | None = None, subject: str | None = None, type: str | None = None
    ) -> AsyncListing[Event]:
        """What happened, newest first; with `after`, what happened since, oldest first.

        Scope: `webhooks:read`.
        """
        return AsyncListing(self._sender, _list_events(after=after, limit=limit, subject=subject, type=type))

    def list_deliveries(self, event_id: str, *, limit: int | None = None) -> AsyncListing[Delivery]:
        """How the delivery of one event went, endpoint by endpoint, with every attempt.

        Scope: `webhooks:read`.
        """
        return AsyncListing(self._sender, _list_deliveries(event_id, limit=limit))


def _list_events(
    *, after: str | None = None, limit: int | None = None, subject: str | None = None, type: str | None = None
) -> Call[Event]:
    return Call("GET", "/events", Event, query=given(after=after, limit=limit, subject=subject, type=type))


def _list_deliveries(event_id: str, *, limit: int | None = None) -> Call[Delivery]:
    return Call("GET", at("/events/{}/deliveries", event_id), Delivery, query=given(limit=limit))
