"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from decimal import Decimal

from ..calls import Call, given
from ..kinds import EntryPrice
from ..sending import AsyncSender, Sender


class LedgerPrices:
    """Operations of `/ledger/prices`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def price_entry(
        self,
        *,
        entry: str,
        price: Decimal | str,
        reason: str,
        asset: str | None = None,
        idempotency_key: str | None = None,
    ) -> EntryPrice:
        """Say what a coin was worth in an entry without a rate, or in one written by hand.

        Above the book's limit it is only proposed (202), and a second person decides in the back office: not
        whoever made this API key.

        Scope: `ledger:write`.
        """
        return self._sender.send(
            _price_entry(entry=entry, price=price, reason=reason, asset=asset, idempotency_key=idempotency_key)
        )


class AsyncLedgerPrices:
    """Operations of `/ledger/prices`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    async def price_entry(
        self,
        *,
        entry: str,
        price: Decimal | str,
        reason: str,
        asset: str | None = None,
        idempotency_key: str | None = None,
    ) -> EntryPrice:
        """Say what a coin was worth in an entry without a rate, or in one written by hand.

        Above the book's limit it is only proposed (202), and a second person decides in the back office: not
        whoever made this API key.

        Scope: `ledger:write`.
        """
        return await self._sender.send(
            _price_entry(entry=entry, price=price, reason=reason, asset=asset, idempotency_key=idempotency_key)
        )


def _price_entry(
    *, entry: str, price: Decimal | str, reason: str, asset: str | None = None, idempotency_key: str | None = None
) -> Call[EntryPrice]:
    return Call(
        "POST",
        "/ledger/prices",
        EntryPrice,
        body=given(entry=entry, asset=asset, price=price, reason=reason),
        idempotency_key=idempotency_key,
    )
