"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from datetime import date

from ..calls import Call, given
from ..kinds import TrialBalance
from ..sending import AsyncSender, Sender


class LedgerTrialBalance:
    """Operations of `/ledger/trial-balance`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def get_trial_balance(
        self,
        *,
        as_of: date | str | None = None,
        asset: str | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> TrialBalance:
        """Every account's debits and credits, now or as of any day, and their totals, which are equal in each
        asset.

        Scope: `ledger:read`.
        """
        return self._sender.send(_get_trial_balance(as_of=as_of, asset=asset, cursor=cursor, limit=limit))


class AsyncLedgerTrialBalance:
    """Operations of `/ledger/trial-balance`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    async def get_trial_balance(
        self,
        *,
        as_of: date | str | None = None,
        asset: str | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> TrialBalance:
        """Every account's debits and credits, now or as of any day, and their totals, which are equal in each
        asset.

        Scope: `ledger:read`.
        """
        return await self._sender.send(_get_trial_balance(as_of=as_of, asset=asset, cursor=cursor, limit=limit))


def _get_trial_balance(
    *, as_of: date | str | None = None, asset: str | None = None, cursor: str | None = None, limit: int | None = None
) -> Call[TrialBalance]:
    return Call(
        "GET", "/ledger/trial-balance", TrialBalance, query=given(as_of=as_of, asset=asset, cursor=cursor, limit=limit)
    )
