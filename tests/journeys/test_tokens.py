"""Stories of tokens: what is offered, what a wallet is asked, and what happens to coins that nobody asked for."""

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from cryptopay.devnet.contracts import deploy
from ledger import balances, chart
from ledger.models import Asset
from monitor.models import Deposit, ParkedTransaction
from monitor.tokens import Token
from tests.journeys.conftest import Coin, Shop, address_of, pay
from tests.reorgs_evm import SENDER

pytestmark = pytest.mark.django_db(transaction=True)

GUESTS = "liabilities:guests"


def test_tokens_are_offered_beside_coins(shop: Shop, dollar: Coin, ethereum: Coin) -> None:
    (chain,) = [row for row in shop.http.get("/chains").json()["data"] if row["chain"] == dollar.chain.code]
    assert chain["tokens"] == [{"asset": "USDX", "contract": dollar.contract, "decimals": 6}]
    invoice = shop.invoice(ethereum, amount="8.60", currency="EUR", methods=["USDX", "ETH@ethereum-dev"])
    offered = shop.http.get(f"/invoices/{invoice['id']}/payment-methods").json()["available"]
    assert {"USDX@ethereum-dev": dollar.contract, "ETH@ethereum-dev": None}.items() <= {
        offer["method"]: offer["contract"] for offer in offered
    }.items()
    in_dollars, in_ether = invoice["methods"]
    assert in_dollars["due"] == {"asset": "USDX", "amount": "10.000000", "base_units": "10000000"}
    assert in_dollars["uri"] == (
        f"ethereum:{dollar.contract}@31337/transfer?address={in_dollars['address']}&uint256=10000000"
    )
    assert (in_dollars["contract"], in_ether["contract"]) == (dollar.contract, None)
    Token.objects.update(enabled=False)
    refused = shop.http.post(
        "/invoices",
        json={"amount": "1", "currency": "EUR", "methods": ["USDX"]},
        headers={"Idempotency-Key": "switched-off"},
    )
    assert refused.json()["code"] == "payment_method_unavailable"


def test_another_coin_of_the_same_invoice_counts_whichever_address_it_came_to(
    shop: Shop, dollar: Coin, ethereum: Coin
) -> None:
    invoice = shop.invoice(ethereum, amount="8.60", currency="EUR", methods=["USDX", "ETH"])
    dollar.pay(invoice["methods"][1]["address"], 10_000_000)
    shop.turn()
    assert shop.stands(invoice) == ("processing", "none")
    dollar.bury()
    shop.turn()
    assert shop.stands(invoice) == ("settled", "none")
    paid, untouched = shop.look(invoice)["methods"]
    assert (paid["confirmed"]["base_units"], untouched["confirmed"]["base_units"]) == ("10000000", "0")
    assert shop.holds(dollar, "income:sales").posted == 10_000_000
    _sound()


def test_a_coin_that_was_not_asked_for_is_the_customers(
    shop: Shop, dollar: Coin, ethereum: Coin, accountant: Client
) -> None:
    invoice = shop.invoice(dollar, customer_ref="ann")
    ether = ethereum.pay(address_of(invoice), 10**15)
    shop.turn()
    assert shop.stands(invoice) == ("new", "paid_other")
    (payment,) = shop.look(invoice)["methods"][0]["payments"]
    assert (payment["txid"], payment["amount"]) == (
        ether,
        {"asset": "ETH", "amount": "0.001000000000000000", "base_units": str(10**15)},
    )
    assert shop.look(invoice)["methods"][0]["paid"]["base_units"] == "0"
    ethereum.bury()
    shop.turn()
    assert shop.stands(invoice) == ("new", "paid_other")
    asset = Asset.objects.get(chain=dollar.chain.code, contract="")
    ann = chart.find(shop.merchant.test_book_id, "liabilities:customers:ann", asset)
    assert balances.balance(ann).posted == 10**15 == ethereum.on_chain(address_of(invoice))
    pay(dollar, invoice)
    dollar.bury()
    shop.turn()
    assert shop.stands(invoice) == ("settled", "paid_other")
    assert shop.holds(dollar, "income:sales").posted == dollar.due
    assert balances.balance(ann).posted == 10**15
    for page in ("monitor_deposit", "payments_payment"):
        shown = accountant.get(reverse(f"admin:{page}_changelist")).content.decode()
        assert "10.000000 <abbr>USDX</abbr>" in shown
        assert "<abbr>ETH</abbr>" in shown
    _sound()


def test_threat_11_an_exchange_pays_by_contract(shop: Shop, dollar: Coin, ethereum: Coin) -> None:
    """Coins and tokens, in one batch for two invoices; seen once they are mined."""
    sender = deploy(dollar.node, SENDER)  # type: ignore[arg-type]
    first, second = shop.invoice(ethereum), shop.invoice(dollar)
    assert dollar.token is not None
    dollar.token.send("mint", sender.address, dollar.due)
    sender.send("pay", [address_of(first)], ethereum.due, value=ethereum.due)
    sender.send("pay_tokens", dollar.token.address, [address_of(second)], dollar.due)
    shop.turn()
    assert shop.stands(first) == shop.stands(second) == ("new", "none")
    ethereum.bury()
    shop.turn()
    assert shop.stands(first) == shop.stands(second) == ("settled", "none")
    for coin, invoice in ((ethereum, first), (dollar, second)):
        assert shop.holds(coin, coin.custody).posted == coin.due == coin.on_chain(address_of(invoice))


def test_threat_08_a_token_that_lies_is_set_aside_for_a_person(shop: Shop, dollar: Coin) -> None:
    forging = deploy(dollar.node, SENDER.with_name("Forging.vy"))  # type: ignore[arg-type]
    Token.objects.create(chain_code=dollar.chain.code, contract=forging.address, code="FORGE", decimals=6)
    invoice = shop.invoice(dollar)
    txid = forging.send("transfer", address_of(invoice), 10**9)
    dollar.node.mine()
    shop.turn()
    dollar.bury()
    shop.turn()
    assert not Deposit.objects.filter(contract=forging.address).exists()
    assert ParkedTransaction.objects.get(txid=txid).reason.startswith(f"token {forging.address}: its logs say")
    pay(dollar, invoice)
    dollar.bury()
    shop.turn()
    assert shop.stands(invoice) == ("settled", "none")
    _sound()


def _sound() -> None:
    """Custody in the books is what the chains' facts say, in every asset."""
    call_command("check_ledger")
