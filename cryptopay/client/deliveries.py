"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from .calls import Call, at
from .kinds import Delivery
from .sending import AsyncSender, Sender


class DeliveriesGroup:
    """Operations of `/deliveries`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def redeliver(self, delivery_id: str, *, idempotency_key: str | None = None) -> Delivery:
        """Send it again, now, with a new round of attempts.

        Scope: `webhooks:write`.
        """
        return self._sender.send(_redeliver(delivery_id, idempotency_key=idempotency_key))


class AsyncDeliveriesGroup:
    """Operations of `/deliveries`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    async def redeliver(self, delivery_id: str, *, idempotency_key: str | None = None) -> Delivery:
        """Send it again, now, with a new round of attempts.

        Scope: `webhooks:write`.
        """
        return await self._sender.send(_redeliver(delivery_id, idempotency_key=idempotency_key))


def _redeliver(delivery_id: str, *, idempotency_key: str | None = None) -> Call[Delivery]:
    return Call("POST", at("/deliveries/{}/redeliver", delivery_id), Delivery, idempotency_key=idempotency_key)
