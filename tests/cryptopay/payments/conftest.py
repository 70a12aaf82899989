"""A merchant with an open invoice, and a chain on which coins arrive when a test says so."""

import itertools
import secrets
from datetime import datetime

import pytest
from django.utils import timezone
from pytest_django import Settings

from cryptopay.payments import intake, lifecycle
from cryptopay.payments.lifecycle import NewInvoice
from cryptopay.payments.models import Invoice
from ledger.models import Book
from monitor import deposits
from monitor.chains import CHAINS, Chain
from monitor.connectors.base import BlockRef, Transfer
from monitor.deposits import Sighting
from monitor.models import Cursor
from monitor.watching import watched
from tests import people


@pytest.fixture(autouse=True)
def _chains_on(settings: Settings) -> None:
    settings.NODE_URLS = {chain.code: "http://127.0.0.1:1" for chain in people.DEVELOPMENT_CHAINS}


class Ticker:
    """Stands where the follower does: tells deposits as it would, block by block, with no node behind it."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.height = 100
        self._numbers = itertools.count()

    def see(self, invoice: Invoice, base_units: int, at: datetime | None = None, *, mined: bool = False) -> Transfer:
        """Coins on their way to the invoice's address on this chain."""
        method = invoice.methods.get(asset__chain=self.chain.code)
        txid = f"{next(self._numbers):064x}"
        transfer = Transfer(f"{txid}:0", txid, bytes(method.address.destination), base_units)
        self.take_in(transfer, at, mined=mined)
        return transfer

    def take_in(self, transfer: Transfer, at: datetime | None = None, *, mined: bool = False) -> None:
        block = BlockRef(self.height, secrets.token_hex(32)) if mined else None
        found = watched(self.chain, [transfer.destination])
        deposits.take_in(Sighting(self.chain, at or timezone.now(), block), [transfer], found)

    def read(self, at: datetime) -> None:
        """The follower was at the tip at that time."""
        now = {"height": self.height, "node_height": self.height, "checked_at": at}
        Cursor.objects.update_or_create(chain_code=self.chain.code, defaults=now)

    def bury(self, blocks: int = 6) -> None:
        """Enough blocks for any deposit of a test to count."""
        self.height += blocks
        cursor = Cursor(chain_code=self.chain.code, height=self.height, final_height=self.height)
        deposits.confirm_due(self.chain, cursor)

    def reorg(self) -> None:
        deposits.unwind(self.chain, 0, timezone.now())

    def drop(self, transfer: Transfer) -> None:
        deposits.drop(self.chain, {transfer.txid}, timezone.now())

    def drain(self) -> int:
        return intake.drain(self.chain.code)


@pytest.fixture
def bitcoin() -> Ticker:
    return Ticker(CHAINS["bitcoin-regtest"])


@pytest.fixture
def ethereum() -> Ticker:
    return Ticker(CHAINS["ethereum-dev"])


@pytest.fixture
def alice(db: None) -> Book:
    """Alice's test book."""
    people.record_rates()
    return people.merchant("Alice").test_book


@pytest.fixture
def invoice(alice: Book) -> Invoice:
    """0.001 BTC, to be paid in bitcoin."""
    return lifecycle.open_invoice(alice, NewInvoice(amount="0.001", currency="BTC", methods=["BTC"])).invoice
