"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from collections.abc import Mapping

from .calls import Call, at, given
from .kinds import Address
from .sending import AsyncListing, AsyncSender, Listing, Sender


class AddressesGroup:
    """Operations of `/addresses`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def list(self, *, chain: str | None = None, limit: int | None = None, user: str | None = None) -> Listing[Address]:
        """Addresses of your users, newest first; addresses of invoices are not among them.

        Scope: `addresses:read`.
        """
        return Listing(self._sender, _list_addresses(chain=chain, limit=limit, user=user))

    def create(
        self, *, chain: str, user: str, metadata: Mapping[str, str] | None = None, idempotency_key: str | None = None
    ) -> Address:
        """The user's address on that chain: given now (201), or the one given before (200). It is watched for
        good.

        Scope: `addresses:write`.
        """
        return self._sender.send(
            _create_address(chain=chain, user=user, metadata=metadata, idempotency_key=idempotency_key)
        )

    def get(self, address_id: str) -> Address:
        """One address, verified anew.

        Scope: `addresses:read`.
        """
        return self._sender.send(_get_address(address_id))


class AsyncAddressesGroup:
    """Operations of `/addresses`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    def list(
        self, *, chain: str | None = None, limit: int | None = None, user: str | None = None
    ) -> AsyncListing[Address]:
        """Addresses of your users, newest first; addresses of invoices are not among them.

        Scope: `addresses:read`.
        """
        return AsyncListing(self._sender, _list_addresses(chain=chain, limit=limit, user=user))

    async def create(
        self, *, chain: str, user: str, metadata: Mapping[str, str] | None = None, idempotency_key: str | None = None
    ) -> Address:
        """The user's address on that chain: given now (201), or the one given before (200). It is watched for
        good.

        Scope: `addresses:write`.
        """
        return await self._sender.send(
            _create_address(chain=chain, user=user, metadata=metadata, idempotency_key=idempotency_key)
        )

    async def get(self, address_id: str) -> Address:
        """One address, verified anew.

        Scope: `addresses:read`.
        """
        return await self._sender.send(_get_address(address_id))


def _list_addresses(*, chain: str | None = None, limit: int | None = None, user: str | None = None) -> Call[Address]:
    return Call("GET", "/addresses", Address, query=given(chain=chain, limit=limit, user=user))


def _create_address(
    *, chain: str, user: str, metadata: Mapping[str, str] | None = None, idempotency_key: str | None = None
) -> Call[Address]:
    return Call(
        "POST",
        "/addresses",
        Address,
        body=given(chain=chain, user=user, metadata=metadata),
        idempotency_key=idempotency_key,
    )


def _get_address(address_id: str) -> Call[Address]:
    return Call("GET", at("/addresses/{}", address_id), Address)
