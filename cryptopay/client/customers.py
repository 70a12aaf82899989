"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from .calls import Call, at, given
from .kinds import Customer, Holdings, Statement
from .sending import AsyncListing, AsyncSender, Listing, Sender


class CustomersGroup:
    """Operations of `/customers`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def list(
        self, *, email: str | None = None, external_ref: str | None = None, limit: int | None = None
    ) -> Listing[Customer]:
        """Your customers, newest first, whether you wrote them here or named them in an invoice or an address.

        Scope: `customers:read`.
        """
        return Listing(self._sender, _list_customers(email=email, external_ref=external_ref, limit=limit))

    def write(
        self,
        *,
        external_ref: str,
        name: str | None = None,
        email: str | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Customer:
        """The customer of that reference, with what you send written: made now (201), or there already (200).

        Scope: `customers:write`.
        """
        return self._sender.send(
            _write_customer(
                external_ref=external_ref, name=name, email=email, metadata=metadata, idempotency_key=idempotency_key
            )
        )

    def get(self, customer_id: str) -> Customer:
        """One customer.

        Scope: `customers:read`.
        """
        return self._sender.send(_get_customer(customer_id))

    def change(
        self,
        customer_id: str,
        *,
        name: str | None = None,
        email: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Customer:
        """Change name, e-mail address or metadata.

        Scope: `customers:write`.
        """
        return self._sender.send(_change_customer(customer_id, name=name, email=email, metadata=metadata))

    def get_customer_balances(self, customer_id: str) -> Holdings:
        """What they have paid in and not yet bought or taken back, in each asset: too much, late, or for no
        invoice.

        Scope: `customers:read`.
        """
        return self._sender.send(_get_customer_balances(customer_id))

    def get_customer_statement(
        self,
        customer_id: str,
        *,
        asset: str | None = None,
        cursor: str | None = None,
        from_: date | str | None = None,
        limit: int | None = None,
        to: date | str | None = None,
    ) -> Statement:
        """Their account in one asset: opening, every line in order of date with the running balance, closing.

        Scope: `customers:read`.
        """
        return self._sender.send(
            _get_customer_statement(customer_id, asset=asset, cursor=cursor, from_=from_, limit=limit, to=to)
        )


class AsyncCustomersGroup:
    """Operations of `/customers`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    def list(
        self, *, email: str | None = None, external_ref: str | None = None, limit: int | None = None
    ) -> AsyncListing[Customer]:
        """Your customers, newest first, whether you wrote them here or named them in an invoice or an address.

        Scope: `customers:read`.
        """
        return AsyncListing(self._sender, _list_customers(email=email, external_ref=external_ref, limit=limit))

    async def write(
        self,
        *,
        external_ref: str,
        name: str | None = None,
        email: str | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Customer:
        """The customer of that reference, with what you send written: made now (201), or there already (200).

        Scope: `customers:write`.
        """
        return await self._sender.send(
            _write_customer(
                external_ref=external_ref, name=name, email=email, metadata=metadata, idempotency_key=idempotency_key
            )
        )

    async def get(self, customer_id: str) -> Customer:
        """One customer.

        Scope: `customers:read`.
        """
        return await self._sender.send(_get_customer(customer_id))

    async def change(
        self,
        customer_id: str,
        *,
        name: str | None = None,
        email: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Customer:
        """Change name, e-mail address or metadata.

        Scope: `customers:write`.
        """
        return await self._sender.send(_change_customer(customer_id, name=name, email=email, metadata=metadata))

    async def get_customer_balances(self, customer_id: str) -> Holdings:
        """What they have paid in and not yet bought or taken back, in each asset: too much, late, or for no
        invoice.

        Scope: `customers:read`.
        """
        return await self._sender.send(_get_customer_balances(customer_id))

    async def get_customer_statement(
        self,
        customer_id: str,
        *,
        asset: str | None = None,
        cursor: str | None = None,
        from_: date | str | None = None,
        limit: int | None = None,
        to: date | str | None = None,
    ) -> Statement:
        """Their account in one asset: opening, every line in order of date with the running balance, closing.

        Scope: `customers:read`.
        """
        return await self._sender.send(
            _get_customer_statement(customer_id, asset=asset, cursor=cursor, from_=from_, limit=limit, to=to)
        )


def _list_customers(
    *, email: str | None = None, external_ref: str | None = None, limit: int | None = None
) -> Call[Customer]:
    return Call("GET", "/customers", Customer, query=given(email=email, external_ref=external_ref, limit=limit))


def _write_customer(
    *,
    external_ref: str,
    name: str | None = None,
    email: str | None = None,
    metadata: Mapping[str, str] | None = None,
    idempotency_key: str | None = None,
) -> Call[Customer]:
    return Call(
        "POST",
        "/customers",
        Customer,
        body=given(name=name, email=email, metadata=metadata, external_ref=external_ref),
        idempotency_key=idempotency_key,
    )


def _get_customer(customer_id: str) -> Call[Customer]:
    return Call("GET", at("/customers/{}", customer_id), Customer)


def _change_customer(
    customer_id: str, *, name: str | None = None, email: str | None = None, metadata: Mapping[str, str] | None = None
) -> Call[Customer]:
    return Call(
        "PATCH", at("/customers/{}", customer_id), Customer, body=given(name=name, email=email, metadata=metadata)
    )


def _get_customer_balances(customer_id: str) -> Call[Holdings]:
    return Call("GET", at("/customers/{}/balances", customer_id), Holdings)


def _get_customer_statement(
    customer_id: str,
    *,
    asset: str | None = None,
    cursor: str | None = None,
    from_: date | str | None = None,
    limit: int | None = None,
    to: date | str | None = None,
) -> Call[Statement]:
    return Call(
        "GET",
        at("/customers/{}/statement", customer_id),
        Statement,
        query=given(asset=asset, cursor=cursor, from_=from_, limit=limit, to=to),
    )
