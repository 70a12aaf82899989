"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, NotRequired, TypedDict

from .shared import Amount, Expected, Payment, PaymentState

InvoiceException = Literal["none", "paid_partial", "paid_over", "paid_late", "paid_other", "marked"]
InvoiceStatus = Literal["new", "processing", "settled", "expired", "invalid", "cancelled"]
MarkBodyStatus = Literal["settled", "invalid"]


@dataclass(frozen=True, slots=True)
class Intervention:
    """Something that was done to the invoice by hand."""

    status_before: InvoiceStatus
    status: InvoiceStatus
    reason: str
    by: str
    """A person of the back office, or an API key."""
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice as it stands now."""

    id: str
    live: bool
    status: InvoiceStatus
    exception: InvoiceException
    amount: Decimal
    currency: str
    tolerance: Decimal
    least_confirmations: int
    order_id: str
    description: str
    customer_ref: str | None
    return_url: str
    metadata: Mapping[str, str]
    created_at: datetime
    expires_at: datetime
    checkout_url: str
    """Send the payer here."""
    methods: tuple[Method, ...]
    lines: tuple[Line, ...]
    tax_totals: tuple[TaxTotal, ...]
    """Of the lines, by tax rate."""
    interventions: tuple[Intervention, ...]
    """What was done to it by hand, oldest first."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that is asked for; amounts in the invoice's currency."""

    description: str
    quantity: Decimal
    net: Decimal
    tax_rate: Decimal
    """Per cent."""
    tax: Decimal


class LineBody(TypedDict):
    """One thing that is asked for."""

    description: str
    quantity: NotRequired[str]
    """For people; "1" where there is none."""
    net: Decimal | str
    """Of the whole line, in the invoice's currency; below zero: a discount."""
    tax_rate: NotRequired[str]
    """Per cent: "19", "7.7". None: no tax."""
    tax: NotRequired[Decimal | str]
    """Net times rate, rounded line by line to the minor unit, half up; refused otherwise."""


@dataclass(frozen=True, slots=True)
class Method:
    """One way to pay."""

    method: str
    """BTC@bitcoin"""
    asset: str
    chain: str
    contract: str | None
    """Of a token; null: the chain's own coin."""
    address: str | None
    """Verified against your public key just now; null: it failed, do not pay. Where chains have accounts: the
    account.
    """
    memo: str | None
    """Must be sent along, where chains have accounts."""
    uri: str | None
    """For wallets and QR codes: BIP-321, EIP-681, EEP-7."""
    due: Amount
    paid: Amount
    """Seen, unconfirmed counted."""
    confirmed: Amount
    remaining: Amount
    rate: Rate | None
    """Null: the invoice is in that coin itself."""
    quoted_at: datetime
    """When it was chosen. What is due never changes after."""
    quote_expires_at: datetime
    """Until then. What comes later is the customer's credit, in the coin it came in, at no price of ours."""
    payments: tuple[Payment, ...]


@dataclass(frozen=True, slots=True)
class Methods:
    """What was chosen and what could be."""

    data: tuple[Method, ...]
    available: tuple[Offer, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """A coin you can be paid in now."""

    method: str
    asset: str
    chain: str
    contract: str | None
    """Of a token; null: the chain's own coin."""
    title: str


@dataclass(frozen=True, slots=True)
class PublicInvoice:
    """What the payer may see."""

    id: str
    status: InvoiceStatus
    exception: InvoiceException
    amount: Decimal
    currency: str
    description: str
    expires_at: datetime
    methods: tuple[PublicMethod, ...]


@dataclass(frozen=True, slots=True)
class PublicMethod:
    """One way to pay, as the payer may see it."""

    asset: str
    chain: str
    contract: str | None
    address: str | None
    memo: str | None
    uri: str | None
    due: Amount
    paid: Amount
    confirmed: Amount
    remaining: Amount
    payments: tuple[PublicPayment, ...]


@dataclass(frozen=True, slots=True)
class PublicPayment:
    """One payment, as its payer may see it."""

    txid: str
    amount: Amount
    state: PaymentState
    confirmations: int
    required_confirmations: int | None
    expected: Expected


@dataclass(frozen=True, slots=True)
class Rate:
    """The recorded price that fixed what is due."""

    price: Decimal
    """Of one whole coin, in the invoice's currency, as it was recorded."""
    spread: Decimal
    """Share that your terms take off it."""
    quoted_price: Decimal
    """What is left of it, exactly: the coin counts so much."""
    currency: str
    source: str
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class TaxTotal:
    """All lines of one tax rate."""

    tax_rate: Decimal
    net: Decimal
    tax: Decimal
