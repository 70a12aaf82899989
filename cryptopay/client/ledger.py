"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, NotRequired, TypedDict

from .calls import Call, at, given
from .sending import AsyncListing, AsyncSender, Listing, Sender
from .shared import Amount, Asset, Entry, Statement

AccountKind = Literal["asset", "liability", "equity", "income", "expense"]


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the book, and what it holds."""

    id: str
    code: str
    name: str
    kind: AccountKind
    asset: Asset
    floor: Amount | None
    clears_within_days: int | None
    closed_at: datetime | None
    balance: Balance


@dataclass(frozen=True, slots=True)
class AssetTotal:
    """Of all accounts in one asset, whatever the page."""

    asset: Asset
    debit: Amount
    credit: Amount
    balanced: bool
    """Debits are credits; the database would not have it otherwise."""


@dataclass(frozen=True, slots=True)
class Balance:
    """In the account's normal direction: debits raise assets and expenses, credits raise the others."""

    posted: Amount
    """Validated."""
    pending_in: Amount | None
    """Seen, not yet received."""
    pending_out: Amount | None
    """Promised away."""
    available: Amount | None
    """Posted, less what is promised away."""


@dataclass(frozen=True, slots=True)
class Entries:
    """What a batch wrote, in its order."""

    data: tuple[Entry, ...]


class LegBody(TypedDict):
    """A debit or a credit: one of the four amounts."""

    account: str
    """Its id, or its code."""
    asset: NotRequired[str]
    """Where the book has the code in several: EUR."""
    debit: NotRequired[Decimal | str]
    credit: NotRequired[Decimal | str]
    debit_base_units: NotRequired[Decimal | str]
    """The same in base units: an integer in a string."""
    credit_base_units: NotRequired[Decimal | str]
    """The same in base units: an integer in a string."""


class NewEntryBody(TypedDict):
    """An entry to post."""

    legs: Sequence[LegBody]
    description: NotRequired[str]
    reference: NotRequired[str]
    """Your own name for the fact: no second entry of the book gets it."""
    effective_at: NotRequired[datetime]
    """When it happened; now, where it is not said."""
    pending: NotRequired[bool]
    """Not yet certain: no balance moves before it is settled; what it takes is set aside."""
    order_id: NotRequired[str]
    """Your own number for an order."""
    customer_ref: NotRequired[str]
    """Your own name for a customer."""
    metadata: NotRequired[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """The accounts by code, and the totals of each asset."""

    as_of: date | None
    totals: tuple[AssetTotal, ...] | None
    """On the first page alone: they are summed anew."""
    data: tuple[TrialBalanceRow, ...]
    has_more: bool
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class TrialBalanceRow:
    """All that was debited and credited to one account."""

    account_id: str
    code: str
    name: str
    kind: AccountKind
    asset: Asset
    debit: Amount
    credit: Amount
    balance: Amount
    """Debit less credit."""


class LedgerGroup:
    """Operations of `/ledger`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def list_accounts(
        self,
        *,
        as_of: date | str | None = None,
        asset: str | None = None,
        code: str | None = None,
        customer: str | None = None,
        kind: Literal["asset", "liability", "equity", "income", "expense"] | None = None,
        limit: int | None = None,
        prefix: str | None = None,
    ) -> Listing[Account]:
        """Your accounts with their balances, by code.

        Scope: `ledger:read`.
        """
        return Listing(
            self._sender,
            _list_accounts(
                as_of=as_of, asset=asset, code=code, customer=customer, kind=kind, limit=limit, prefix=prefix
            ),
        )

    def open_account(
        self,
        *,
        code: str,
        asset: str,
        name: str | None = None,
        kind: AccountKind | None = None,
        floor: Decimal | str | None = None,
        clears_within_days: int | None = None,
        idempotency_key: str | None = None,
    ) -> Account:
        """Open an account: one code in one asset. The one that is there is found again, if it is the same.

        Scope: `ledger:write`.
        """
        return self._sender.send(
            _open_account(
                code=code,
                asset=asset,
                name=name,
                kind=kind,
                floor=floor,
                clears_within_days=clears_within_days,
                idempotency_key=idempotency_key,
            )
        )

    def get_account(self, account_id: str, *, as_of: str | None = None, known_at: datetime | None = None) -> Account:
        """One account: its balance now, as of any date, and as it was on record at any moment.

        Scope: `ledger:read`.
        """
        return self._sender.send(_get_account(account_id, as_of=as_of, known_at=known_at))

    def close_account(self, account_id: str, *, idempotency_key: str | None = None) -> Account:
        """Close an empty account: it takes no more postings. Accounts that payments write to stay open.

        Scope: `ledger:write`.
        """
        return self._sender.send(_close_account(account_id, idempotency_key=idempotency_key))

    def get_statement(
        self,
        account_id: str,
        *,
        cursor: str | None = None,
        from_: date | str | None = None,
        limit: int | None = None,
        to: date | str | None = None,
    ) -> Statement:
        """The account in a period: opening, its validated lines in order of date with running balance, closing.

        Scope: `ledger:read`.
        """
        return self._sender.send(_get_statement(account_id, cursor=cursor, from_=from_, limit=limit, to=to))

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

    def list_entries(
        self,
        *,
        account: str | None = None,
        asset: str | None = None,
        customer: str | None = None,
        effective_from: str | None = None,
        effective_to: str | None = None,
        invoice: str | None = None,
        kind: Literal["post", "pending", "settle", "void", "reverse"] | None = None,
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


class AsyncLedgerGroup:
    """Operations of `/ledger`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    def list_accounts(
        self,
        *,
        as_of: date | str | None = None,
        asset: str | None = None,
        code: str | None = None,
        customer: str | None = None,
        kind: Literal["asset", "liability", "equity", "income", "expense"] | None = None,
        limit: int | None = None,
        prefix: str | None = None,
    ) -> AsyncListing[Account]:
        """Your accounts with their balances, by code.

        Scope: `ledger:read`.
        """
        return AsyncListing(
            self._sender,
            _list_accounts(
                as_of=as_of, asset=asset, code=code, customer=customer, kind=kind, limit=limit, prefix=prefix
            ),
        )

    async def open_account(
        self,
        *,
        code: str,
        asset: str,
        name: str | None = None,
        kind: AccountKind | None = None,
        floor: Decimal | str | None = None,
        clears_within_days: int | None = None,
        idempotency_key: str | None = None,
    ) -> Account:
        """Open an account: one code in one asset. The one that is there is found again, if it is the same.

        Scope: `ledger:write`.
        """
        return await self._sender.send(
            _open_account(
                code=code,
                asset=asset,
                name=name,
                kind=kind,
                floor=floor,
                clears_within_days=clears_within_days,
                idempotency_key=idempotency_key,
            )
        )

    async def get_account(
        self, account_id: str, *, as_of: str | None = None, known_at: datetime | None = None
    ) -> Account:
        """One account: its balance now, as of any date, and as it was on record at any moment.

        Scope: `ledger:read`.
        """
        return await self._sender.send(_get_account(account_id, as_of=as_of, known_at=known_at))

    async def close_account(self, account_id: str, *, idempotency_key: str | None = None) -> Account:
        """Close an empty account: it takes no more postings. Accounts that payments write to stay open.

        Scope: `ledger:write`.
        """
        return await self._sender.send(_close_account(account_id, idempotency_key=idempotency_key))

    async def get_statement(
        self,
        account_id: str,
        *,
        cursor: str | None = None,
        from_: date | str | None = None,
        limit: int | None = None,
        to: date | str | None = None,
    ) -> Statement:
        """The account in a period: opening, its validated lines in order of date with running balance, closing.

        Scope: `ledger:read`.
        """
        return await self._sender.send(_get_statement(account_id, cursor=cursor, from_=from_, limit=limit, to=to))

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

    def list_entries(
        self,
        *,
        account: str | None = None,
        asset: str | None = None,
        customer: str | None = None,
        effective_from: str | None = None,
        effective_to: str | None = None,
        invoice: str | None = None,
        kind: Literal["post", "pending", "settle", "void", "reverse"] | None = None,
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


def _list_accounts(
    *,
    as_of: date | str | None = None,
    asset: str | None = None,
    code: str | None = None,
    customer: str | None = None,
    kind: Literal["asset", "liability", "equity", "income", "expense"] | None = None,
    limit: int | None = None,
    prefix: str | None = None,
) -> Call[Account]:
    return Call(
        "GET",
        "/ledger/accounts",
        Account,
        query=given(as_of=as_of, asset=asset, code=code, customer=customer, kind=kind, limit=limit, prefix=prefix),
    )


def _open_account(
    *,
    code: str,
    asset: str,
    name: str | None = None,
    kind: AccountKind | None = None,
    floor: Decimal | str | None = None,
    clears_within_days: int | None = None,
    idempotency_key: str | None = None,
) -> Call[Account]:
    return Call(
        "POST",
        "/ledger/accounts",
        Account,
        body=given(code=code, asset=asset, name=name, kind=kind, floor=floor, clears_within_days=clears_within_days),
        idempotency_key=idempotency_key,
    )


def _get_account(account_id: str, *, as_of: str | None = None, known_at: datetime | None = None) -> Call[Account]:
    return Call(
        "GET",
        at("/ledger/accounts/{}", account_id),
        Account,
        query=given(as_of=as_of, known_at=known_at),
    )


def _close_account(account_id: str, *, idempotency_key: str | None = None) -> Call[Account]:
    return Call(
        "POST",
        at("/ledger/accounts/{}/close", account_id),
        Account,
        idempotency_key=idempotency_key,
    )


def _get_statement(
    account_id: str,
    *,
    cursor: str | None = None,
    from_: date | str | None = None,
    limit: int | None = None,
    to: date | str | None = None,
) -> Call[Statement]:
    return Call(
        "GET",
        at("/ledger/accounts/{}/statement", account_id),
        Statement,
        query=given(cursor=cursor, from_=from_, limit=limit, to=to),
    )


def _list_assets(*, limit: int | None = None) -> Call[Asset]:
    return Call(
        "GET",
        "/ledger/assets",
        Asset,
        query=given(limit=limit),
    )


def _create_asset(*, code: str, decimals: int, idempotency_key: str | None = None) -> Call[Asset]:
    return Call(
        "POST",
        "/ledger/assets",
        Asset,
        body=given(code=code, decimals=decimals),
        idempotency_key=idempotency_key,
    )


def _list_entries(
    *,
    account: str | None = None,
    asset: str | None = None,
    customer: str | None = None,
    effective_from: str | None = None,
    effective_to: str | None = None,
    invoice: str | None = None,
    kind: Literal["post", "pending", "settle", "void", "reverse"] | None = None,
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
    return Call(
        "GET",
        at("/ledger/entries/{}", entry_id),
        Entry,
    )


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
    return Call(
        "POST",
        "/ledger/entries/batch",
        Entries,
        body=given(entries=entries),
        idempotency_key=idempotency_key,
    )


def _get_trial_balance(
    *, as_of: date | str | None = None, asset: str | None = None, cursor: str | None = None, limit: int | None = None
) -> Call[TrialBalance]:
    return Call(
        "GET",
        "/ledger/trial-balance",
        TrialBalance,
        query=given(as_of=as_of, asset=asset, cursor=cursor, limit=limit),
    )
