"""The ugly cases at a call: an integrator with a test key and a webhook endpoint, and nothing else, on real nodes."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from pytest_django import Settings

from cryptopay.devnet import drive, nodes
from cryptopay.devnet.drive import BitcoinNode
from cryptopay.devnet.monero import MoneroNode
from cryptopay.devnet.nodeos import OwnNodeos
from keys.importing import import_credential
from monitor.chains import CHAINS
from monitor.connectors.jsonrpc import node_at
from monitor.models import ConfirmationTier
from tests.journeys.conftest import DEEP, Coin, Shop
from tests.journeys.test_monero import give_view_key, new_pair

pytestmark = pytest.mark.django_db(transaction=True)

SETTLED = ["payment.confirmed", "invoice.settled"]
DETECTED = ["payment.detected", "invoice.processing"]


@pytest.fixture
def node_urls(coin: Coin) -> Iterator[dict[str, str]]:
    """A shop on one chain."""
    if isinstance(coin.node, MoneroNode) and coin.node.pool():
        coin.node.mine()
    yield {coin.chain.code: coin.node.url}
    node_at(coin.node.url).close()


@pytest.fixture
def monero_coin(monerod_to_play_with: MoneroNode, transactional_db: None) -> Coin:
    """With the fewest confirmations that Monero allows: mining is slow."""
    chain = CHAINS["monero-regtest"]
    ConfirmationTier.objects.create(chain_code=chain.code, confirmations=chain.confirmations_floor)
    return Coin(chain, cast(Any, monerod_to_play_with), 250_000_000_000, "0.25")


@pytest.fixture
def eos_coin(nodeos: OwnNodeos) -> Coin:
    return Coin(CHAINS["eos-dev"], cast(Any, nodeos), 12_3456, "12.3456")


takes_back = pytest.mark.parametrize("coin", ["bitcoin", "ethereum"], indirect=True)
every_chain = pytest.mark.parametrize(
    "coin", ["bitcoin", "litecoin", "bitcoin_cash", "ethereum", "monero_coin", "eos_coin"], indirect=True
)


def act(shop: Shop, path: str, status: int = 201, **body: Any) -> dict[str, Any]:
    """What is asked of test mode, and what the shop then hears."""
    answer = shop.http.post(f"/test/{path}", json=body, headers={"Idempotency-Key": secrets.token_hex(16)})
    assert answer.status_code == status, answer.text
    shop.turn()
    done: dict[str, Any] = answer.json()
    return done


def news(shop: Shop, invoice: dict[str, Any]) -> list[str]:
    """What was told of the invoice since it was asked last."""
    told = shop.told(invoice)
    known: dict[str, int] = shop.__dict__.setdefault("known", {})
    seen, known[invoice["id"]] = known.get(invoice["id"], 0), len(told)
    return told[seen:]


def opened(shop: Shop, coin: Coin) -> dict[str, Any]:
    """An invoice whose opening was told."""
    invoice = shop.invoice(coin)
    shop.turn()
    assert news(shop, invoice) == ["invoice.created"]
    return invoice


def give_key(shop: Shop, coin: Coin) -> None:
    """Where addresses do not derive from the key that every merchant of the tests has."""
    if coin.chain.family == "monero":
        assert give_view_key(shop, new_pair()).status_code == 201
    elif coin.chain.family == "antelope":
        import_credential(shop.merchant.test_book, coin.chain, cast(Any, coin.node).new_account(), "Alice")


@every_chain
def test_paid_and_mined_on_every_chain(shop: Shop, coin: Coin) -> None:
    give_key(shop, coin)
    invoice = opened(shop, coin)
    paid = act(shop, f"invoices/{invoice['id']}/pay")
    assert paid["amount"]["base_units"] == str(coin.due)
    assert paid["chain"] == coin.chain.code
    assert paid["expect"]["events"][0] in news(shop, invoice)
    (payment,) = shop.look(invoice)["methods"][0]["payments"]
    assert payment["txid"] == paid["txid"]
    mined = act(shop, "blocks", chain=coin.chain.code, blocks=DEEP)
    assert len(mined["blocks"]) >= DEEP  # nodeos makes some more on a busy machine
    assert mined["height"] <= coin.node.height()
    assert shop.stands(invoice) == ("settled", "none")
    assert shop.holds(coin, coin.custody).posted == coin.due


@takes_back
def test_underpaid_then_topped_up(shop: Shop, coin: Coin) -> None:
    invoice = opened(shop, coin)
    half = act(shop, f"invoices/{invoice['id']}/pay", share="0.5")
    assert int(half["amount"]["base_units"]) == coin.due // 2
    assert news(shop, invoice) == ["payment.detected"]
    assert shop.stands(invoice) == ("new", "paid_partial")
    rest = act(shop, f"invoices/{invoice['id']}/pay", blocks=DEEP)
    assert int(rest["amount"]["base_units"]) == coin.due - coin.due // 2
    assert len(rest["blocks"]) == DEEP
    assert shop.stands(invoice) == ("settled", "none")
    assert news(shop, invoice)[-1] == "invoice.settled"
    nothing = act(shop, f"invoices/{invoice['id']}/pay", 409)
    assert nothing["code"] == "nothing_due"


@takes_back
def test_overpaid(shop: Shop, coin: Coin) -> None:
    invoice = shop.invoice(coin)
    act(shop, f"invoices/{invoice['id']}/pay", share="1.5", blocks=DEEP)
    assert shop.stands(invoice) == ("settled", "paid_over")


@pytest.mark.parametrize("coin", ["bitcoin"], indirect=True)
def test_paid_late(shop: Shop, coin: Coin) -> None:
    invoice = shop.invoice(coin)
    shop.pass_deadline(invoice)
    assert shop.stands(invoice) == ("expired", "none")
    act(shop, f"invoices/{invoice['id']}/pay")
    act(shop, "blocks", chain=coin.chain.code, blocks=DEEP)
    assert shop.stands(invoice) == ("expired", "paid_late")


@takes_back
def test_double_spent_after_it_was_detected_then_paid_again(shop: Shop, coin: Coin) -> None:
    invoice = opened(shop, coin)
    paid = act(shop, f"invoices/{invoice['id']}/pay")
    assert news(shop, invoice) == DETECTED
    taken = act(shop, f"invoices/{invoice['id']}/double-spend", blocks=DEEP)
    assert taken["txid"] == paid["txid"] != taken["replaced_by"]
    assert news(shop, invoice) == taken["expect"]["events"] == ["payment.dropped", "invoice.reopened"]
    assert shop.stands(invoice) == ("new", "none")
    assert act(shop, f"invoices/{invoice['id']}/double-spend", 409)["code"] == "nothing_to_double_spend"
    act(shop, f"invoices/{invoice['id']}/pay", blocks=DEEP)
    assert shop.stands(invoice) == ("settled", "none")


@takes_back
def test_reorganised_after_it_was_settled_then_paid_again(shop: Shop, coin: Coin) -> None:
    invoice = shop.invoice(coin)
    paid = act(shop, f"invoices/{invoice['id']}/pay", blocks=DEEP)
    assert shop.stands(invoice) == ("settled", "none")
    news(shop, invoice)
    turned = act(shop, "reorg", chain=coin.chain.code, depth=DEEP)
    assert paid["txid"] in turned["dropped"]
    assert turned["kept"] == turned["waiting"] == []
    assert turned["height"] == coin.node.height()
    assert "payment.reversed" in news(shop, invoice)
    assert shop.stands(invoice)[0] != "settled"
    act(shop, "blocks", chain=coin.chain.code)
    assert shop.holds(coin, coin.custody).posted == 0
    act(shop, f"invoices/{invoice['id']}/pay", blocks=DEEP)
    assert shop.stands(invoice) == ("settled", "none")
    assert news(shop, invoice)[-1] == "invoice.settled"
    assert shop.holds(coin, coin.custody).posted == coin.due


@takes_back
@pytest.mark.parametrize("fate", ["keep", "wait"])
def test_reorganised_and_the_payment_comes_again(shop: Shop, coin: Coin, fate: str) -> None:
    invoice = shop.invoice(coin)
    paid = act(shop, f"invoices/{invoice['id']}/pay", blocks=DEEP)
    news(shop, invoice)
    turned = act(shop, "reorg", chain=coin.chain.code, depth=DEEP, payments=fate)
    assert paid["txid"] in turned["kept" if fate == "keep" else "waiting"]
    assert paid["txid"] not in turned["dropped"]
    assert "payment.reversed" in news(shop, invoice)
    act(shop, "blocks", chain=coin.chain.code, blocks=DEEP)
    assert shop.stands(invoice) == ("settled", "none")
    assert {payment["txid"] for payment in shop.look(invoice)["methods"][0]["payments"]} == {paid["txid"]}


@pytest.mark.parametrize("coin", ["monero_coin"], indirect=True)
def test_monero_is_double_spent_and_reorganised(shop: Shop, coin: Coin) -> None:
    give_key(shop, coin)
    invoice = shop.invoice(coin)
    paid = act(shop, f"invoices/{invoice['id']}/pay")
    taken = act(shop, f"invoices/{invoice['id']}/double-spend", blocks=2)
    assert taken["txid"] == paid["txid"]
    assert "payment.dropped" in shop.told(invoice)
    again = act(shop, f"invoices/{invoice['id']}/pay", blocks=10)
    assert shop.stands(invoice) == ("settled", "none")
    turned = act(shop, "reorg", chain=coin.chain.code, depth=10)
    assert again["txid"] in turned["dropped"]
    assert "payment.reversed" in shop.told(invoice)


@pytest.mark.parametrize("coin", ["eos_coin"], indirect=True)
def test_what_a_chain_cannot_do_is_said(shop: Shop, coin: Coin) -> None:
    give_key(shop, coin)
    invoice = shop.invoice(coin)
    act(shop, f"invoices/{invoice['id']}/pay")
    for path, body in ((f"invoices/{invoice['id']}/double-spend", {}), ("reorg", {"chain": "eos-dev", "depth": 2})):
        assert act(shop, path, 422, **body)["code"] == "test_action_unavailable"
    assert (
        act(shop, f"invoices/{invoice['id']}/pay", 422, amount="1", fee_rate="5")["code"] == "test_action_unavailable"
    )


@pytest.mark.parametrize("coin", ["dollar"], indirect=True)
def test_tokens_and_users_addresses_are_paid(shop: Shop, coin: Coin) -> None:
    invoice = shop.invoice(coin)
    act(shop, f"invoices/{invoice['id']}/pay", blocks=DEEP)
    assert shop.stands(invoice) == ("settled", "none")
    body = {"chain": coin.chain.code, "user": "user-9"}
    address = shop.http.post("/addresses", json=body, headers={"Idempotency-Key": "user-9"}).json()
    act(shop, f"addresses/{address['id']}/pay", amount="3.5", asset=coin.code)
    act(shop, f"addresses/{address['id']}/pay", amount="0.25", blocks=DEEP)
    assert shop.told(address).count("chain.confirmed") == 2
    assert shop.holds(coin, "liabilities:customers:user-9").posted == 3_500_000
    assert act(shop, f"addresses/{address['id']}/pay", 409)["code"] == "nothing_due"
    assert act(shop, f"addresses/{address['id']}/pay", 422, amount="1", asset="EURX")["code"] == "test_method_missing"


@pytest.mark.parametrize("coin", ["bitcoin"], indirect=True)
def test_fees_are_bid_and_a_nodes_refusal_is_told(shop: Shop, coin: Coin, bitcoind: BitcoinNode) -> None:
    invoice = opened(shop, coin)
    low = act(shop, f"invoices/{invoice['id']}/pay", share="0.5", fee_rate="1.5")
    entry = bitcoind.rpc("getmempoolentry", low["txid"])
    assert 1.4 <= float(entry["fees"]["base"]) * 10**8 / entry["vsize"] <= 1.6
    refused = act(shop, f"invoices/{invoice['id']}/pay", 409, amount="20000000")
    assert refused["code"] == "faucet_refused"
    assert "nsufficient" in refused["detail"]
    assert news(shop, invoice) == ["payment.detected"]
    act(shop, "blocks", chain=coin.chain.code, blocks=DEEP)


@pytest.mark.parametrize("coin", ["bitcoin"], indirect=True)
def test_the_same_request_again_pays_once(shop: Shop, coin: Coin, bitcoind: BitcoinNode) -> None:
    invoice = shop.invoice(coin)
    path, headers = f"/test/invoices/{invoice['id']}/pay", {"Idempotency-Key": "once"}
    answers = [shop.http.post(path, json={"share": "0.25"}, headers=headers) for _ in range(3)]
    assert len({answer.text for answer in answers}) == 1
    shop.turn()
    assert len(shop.look(invoice)["methods"][0]["payments"]) == 1
    act(shop, "blocks", chain=coin.chain.code, blocks=DEEP)


@pytest.mark.parametrize("coin", ["bitcoin"], indirect=True)
def test_another_chains_node_is_never_commanded(
    shop: Shop, coin: Coin, bitcoind: BitcoinNode, settings: Settings, tmp_path: Path
) -> None:
    """A faucet that is misplaced, one that says it is Ethereum's mainnet, and one that does not answer."""
    invoice = shop.invoice(coin)
    mainnet = nodes.start_anvil(tmp_path / "mainnet", chain_id=1)
    height = bitcoind.height()
    try:
        misplaced = {"litecoin-regtest": settings.FAUCET_URLS["bitcoin-regtest"], "ethereum-dev": mainnet.url}
        settings.FAUCET_URLS = {**misplaced, "bitcoin-regtest": "http://127.0.0.1:1"}
        settings.NODE_URLS = {**settings.NODE_URLS, **misplaced}
        for code in misplaced:
            assert act(shop, "blocks", 503, chain=code)["code"] == "not_a_development_chain"
            assert act(shop, "reorg", 503, chain=code, depth=1)["code"] == "not_a_development_chain"
        for path, body in ((f"invoices/{invoice['id']}/pay", {}), ("blocks", {"chain": "bitcoin-regtest"})):
            assert act(shop, path, 503, **body)["code"] == "faucet_unavailable"
        assert drive.EthereumNode(mainnet.url).height() == 0
    finally:
        mainnet.stop(patience_seconds=5)
    assert bitcoind.height() == height
    assert bitcoind.rpc("getrawmempool") == []
