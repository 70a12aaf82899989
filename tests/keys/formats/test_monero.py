"""Vectors: Monero's General Fund, whose primary address, view key and donation address (its subaddress 70) stand
on getmonero.org; bip_utils as a second library; the project's own wallet on a live node."""

import secrets
from pathlib import Path

import pytest
from bip_utils import Base58XmrDecoder, Base58XmrEncoder, Monero
from hypothesis import given
from hypothesis import strategies as st
from nacl import bindings as sodium

from cryptopay.devnet import monerod as starting
from cryptopay.devnet.monero import MoneroNode
from cryptopay.testmode.faucets.calls import Calls
from cryptopay.testmode.faucets.monero import MoneroFaucet
from keys.errors import DerivationExhausted, InvalidAddress, InvalidCredential
from keys.formats import monero, monero_base58
from monitor.chains import CHAINS

CHAIN = CHAINS["monero"]
PRIMARY = "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A"
VIEW_KEY = "f359631075708155cc3d92a32b75a7d02a5dcf27756707b47a2b31b21c389501"
SUBADDRESS_70 = "888tNkZrPN6JsEgekjMnABU4TBzc2Dt29EPAvkRxbANsAnjyPbb3iQ1YBRk1UXcdRsiKc9dhwMVgN5S9cQUiyoogDavup3H"
OFF_THE_SUBGROUP = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
"""A point of order 8."""


def deriver(primary: str = PRIMARY, view_key: str = VIEW_KEY) -> monero.SubaddressDeriver:
    return monero.deriver(monero.read(f"{primary}\n{view_key}", CHAIN), CHAIN)


def address_of(kind: int, spend: bytes, view: bytes) -> str:
    return monero_base58.encode(bytes([kind]) + spend + view)


def random_account() -> Monero:
    return Monero.FromSeed(secrets.token_bytes(32))


def test_the_general_funds_donation_address() -> None:
    text, destination = deriver().address(69)
    assert text == SUBADDRESS_70
    assert deriver().confirms(69, text, destination)
    assert monero.parse(text, CHAIN) == destination
    assert monero.text(destination, CHAIN) == text


def test_a_second_library_derives_the_same() -> None:
    for _ in range(5):
        account = random_account()
        derive = deriver(account.PrimaryAddress(), account.PrivateViewKey().Raw().ToHex())
        for index in (0, 1, 2**31 - 1, *(secrets.randbelow(2**31) for _ in range(9))):
            text, destination = derive.address(index)
            assert text == account.Subaddress(index + 1, 0)
            assert derive.confirms(index, text, destination)


def test_moneros_own_wallet_derives_the_same(monerod: MoneroNode, tmp_path: Path) -> None:
    running = starting.start_view_only(tmp_path / "wallets", monerod.url)
    wallet = MoneroFaucet(Calls(monerod.url), Calls(running.url))
    try:
        wallet.wallet("create_wallet", filename="shop", password="", language="English")
        primary, view_key = (
            wallet.wallet("get_address")["address"],
            wallet.wallet("query_key", key_type="view_key")["key"],
        )
        made = [wallet.wallet("create_address", account_index=0)["address"] for _ in range(20)]
        spend_key = wallet.wallet("query_key", key_type="spend_key")["key"]
    finally:
        wallet.close()
        running.stop()
    assert [deriver(primary, view_key).address(index)[0] for index in range(20)] == made
    with pytest.raises(InvalidCredential, match=r"spend key.*exposed"):
        monero.read(f"{primary}\n{spend_key}", CHAIN)


def test_confirmation_notices_a_wrong_text_destination_and_index() -> None:
    derive = deriver()
    (text, destination), (other_text, other_destination) = derive.address(0), derive.address(1)
    assert derive.confirms(0, text, destination)
    assert not derive.confirms(0, other_text, destination)
    assert not derive.confirms(0, text, other_destination)
    assert not derive.confirms(1, text, destination)
    assert not derive.confirms(0, "8" + text, destination)
    assert not derive.confirms(0, address_of(18, destination[:32], destination[32:]), destination)


@pytest.mark.parametrize("index", [-1, 2**31, 2**32])
def test_other_indexes_have_no_address(index: int) -> None:
    with pytest.raises(DerivationExhausted):
        deriver().address(index)


def test_a_credential_survives_its_record_and_shows_nothing() -> None:
    pair = monero.read(f"  {PRIMARY} {VIEW_KEY.upper()}\r\n", CHAIN)
    assert monero.restore(pair.payload, CHAIN) == pair
    assert pair.identity == monero.read(f"{PRIMARY}\n{VIEW_KEY}", CHAIN).identity
    assert (pair.form, pair.path) == ("subaddress", "account 0")
    for shown in (repr(pair), str(pair), f"{[pair]}"):
        assert VIEW_KEY not in shown
        assert pair.view_secret.hex() not in shown
        assert repr(pair.view_secret) not in shown


def test_every_mistyped_character_is_noticed() -> None:
    for place in range(len(PRIMARY)):
        letter = "2" if PRIMARY[place] == "1" else "1"
        with pytest.raises(InvalidCredential):
            monero.read(f"{PRIMARY[:place]}{letter}{PRIMARY[place + 1 :]}\n{VIEW_KEY}", CHAIN)
    for place in range(len(VIEW_KEY)):
        letter = "0" if VIEW_KEY[place] != "0" else "1"
        with pytest.raises(InvalidCredential) as caught:
            monero.read(f"{PRIMARY}\n{VIEW_KEY[:place]}{letter}{VIEW_KEY[place + 1 :]}", CHAIN)
        assert VIEW_KEY[:place] not in str(caught.value) or place == 0


ORDER = (2**252 + 27742317777372353535851937790883648493).to_bytes(32, "little").hex()
WRONG = {
    "nothing": ("", ""),
    "no view key": (PRIMARY, ""),
    "no address": ("", VIEW_KEY),
    "a subaddress": (SUBADDRESS_70, VIEW_KEY),
    "a short view key": (PRIMARY, VIEW_KEY[:-2]),
    "letters beyond hexadecimal": (PRIMARY, "g" + VIEW_KEY[1:]),
    "other digits": (PRIMARY, "٣" + VIEW_KEY[1:]),
    "another account's view key": (PRIMARY, random_account().PrivateViewKey().Raw().ToHex()),
    "zero": (PRIMARY, "0" * 64),
    "the group's order": (PRIMARY, ORDER),
    "three parts": (PRIMARY, f"{VIEW_KEY} {VIEW_KEY}"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_view_pair_is_refused_and_not_repeated(name: str) -> None:
    address, view_key = WRONG[name]
    with pytest.raises(InvalidCredential) as caught:
        monero.read(f"{address}\n{view_key}", CHAIN)
    for secret in (PRIMARY, VIEW_KEY):
        assert secret not in str(caught.value)


def test_a_seed_is_refused_as_exposed() -> None:
    with pytest.raises(InvalidCredential, match=r"seed.*exposed"):
        monero.read(" ".join(["abbey"] * 25), CHAIN)


def test_a_form_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidCredential, match="subaddress"):
        monero.read(f"{PRIMARY}\n{VIEW_KEY}", CHAIN, "p2wpkh")


def test_records_that_were_altered_are_refused() -> None:
    payload = monero.read(f"{PRIMARY}\n{VIEW_KEY}", CHAIN).payload
    for altered in (payload[:-1], payload + b"\0", bytes(32) + payload[32:], OFF_THE_SUBGROUP + payload[32:]):
        with pytest.raises(InvalidCredential):
            monero.restore(altered, CHAIN)


def test_addresses_of_other_networks_and_kinds_are_refused_by_name() -> None:
    destination = deriver().destination(0)
    spend, view = destination[:32], destination[32:]
    for kind, words in {
        53: "testnet",
        63: "testnet",
        24: "stagenet",
        36: "stagenet",
        19: "integrated",
        7: "not an",
    }.items():
        with pytest.raises(InvalidAddress, match=words):
            monero.parse(address_of(kind, spend, view), CHAIN)
    integrated = monero_base58.encode(bytes([19]) + destination + bytes(8))
    with pytest.raises(InvalidAddress, match="integrated"):
        monero.parse(integrated, CHAIN)


@pytest.mark.parametrize("bad", [bytes(32), b"\xff" * 32, OFF_THE_SUBGROUP, b"\x01" + bytes(31)])
def test_addresses_with_keys_off_the_curve_are_refused(bad: bytes) -> None:
    good = sodium.crypto_scalarmult_ed25519_base_noclamp(b"\x07" + bytes(31))
    for pair in ((bad, good), (good, bad)):
        with pytest.raises(InvalidAddress, match="curve"):
            monero.parse(address_of(42, *pair), CHAIN)


@pytest.mark.parametrize("length", [0, 32, 63, 65])
def test_only_two_keys_have_a_text(length: int) -> None:
    with pytest.raises(InvalidAddress):
        monero.text(bytes(length), CHAIN)


@given(st.binary(min_size=1, max_size=80))
def test_base58_agrees_with_another_library(payload: bytes) -> None:
    text = monero_base58.encode(payload)
    assert monero_base58.decode(text) == payload
    assert Base58XmrDecoder.Decode(text)[:-4] == payload
    assert Base58XmrEncoder.Encode(Base58XmrDecoder.Decode(text)) == text


@pytest.mark.parametrize("text", ["", "1", "0" * 11, "z" * 11, "11111111111", PRIMARY[:-1], PRIMARY + "1", "é" * 11])
def test_base58_refuses_the_rest(text: str) -> None:
    with pytest.raises(monero_base58.NotMoneroBase58):
        monero_base58.decode(text)
