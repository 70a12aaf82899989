"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from ..calls import Call, at, given
from ..kinds import Account, AccountKind, Statement
from ..sending import AsyncListing, AsyncSender, Listing, Sender


class LedgerAccounts:
    """Operations of `/ledger/accounts`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def list_accounts(
        self,
        *,
        as_of: date | str | None = None,
        asset: str | None = None,
        code: str | None = None,
        customer: str | None = None,
        kind: AccountKind | None = None,
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


class AsyncLedgerAccounts:
    """Operations of `/ledger/accounts`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    def list_accounts(
        self,
        *,
        as_of: date | str | None = None,
        asset: str | None = None,
        code: str | None = None,
        customer: str | None = None,
        kind: AccountKind | None = None,
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


def _list_accounts(
    *,
    as_of: date | str | None = None,
    asset: str | None = None,
    code: str | None = None,
    customer: str | None = None,
    kind: AccountKind | None = None,
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
    return Call("GET", at("/ledger/accounts/{}", account_id), Account, query=given(as_of=as_of, known_at=known_at))


def _close_account(account_id: str, *, idempotency_key: str | None = None) -> Call[Account]:
    return Call("POST", at("/ledger/accounts/{}/close", account_id), Account, idempotency_key=idempotency_key)


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
