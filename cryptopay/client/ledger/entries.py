"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from ..calls import Call, at, given
from ..kinds import Entries, Entry, EntryKind, LegBody, NewEntryBody
from ..sending import AsyncListing, AsyncSender, Listing, Sender


class LedgerEntries:
    """Operations of `/ledger/entries`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def list_entries(
        self,
        *,
        account: str | None = None,
        asset: str | None = None,
        customer: str | None = None,
        effective_from: str | None = None,
        effective_to: str | None = None,
        invoice: str | None = None,
        kind: EntryKind | None = None,
        limit: int | None = None,
        order: str | None = None,
        recorded_from: str | None = None,
        recorded_to: str | None = None,
        reference: str | None = None,
        source: str | None = None,
        txid: str | None = None,
    ) -> Listing[Entry]:
        """Every entry with its legs, newest recorded first. `/journal` shows one row a story instead.

        Scope: `ledger:read`.
        """
        return Listing(
            self._sender,
            _list_entries(
                account=account,
                asset=asset,
                customer=customer,
                effective_from=effective_from,
                effective_to=effective_to,
                invoice=invoice,
                kind=kind,
                limit=limit,
                order=order,
                recorded_from=recorded_from,
                recorded_to=recorded_to,
                reference=reference,
                source=source,
                txid=txid,
            ),
        )

    def post_entry(
        self,
        *,
        legs: Sequence[LegBody],
        description: str | None = None,
        reference: str | None = None,
        effective_at: datetime | None = None,
        pending: bool | None = None,
        order_id: str | None = None,
        customer_ref: str | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Entry:
        """Post an entry. Debits equal credits in each asset. It is never changed: a mistake is reversed.

        With `pending` it is only recorded, to be settled or voided. With a `reference` known already, the entry
        that has it comes back, if it is the same.

        Scope: `ledger:write`.
        """
        return self._sender.send(
            _post_entry(
                legs=legs,
                description=description,
                reference=reference,
                effective_at=effective_at,
                pending=pending,
                order_id=order_id,
                customer_ref=customer_ref,
                metadata=metadata,
                idempotency_key=idempotency_key,
            )
        )

    def get_entry(self, entry_id: str) -> Entry:
        """One entry with its legs. `/journal/{id}` tells what became of it.

        Scope: `ledger:read`.
        """
        return self._sender.send(_get_entry(entry_id))

    def reverse_entry(
        self,
        entry_id: str,
        *,
        reason: str,
        effective_at: datetime | None = None,
        description: str | None = None,
        reference: str | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Entry:
        """Take a posted or settled entry of yours back, by a further entry. Both stay in the books.

        Scope: `ledger:write`.
        """
        return self._sender.send(
            _reverse_entry(
                entry_id,
                reason=reason,
                effective_at=effective_at,
                description=description,
                reference=reference,
                metadata=metadata,
                idempotency_key=idempotency_key,
            )
        )

    def settle_entry(
        self,
        entry_id: str,
        *,
        effective_at: datetime | None = None,
        description: str | None = None,
        reference: str | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Entry:
        """A pending entry of yours came true: its legs are posted, and balances move.

        Scope: `ledger:write`.
        """
        return self._sender.send(
            _settle_entry(
                entry_id,
                effective_at=effective_at,
                description=description,
                reference=reference,
                metadata=metadata,
                idempotency_key=idempotency_key,
            )
        )

    def void_entry(
        self,
        entry_id: str,
        *,
        effective_at: datetime | None = None,
        description: str | None = None,
        reference: str | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Entry:
        """A pending entry of yours did not come true: what it set aside is free again.

        Scope: `ledger:write`.
        """
        return self._sender.send(
            _void_entry(
                entry_id,
                effective_at=effective_at,
                description=description,
                reference=reference,
                metadata=metadata,
                idempotency_key=idempotency_key,
            )
        )

    def post_entries(self, *, entries: Sequence[NewEntryBody], idempotency_key: str | None = None) -> Entries:
        """Post up to 1,000 entries, all or none. A refusal points at the entry, and at its leg: /entries/3/legs/1.

        Scope: `ledger:write`.
        """
        return self._sender.send(_post_entries(entries=entries, idempotency_key=idempotency_key))


class AsyncLedgerEntries:
    """Operations of `/ledger/entries`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    def list_entries(
        self,
        *,
        account: str | None = None,
        asset: str | None = None,
        customer: str | None = None,
        effective_from: str | None = None,
        effective_to: str | None = None,
        invoice: str | None = None,
        kind: EntryKind | None = None,
        limit: int | None = None,
        order: str | None = None,
        recorded_from: str | None = None,
        recorded_to: str | None = None,
        reference: str | None = None,
        source: str | None = None,
        txid: str | None = None,
    ) -> AsyncListing[Entry]:
        """Every entry with its legs, newest recorded first. `/journal` shows one row a story instead.

        Scope: `ledger:read`.
        """
        return AsyncListing(
            self._sender,
            _list_entries(
                account=account,
                asset=asset,
                customer=customer,
                effective_from=effective_from,
                effective_to=effective_to,
                invoice=invoice,
                kind=kind,
                limit=limit,
                order=order,
                recorded_from=recorded_from,
                recorded_to=recorded_to,
                reference=reference,
                source=source,
                txid=txid,
            ),
        )

    async def post_entry(
        self,
        *,
        legs: Sequence[LegBody],
        description: str | None = None,
        reference: str | None = None,
        effective_at: datetime | None = None,
        pending: bool | None = None,
        order_id: str | None = None,
        customer_ref: str | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Entry:
        """Post an entry. Debits equal credits in each asset. It is never changed: a mistake is reversed.

        With `pending` it is only recorded, to be settled or voided. With a `reference` known already, the entry
        that has it comes back, if it is the same.

        Scope: `ledger:write`.
        """
        return await self._sender.send(
            _post_entry(
                legs=legs,
                description=description,
                reference=reference,
                effective_at=effective_at,
                pending=pending,
                order_id=order_id,
                customer_ref=customer_ref,
                metadata=metadata,
                idempotency_key=idempotency_key,
            )
        )

    async def get_entry(self, entry_id: str) -> Entry:
        """One entry with its legs. `/journal/{id}` tells what became of it.

        Scope: `ledger:read`.
        """
        return await self._sender.send(_get_entry(entry_id))

    async def reverse_entry(
        self,
        entry_id: str,
        *,
        reason: str,
        effective_at: datetime | None = None,
        description: str | None = None,
        reference: str | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Entry:
        """Take a posted or settled entry of yours back, by a further entry. Both stay in the books.

        Scope: `ledger:write`.
        """
        return await self._sender.send(
            _reverse_entry(
                entry_id,
                reason=reason,
                effective_at=effective_at,
                description=description,
                reference=reference,
                metadata=metadata,
                idempotency_key=idempotency_key,
            )
        )

    async def settle_entry(
        self,
        entry_id: str,
        *,
        effective_at: datetime | None = None,
        description: str | None = None,
        reference: str | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Entry:
        """A pending entry of yours came true: its legs are posted, and balances move.

        Scope: `ledger:write`.
        """
        return await self._sender.send(
            _settle_entry(
                entry_id,
                effective_at=effective_at,
                description=description,
                reference=reference,
                metadata=metadata,
                idempotency_key=idempotency_key,
            )
        )

    async def void_entry(
        self,
        entry_id: str,
        *,
        effective_at: datetime | None = None,
        description: str | None = None,
        reference: str | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Entry:
        """A pending entry of yours did not come true: what it set aside is free again.

        Scope: `ledger:write`.
        """
        return await self._sender.send(
            _void_entry(
                entry_id,
                effective_at=effective_at,
                description=description,
                reference=reference,
                metadata=metadata,
                idempotency_key=idempotency_key,
            )
        )

    async def post_entries(self, *, entries: Sequence[NewEntryBody], idempotency_key: str | None = None) -> Entries:
        """Post up to 1,000 entries, all or none. A refusal points at the entry, and at its leg: /entries/3/legs/1.

        Scope: `ledger:write`.
        """
        return await self._sender.send(_post_entries(entries=entries, idempotency_key=idempotency_key))


def _list_entries(
    *,
    account: str | None = None,
    asset: str | None = None,
    customer: str | None = None,
    effective_from: str | None = None,
    effective_to: str | None = None,
    invoice: str | None = None,
    kind: EntryKind | None = None,
    limit: int | None = None,
    order: str | None = None,
    recorded_from: str | None = None,
    recorded_to: str | None = None,
    reference: str | None = None,
    source: str | None = None,
    txid: str | None = None,
) -> Call[Entry]:
    return Call(
        "GET",
        "/ledger/entries",
        Entry,
        query=given(
            account=account,
            asset=asset,
            customer=customer,
            effective_from=effective_from,
            effective_to=effective_to,
            invoice=invoice,
            kind=kind,
            limit=limit,
            order=order,
            recorded_from=recorded_from,
            recorded_to=recorded_to,
            reference=reference,
            source=source,
            txid=txid,
        ),
    )


def _post_entry(
    *,
    legs: Sequence[LegBody],
    description: str | None = None,
    reference: str | None = None,
    effective_at: datetime | None = None,
    pending: bool | None = None,
    order_id: str | None = None,
    customer_ref: str | None = None,
    metadata: Mapping[str, str] | None = None,
    idempotency_key: str | None = None,
) -> Call[Entry]:
    return Call(
        "POST",
        "/ledger/entries",
        Entry,
        body=given(
            legs=legs,
            description=description,
            reference=reference,
            effective_at=effective_at,
            pending=pending,
            order_id=order_id,
            customer_ref=customer_ref,
            metadata=metadata,
        ),
        idempotency_key=idempotency_key,
    )


def _get_entry(entry_id: str) -> Call[Entry]:
    return Call("GET", at("/ledger/entries/{}", entry_id), Entry)


def _reverse_entry(
    entry_id: str,
    *,
    reason: str,
    effective_at: datetime | None = None,
    description: str | None = None,
    reference: str | None = None,
    metadata: Mapping[str, str] | None = None,
    idempotency_key: str | None = None,
) -> Call[Entry]:
    return Call(
        "POST",
        at("/ledger/entries/{}/reverse", entry_id),
        Entry,
        body=given(
            effective_at=effective_at, description=description, reference=reference, metadata=metadata, reason=reason
        ),
        idempotency_key=idempotency_key,
    )


def _settle_entry(
    entry_id: str,
    *,
    effective_at: datetime | None = None,
    description: str | None = None,
    reference: str | None = None,
    metadata: Mapping[str, str] | None = None,
    idempotency_key: str | None = None,
) -> Call[Entry]:
    return Call(
        "POST",
        at("/ledger/entries/{}/settle", entry_id),
        Entry,
        body=given(effective_at=effective_at, description=description, reference=reference, metadata=metadata),
        idempotency_key=idempotency_key,
    )


def _void_entry(
    entry_id: str,
    *,
    effective_at: datetime | None = None,
    description: str | None = None,
    reference: str | None = None,
    metadata: Mapping[str, str] | None = None,
    idempotency_key: str | None = None,
) -> Call[Entry]:
    return Call(
        "POST",
        at("/ledger/entries/{}/void", entry_id),
        Entry,
        body=given(effective_at=effective_at, description=description, reference=reference, metadata=metadata),
        idempotency_key=idempotency_key,
    )


def _post_entries(*, entries: Sequence[NewEntryBody], idempotency_key: str | None = None) -> Call[Entries]:
    return Call("POST", "/ledger/entries/batch", Entries, body=given(entries=entries), idempotency_key=idempotency_key)
