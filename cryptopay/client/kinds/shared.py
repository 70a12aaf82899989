"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

AssetKind = Literal["chain", "currency", "own"]
ChainEventKind = Literal["seen", "confirmed", "dropped", "reversed"]
DeliveryState = Literal["waiting", "delivered", "failed"]
EntryKind = Literal["post", "pending", "settle", "void", "reverse"]
ExpectedReason = Literal["below_minimum", "long_queue", "base_fee_above", "tip_too_low", "earlier_missing"]
ExpectedState = Literal["next_blocks", "soon", "slow", "stuck", "replaced", "dropped", "confirming", "final", "unknown"]
Format = Literal["csv", "xlsx", "pdf", "json", "quickbooks", "xero", "ofx"]
Layer = Literal["posted", "pending_in", "pending_out"]
PaymentState = Literal["seen", "confirmed", "dropped", "reversed"]
Scope = Literal[
    "invoices:read",
    "invoices:write",
    "invoices:mark",
    "ledger:read",
    "ledger:write",
    "reports:read",
    "keys:read",
    "keys:write",
    "customers:read",
    "customers:write",
    "addresses:read",
    "addresses:write",
    "watches:read",
    "watches:write",
    "chain-events:read",
    "webhooks:read",
    "webhooks:write",
    "rates:read",
    "rates:write",
    "api-keys:read",
    "api-keys:write",
    "test:write",
]


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount going out: exact text, and the same in base units, both as strings."""

    asset: str
    amount: Decimal
    """E.g. "0.00150000"."""
    base_units: int
    """Satoshis, litoshis, wei: an integer that JavaScript must not read as a number."""


@dataclass(frozen=True, slots=True)
class Asset:
    """What accounts are kept in."""

    name: str
    """How requests name it: EUR, BTC@bitcoin."""
    code: str
    kind: AssetKind
    chain: str | None
    contract: str | None
    decimals: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to deliver."""

    at: datetime
    status: int | None
    answer: str
    error: str
    milliseconds: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one endpoint."""

    id: str
    event: str
    endpoint: str
    state: DeliveryState
    next_attempt_at: datetime | None
    attempts: tuple[Attempt, ...]
    """The latest 20."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as it stands, for good."""

    id: str
    kind: EntryKind
    resolves: str | None
    """The entry it settles, voids or reverses."""
    reference: str | None
    source: str
    description: str
    effective_at: datetime
    recorded_at: datetime
    references: References
    metadata: Mapping[str, str]
    written_by: str | None
    """The API key or the person, where it was one."""
    reason: str | None
    rate: Price | None
    legs: tuple[Leg, ...]


@dataclass(frozen=True, slots=True)
class Expected:
    """When a payment will count as received, as far as one can see. Advice: act on `state` of the payment alone."""

    state: ExpectedState
    reason: ExpectedReason | None
    """Why it is slow or stuck."""
    blocks_low: int | None
    """Blocks until it counts, at least."""
    blocks_high: int | None
    """At most; null: nobody can say."""
    minutes_low: int | None
    """The same at the chain's mean pace."""
    minutes_high: int | None
    mined_in_low: int | None
    """Blocks until it is in one; 0: it is."""
    mined_in_high: int | None
    fee_rate: Decimal | None
    """With the transactions it depends on; Ethereum: at most."""
    fee_unit: str | None
    """sat/vB or gwei."""
    replaceable: bool | None
    """It says that it may be replaced (BIP-125)."""
    replaced_by: str | None
    """Transaction that took its place, where known."""
    as_of: datetime | None


@dataclass(frozen=True, slots=True)
class Leg:
    """One debit or one credit."""

    account_id: str
    account: str
    """Its code."""
    debit: Amount | None
    credit: Amount | None
    layer: Layer
    """Only `posted` moves the balance."""
    balance_after: Amount
    """Of the account in that layer, in the order of recording."""


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment."""

    id: str
    invoice_id: str
    txid: str
    chain: str
    amount: Amount
    state: PaymentState
    """Only `confirmed` is money received."""
    late: bool
    """Seen after the invoice had expired, or was cancelled or marked."""
    accepted: bool
    """Late, and counted: it was there when the invoice was marked settled."""
    confirmations: int
    required_confirmations: int | None
    """Null: the chain itself says when a block is final."""
    height: int | None
    seen_at: datetime
    expected: Expected


@dataclass(frozen=True, slots=True)
class Price:
    """The recorded price an entry was valued at."""

    price: Decimal
    """Of one whole coin, in the currency."""
    currency: str
    source: str
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class References:
    """What an entry belongs to, as far as it is known."""

    invoice: str | None
    order: str | None
    """Your own number: `order_id`."""
    customer: str | None
    """Your own name for them: `customer_ref`."""
    chain: str | None
    txid: str | None


@dataclass(frozen=True, slots=True)
class Statement:
    """opening, plus or minus debits and credits, is closing; the lines say how."""

    from_: date
    to: date
    account_id: str
    code: str
    asset: Asset
    opening: Amount
    debits: Amount
    """Of the whole period, whatever the page."""
    credits: Amount
    """Of the whole period, whatever the page."""
    closing: Amount
    data: tuple[StatementLine, ...]
    has_more: bool
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One debit or one credit."""

    entry_id: str
    effective_at: datetime
    recorded_at: datetime
    description: str
    source: str
    references: References
    debit: Amount | None
    credit: Amount | None
    balance: Amount
    """Behind this line, in order of dates."""
