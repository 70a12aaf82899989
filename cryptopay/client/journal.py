"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from .calls import Call, at, given
from .kinds import FullStory, Standing, Story
from .sending import AsyncListing, AsyncSender, Listing, Sender


class JournalGroup:
    """Operations of `/journal`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def list(
        self,
        *,
        account: str | None = None,
        asset: str | None = None,
        customer: str | None = None,
        effective_from: str | None = None,
        effective_to: str | None = None,
        invoice: str | None = None,
        limit: int | None = None,
        order: str | None = None,
        recorded_from: str | None = None,
        recorded_to: str | None = None,
        reference: str | None = None,
        source: str | None = None,
        standing: Standing | None = None,
        txid: str | None = None,
    ) -> Listing[Story]:
        """Every chain transaction, validated or not, and every entry; one row a story, newest recorded first.

        Scope: `ledger:read`.
        """
        return Listing(
            self._sender,
            _list_journal(
                account=account,
                asset=asset,
                customer=customer,
                effective_from=effective_from,
                effective_to=effective_to,
                invoice=invoice,
                limit=limit,
                order=order,
                recorded_from=recorded_from,
                recorded_to=recorded_to,
                reference=reference,
                source=source,
                standing=standing,
                txid=txid,
            ),
        )

    def get_story(self, entry_id: str) -> FullStory:
        """The story that an entry belongs to: its entries in order, with their legs.

        Scope: `ledger:read`.
        """
        return self._sender.send(_get_story(entry_id))


class AsyncJournalGroup:
    """Operations of `/journal`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    def list(
        self,
        *,
        account: str | None = None,
        asset: str | None = None,
        customer: str | None = None,
        effective_from: str | None = None,
        effective_to: str | None = None,
        invoice: str | None = None,
        limit: int | None = None,
        order: str | None = None,
        recorded_from: str | None = None,
        recorded_to: str | None = None,
        reference: str | None = None,
        source: str | None = None,
        standing: Standing | None = None,
        txid: str | None = None,
    ) -> AsyncListing[Story]:
        """Every chain transaction, validated or not, and every entry; one row a story, newest recorded first.

        Scope: `ledger:read`.
        """
        return AsyncListing(
            self._sender,
            _list_journal(
                account=account,
                asset=asset,
                customer=customer,
                effective_from=effective_from,
                effective_to=effective_to,
                invoice=invoice,
                limit=limit,
                order=order,
                recorded_from=recorded_from,
                recorded_to=recorded_to,
                reference=reference,
                source=source,
                standing=standing,
                txid=txid,
            ),
        )

    async def get_story(self, entry_id: str) -> FullStory:
        """The story that an entry belongs to: its entries in order, with their legs.

        Scope: `ledger:read`.
        """
        return await self._sender.send(_get_story(entry_id))


def _list_journal(
    *,
    account: str | None = None,
    asset: str | None = None,
    customer: str | None = None,
    effective_from: str | None = None,
    effective_to: str | None = None,
    invoice: str | None = None,
    limit: int | None = None,
    order: str | None = None,
    recorded_from: str | None = None,
    recorded_to: str | None = None,
    reference: str | None = None,
    source: str | None = None,
    standing: Standing | None = None,
    txid: str | None = None,
) -> Call[Story]:
    return Call(
        "GET",
        "/journal",
        Story,
        query=given(
            account=account,
            asset=asset,
            customer=customer,
            effective_from=effective_from,
            effective_to=effective_to,
            invoice=invoice,
            limit=limit,
            order=order,
            recorded_from=recorded_from,
            recorded_to=recorded_to,
            reference=reference,
            source=source,
            standing=standing,
            txid=txid,
        ),
    )


def _get_story(entry_id: str) -> Call[FullStory]:
    return Call("GET", at("/journal/{}", entry_id), FullStory)
