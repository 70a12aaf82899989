"""A merchant changes wallets, each of another address form. Every invoice is paid, and the coins of all of them are
found by another program in the end."""

import io
import json
import secrets
from typing import Any

import pytest
from bip_utils import Bip32KeyNetVersions, Bip32Slip10Secp256k1
from django.core.management import call_command

from cryptopay.devnet.drive import BitcoinNode
from keys.formats.accounts import neutral_version, path_of
from tests.journeys.conftest import Coin, Shop, address_of, pay

pytestmark = pytest.mark.django_db(transaction=True)


def _import(shop: Shop, coin: Coin, form: str) -> None:
    versions = Bip32KeyNetVersions(neutral_version(coin.chain), bytes.fromhex("04358394"))
    account = Bip32Slip10Secp256k1.FromSeed(secrets.token_bytes(32), versions).DerivePath(path_of(coin.chain, form))
    asked = {
        "chain": coin.chain.code,
        "extended_public_key": account.PublicKey().ToExtended(),
        "address_form": form,
        "label": form,
    }
    answer = shop.http.post("/public-keys", json=asked, headers={"Idempotency-Key": secrets.token_hex(16)})
    assert answer.status_code == 201, answer.text
    assert answer.json()["address_form"] == form


def _exported(shop: Shop, coin: Coin) -> list[dict[str, Any]]:
    output = io.StringIO()
    call_command("export_descriptors", book=shop.merchant.test_book_id, chain=coin.chain.code, stdout=output)
    return [{"desc": row["desc"], "range": row["range"]} for row in json.loads(output.getvalue())]


@pytest.mark.parametrize("coin", ["bitcoin", "litecoin"], indirect=True)
def test_invoices_in_every_form_settle_and_another_program_finds_the_coins(shop: Shop, coin: Coin) -> None:
    invoices = {}
    for form in coin.chain.address_forms:
        _import(shop, coin, form)
        invoices[form] = shop.invoice(coin)
        pay(coin, invoices[form])
    coin.bury()
    shop.turn()
    for form, invoice in invoices.items():
        assert shop.stands(invoice) == ("settled", "none"), form
        assert coin.on_chain(address_of(invoice)) == coin.due, form
    received = len(invoices) * coin.due
    assert shop.holds(coin, coin.custody).posted == received
    assert isinstance(coin.node, BitcoinNode)
    found = coin.node.rpc("scantxoutset", "start", _exported(shop, coin))
    assert int(found["total_amount"] * 10**8) == received
