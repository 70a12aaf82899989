"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from datetime import datetime

from .calls import Call, at, given
from .kinds import ChainEventKind, Payment
from .sending import AsyncListing, AsyncSender, Listing, Sender


class PaymentsGroup:
    """Operations of `/payments`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def list(
        self,
        *,
        asset: str | None = None,
        customer_ref: str | None = None,
        invoice: str | None = None,
        limit: int | None = None,
        order_id: str | None = None,
        seen_before: datetime | None = None,
        seen_from: datetime | None = None,
        state: ChainEventKind | None = None,
    ) -> Listing[Payment]:
        """Payments to your invoices, newest first.

        Scope: `invoices:read`.
        """
        return Listing(
            self._sender,
            _list_payments(
                asset=asset,
                customer_ref=customer_ref,
                invoice=invoice,
                limit=limit,
                order_id=order_id,
                seen_before=seen_before,
                seen_from=seen_from,
                state=state,
            ),
        )

    def get(self, payment_id: str) -> Payment:
        """One payment and how deep the chain has buried it.

        Scope: `invoices:read`.
        """
        return self._sender.send(_get_payment(payment_id))


class AsyncPaymentsGroup:
    """Operations of `/payments`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    def list(
        self,
        *,
        asset: str | None = None,
        customer_ref: str | None = None,
        invoice: str | None = None,
        limit: int | None = None,
        order_id: str | None = None,
        seen_before: datetime | None = None,
        seen_from: datetime | None = None,
        state: ChainEventKind | None = None,
    ) -> AsyncListing[Payment]:
        """Payments to your invoices, newest first.

        Scope: `invoices:read`.
        """
        return AsyncListing(
            self._sender,
            _list_payments(
                asset=asset,
                customer_ref=customer_ref,
                invoice=invoice,
                limit=limit,
                order_id=order_id,
                seen_before=seen_before,
                seen_from=seen_from,
                state=state,
            ),
        )

    async def get(self, payment_id: str) -> Payment:
        """One payment and how deep the chain has buried it.

        Scope: `invoices:read`.
        """
        return await self._sender.send(_get_payment(payment_id))


def _list_payments(
    *,
    asset: str | None = None,
    customer_ref: str | None = None,
    invoice: str | None = None,
    limit: int | None = None,
    order_id: str | None = None,
    seen_before: datetime | None = None,
    seen_from: datetime | None = None,
    state: ChainEventKind | None = None,
) -> Call[Payment]:
    return Call(
        "GET",
        "/payments",
        Payment,
        query=given(
            asset=asset,
            customer_ref=customer_ref,
            invoice=invoice,
            limit=limit,
            order_id=order_id,
            seen_before=seen_before,
            seen_from=seen_from,
            state=state,
        ),
    )


def _get_payment(payment_id: str) -> Call[Payment]:
    return Call("GET", at("/payments/{}", payment_id), Payment)
