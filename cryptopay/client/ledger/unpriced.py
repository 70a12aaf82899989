"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from ..calls import Call, given
from ..kinds import Entry
from ..sending import AsyncListing, AsyncSender, Listing, Sender


class LedgerUnpriced:
    """Operations of `/ledger/unpriced`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def list_unpriced_entries(self, *, limit: int | None = None) -> Listing[Entry]:
        """Entries that moved coins of which nobody knows what they were worth; oldest first, by when they
        happened.

        From the first of them on, cost and gains of the coin are not counted.

        Scope: `ledger:read`.
        """
        return Listing(self._sender, _list_unpriced_entries(limit=limit))


class AsyncLedgerUnpriced:
    """Operations of `/ledger/unpriced`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    def list_unpriced_entries(self, *, limit: int | None = None) -> AsyncListing[Entry]:
        """Entries that moved coins of which nobody knows what they were worth; oldest first, by when they
        happened.

        From the first of them on, cost and gains of the coin are not counted.

        Scope: `ledger:read`.
        """
        return AsyncListing(self._sender, _list_unpriced_entries(limit=limit))


def _list_unpriced_entries(*, limit: int | None = None) -> Call[Entry]:
    return Call("GET", "/ledger/unpriced", Entry, query=given(limit=limit))
