"""Whole stories on Monero: the merchant gives a view key, and nothing else of theirs is ever needed."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from django.db import connection

from cryptopay.devnet import monerod as starting
from cryptopay.devnet.monero import MoneroNode
from cryptopay.testmode.faucets.calls import Calls
from cryptopay.testmode.faucets.monero import MoneroFaucet
from keys.formats import monero, monero_base58
from keys.models import MasterKey
from ledger.models import JournalEntry
from monitor.chains import CHAINS
from monitor.connectors.jsonrpc import node_at
from monitor.models import ConfirmationTier, Cursor
from tests.database import past_triggers
from tests.journeys.conftest import Coin, Shop, address_of, pay
from tests.monitor.connectors.monero_sender import base, random_scalar

pytestmark = pytest.mark.django_db(transaction=True)

CHAIN = CHAINS["monero-regtest"]
DEEP = CHAIN.confirmations_floor
SALES = "income:sales"


@pytest.fixture
def node_urls(monerod: MoneroNode) -> Iterator[dict[str, str]]:
    """This shop takes Monero and nothing else."""
    if monerod.pool():
        monerod.mine()
    yield {CHAIN.code: monerod.url}
    node_at(monerod.url).close()


@pytest.fixture
def xmr(monerod: MoneroNode, transactional_db: None) -> Coin:
    """The operator lets the fewest confirmations do that Monero allows: mining is slow."""
    ConfirmationTier.objects.create(chain_code=CHAIN.code, confirmations=DEEP)
    return Coin(CHAIN, cast(Any, monerod), 250_000_000_000, "0.25")


def give_view_key(shop: Shop, pair: monero.ViewPair, **instead: str) -> Any:
    body = {
        "chain": CHAIN.code,
        "label": "Feather",
        "primary_address": _primary(pair),
        "private_view_key": pair.view_secret.hex(),
    }
    return shop.http.post("/public-keys", json=body | instead, headers={"Idempotency-Key": secrets.token_hex(16)})


def _primary(pair: monero.ViewPair) -> str:
    return monero_base58.encode(b"\x12" + pair.spend_public_key + pair.view_public_key)


def new_pair() -> monero.ViewPair:
    return monero.ViewPair.of(base(random_scalar()), random_scalar())


def test_from_the_view_key_to_the_books_and_back_by_a_reorg(
    shop: Shop, xmr: Coin, monerod: MoneroNode, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    pair = new_pair()
    imported = give_view_key(shop, pair)
    assert imported.status_code == 201, imported.text
    derive = monero.deriver(pair, CHAIN)
    assert imported.json()["first_addresses"] == [derive.address(index)[0] for index in range(3)]

    invoice = shop.invoice(xmr, order_id="order-17")
    address = address_of(invoice)
    assert address == derive.address(0)[0]
    assert invoice["methods"][0]["uri"] == f"monero:{address}?tx_amount=0.25"
    page = shop.http.get(invoice["checkout_url"]).text
    assert f"monero:{address}?tx_amount=0.25" in page

    txid = pay(xmr, invoice)
    shop.turn()
    assert shop.stands(invoice) == ("processing", "none")
    assert shop.look(invoice)["methods"][0]["payments"][0]["txid"] == txid
    assert (shop.holds(xmr, xmr.custody).posted, shop.holds(xmr, xmr.custody).pending_in) == (0, xmr.due)
    monerod.mine(DEEP - 1)
    shop.turn()
    assert shop.stands(invoice) == ("processing", "none")
    monerod.mine()
    shop.turn()
    assert shop.stands(invoice) == ("settled", "none")
    assert shop.holds(xmr, xmr.custody).posted == shop.holds(xmr, SALES).posted == xmr.due

    raw = monerod.raw(txid)
    monerod.ask("pop_blocks", nblocks=DEEP)
    monerod.rpc("flush_txpool")
    monerod.mine(DEEP + 1)
    shop.turn()
    assert shop.stands(invoice)[0] in ("new", "processing")
    assert shop.holds(xmr, xmr.custody).posted == shop.holds(xmr, SALES).posted == 0
    assert "payment.reversed" in shop.told(invoice)
    assert JournalEntry.objects.filter(kind=JournalEntry.Kind.REVERSE).count() == 2

    monerod.resend(raw)
    monerod.mine(DEEP)
    shop.turn()
    assert shop.stands(invoice) == ("settled", "none")
    assert shop.holds(xmr, xmr.custody).posted == xmr.due

    assert _moneros_own_balance(pair, monerod, tmp_path) - shop.holds(xmr, xmr.custody).posted == 0
    view_key = pair.view_secret.hex()
    for text in (imported.text, page, caplog.text, str(shop.look(invoice)), shop.http.get("/public-keys").text):
        assert view_key not in text


def _moneros_own_balance(pair: monero.ViewPair, node: MoneroNode, folder: Path) -> int:
    """By a wallet of the project's own that has the same view key."""
    running = starting.start_view_only(folder / "wallets", node.url)
    wallet = MoneroFaucet(Calls(node.url), Calls(running.url))
    try:
        wallet.wallet(
            "generate_from_keys", restore_height=node.height() - 3 * DEEP, filename="view", password="",
            address=_primary(pair), viewkey=pair.view_secret.hex(),
        )  # fmt: skip
        wallet.wallet("refresh")
        return int(wallet.wallet("get_balance", account_index=0)["balance"])
    finally:
        wallet.close()
        running.stop()


def test_bad_view_keys_are_refused_with_a_code_and_not_repeated(shop: Shop) -> None:
    pair, other = new_pair(), new_pair()
    wrong = {
        "private_view_key": [other.view_secret.hex(), pair.view_secret.hex()[:-1], "f" * 64],
        "primary_address": ["4" * 95, monero.deriver(pair, CHAIN).address(0)[0]],
    }
    for name, texts in wrong.items():
        for text in texts:
            answer = give_view_key(shop, pair, **{name: text})
            assert (answer.status_code, answer.json()["code"]) == (400, "credential_invalid"), answer.text
            assert pair.view_secret.hex() not in answer.text
            assert text not in answer.text
    assert not MasterKey.objects.filter(chain=CHAIN.code).exists()


def test_a_view_key_that_was_altered_stops_the_chain_until_it_is_put_back(
    shop: Shop, xmr: Coin, monerod: MoneroNode
) -> None:
    """Without it payments would be missed; nothing is, once the row is restored."""
    give_view_key(shop, new_pair())
    invoice = shop.invoice(xmr)
    pay(xmr, invoice)
    row = MasterKey.objects.get(chain=CHAIN.code)
    _overwrite(row, bytes(row.sealed_key)[:-1] + bytes([bytes(row.sealed_key)[-1] ^ 1]))
    monerod.mine()
    shop.turn()
    cursor = Cursor.objects.get(chain_code=CHAIN.code)
    assert (cursor.failure_code, cursor.halted_at) == ("view_keys_unreadable", None)
    assert shop.stands(invoice) == ("new", "none")
    _overwrite(row, bytes(row.sealed_key))
    shop.turn()
    assert shop.stands(invoice) == ("processing", "none")
    assert shop.holds(xmr, xmr.custody).pending_in == xmr.due


def _overwrite(row: MasterKey, sealed: bytes) -> None:
    """As one who runs SQL of their own past the triggers."""
    with past_triggers(), connection.cursor() as sql:
        sql.execute("UPDATE keys_masterkey SET sealed_key = %s WHERE id = %s", [sealed, row.pk])
