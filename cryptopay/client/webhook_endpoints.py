"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from .calls import Call, at, given
from .kinds import Endpoint, EndpointWithSecret, Redelivered, TestEvent
from .sending import AsyncListing, AsyncSender, Listing, Sender


class WebhookEndpointsGroup:
    """Operations of `/webhook-endpoints`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def list(self, *, limit: int | None = None) -> Listing[Endpoint]:
        """Your endpoints, newest first, without their secrets.

        Scope: `webhooks:read`.
        """
        return Listing(self._sender, _list_webhook_endpoints(limit=limit))

    def create(
        self, *, url: str, event_types: Sequence[str] | None = None, idempotency_key: str | None = None
    ) -> EndpointWithSecret:
        """Hear of events at a URL of yours.

        Scope: `webhooks:write`.
        """
        return self._sender.send(
            _create_webhook_endpoint(url=url, event_types=event_types, idempotency_key=idempotency_key)
        )

    def get(self, endpoint_id: str) -> Endpoint:
        """One endpoint.

        Scope: `webhooks:read`.
        """
        return self._sender.send(_get_webhook_endpoint(endpoint_id))

    def change(
        self,
        endpoint_id: str,
        *,
        url: str | None = None,
        event_types: Sequence[str] | None = None,
        disabled: bool | None = None,
    ) -> Endpoint:
        """Change its URL or event types, disable or enable it.

        Enabled, it hears of events from now on. What was given up is sent again by `/redeliver`; what happened
        while it was disabled is read with `GET /events?after=`.

        Scope: `webhooks:write`.
        """
        return self._sender.send(
            _change_webhook_endpoint(endpoint_id, url=url, event_types=event_types, disabled=disabled)
        )

    def disable(self, endpoint_id: str) -> Endpoint:
        """Disable it. It stays on record with its deliveries, and can be enabled again.

        Scope: `webhooks:write`.
        """
        return self._sender.send(_disable_webhook_endpoint(endpoint_id))

    def redeliver_failed(self, endpoint_id: str, *, since: datetime, idempotency_key: str | None = None) -> Redelivered:
        """Send again all that was given up, of events since a moment: in sequence, with a new round of attempts.

        Scope: `webhooks:write`.
        """
        return self._sender.send(_redeliver_failed(endpoint_id, since=since, idempotency_key=idempotency_key))

    def rotate_webhook_secret(self, endpoint_id: str, *, idempotency_key: str | None = None) -> EndpointWithSecret:
        """A new secret. For a day deliveries are signed with the former one, too.

        Scope: `webhooks:write`.
        """
        return self._sender.send(_rotate_webhook_secret(endpoint_id, idempotency_key=idempotency_key))

    def test(self, endpoint_id: str, *, idempotency_key: str | None = None) -> TestEvent:
        """Send `endpoint.test` to this endpoint alone.

        Scope: `webhooks:write`.
        """
        return self._sender.send(_test_webhook_endpoint(endpoint_id, idempotency_key=idempotency_key))


class AsyncWebhookEndpointsGroup:
    """Operations of `/webhook-endpoints`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    def list(self, *, limit: int | None = None) -> AsyncListing[Endpoint]:
        """Your endpoints, newest first, without their secrets.

        Scope: `webhooks:read`.
        """
        return AsyncListing(self._sender, _list_webhook_endpoints(limit=limit))

    async def create(
        self, *, url: str, event_types: Sequence[str] | None = None, idempotency_key: str | None = None
    ) -> EndpointWithSecret:
        """Hear of events at a URL of yours.

        Scope: `webhooks:write`.
        """
        return await self._sender.send(
            _create_webhook_endpoint(url=url, event_types=event_types, idempotency_key=idempotency_key)
        )

    async def get(self, endpoint_id: str) -> Endpoint:
        """One endpoint.

        Scope: `webhooks:read`.
        """
        return await self._sender.send(_get_webhook_endpoint(endpoint_id))

    async def change(
        self,
        endpoint_id: str,
        *,
        url: str | None = None,
        event_types: Sequence[str] | None = None,
        disabled: bool | None = None,
    ) -> Endpoint:
        """Change its URL or event types, disable or enable it.

        Enabled, it hears of events from now on. What was given up is sent again by `/redeliver`; what happened
        while it was disabled is read with `GET /events?after=`.

        Scope: `webhooks:write`.
        """
        return await self._sender.send(
            _change_webhook_endpoint(endpoint_id, url=url, event_types=event_types, disabled=disabled)
        )

    async def disable(self, endpoint_id: str) -> Endpoint:
        """Disable it. It stays on record with its deliveries, and can be enabled again.

        Scope: `webhooks:write`.
        """
        return await self._sender.send(_disable_webhook_endpoint(endpoint_id))

    async def redeliver_failed(
        self, endpoint_id: str, *, since: datetime, idempotency_key: str | None = None
    ) -> Redelivered:
        """Send again all that was given up, of events since a moment: in sequence, with a new round of attempts.

        Scope: `webhooks:write`.
        """
        return await self._sender.send(_redeliver_failed(endpoint_id, since=since, idempotency_key=idempotency_key))

    async def rotate_webhook_secret(
        self, endpoint_id: str, *, idempotency_key: str | None = None
    ) -> EndpointWithSecret:
        """A new secret. For a day deliveries are signed with the former one, too.

        Scope: `webhooks:write`.
        """
        return await self._sender.send(_rotate_webhook_secret(endpoint_id, idempotency_key=idempotency_key))

    async def test(self, endpoint_id: str, *, idempotency_key: str | None = None) -> TestEvent:
        """Send `endpoint.test` to this endpoint alone.

        Scope: `webhooks:write`.
        """
        return await self._sender.send(_test_webhook_endpoint(endpoint_id, idempotency_key=idempotency_key))


def _list_webhook_endpoints(*, limit: int | None = None) -> Call[Endpoint]:
    return Call("GET", "/webhook-endpoints", Endpoint, query=given(limit=limit))


def _create_webhook_endpoint(
    *, url: str, event_types: Sequence[str] | None = None, idempotency_key: str | None = None
) -> Call[EndpointWithSecret]:
    return Call(
        "POST",
        "/webhook-endpoints",
        EndpointWithSecret,
        body=given(url=url, event_types=event_types),
        idempotency_key=idempotency_key,
    )


def _get_webhook_endpoint(endpoint_id: str) -> Call[Endpoint]:
    return Call("GET", at("/webhook-endpoints/{}", endpoint_id), Endpoint)


def _change_webhook_endpoint(
    endpoint_id: str, *, url: str | None = None, event_types: Sequence[str] | None = None, disabled: bool | None = None
) -> Call[Endpoint]:
    return Call(
        "PATCH",
        at("/webhook-endpoints/{}", endpoint_id),
        Endpoint,
        body=given(url=url, event_types=event_types, disabled=disabled),
    )


def _disable_webhook_endpoint(endpoint_id: str) -> Call[Endpoint]:
    return Call("DELETE", at("/webhook-endpoints/{}", endpoint_id), Endpoint)


def _redeliver_failed(endpoint_id: str, *, since: datetime, idempotency_key: str | None = None) -> Call[Redelivered]:
    return Call(
        "POST",
        at("/webhook-endpoints/{}/redeliver", endpoint_id),
        Redelivered,
        body=given(since=since),
        idempotency_key=idempotency_key,
    )


def _rotate_webhook_secret(endpoint_id: str, *, idempotency_key: str | None = None) -> Call[EndpointWithSecret]:
    return Call(
        "POST", at("/webhook-endpoints/{}/rotate", endpoint_id), EndpointWithSecret, idempotency_key=idempotency_key
    )


def _test_webhook_endpoint(endpoint_id: str, *, idempotency_key: str | None = None) -> Call[TestEvent]:
    return Call("POST", at("/webhook-endpoints/{}/test", endpoint_id), TestEvent, idempotency_key=idempotency_key)
