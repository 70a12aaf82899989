"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from .calls import Call
from .kinds import Me
from .sending import AsyncSender, Sender


class MeGroup:
    """Operations of `/me`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def get(self) -> Me:
        """Whose key this is, and what it may do.

        Scope: `any key`.
        """
        return self._sender.send(_get_me())


class AsyncMeGroup:
    """Operations of `/me`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    async def get(self) -> Me:
        """Whose key this is, and what it may do.

        Scope: `any key`.
        """
        return await self._sender.send(_get_me())


def _get_me() -> Call[Me]:
    return Call("GET", "/me", Me)
