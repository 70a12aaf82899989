"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from ..calls import Call, given
from ..kinds import Asset
from ..sending import AsyncListing, AsyncSender, Listing, Sender


class LedgerAssets:
    """Operations of `/ledger/assets`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def list_assets(self, *, limit: int | None = None) -> Listing[Asset]:
        """What you can keep accounts in, by name: your chains' coins, tokens, currencies, and assets of your own.

        Scope: `ledger:read`.
        """
        return Listing(self._sender, _list_assets(limit=limit))

    def create_asset(self, *, code: str, decimals: int, idempotency_key: str | None = None) -> Asset:
        """Make an asset of your own: points, vouchers, a currency we do not list. No other book sees it.

        Scope: `ledger:write`.
        """
        return self._sender.send(_create_asset(code=code, decimals=decimals, idempotency_key=idempotency_key))


class AsyncLedgerAssets:
    """Operations of `/ledger/assets`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    def list_assets(self, *, limit: int | None = None) -> AsyncListing[Asset]:
        """What you can keep accounts in, by name: your chains' coins, tokens, currencies, and assets of your own.

        Scope: `ledger:read`.
        """
        return AsyncListing(self._sender, _list_assets(limit=limit))

    async def create_asset(self, *, code: str, decimals: int, idempotency_key: str | None = None) -> Asset:
        """Make an asset of your own: points, vouchers, a currency we do not list. No other book sees it.

        Scope: `ledger:write`.
        """
        return await self._sender.send(_create_asset(code=code, decimals=decimals, idempotency_key=idempotency_key))


def _list_assets(*, limit: int | None = None) -> Call[Asset]:
    return Call("GET", "/ledger/assets", Asset, query=given(limit=limit))


def _create_asset(*, code: str, decimals: int, idempotency_key: str | None = None) -> Call[Asset]:
    return Call(
        "POST", "/ledger/assets", Asset, body=given(code=code, decimals=decimals), idempotency_key=idempotency_key
    )
