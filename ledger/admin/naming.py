"""Accounts as people type them: the code, a space, the asset ("income:sales BTC").

An asset is named by its code alone where the book's accounts know one of that code, else with its chain, and with its
contract where even that is not enough ("USDT@ethereum-dev#0xdac1...").
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from ledger.models import Account, Asset


def asset_names(assets: Iterable[Asset]) -> dict[int, str]:
    """A name for each, shortest first, no two alike."""
    known = list({asset.pk: asset for asset in assets}.values())
    codes = Counter(asset.code for asset in known)
    on_chains = Counter((asset.code, asset.chain) for asset in known)
    return {
        asset.pk: asset.code
        if codes[asset.code] == 1
        else f"{asset.code}@{asset.chain}"
        if on_chains[asset.code, asset.chain] == 1
        else f"{asset.code}@{asset.chain}#{asset.contract}"
        for asset in known
    }


def assets_of(book_id: int) -> list[Asset]:
    """The assets that a book has accounts of."""
    return list(Asset.objects.filter(pk__in=Account.objects.filter(book=book_id).values("asset").distinct()))


def names_of(accounts: Iterable[Account]) -> list[str]:
    """The accounts' names, for accounts of one book."""
    found = list(accounts)
    names = asset_names(assets_of(found[0].book_id)) if found else {}
    return [f"{account.code} {names[account.asset_id]}" for account in found]


def find(book_id: int, typed: Sequence[str]) -> dict[str, Account]:
    """The accounts of a book by the names typed; a name that is none is left out. Two queries."""
    by_name = {name: pk for pk, name in asset_names(assets_of(book_id)).items()}
    codes = {name.strip().rpartition(" ")[0] for name in typed}
    accounts = Account.objects.filter(book=book_id, code__in=codes).select_related("asset", "book")
    known = {(account.code, account.asset_id): account for account in accounts}
    found = {}
    for name in typed:
        code, _, asset = name.strip().rpartition(" ")
        account = known.get((code, by_name.get(asset, 0)))
        if account is not None:
            found[name] = account
    return found
