"""What is exported is read by the programs it is for: Bitcoin Core's and Litecoin Core's own wallets and scans."""

import io
import json
import secrets
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from cryptopay.devnet.drive import BitcoinNode
from cryptopay.testmode.faucets.calls import Calls
from keys.exporting import export
from keys.formats.accounts import neutral_version, path_of
from keys.importing import import_credential
from keys.issuing import issue_address
from keys.models import Address, KeyExport, MasterKey
from ledger.models import Book
from monitor.chains import CHAINS, Chain
from tests.database import past_triggers

BITCOIN, LITECOIN, ETHEREUM = CHAINS["bitcoin-regtest"], CHAINS["litecoin-regtest"], CHAINS["ethereum-dev"]
ISSUED = 4
PAID = 100_000

pytestmark = pytest.mark.django_db


def _exported(book: Book, chain: Chain) -> str:
    output = io.StringIO()
    call_command("export_descriptors", book=book.pk, chain=chain.code, stdout=output)
    return output.getvalue()


def _issue_in_every_form(book: Book, chain: Chain, new_key: Callable[..., str]) -> list[Address]:
    """Each import retires the key before; its coins must be found all the same."""
    addresses = []
    for form in chain.address_forms:
        key = new_key(path_of(chain, form), neutral_version(chain).hex())
        import_credential(book, chain, key, form, form)
        addresses += [issue_address(book.pk, chain) for _ in range(ISSUED)]
    return addresses


@pytest.mark.parametrize("chain", [BITCOIN, LITECOIN], ids=str)
def test_a_node_finds_exactly_the_coins_of_our_addresses(
    chain: Chain, new_book: Callable[[], Book], new_key: Callable[..., str], request: pytest.FixtureRequest
) -> None:
    node: BitcoinNode = request.getfixturevalue("bitcoind" if chain is BITCOIN else "litecoind")
    book = new_book()
    addresses = _issue_in_every_form(book, chain, new_key)
    node.pay([(address.text, PAID + place) for place, address in enumerate(addresses)])
    node.mine()
    exported = json.loads(_exported(book, chain))
    assert [row["range"] for row in exported] == [[0, ISSUED - 1]] * len(chain.address_forms)
    for row, form in zip(exported, chain.address_forms, strict=True):
        derived = node.rpc("deriveaddresses", row["desc"], row["range"])
        assert derived == [a.text for a in addresses if a.master_key.form == form], "in order"
    scanned = node.rpc("scantxoutset", "start", [{"desc": row["desc"], "range": row["range"]} for row in exported])
    found = {coin["scriptPubKey"]: int(Decimal(str(coin["amount"])) * 10**8) for coin in scanned["unspents"]}
    assert found == {bytes(a.destination).hex(): PAID + place for place, a in enumerate(addresses)}


def test_a_wallet_imports_the_descriptors_and_shows_the_balance(
    bitcoind: BitcoinNode, new_book: Callable[[], Book], new_key: Callable[..., str]
) -> None:
    book = new_book()
    addresses = _issue_in_every_form(book, BITCOIN, new_key)
    bitcoind.pay([(address.text, PAID) for address in addresses])
    bitcoind.mine()
    wallet = f"found-{secrets.token_hex(4)}"
    bitcoind.rpc("createwallet", wallet, True, True)
    watching = Wallet(bitcoind, wallet)
    answers = watching.rpc("importdescriptors", json.loads(_exported(book, BITCOIN)))
    assert [answer["success"] for answer in answers] == [True] * len(BITCOIN.address_forms)
    balance = watching.rpc("getbalances")["mine"]["trusted"]
    assert int(Decimal(str(balance)) * 10**8) == PAID * len(addresses)
    watching.rpc("unloadwallet")
    watching.close()


class Wallet(BitcoinNode):
    """Another wallet of the same node."""

    def __init__(self, node: BitcoinNode, name: str) -> None:
        super().__init__(node.url)
        self._calls = Calls(f"{node.url}/wallet/{name}")


def test_elsewhere_the_addresses_are_told(new_book: Callable[[], Book], new_key: Callable[..., str]) -> None:
    book = new_book()
    import_credential(book, ETHEREUM, new_key(ETHEREUM.derivation_path), "x")
    addresses = [issue_address(book.pk, ETHEREUM).text for _ in range(3)]
    assert _exported(book, ETHEREUM).split() == addresses


def test_threat_35_a_swapped_address_is_not_told_and_that_is_said(
    new_book: Callable[[], Book], new_key: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keys.exporting.CHUNK", 2)
    book = new_book()
    import_credential(book, ETHEREUM, new_key(ETHEREUM.derivation_path), "x")
    addresses = [issue_address(book.pk, ETHEREUM) for _ in range(5)]
    forged = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
    with past_triggers(), connection.cursor() as cursor:
        cursor.execute("UPDATE keys_address SET text = %s WHERE id = %s", [forged, addresses[2].pk])
    output = io.StringIO()
    with pytest.raises(CommandError, match="1 addresses do not follow"):
        call_command("export_descriptors", book=book.pk, chain=ETHEREUM.code, stdout=output)
    assert output.getvalue().split() == [a.text for a in addresses if a is not addresses[2]]


def test_every_export_is_kept_with_who_asked(new_master_key: Callable[[], MasterKey]) -> None:
    master_key = new_master_key()
    assert export(master_key, "Anna").descriptors == [], "nothing was issued"
    issue_address(master_key.book_id, BITCOIN)
    (row,) = export(master_key, "Ben").descriptors
    kept = KeyExport.objects.filter(book_id=master_key.book_id).order_by("pk")
    assert [(one.master_key_id, one.exported_by) for one in kept] == [(master_key.pk, "Anna"), (master_key.pk, "Ben")]
    assert str(row["desc"]) not in str(kept[1]), "it says that it was shown, and shows nothing"


def test_without_a_key_there_is_nothing_to_export(new_book: Callable[[], Book], settings: Any) -> None:
    with pytest.raises(CommandError, match="no key for Bitcoin"):
        _exported(new_book(), BITCOIN)


def test_a_key_that_cannot_be_opened_says_so(new_master_key: Callable[[], MasterKey], settings: Any) -> None:
    master_key = new_master_key()
    issue_address(master_key.book_id, BITCOIN)
    settings.KEYS_ENCRYPTION_KEY = bytes(range(32))
    with pytest.raises(CommandError, match="sealed_key_unreadable"):
        _exported(master_key.book, BITCOIN)
