"""Two merchants with rows of every kind, made by the program's own functions, and a member for every role."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser

from cryptopay.backoffice.scoping import scope_of
from cryptopay.merchants import api_keys
from cryptopay.merchants.models import ApiKey, Membership, Merchant, User
from cryptopay.merchants.onboarding import create_merchant
from cryptopay.monthend import cases
from cryptopay.monthend.models import Case
from cryptopay.payments import addresses, intake, lifecycle
from cryptopay.payments.lifecycle import NewInvoice
from cryptopay.payments.models import Invoice, Terms
from cryptopay.webhooks import endpoints
from keys.formats import format_of
from keys.importing import import_credential
from keys.models import AddressAlarm, KeyExport, MasterKey
from ledger import chart, manual, periods, proposals, rates
from ledger.journal import Leg
from ledger.models import Book, Proposal
from monitor import deposits, watches
from monitor.chains import CHAINS
from monitor.connectors.base import BlockRef, Transfer
from monitor.deposits import Sighting
from monitor.models import Cursor
from monitor.reconciliations import AddressDifference, Reconciliation
from monitor.watching import watched
from tests.browsing import chromium_of_ours
from tests.closing import reviewed

CHAIN = CHAINS["bitcoin-regtest"]
EOS = CHAINS["eos-dev"]
FOREIGN = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"  # BIP-173's example key
LONG_AGO = date(2024, 12, 31)
# BIP32 test vector 1, chains m/0H and m/0H/1/2H, as test network keys
XPUBS = {
    "Alice": "tpubD8eQVK4Kdxg3gHrF62jGP7dKVCoYiEB8dFSpuTawkL5YxTus5j5pf83v"
    "aKnii4bc6v2NVEy81P2gYrJczYne3QNNwMTS53p5uzDyHvnw2jm",
    "Bob": "tpubDDRojdS4jYQXNugn4t2WLrZ7mjfAyoVQu7MLk4eurqFCbrc7cHLZX8W5"
    "YRS8ZskGR9k9t3PqVv68bVBjAyW4nWM9pTGRddt3GQftg6MVQsm",
}


@dataclass
class Shop:
    """A merchant of the tests."""

    merchant: Merchant
    members: dict[str, User]

    @property
    def book(self) -> Book:
        return self.merchant.test_book


@pytest.fixture
def node_urls() -> Iterator[None]:
    before = dict(settings.NODE_URLS)
    settings.NODE_URLS[CHAIN.code] = "http://127.0.0.1:9"
    yield
    settings.NODE_URLS.clear()
    settings.NODE_URLS.update(before)


@pytest.fixture
def shops(db: None, node_urls: None) -> dict[str, Shop]:
    """Alice's and Bob's, each with paid, waiting and taken-back invoices; made in one go, for rolled-back tests."""
    Cursor.objects.create(chain_code=CHAIN.code, height=100, node_height=100, hash="00" * 32)
    rates.record("BTC", "EUR", Decimal(60000), "test", timezone.now())
    return {name: _shop(name) for name in XPUBS}


def _shop(name: str) -> Shop:
    merchant = create_merchant(f"{name}'s shop")
    members = {}
    for role in Membership.Role.values:
        user = User.objects.create_user(f"{name}-{role}", is_staff=True)
        Membership.objects.create(merchant=merchant, user=user, role=role)
        members[role] = user
    shop = Shop(merchant, members)
    import_credential(shop.book, CHAIN, XPUBS[name], label=f"{name}'s key")
    endpoints.create(shop.book.pk, f"https://{name.lower()}.example/hook")
    api_keys.create(merchant, f"{name}'s key", live=False, scopes=[ApiKey.Scope.INVOICES_READ])
    rates.record("BTC", "EUR", Decimal(60001), f"{name}'s desk", timezone.now(), book_id=shop.book.pk)
    key = MasterKey.objects.get(book=shop.book)
    AddressAlarm.objects.create(book=shop.book, master_key=key, found="a test")
    KeyExport.objects.create(book=shop.book, master_key=key, exported_by=f"{name}-administrator")
    for fate in ("seen", "confirmed", "dropped"):
        paid_invoice(shop, fate, order_id=f"{name}-{fate}", customer_ref=f"{name}-customer")
    served(shop, name)
    Terms.objects.create(book=shop.book)
    closing = periods.ask_to_close(
        shop.book, LONG_AGO, reason="Audited", by=f"{name}-accountant", review=reviewed(shop.book.pk, LONG_AGO)
    )
    proposals.approve(closing, by=f"{name}-approver")
    proposed(shop)
    differing(shop)
    return shop


def differing(shop: Shop) -> Case:
    """A node said that there are fewer coins than the books have."""
    run = Reconciliation.objects.create(
        book=shop.book,
        asset=chart.asset("BTC", CHAIN.code, 8),
        chain_code=CHAIN.code,
        height=100,
        block_hash="00" * 32,
        asked_at=timezone.now(),
        way="balances",
        addresses=1,
        node_base_units=0,
        custody_base_units=7,
        on_its_way_base_units=0,
        difference=-7,
    )
    cases.look_at(run)
    address = f"{shop.merchant.name}, address"
    AddressDifference.objects.create(
        book=shop.book,
        reconciliation=run,
        place=b"1",
        address=address,
        node_base_units=0,
        books_base_units=7,
        difference=-7,
    )
    return Case.objects.get(run=run)


def served(shop: Shop, name: str) -> None:
    """A user's address to which nothing was paid yet, and a foreign address and a transaction that are watched."""
    addresses.give(shop.book, CHAIN, f"{name}-user", {"level": "gold"})
    watches.watch_transaction(shop.book.pk, CHAIN, secrets.token_hex(32))
    watches.watch_address(shop.book.pk, CHAIN, FOREIGN, format_of(CHAIN).parse(FOREIGN, CHAIN))
    arrived(FOREIGN)


def unassigned(shop: Shop, name: str) -> None:
    """Coins that came to the merchant's account of EOS without a memo."""
    account, at = f"{name.lower()}.shop", timezone.now()
    import_credential(shop.book, EOS, account, label=f"{name}'s account")
    intake.drain(EOS.code)
    transfer = Transfer(f"1:{name}", secrets.token_hex(32), account.encode(), 70_000, sender="payer", memo=f"{name}'s")
    block = BlockRef(7, secrets.token_hex(32))
    deposits.take_in(Sighting(EOS, at, block), [transfer], watched(EOS, [transfer.destination]))
    intake.drain(EOS.code)


def arrived(address: str, base_units: int = 90_000) -> str:
    """Coins are on their way there; the transaction's id."""
    txid, destination = secrets.token_hex(32), format_of(CHAIN).parse(address, CHAIN)
    transfer = Transfer(f"{txid}:0", txid, destination, base_units)
    deposits.take_in(Sighting(CHAIN, timezone.now()), [transfer], watched(CHAIN, [destination]))
    intake.drain(CHAIN.code)
    return txid


def proposed(shop: Shop, coins: int = 1, **named: Any) -> Proposal:
    """The accountant asks to write an entry that is worth more than the book's limit."""
    coin = chart.asset("BTC", CHAIN.code, 8)
    capital = chart.find(shop.book.pk, "equity:opening", coin)
    legs = [Leg(chart.custody(shop.book.pk, coin), debit=coins * 10**8), Leg(capital, credit=coins * 10**8)]
    said = {"description": "Coins the owner brings", "reason": "Start", "by": shop.members["accountant"].username}
    proposal = manual.enter(shop.book, legs, effective_at=timezone.now(), **{**said, **named})
    assert isinstance(proposal, Proposal)
    return proposal


def paid_invoice(shop: Shop, fate: str, **asked: Any) -> Invoice:
    """An invoice whose payment was seen, and then left alone, confirmed or dropped."""
    order = NewInvoice(amount="12.00", currency="EUR", methods=("BTC",), **asked)
    invoice = lifecycle.open_invoice(shop.book, order).invoice
    method = invoice.methods.get()
    txid, at = secrets.token_hex(32), timezone.now()
    transfer = Transfer(f"{txid}:0", txid, bytes(method.address.destination), method.due_base_units)
    watching = watched(CHAIN, [transfer.destination])
    deposits.take_in(Sighting(CHAIN, at), [transfer], watching)
    if fate == "dropped":
        deposits.drop(CHAIN, [txid], at)
    if fate == "confirmed":
        cursor = Cursor.objects.get(chain_code=CHAIN.code)
        block = BlockRef((cursor.height or 0) + 1, secrets.token_hex(32))
        deposits.take_in(Sighting(CHAIN, at, block), [transfer], watching)
        cursor.height = cursor.node_height = block.height + 10
        cursor.save()
        deposits.confirm_due(CHAIN, cursor)
    intake.drain(CHAIN.code)
    invoice.refresh_from_db()
    return invoice


@pytest.fixture
def bob(shops: dict[str, Shop]) -> Shop:
    return shops["Bob"]


@pytest.fixture
def signed_in() -> Callable[[User], Client]:
    """A browser in which that person has signed in."""

    def sign_in(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def root(db: None) -> User:
    return User.objects.create_superuser("root")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium_of_ours() as found:
        yield found


def registered() -> list[type[Model]]:
    """Every model that has a page."""
    return sorted(admin.site._registry, key=lambda model: model._meta.label)


def rows_of(model: type[Model], shop: Shop) -> list[Model]:
    """The merchant's rows of a model, the journal's as its pages show them: one a story."""
    scope = scope_of(model, admin.site)
    if scope is None:
        return []
    books = [shop.merchant.live_book_id, shop.merchant.test_book_id]
    found = model._default_manager.filter(scope(Book.objects.filter(pk__in=books)))
    if model._meta.label_lower == "ledger.journalentry":
        found = found.filter(ref=None)
    return list(found)


@pytest.fixture
def accountant(bob: Shop, signed_in: Callable[[User], Client]) -> Client:
    return signed_in(bob.members["accountant"])
