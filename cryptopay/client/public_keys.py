"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from .calls import Call, given
from .kinds import ImportedKey, PublicKey
from .sending import AsyncListing, AsyncSender, Listing, Sender


class PublicKeysGroup:
    """Operations of `/public-keys`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def list(self, *, limit: int | None = None) -> Listing[PublicKey]:
        """The keys your addresses derive from, newest first.

        Scope: `keys:read`.
        """
        return Listing(self._sender, _list_public_keys(limit=limit))

    def import_(
        self,
        *,
        chain: str,
        label: str,
        extended_public_key: str | None = None,
        account_name: str | None = None,
        primary_address: str | None = None,
        private_view_key: str | None = None,
        address_form: str | None = None,
        idempotency_key: str | None = None,
    ) -> ImportedKey:
        """Import a key; it gives out the addresses of its chain from now on. The former one is retired and kept.

        Scope: `keys:write`.
        """
        return self._sender.send(
            _import_public_key(
                chain=chain,
                label=label,
                extended_public_key=extended_public_key,
                account_name=account_name,
                primary_address=primary_address,
                private_view_key=private_view_key,
                address_form=address_form,
                idempotency_key=idempotency_key,
            )
        )


class AsyncPublicKeysGroup:
    """Operations of `/public-keys`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    def list(self, *, limit: int | None = None) -> AsyncListing[PublicKey]:
        """The keys your addresses derive from, newest first.

        Scope: `keys:read`.
        """
        return AsyncListing(self._sender, _list_public_keys(limit=limit))

    async def import_(
        self,
        *,
        chain: str,
        label: str,
        extended_public_key: str | None = None,
        account_name: str | None = None,
        primary_address: str | None = None,
        private_view_key: str | None = None,
        address_form: str | None = None,
        idempotency_key: str | None = None,
    ) -> ImportedKey:
        """Import a key; it gives out the addresses of its chain from now on. The former one is retired and kept.

        Scope: `keys:write`.
        """
        return await self._sender.send(
            _import_public_key(
                chain=chain,
                label=label,
                extended_public_key=extended_public_key,
                account_name=account_name,
                primary_address=primary_address,
                private_view_key=private_view_key,
                address_form=address_form,
                idempotency_key=idempotency_key,
            )
        )


def _list_public_keys(*, limit: int | None = None) -> Call[PublicKey]:
    return Call("GET", "/public-keys", PublicKey, query=given(limit=limit))


def _import_public_key(
    *,
    chain: str,
    label: str,
    extended_public_key: str | None = None,
    account_name: str | None = None,
    primary_address: str | None = None,
    private_view_key: str | None = None,
    address_form: str | None = None,
    idempotency_key: str | None = None,
) -> Call[ImportedKey]:
    return Call(
        "POST",
        "/public-keys",
        ImportedKey,
        body=given(
            chain=chain,
            extended_public_key=extended_public_key,
            account_name=account_name,
            primary_address=primary_address,
            private_view_key=private_view_key,
            address_form=address_form,
            label=label,
        ),
        idempotency_key=idempotency_key,
    )
