"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, NotRequired, TypedDict

from .shared import Amount, Asset, Entry

AccountKind = Literal["asset", "liability", "equity", "income", "expense"]
EntryPriceStatus = Literal["kept", "proposed"]


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


@dataclass(frozen=True, slots=True)
class EntryPrice:
    """A price by hand."""

    status: EntryPriceStatus
    """`proposed`: worth more than the book's limit, so it waits for a second person in the back office."""
    entry: str
    asset: str
    price: str
    currency: str
    reason: str
    asked_by: str


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
