"""Whole stories, from the order to the books, on real nodes, each coin in turn."""

import pytest
from django.test import Client
from django.urls import reverse

from cryptopay.devnet.drive import EthereumNode
from cryptopay.payments.models import Invoice
from ledger.models import JournalEntry, Posting
from monitor import backfill, nodes
from monitor.models import ChainEvent, Cursor, Deposit
from tests.journeys.conftest import DEEP, Coin, Shop, address_of, pay, pay_together

pytestmark = pytest.mark.django_db(transaction=True)

GUESTS, SALES = "liabilities:guests", "income:sales"


def test_exact_payment_from_order_to_books(shop: Shop, coin: Coin, accountant: Client) -> None:
    invoice = shop.invoice(coin, order_id="order-17")
    txid = pay(coin, invoice)
    shop.turn()
    assert shop.stands(invoice) == ("processing", "none")
    payment = shop.look(invoice)["methods"][0]["payments"][0]
    assert (payment["txid"], payment["confirmations"], payment["state"]) == (txid, 0, "seen")
    assert (shop.holds(coin, coin.custody).posted, shop.holds(coin, coin.custody).pending_in) == (0, coin.due)

    coin.node.mine()
    shop.turn()
    assert shop.look(invoice)["methods"][0]["payments"][0]["confirmations"] == 1
    assert shop.stands(invoice) == ("processing", "none")

    coin.bury()
    shop.turn()
    assert shop.stands(invoice) == ("settled", "none")
    assert shop.holds(coin, coin.custody).posted == coin.due == coin.on_chain(address_of(invoice))
    assert shop.holds(coin, SALES).posted == coin.due
    assert shop.holds(coin, GUESTS).posted == 0
    assert shop.told(invoice) == [
        "invoice.created",
        "payment.detected",
        "invoice.processing",
        "payment.confirmed",
        "invoice.settled",
    ]
    journal = accountant.get(reverse("admin:ledger_journalentry_changelist"), {"q": txid}).content.decode()
    assert "order-17" in journal
    assert "Validated" in journal


def test_not_yet_received_stands_in_the_journal(shop: Shop, coin: Coin, accountant: Client) -> None:
    invoice = shop.invoice(coin, order_id="order-18")
    pay(coin, invoice)
    shop.turn()
    journal = accountant.get(reverse("admin:ledger_journalentry_changelist")).content.decode()
    assert "order-18" in journal
    assert "Not yet received" in journal
    coin.bury()


def test_fiat_invoice_is_quoted_and_settles(shop: Shop, coin: Coin) -> None:
    invoice = shop.invoice(coin, amount="12.34", currency="EUR")
    method = invoice["methods"][0]
    assert method["rate"]["currency"] == "EUR"
    pay(coin, invoice, int(method["due"]["base_units"]))
    coin.bury()
    shop.turn()
    assert shop.stands(invoice) == ("settled", "none")


def test_underpayment_then_top_up(shop: Shop, coin: Coin) -> None:
    invoice = shop.invoice(coin)
    half = coin.due // 2
    pay(coin, invoice, half)
    shop.turn()
    assert shop.stands(invoice) == ("new", "paid_partial")
    assert shop.look(invoice)["methods"][0]["remaining"]["base_units"] == str(coin.due - half)
    pay(coin, invoice, coin.due - half)
    coin.bury()
    shop.turn()
    assert shop.stands(invoice) == ("settled", "none")
    assert shop.holds(coin, SALES).posted == coin.due == coin.on_chain(address_of(invoice))


def test_underpayment_expires_and_stays_the_customers(shop: Shop, coin: Coin) -> None:
    invoice = shop.invoice(coin, customer_ref="ann")
    pay(coin, invoice, coin.due - 1)
    coin.bury()
    shop.turn()
    shop.pass_deadline(invoice)
    assert shop.stands(invoice) == ("expired", "paid_partial")
    assert shop.holds(coin, "liabilities:customers:ann").posted == coin.due - 1


def test_overpayment_leaves_a_balance(shop: Shop, coin: Coin) -> None:
    invoice = shop.invoice(coin, customer_ref="ann")
    pay(coin, invoice, coin.due + 12_345)
    coin.bury()
    shop.turn()
    assert shop.stands(invoice) == ("settled", "paid_over")
    assert shop.holds(coin, "liabilities:customers:ann").posted == 12_345
    assert shop.holds(coin, SALES).posted == coin.due


def test_late_payment_is_never_lost(shop: Shop, coin: Coin) -> None:
    invoice = shop.invoice(coin, customer_ref="ann")
    shop.pass_deadline(invoice)
    assert shop.stands(invoice) == ("expired", "none")
    pay(coin, invoice)
    shop.turn()
    coin.bury()
    shop.turn()
    assert shop.stands(invoice) == ("expired", "paid_late")
    assert shop.holds(coin, "liabilities:customers:ann").posted == coin.due
    assert "payment.confirmed" in shop.told(invoice)


def test_reorg_before_settlement(shop: Shop, coin: Coin) -> None:
    invoice = shop.invoice(coin)
    txid = pay(coin, invoice)
    coin.node.mine()
    shop.turn()
    assert shop.stands(invoice) == ("processing", "none")
    raw = coin.raw(txid)
    coin.node.reorg(1)
    shop.turn()
    assert shop.holds(coin, coin.custody).posted == 0
    if isinstance(coin.node, EthereumNode):  # anvil forgets what it takes back; a real node keeps it
        assert shop.stands(invoice) == ("new", "none")
        assert shop.holds(coin, coin.custody).pending_in == 0
        coin.broadcast(raw)
    coin.bury()
    shop.turn()
    assert shop.stands(invoice) == ("settled", "none")
    assert shop.holds(coin, coin.custody).posted == coin.due == coin.on_chain(address_of(invoice))


def test_threat_02_reorg_after_settlement_reverses_and_tells(shop: Shop, coin: Coin) -> None:
    invoice = shop.invoice(coin)
    txid = pay(coin, invoice)
    coin.bury()
    shop.turn()
    assert shop.stands(invoice) == ("settled", "none")
    raw = coin.raw(txid)
    coin.node.reorg(DEEP)
    shop.turn()
    assert shop.stands(invoice)[0] in ("new", "processing")
    assert shop.holds(coin, coin.custody).posted == 0
    assert shop.holds(coin, SALES).posted == 0
    assert "payment.reversed" in shop.told(invoice)
    assert JournalEntry.objects.filter(kind=JournalEntry.Kind.REVERSE).count() == 2
    coin.broadcast(raw)
    coin.bury()
    shop.turn()
    assert shop.stands(invoice) == ("settled", "none")
    assert shop.holds(coin, coin.custody).posted == coin.due == coin.on_chain(address_of(invoice))


def test_threat_01_double_spend_in_the_mempool(shop: Shop, coin: Coin) -> None:
    invoice = shop.invoice(coin)
    txid = pay(coin, invoice)
    shop.turn()
    assert shop.stands(invoice) == ("processing", "none")
    coin.node.replace(txid)
    shop.turn()
    coin.bury()
    shop.turn()
    assert shop.stands(invoice) == ("new", "none")
    assert shop.told(invoice)[-2:] == ["payment.dropped", "invoice.reopened"]
    assert shop.holds(coin, coin.custody) == shop.holds(coin, GUESTS)
    assert shop.holds(coin, coin.custody).pending_in == 0 == coin.on_chain(address_of(invoice))


def test_threat_02_double_spend_by_reorg_after_settlement(shop: Shop, coin: Coin) -> None:
    invoice = shop.invoice(coin)
    txid = pay(coin, invoice)
    coin.bury()
    shop.turn()
    assert shop.stands(invoice) == ("settled", "none")
    coin.node.reorg(DEEP, transactions=[coin.node.conflicting(txid)])  # type: ignore[list-item]
    coin.bury()
    shop.turn()
    assert shop.stands(invoice) == ("new", "none")
    assert shop.holds(coin, coin.custody).posted == 0 == coin.on_chain(address_of(invoice))


@pytest.mark.parametrize("name", ["bitcoin", "litecoin", "bitcoin_cash"])
def test_threat_03_outputs_of_one_transaction(name: str, shop: Shop, request: pytest.FixtureRequest) -> None:
    coin: Coin = request.getfixturevalue(name)
    first, second = shop.invoice(coin), shop.invoice(coin)
    pay_together(coin, [(first, coin.due), (second, 40_000), (second, coin.due - 40_000)])
    shop.turn()
    coin.bury()
    shop.turn()
    assert shop.stands(first) == shop.stands(second) == ("settled", "none")
    assert len(shop.look(second)["methods"][0]["payments"]) == 2
    assert shop.holds(coin, SALES).posted == 2 * coin.due


def test_replaying_all_blocks_changes_nothing(shop: Shop, coin: Coin) -> None:
    """All since before the shop was opened; what other tests had mined is long."""
    first_height = max(1, coin.node.height() - DEEP)
    invoice = shop.invoice(coin)
    pay(coin, invoice)
    coin.bury()
    shop.turn()
    before = _everything()
    height = Cursor.objects.get(chain_code=coin.chain.code).height
    assert height is not None
    found = backfill.rescan(coin.chain, nodes.connector(coin.chain), first_height, height)
    shop.turn()
    assert found == 0
    assert _everything() == before


def _everything() -> list[object]:
    return [
        list(Deposit.objects.order_by("pk").values()),
        list(ChainEvent.objects.order_by("pk").values()),
        list(Posting.objects.order_by("pk").values()),
        list(Invoice.objects.order_by("pk").values()),
    ]
