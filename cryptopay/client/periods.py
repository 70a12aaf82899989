"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from .calls import Call, as_file, at
from .kinds import Periods
from .sending import AsyncSender, Sender


class PeriodsGroup:
    """Operations of `/periods`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def list(self) -> Periods:
        """How far your books are closed, and every closing and reopening before.

        Scope: `reports:read`.
        """
        return self._sender.send(_list_periods())

    def get_period_package_zip(self, period_id: str) -> bytes:
        """The zip of a closed period: the journal in three formats, its chain of hashes, signed. `verify.sh`
        inside checks it with other people's programs.

        Scope: `reports:read`.
        """
        return self._sender.send(as_file(_get_period_package(period_id), "application/zip"))


class AsyncPeriodsGroup:
    """Operations of `/periods`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    async def list(self) -> Periods:
        """How far your books are closed, and every closing and reopening before.

        Scope: `reports:read`.
        """
        return await self._sender.send(_list_periods())

    async def get_period_package_zip(self, period_id: str) -> bytes:
        """The zip of a closed period: the journal in three formats, its chain of hashes, signed. `verify.sh`
        inside checks it with other people's programs.

        Scope: `reports:read`.
        """
        return await self._sender.send(as_file(_get_period_package(period_id), "application/zip"))


def _list_periods() -> Call[Periods]:
    return Call("GET", "/periods", Periods)


def _get_period_package(period_id: str) -> Call[bytes]:
    return Call("GET", at("/periods/{}/package", period_id), bytes)
