"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from .calls import Call
from .kinds import Chains
from .sending import AsyncSender, Sender


class ChainsGroup:
    """Operations of `/chains`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def list(self) -> Chains:
        """Chains without real money for a test key, those with real money for a live key.

        Scope: `any key`.
        """
        return self._sender.send(_list_chains())


class AsyncChainsGroup:
    """Operations of `/chains`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    async def list(self) -> Chains:
        """Chains without real money for a test key, those with real money for a live key.

        Scope: `any key`.
        """
        return await self._sender.send(_list_chains())


def _list_chains() -> Call[Chains]:
    return Call("GET", "/chains", Chains)
