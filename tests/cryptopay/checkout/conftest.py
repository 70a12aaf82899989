"""A shop with keys, and coins that arrive as the monitor tells it: real deposits and the real intake, no node."""

import secrets
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone
from playwright.sync_api import Browser
from pytest_django.fixtures import Settings

from cryptopay.merchants import onboarding
from cryptopay.payments import intake, lifecycle
from cryptopay.payments.models import Invoice
from keys.importing import import_credential
from keys.mnemonics import account_key
from ledger import rates
from monitor import deposits
from monitor.chains import CHAINS, Chain
from monitor.connectors.base import BlockRef, Transfer
from monitor.deposits import Sighting
from monitor.models import Cursor, WatchedAddress
from monitor.watching import watched
from tests.browsing import chromium_of_ours
from tests.database import past_triggers

BTC, LTC, ETH = "BTC@bitcoin-regtest", "LTC@litecoin-regtest", "ETH@ethereum-dev"
PRICES = {"BTC": "80000", "LTC": "80", "ETH": "2500"}
HEIGHT = 500


class Till:
    """A merchant that takes payments, and the chain that confirms them."""

    def __init__(self) -> None:
        self.merchant = onboarding.create_merchant("Café Zoë", currency="EUR")
        self.book = self.merchant.book(live=False)
        for code in ("bitcoin-regtest", "litecoin-regtest", "ethereum-dev"):
            import_credential(self.book, CHAINS[code], account_key(secrets.token_bytes(32), CHAINS[code]), "Till")
            Cursor.objects.create(chain_code=code, height=HEIGHT, hash="00")
        for coin, price in PRICES.items():
            rates.record(coin, "EUR", Decimal(price), "test", timezone.now())

    def open(self, *methods: str, amount: str = "14.50", **more: object) -> Invoice:
        order = lifecycle.NewInvoice(amount=amount, currency="EUR", methods=methods, **more)  # type: ignore[arg-type]
        return lifecycle.open_invoice(self.book, order).invoice

    def choose(self, invoice: Invoice, method: str) -> None:
        lifecycle.choose_method(invoice.pk, self.book, method)

    def pay(self, invoice: Invoice, share: str = "1", method: str = BTC, contract: str = "") -> None:
        """That share of what is due shows up in the mempool, in base units of a token if its contract is named."""
        chosen = invoice.methods.get(asset__chain=method.partition("@")[2])
        units = int(chosen.due_base_units * Decimal(share))
        destination = bytes(chosen.watched.destination)
        txid = secrets.token_hex(32)
        transfer = Transfer(key=f"{txid}:0", txid=txid, destination=destination, base_units=units, contract=contract)
        chain = chosen.chain
        deposits.take_in(Sighting(chain, timezone.now()), [transfer], watched(chain, [destination]))
        self._take_in(chain)

    def mine(self, blocks: int, method: str = BTC) -> None:
        """So many blocks, the first holding all that waited."""
        chain = CHAINS[method.partition("@")[2]]
        cursor = Cursor.objects.get(chain_code=chain.code)
        assert cursor.height is not None
        waiting = deposits._unmined(chain).select_related("watched")
        block = BlockRef(cursor.height + 1, secrets.token_hex(32))
        for deposit in waiting:
            destination = bytes(deposit.watched.destination)
            mined = Transfer(deposit.key, deposit.txid, destination, deposit.base_units)
            deposits.take_in(Sighting(chain, timezone.now(), block), [mined], watched(chain, [destination]))
        cursor.height += blocks
        cursor.save()
        deposits.confirm_due(chain, cursor)
        self._take_in(chain)

    def pass_deadline(self, invoice: Invoice) -> None:
        """The invoice's time is over, and the sweep has seen it."""
        past = timezone.now() - timedelta(seconds=30)
        Invoice.objects.filter(pk=invoice.pk).update(expires_at=past, monitored_until=past + timedelta(hours=24))
        self._sweep()

    def end_monitoring(self, invoice: Invoice) -> None:
        past = timezone.now() - timedelta(seconds=30)
        Invoice.objects.filter(pk=invoice.pk).update(monitored_until=past)
        self._sweep()

    def _sweep(self) -> None:
        """Every chain is read up to now; else nothing would expire."""
        Cursor.objects.update(node_height=F("height"), checked_at=timezone.now())
        lifecycle.sweep()

    def swap_address(self, invoice: Invoice, address: str) -> None:
        """An intruder changes what the database says, past every trigger."""
        method = invoice.methods.get()
        with past_triggers(), connection.cursor() as sql:
            sql.execute("UPDATE keys_address SET text = %s WHERE id = %s", [address, method.address_id])
        WatchedAddress.objects.filter(pk=method.watched_id).update(address=address)

    def _take_in(self, chain: Chain) -> None:
        intake.drain(chain.code)


@pytest.fixture
def till(db: None, settings: Settings) -> Till:
    settings.NODE_URLS = dict.fromkeys(("bitcoin-regtest", "litecoin-regtest", "ethereum-dev"), "http://127.0.0.1:1")
    return Till()


@pytest.fixture
def eos(till: Till, settings: Settings) -> Till:
    """The till takes EOS, too."""
    settings.NODE_URLS = {**settings.NODE_URLS, "eos-dev": "http://127.0.0.1:1"}
    import_credential(till.book, CHAINS["eos-dev"], "cafe.zoe", "Till")
    Cursor.objects.create(chain_code="eos-dev", height=HEIGHT, hash="00")
    rates.record("EOS", "EUR", Decimal("0.42"), "test", timezone.now())
    return till


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium_of_ours() as found:
        yield found
