"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from .calls import Call
from .kinds import Health
from .sending import AsyncSender, Sender


class HealthGroup:
    """Operations of `/health`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def get(self) -> Health:
        """Whether every chain is being read. If not: 503, with `errors` that tell no outsider where our nodes are.

        Scope: `public`.
        """
        return self._sender.send(_get_health())


class AsyncHealthGroup:
    """Operations of `/health`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    async def get(self) -> Health:
        """Whether every chain is being read. If not: 503, with `errors` that tell no outsider where our nodes are.

        Scope: `public`.
        """
        return await self._sender.send(_get_health())


def _get_health() -> Call[Health]:
    return Call("GET", "/health", Health)
