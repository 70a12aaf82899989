"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from .calls import Call, at, given
from .kinds import Invoice, InvoiceStatus, LineBody, MarkBodyStatus, Method, Methods, PublicInvoice
from .sending import AsyncListing, AsyncSender, Listing, Sender


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
        status: InvoiceStatus | None = None,
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
        status: InvoiceStatus | None = None,
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
    status: InvoiceStatus | None = None,
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
    return Call("GET", at("/invoices/{}", invoice_id), Invoice)


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
    return Call("GET", at("/invoices/{}/payment-methods", invoice_id), Methods)


def _choose_payment_method(invoice_id: str, *, method: str, idempotency_key: str | None = None) -> Call[Method]:
    return Call(
        "POST",
        at("/invoices/{}/payment-methods", invoice_id),
        Method,
        body=given(method=method),
        idempotency_key=idempotency_key,
    )


def _get_public_invoice(invoice_id: str) -> Call[PublicInvoice]:
    return Call("GET", at("/invoices/{}/public", invoice_id), PublicInvoice)
