"""When will it be received? As a shop, its payer and its people read it, on a real node."""

from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from cryptopay.devnet.drive import BitcoinNode
from cryptopay.payments.models import Payment
from monitor import tasks as monitor_tasks
from monitor.models import QueueLook
from tests import workers
from tests.journeys.conftest import Coin, Shop, pay
from tests.workers import until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def bitcoind(bitcoind_without_history: BitcoinNode) -> BitcoinNode:
    """What the session's own has seen others pay would be part of each answer."""
    return bitcoind_without_history


def _look(shop: Shop, coin: Coin) -> None:
    """A round of the beat, the look at the fee queue with it."""
    shop.turn()
    QueueLook.objects.update(looked_at=None)
    monitor_tasks.look_out(coin.chain.code)


def test_a_payment_is_expected_seen_and_received(shop: Shop, bitcoin: Coin, accountant: Client) -> None:
    invoice = shop.invoice(bitcoin, least_confirmations=6)
    txid = pay(bitcoin, invoice)
    _look(shop, bitcoin)
    (payment,) = shop.look(invoice)["methods"][0]["payments"]
    expected = payment["expected"]
    assert {name: value for name, value in expected.items() if name not in ("as_of", "fee_rate")} == {
        "state": "next_blocks", "reason": None, "blocks_low": 6, "blocks_high": expected["blocks_high"],
        "minutes_low": 60, "minutes_high": 10 * expected["blocks_high"], "mined_in_low": 1,
        "mined_in_high": expected["blocks_high"] - 5, "fee_unit": "sat/vB", "replaceable": True, "replaced_by": None,
    }  # fmt: skip
    entry = bitcoin.node.rpc("getmempoolentry", txid)
    assert float(expected["fee_rate"]) == pytest.approx(float(entry["fees"]["base"]) * 1e8 / entry["vsize"], abs=0.01)
    assert shop.http.get(f"/payments/{payment['id']}").json()["expected"] == expected
    shown = shop.http.get(f"/invoices/{invoice['id']}/public").json()
    assert shown["methods"][0]["payments"] == [
        {
            name: payment[name]
            for name in payment
            if name not in ("id", "invoice_id", "chain", "late", "accepted", "height", "seen_at")
        }
    ]
    checkout = accountant.get(f"/pay/{invoice['id']}").content.decode()
    assert "0 of 6 confirmations" in checkout
    assert "The fee is good: " in checkout
    row = Payment.objects.get(public_id=payment["id"])
    for page in ("payments_payment", "monitor_deposit"):
        pk = row.pk if page == "payments_payment" else row.deposit_id
        answer = accountant.get(reverse(f"admin:{page}_change", args=[pk]))
        assert "The fee is good: " in answer.content.decode()
        assert f"{expected['fee_rate']} sat/vB, may be replaced" in answer.content.decode()
    bitcoin.node.mine(2)
    _look(shop, bitcoin)
    (payment,) = shop.look(invoice)["methods"][0]["payments"]
    assert [payment["expected"][name] for name in ("state", "blocks_low", "blocks_high", "mined_in_high")] == [
        "confirming", 4, 4, 0,
    ]  # fmt: skip
    assert "2 of 6 confirmations, about 40 minutes" in accountant.get(f"/pay/{invoice['id']}").content.decode()
    bitcoin.node.mine(4)
    _look(shop, bitcoin)
    (payment,) = shop.look(invoice)["methods"][0]["payments"]
    assert (payment["expected"]["state"], payment["expected"]["minutes_high"]) == ("final", 0)


def test_a_double_spend_names_what_took_its_place(shop: Shop, bitcoin: Coin) -> None:
    invoice = shop.invoice(bitcoin)
    txid = pay(bitcoin, invoice)
    _look(shop, bitcoin)
    other = bitcoin.node.replace(txid)  # type: ignore[union-attr]
    _look(shop, bitcoin)
    (payment,) = shop.look(invoice)["methods"][0]["payments"]
    assert payment["state"] == "dropped"
    assert (payment["expected"]["state"], payment["expected"]["replaced_by"]) == ("replaced", other)
    assert payment["expected"]["minutes_low"] is None
    bitcoin.node.mine()


def test_beat_and_reader_look_by_themselves(
    shop: Shop, bitcoin: Coin, node_urls: dict[str, str], tmp_path: Path
) -> None:
    invoice = shop.invoice(bitcoin)
    with workers.running(tmp_path, node_urls):
        pay(bitcoin, invoice)

        def expected() -> str:
            payments = shop.look(invoice)["methods"][0]["payments"]
            return payments[0]["expected"]["state"] if payments else ""

        until(lambda: expected() == "next_blocks")
        bitcoin.node.mine()
        until(lambda: expected() == "confirming")


def test_on_ethereum_finality_is_what_is_waited_for(shop: Shop, ethereum: Coin) -> None:
    invoice = shop.invoice(ethereum)
    pay(ethereum, invoice)
    _look(shop, ethereum)
    (payment,) = shop.look(invoice)["methods"][0]["payments"]
    assert (payment["expected"]["state"], payment["expected"]["fee_unit"]) == ("next_blocks", "gwei")
    assert payment["expected"]["blocks_low"] == 3
    ethereum.node.mine()
    _look(shop, ethereum)
    (payment,) = shop.look(invoice)["methods"][0]["payments"]
    assert [payment["expected"][name] for name in ("state", "blocks_low", "blocks_high")] == ["confirming", 2, 3]
