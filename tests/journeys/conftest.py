"""A whole installation: real nodes, the REST interface over HTTP, a merchant's server that receives webhooks."""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx
import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from cryptopay.devnet import drive, monero
from cryptopay.devnet.contracts import DEMO_DOLLAR, Contract, deploy
from cryptopay.devnet.drive import BitcoinNode, EthereumNode
from cryptopay.merchants import api_keys
from cryptopay.merchants.models import ApiKey, Membership, Merchant, User
from cryptopay.payments import lifecycle
from cryptopay.payments import tasks as payments_tasks
from cryptopay.payments.models import Invoice
from cryptopay.webhooks import delivering, endpoints
from ledger import balances, chart, rates
from ledger.balances import AccountBalance
from ledger.models import Asset
from monitor import tasks as monitor_tasks
from monitor.chains import CHAINS, Chain
from monitor.models import WatchedAddress
from monitor.tokens import Token
from tests import auditing, people
from tests.database import urls_of_this_database
from tests.receiver import Receiver, receiver

__all__ = ["receiver"]

TOKEN_CODE = "USDX"
DEEP = 15
"""Blocks that bury any small deposit on every chain; Litecoin asks for the most."""


@dataclass(frozen=True)
class Coin:
    """One chain with its node, and what a test invoice asks for there."""

    chain: Chain
    node: BitcoinNode | EthereumNode
    due: int
    """In base units; `amount` says the same as text."""
    amount: str
    token: Contract | None = None
    """None: the chain's own coin."""

    @property
    def code(self) -> str:
        return TOKEN_CODE if self.token else self.chain.native.code

    @property
    def contract(self) -> str:
        return self.token.address if self.token else ""

    @property
    def custody(self) -> str:
        return f"assets:custody:{self.chain.code}"

    def on_chain(self, address: str) -> int:
        """Base units the node itself sees at the address, by a way that shares nothing with the application."""
        if self.token:
            return self.token.ask("balanceOf", address)
        if isinstance(self.node, EthereumNode):
            return int(self.node.rpc("eth_getBalance", address, "latest"), 16)
        found = self.node.rpc("scantxoutset", "start", [f"addr({address})"])
        return int(found["total_amount"] * 10**8)

    def pay(self, address: str, base_units: int) -> str:
        """From the development node's own funds; the transaction's id."""
        return self.token.send("transfer", address, base_units) if self.token else self.node.pay(address, base_units)

    def bury(self) -> None:
        self.node.mine(DEEP)

    def raw(self, txid: str) -> str:
        """The signed transaction, to be broadcast again after a reorg so deep that nodes forget what they take back."""
        if isinstance(self.node, EthereumNode):
            return self.node.raw(txid)
        return str(self.node.rpc("getrawtransaction", txid))

    def broadcast(self, raw: str) -> None:
        if isinstance(self.node, EthereumNode):
            self.node.resend(raw)
        else:
            self.node.rpc("sendrawtransaction", raw)


@pytest.fixture
def bitcoin(bitcoind: BitcoinNode) -> Coin:
    return Coin(CHAINS["bitcoin-regtest"], bitcoind, 100_000, "0.001")


@pytest.fixture
def litecoin(litecoind: BitcoinNode) -> Coin:
    return Coin(CHAINS["litecoin-regtest"], litecoind, 5_000_000, "0.05")


@pytest.fixture
def bitcoin_cash(bcash: BitcoinNode) -> Coin:
    return Coin(CHAINS["bitcoincash-regtest"], bcash, 2_000_000, "0.02")


@pytest.fixture
def ethereum(anvil: EthereumNode) -> Coin:
    return Coin(CHAINS["ethereum-dev"], anvil, 10**16, "0.01")


@pytest.fixture
def dollar(anvil: EthereumNode, transactional_db: None) -> Coin:
    """A token of six decimals, let in by an operator."""
    contract = deploy(anvil, DEMO_DOLLAR)
    contract.send("mint", anvil.accounts()[0], 10**15)
    anvil.mine()
    chain = CHAINS["ethereum-dev"]
    Token.objects.create(chain_code=chain.code, contract=contract.address, code=TOKEN_CODE, decimals=6)
    rates.record(TOKEN_CODE, "EUR", Decimal("0.86"), "test", timezone.now())
    return Coin(chain, anvil, 10_000_000, "10", contract)


@pytest.fixture(params=["bitcoin", "litecoin", "bitcoin_cash", "ethereum", "dollar"])
def coin(request: pytest.FixtureRequest) -> Coin:
    """Each coin in turn."""
    found: Coin = request.getfixturevalue(request.param)
    return found


@dataclass
class Shop:
    """A merchant's program: it has an API key and a server that hears webhooks, nothing else."""

    merchant: Merchant
    http: httpx.Client
    receiver: Receiver
    webhook_secret: str
    coins: list[Coin] = field(default_factory=list)
    first_heights: dict[str, int] = field(default_factory=dict)
    """By chain: below it, this shop can have had no payment mined."""

    def invoice(self, coin: Coin, **more: Any) -> dict[str, Any]:
        """An open invoice of the coin's test amount, payable in it."""
        self.use(coin)
        order = {"amount": coin.amount, "currency": coin.code, "methods": [coin.code], **more}
        answer = self.http.post("/invoices", json=order, headers={"Idempotency-Key": secrets.token_hex(16)})
        assert answer.status_code == 201, answer.text
        opened: dict[str, Any] = answer.json()
        return opened

    def look(self, invoice: dict[str, Any]) -> dict[str, Any]:
        """The invoice as the API shows it now."""
        answer = self.http.get(f"/invoices/{invoice['id']}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def stands(self, invoice: dict[str, Any]) -> tuple[str, str]:
        found = self.look(invoice)
        return found["status"], found["exception"]

    def told(self, invoice: dict[str, Any]) -> list[str]:
        """Types of the webhooks received for the invoice, verified, in the order they came."""
        return [
            event["type"] for event in self.receiver.events(self.webhook_secret) if event["subject"] == invoice["id"]
        ]

    def use(self, coin: Coin) -> None:
        """Follow that coin's chain from its tip on."""
        if coin not in self.coins:
            self.coins.append(coin)
            if isinstance(coin.node, BitcoinNode):
                self.first_heights[coin.chain.code] = max(0, coin.node.height() - 2 * DEEP)
            self.turn()

    def turn(self) -> None:
        """One round of the beat: read each chain, take its events in, deliver what is due."""
        for coin in self.coins:
            monitor_tasks.step(coin.chain.code)
            payments_tasks.drain(coin.chain.code)
        delivering.deliver_due()

    def is_audited(self) -> None:
        """However a story ended: what lies on our addresses is what the books credited, to the unit."""
        url = urls_of_this_database()["DATABASE_URL"]
        for coin in self.coins:
            if isinstance(coin.node, BitcoinNode):
                coin.bury()
                self.turn()
                watched = WatchedAddress.objects.filter(chain_code=coin.chain.code)
                destinations = [bytes(row.destination) for row in watched]
                shown = auditing.utxo(coin.node.url, destinations, self.first_heights[coin.chain.code])
                wrong = auditing.differences(url, coin.chain.code, shown, dust_base_units=coin.chain.minimum_base_units)
                assert not wrong, "\n".join(wrong)

    def pass_deadline(self, invoice: dict[str, Any]) -> None:
        """The invoice's time is over, its chain has been read since, and the sweep comes by."""
        Invoice.objects.filter(public_id=invoice["id"]).update(expires_at=timezone.now())
        self.turn()
        lifecycle.sweep()

    def holds(self, coin: Coin, code: str) -> AccountBalance:
        asset = Asset.objects.get(chain=coin.chain.code, contract=coin.contract)
        return balances.balance(chart.find(self.merchant.test_book_id, code, asset))


@pytest.fixture
def shop(
    transactional_db: None, live_server: LiveServer, receiver: Receiver, settings: Settings, node_urls: dict[str, str]
) -> Iterator[Shop]:
    """Alice's shop."""
    settings.NODE_URLS = node_urls
    settings.FAUCET_URLS = {code: faucet_url(CHAINS[code], url) for code, url in node_urls.items()}
    settings.PUBLIC_URL = live_server.url
    people.record_rates()
    merchant = people.merchant("Alice")
    _, key = api_keys.create(merchant, "shop", live=False, scopes=ApiKey.Scope.values)
    _, webhook_secret = endpoints.create(merchant.test_book_id, receiver.url)
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=f"{live_server.url}/api/v1", headers=headers, timeout=120) as http:
        found = Shop(merchant, http, receiver, webhook_secret)
        yield found
    found.is_audited()


@pytest.fixture
def node_urls(bitcoind: BitcoinNode, litecoind: BitcoinNode, bcash: BitcoinNode, anvil: EthereumNode) -> dict[str, str]:
    return {
        "bitcoin-regtest": bitcoind.url,
        "litecoin-regtest": litecoind.url,
        "bitcoincash-regtest": bcash.url,
        "ethereum-dev": anvil.url,
    }


@pytest.fixture
def accountant(shop: Shop) -> Client:
    """Signed in to the back office as Alice's accountant."""
    user = User.objects.create_user("accountant", is_staff=True)
    Membership.objects.create(merchant=shop.merchant, user=user, role=Membership.Role.ACCOUNTANT)
    client = Client()
    client.force_login(user)
    return client


def faucet_url(chain: Chain, url: str) -> str:
    match chain.family:
        case "bitcoin":
            return drive.wallet_url(url)
        case "monero":
            return monero.wallet_url(url)
    return url


def address_of(invoice: dict[str, Any]) -> str:
    found: str = invoice["methods"][0]["address"]
    return found


def pay(coin: Coin, invoice: dict[str, Any], base_units: int | None = None) -> str:
    """Coins from the development node's own funds; the transaction's id."""
    return coin.pay(address_of(invoice), coin.due if base_units is None else base_units)


def pay_together(coin: Coin, outputs: Sequence[tuple[dict[str, Any], int]]) -> str:
    """One transaction with several outputs."""
    assert isinstance(coin.node, BitcoinNode)
    return coin.node.pay([(address_of(invoice), base_units) for invoice, base_units in outputs])
