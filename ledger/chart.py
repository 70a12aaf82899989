"""The chart of accounts: codes an accountant knows, opened on demand.

    assets:custody:<chain>              coins on our addresses
    liabilities:customers:<reference>   what a customer has paid in and not yet bought or taken back
    liabilities:guests                  the same for invoices that name no customer
    income:sales                        settled invoices

One account per code and asset.
"""

from django.db import connection, transaction

from ledger.errors import UnknownAccount
from ledger.models import Account, Asset, Balance

_ASSET_FIELDS = [field.attname for field in Asset._meta.concrete_fields]
_ASSET = f"SELECT {', '.join(_ASSET_FIELDS)} FROM ledger_asset WHERE chain = %s AND contract = %s"  # noqa: S608


def asset(code: str, chain: str, decimals: int, contract: str = "") -> Asset:
    """The asset's row, made at first use. Raises `ValueError` if it is known with other decimals: they are pinned."""
    row = _known_asset(chain, contract)
    if row is None:
        row, _ = Asset.objects.get_or_create(
            chain=chain, contract=contract, defaults={"code": code, "decimals": decimals}
        )
    if (row.code, row.decimals) != (code, decimals):
        raise ValueError(f"{row.code} on {chain} is pinned to {row.decimals} decimals")
    return row


def _known_asset(chain: str, contract: str) -> Asset | None:
    with connection.cursor() as sql:  # plain: every invoice asks this
        sql.execute(_ASSET, [chain, contract])
        found = sql.fetchone()
    return Asset.from_db("default", _ASSET_FIELDS, found) if found else None


def custody(book_id: int, asset: Asset) -> Account:
    """Coins of this asset on this book's addresses of its chain."""
    return open_account(book_id, f"assets:custody:{asset.chain}", f"Custody, {asset.chain}", asset, Account.Kind.ASSET)


def customer(book_id: int, reference: str, asset: Asset) -> Account:
    """What we owe a customer, never below zero; an empty reference is the guests' common account."""
    code = f"liabilities:customers:{reference}" if reference else "liabilities:guests"
    name = f"Customer {reference}" if reference else "Guests"
    return open_account(book_id, code, name, asset, Account.Kind.LIABILITY, floor=0)


def sales(book_id: int, asset: Asset) -> Account:
    """Income from settled invoices."""
    return open_account(book_id, "income:sales", "Sales", asset, Account.Kind.INCOME)


def find(book_id: int, code: str, asset: Asset) -> Account:
    """Raises `UnknownAccount`."""
    account = Account.objects.filter(book_id=book_id, code=code, asset=asset).first()
    if account is None:
        raise UnknownAccount(f"this book has no account {code} in {asset.code}")
    return account


def open_account(
    book_id: int,
    code: str,
    name: str,
    asset: Asset,
    kind: Account.Kind,
    floor: int | None = None,
    clears_within_days: int | None = None,
) -> Account:
    """The account with its balance, made at first use; two callers at once get the same one."""
    found = Account.objects.filter(book_id=book_id, code=code, asset=asset).first()
    if found is not None:
        return found
    with transaction.atomic():
        account, made = Account.objects.get_or_create(
            book_id=book_id,
            code=code,
            asset=asset,
            defaults={"name": name, "kind": kind, "floor": floor, "clears_within_days": clears_within_days},  # type: ignore[misc]
        )
        if made:
            Balance.objects.create(account=account, book_id=book_id, floor=floor)  # type: ignore[misc]
    return account
