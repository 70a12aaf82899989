"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, NotRequired, TypedDict

from .calls import Call, at, given
from .sending import AsyncListing, AsyncSender, Listing, Sender
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


class InvoicesGroup:
    """Operations of `/invoices`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def list(
        self,
        *,
        customer_ref: str | None = None,
        limit: int | None = None,
        order_id: str | None = None,
        status: Literal["new", "processing", "settled", "expired", "invalid", "cancelled"] | None = None,
    ) -> Listing[Invoice]:
        """Your invoices, newest first.

        Scope: `invoices:read`.
        """
        return Listing(
            self._sender, _list_invoices(customer_ref=customer_ref, limit=limit, order_id=order_id, status=status)
        )

    def create(
        self,
        *,
        amount: Decimal | str,
        currency: str,
        methods: Sequence[str] | None = None,
        order_id: str | None = None,
        description: str | None = None,
        customer_ref: str | None = None,
        return_url: str | None = None,
        metadata: Mapping[str, str] | None = None,
        expires_in_seconds: int | None = None,
        tolerance: str | None = None,
        least_confirmations: int | None = None,
        lines: Sequence[LineBody] | None = None,
        idempotency_key: str | None = None,
    ) -> Invoice:
        """Open an invoice. With `methods`, addresses are issued and prices fixed at once.

        Scope: `invoices:write`.
        """
        return self._sender.send(
            _create_invoice(
                amount=amount,
                currency=currency,
                methods=methods,
                order_id=order_id,
                description=description,
                customer_ref=customer_ref,
                return_url=return_url,
                metadata=metadata,
                expires_in_seconds=expires_in_seconds,
                tolerance=tolerance,
                least_confirmations=least_confirmations,
                lines=lines,
                idempotency_key=idempotency_key,
            )
        )

    def get(self, invoice_id: str) -> Invoice:
        """One invoice, with its payments and their confirmations.

        Scope: `invoices:read`.
        """
        return self._sender.send(_get_invoice(invoice_id))

    def cancel(self, invoice_id: str, *, reason: str, idempotency_key: str | None = None) -> Invoice:
        """Ask the payer no more; only while nothing was seen. What comes later is the customer's, and you are
        told.

        Scope: `invoices:write`.
        """
        return self._sender.send(_cancel_invoice(invoice_id, reason=reason, idempotency_key=idempotency_key))

    def mark(
        self, invoice_id: str, *, reason: str, status: MarkBodyStatus, idempotency_key: str | None = None
    ) -> Invoice:
        """Answer for an invoice yourself, whatever the chains say: settled or invalid, until it is marked again.

        Scope: `invoices:mark`.
        """
        return self._sender.send(
            _mark_invoice(invoice_id, reason=reason, status=status, idempotency_key=idempotency_key)
        )

    def list_payment_methods(self, invoice_id: str) -> Methods:
        """The chosen methods of an invoice, and what else you can be paid in.

        Scope: `invoices:read`.
        """
        return self._sender.send(_list_payment_methods(invoice_id))

    def choose_payment_method(self, invoice_id: str, *, method: str, idempotency_key: str | None = None) -> Method:
        """Fix the price in a coin and issue an address. The same coin again is the same address and price.

        Scope: `invoices:write`.
        """
        return self._sender.send(_choose_payment_method(invoice_id, method=method, idempotency_key=idempotency_key))

    def get_public_invoice(self, invoice_id: str) -> PublicInvoice:
        """What the payer may see: no key is needed, the id is the secret they were given.

        Scope: `public`.
        """
        return self._sender.send(_get_public_invoice(invoice_id))


class AsyncInvoicesGroup:
    """Operations of `/invoices`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    def list(
        self,
        *,
        customer_ref: str | None = None,
        limit: int | None = None,
        order_id: str | None = None,
        status: Literal["new", "processing", "settled", "expired", "invalid", "cancelled"] | None = None,
    ) -> AsyncListing[Invoice]:
        """Your invoices, newest first.

        Scope: `invoices:read`.
        """
        return AsyncListing(
            self._sender, _list_invoices(customer_ref=customer_ref, limit=limit, order_id=order_id, status=status)
        )

    async def create(
        self,
        *,
        amount: Decimal | str,
        currency: str,
        methods: Sequence[str] | None = None,
        order_id: str | None = None,
        description: str | None = None,
        customer_ref: str | None = None,
        return_url: str | None = None,
        metadata: Mapping[str, str] | None = None,
        expires_in_seconds: int | None = None,
        tolerance: str | None = None,
        least_confirmations: int | None = None,
        lines: Sequence[LineBody] | None = None,
        idempotency_key: str | None = None,
    ) -> Invoice:
        """Open an invoice. With `methods`, addresses are issued and prices fixed at once.

        Scope: `invoices:write`.
        """
        return await self._sender.send(
            _create_invoice(
                amount=amount,
                currency=currency,
                methods=methods,
                order_id=order_id,
                description=description,
                customer_ref=customer_ref,
                return_url=return_url,
                metadata=metadata,
                expires_in_seconds=expires_in_seconds,
                tolerance=tolerance,
                least_confirmations=least_confirmations,
                lines=lines,
                idempotency_key=idempotency_key,
            )
        )

    async def get(self, invoice_id: str) -> Invoice:
        """One invoice, with its payments and their confirmations.

        Scope: `invoices:read`.
        """
        return await self._sender.send(_get_invoice(invoice_id))

    async def cancel(self, invoice_id: str, *, reason: str, idempotency_key: str | None = None) -> Invoice:
        """Ask the payer no more; only while nothing was seen. What comes later is the customer's, and you are
        told.

        Scope: `invoices:write`.
        """
        return await self._sender.send(_cancel_invoice(invoice_id, reason=reason, idempotency_key=idempotency_key))

    async def mark(
        self, invoice_id: str, *, reason: str, status: MarkBodyStatus, idempotency_key: str | None = None
    ) -> Invoice:
        """Answer for an invoice yourself, whatever the chains say: settled or invalid, until it is marked again.

        Scope: `invoices:mark`.
        """
        return await self._sender.send(
            _mark_invoice(invoice_id, reason=reason, status=status, idempotency_key=idempotency_key)
        )

    async def list_payment_methods(self, invoice_id: str) -> Methods:
        """The chosen methods of an invoice, and what else you can be paid in.

        Scope: `invoices:read`.
        """
        return await self._sender.send(_list_payment_methods(invoice_id))

    async def choose_payment_method(
        self, invoice_id: str, *, method: str, idempotency_key: str | None = None
    ) -> Method:
        """Fix the price in a coin and issue an address. The same coin again is the same address and price.

        Scope: `invoices:write`.
        """
        return await self._sender.send(
            _choose_payment_method(invoice_id, method=method, idempotency_key=idempotency_key)
        )

    async def get_public_invoice(self, invoice_id: str) -> PublicInvoice:
        """What the payer may see: no key is needed, the id is the secret they were given.

        Scope: `public`.
        """
        return await self._sender.send(_get_public_invoice(invoice_id))


def _list_invoices(
    *,
    customer_ref: str | None = None,
    limit: int | None = None,
    order_id: str | None = None,
    status: Literal["new", "processing", "settled", "expired", "invalid", "cancelled"] | None = None,
) -> Call[Invoice]:
    return Call(
        "GET",
        "/invoices",
        Invoice,
        query=given(customer_ref=customer_ref, limit=limit, order_id=order_id, status=status),
    )


def _create_invoice(
    *,
    amount: Decimal | str,
    currency: str,
    methods: Sequence[str] | None = None,
    order_id: str | None = None,
    description: str | None = None,
    customer_ref: str | None = None,
    return_url: str | None = None,
    metadata: Mapping[str, str] | None = None,
    expires_in_seconds: int | None = None,
    tolerance: str | None = None,
    least_confirmations: int | None = None,
    lines: Sequence[LineBody] | None = None,
    idempotency_key: str | None = None,
) -> Call[Invoice]:
    return Call(
        "POST",
        "/invoices",
        Invoice,
        body=given(
            amount=amount,
            currency=currency,
            methods=methods,
            order_id=order_id,
            description=description,
            customer_ref=customer_ref,
            return_url=return_url,
            metadata=metadata,
            expires_in_seconds=expires_in_seconds,
            tolerance=tolerance,
            least_confirmations=least_confirmations,
            lines=lines,
        ),
        idempotency_key=idempotency_key,
    )


def _get_invoice(invoice_id: str) -> Call[Invoice]:
    return Call(
        "GET",
        at("/invoices/{}", invoice_id),
        Invoice,
    )


def _cancel_invoice(invoice_id: str, *, reason: str, idempotency_key: str | None = None) -> Call[Invoice]:
    return Call(
        "POST",
        at("/invoices/{}/cancel", invoice_id),
        Invoice,
        body=given(reason=reason),
        idempotency_key=idempotency_key,
    )


def _mark_invoice(
    invoice_id: str, *, reason: str, status: MarkBodyStatus, idempotency_key: str | None = None
) -> Call[Invoice]:
    return Call(
        "POST",
        at("/invoices/{}/mark", invoice_id),
        Invoice,
        body=given(reason=reason, status=status),
        idempotency_key=idempotency_key,
    )


def _list_payment_methods(invoice_id: str) -> Call[Methods]:
    return Call(
        "GET",
        at("/invoices/{}/payment-methods", invoice_id),
        Methods,
    )


def _choose_payment_method(invoice_id: str, *, method: str, idempotency_key: str | None = None) -> Call[Method]:
    return Call(
        "POST",
        at("/invoices/{}/payment-methods", invoice_id),
        Method,
        body=given(method=method),
        idempotency_key=idempotency_key,
    )


def _get_public_invoice(invoice_id: str) -> Call[PublicInvoice]:
    return Call(
        "GET",
        at("/invoices/{}/public", invoice_id),
        PublicInvoice,
    )
