"""Fills the demo's rows in, once; run again, it finds them and changes nothing but the prices' time.

Passwords and secrets are made at random and kept in `.state/`, where `make run` and the shop read them.
"""

import json
import secrets
from pathlib import Path
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings

from cryptopay.devnet.demo import account, prices, token, wallet
from cryptopay.merchants import api_keys, onboarding
from cryptopay.merchants.models import ApiKey, Membership, Merchant, User
from cryptopay.webhooks import endpoints
from keys.importing import import_credential
from keys.mnemonics import account_key
from keys.models import MasterKey
from ledger.models import Book
from monitor.chains import CHAINS, Chain

SHOP, OTHER = "Demo Shop", "Other Shop"
CHAIN_CODES = (
    "bitcoin-regtest",
    "litecoin-regtest",
    "bitcoincash-regtest",
    "ethereum-dev",
    "monero-regtest",
    "eos-dev",
)
SCOPES = [ApiKey.Scope.INVOICES_READ, ApiKey.Scope.INVOICES_WRITE]


class Kept:
    """A JSON object in `.state/`, readable by its owner alone."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Any:
        return json.loads(self._path.read_text()) if self._path.exists() else None

    def write(self, value: Any) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.touch(mode=0o600)
        self._path.write_text(json.dumps(value, indent=2))


def seed(folder: Path, shop_url: str) -> None:
    """Two merchants, their people, keys, a token, the shop's account, and fresh prices."""
    shop, other = _merchant(SHOP), _merchant(OTHER)
    for merchant in (shop, other):
        _import_keys(merchant, folder / "demo-wallet.json")
        account.open_on_chain(account.name(wallet.seed(folder / "demo-wallet.json", f"{merchant.name}, eos-dev")))
    token.let_in()
    _seed_people(shop, other, Kept(folder / "demo.json"), shop_url)
    _seed_shop_account(shop, Kept(folder / "shop.json"), shop_url)
    prices.record_prices()


def _merchant(name: str) -> Merchant:
    return Merchant.objects.filter(name=name).first() or onboarding.create_merchant(name, currency="EUR")


def _import_keys(merchant: Merchant, wallets: Path) -> None:
    book = merchant.book(live=False)
    for code in CHAIN_CODES:
        if not MasterKey.objects.filter(book_id=book.pk, chain=code, active=True).exists():
            seed = wallet.seed(wallets, f"{merchant.name}, {code}")
            import_credential(book, CHAINS[code], _credential(seed, CHAINS[code]), "Demo wallet")


def _credential(seed: bytes, chain: Chain) -> str:
    match chain.family:
        case "monero":
            return wallet.view_pair(seed)
        case "antelope":
            return account.name(seed)
    return account_key(seed, chain)


def _seed_people(shop: Merchant, other: Merchant, kept: Kept, shop_url: str) -> None:
    """An administrator of the installation, and each merchant's accountant, who sees that merchant alone."""
    admin_url = f"{settings.PUBLIC_URL}/admin/"
    known = {row["login"]: row["password"] for row in kept.read() or [] if row["login"]}
    people = [
        ("Back office, everything", _person("admin", known, superuser=True)),
        (f"Back office, accountant of {shop.name}", _person("accountant", known, shop)),
        (f"Back office, accountant of {other.name}", _person("other", known, other)),
    ]
    places = [
        ("Demo shop", shop_url),
        ("API docs", f"{settings.PUBLIC_URL}/api/docs"),
        ("Sign up as a new merchant", f"{settings.PUBLIC_URL}/account/signup/"),
    ]
    kept.write(
        [{"name": name, "url": url, "login": "", "password": ""} for name, url in places if url]
        + [{"name": name, "url": admin_url, **login} for name, login in people]
    )


def _person(
    login: str, known: dict[str, str], merchant: Merchant | None = None, *, superuser: bool = False
) -> dict[str, str]:
    """A login whose password is the one kept, or a new one where none was kept."""
    user, is_new = User.objects.get_or_create(
        username=login, defaults={"is_staff": True, "is_superuser": superuser, "email": f"{login}@example.com"}
    )
    EmailAddress.objects.get_or_create(user=user, email=user.email, defaults={"verified": True, "primary": True})
    password = known.get(login) or secrets.token_urlsafe(12)
    if is_new or not user.check_password(password):  # each check takes a moment, on purpose
        user.set_password(password)
        user.save(update_fields=["password"])
    if merchant is not None:
        Membership.objects.get_or_create(merchant=merchant, user=user, role=Membership.Role.ACCOUNTANT)
    return {"login": login, "password": password}


def _seed_shop_account(shop: Merchant, kept: Kept, shop_url: str) -> None:
    """The shop's API key and webhook endpoint, as it would have made them in the back office."""
    account: dict[str, str] = kept.read() or {}
    if api_keys.authenticate(account.get("api_key", "")) is None:
        _, account["api_key"] = api_keys.create(shop, "Demo shop", live=False, scopes=SCOPES)
    book, url = shop.book(live=False), f"{shop_url}/webhooks"
    if not account.get("webhook_secret") or not _listens(book, url):
        for former in endpoints.of_book(book.pk).filter(disabled_at=None):
            endpoints.disable(former, "The demo shop moved.")
        _, account["webhook_secret"] = endpoints.create(book.pk, url)
    kept.write({**account, "url": shop_url, "cryptopay_url": settings.PUBLIC_URL})


def _listens(book: Book, url: str) -> bool:
    return endpoints.of_book(book.pk).filter(url=url, disabled_at=None).exists()
