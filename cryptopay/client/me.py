"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .calls import Call
from .sending import AsyncSender, Sender
from .shared import Scope


@dataclass(frozen=True, slots=True)
class Me:
    """A key, as a person knows it."""

    merchant: str
    live: bool
    """Whether this key moves real money."""
    label: str
    hint: str
    """The characters you know the key by."""
    scopes: tuple[Scope, ...]
    expires_at: datetime | None


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
    return Call(
        "GET",
        "/me",
        Me,
    )
