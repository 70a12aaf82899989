from collections.abc import Callable
from typing import Any

import pytest

from keys.errors import InvalidExtendedKey
from keys.formats import base58
from keys.formats.base58 import ALPHABET
from keys.formats.extended import PAYLOAD_BYTES, ExtendedKey, parse
from monitor.chains import CHAINS

BITCOIN = CHAINS["bitcoin"]
ACCOUNT = (
    "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs"
)


def test_bip32_keys_are_read_exactly(bip32: dict[str, list[Any]]) -> None:
    texts = {
        *bip32["readable"],
        *(step["parent"] for step in bip32["derivations"]),
        *(step["child"] for step in bip32["derivations"]),
    }
    assert len(texts) == 17
    for text in texts:
        assert base58.encode(parse(text, BITCOIN).payload) == text


def test_bip32_vector_5_every_invalid_key_is_refused_with_its_reason(bip32: dict[str, list[Any]]) -> None:
    assert len(bip32["invalid"]) == 16
    for row in bip32["invalid"]:
        with pytest.raises(InvalidExtendedKey, match=row["reason"]) as refusal:
            parse(row["key"], BITCOIN)
        assert row["key"] not in str(refusal.value), row["bip"]


def test_every_mistyped_character_is_refused() -> None:
    """At each of the 111 places, each of the 57 other letters, and some that Base58 lacks."""
    parse(ACCOUNT, BITCOIN)
    assert len(ACCOUNT) == 111
    for place, right in enumerate(ACCOUNT):
        for letter in (*ALPHABET, *"0OIl \n\u0430"):
            if letter != right:
                with pytest.raises(InvalidExtendedKey):
                    parse(ACCOUNT[:place] + letter + ACCOUNT[place + 1 :], BITCOIN)


def test_missing_doubled_and_swapped_characters_are_refused() -> None:
    for place, letter in enumerate(ACCOUNT):
        pair = ACCOUNT[place : place + 2]
        for wrong in (letter * 2 + ACCOUNT[place + 1 :], ACCOUNT[place + 1 :], pair[::-1] + ACCOUNT[place + 2 :]):
            text = ACCOUNT[:place] + wrong
            if text != ACCOUNT:
                with pytest.raises(InvalidExtendedKey):
                    parse(text, BITCOIN)


@pytest.mark.parametrize("length", [0, 4, 77, 79, 110])
def test_a_good_checksum_does_not_excuse_a_wrong_length(length: int) -> None:
    payload = (parse(ACCOUNT, BITCOIN).payload * 2)[:length]
    with pytest.raises(InvalidExtendedKey, match=f"this has {length}"):
        parse(base58.encode(payload), BITCOIN)
    assert length != PAYLOAD_BYTES


@pytest.mark.parametrize(
    ("version", "chain", "reason"),
    [
        ("043587cf", "bitcoin", "This tpub key is of another network or address form; Bitcoin takes: xpub, ypub, zpub"),
        ("049d7cb2", "ethereum", "This ypub key is of another network or address form"),
        ("019da462", "bitcoin", "This Ltub key is of another network"),
        ("04b24746", "ethereum", "This zpub key is of another network or address form; Ethereum takes: xpub"),
        ("0488b21e", "bitcoin-regtest", r"Bitcoin \(regtest\) takes: tpub, upub, vpub"),
        ("04b2430c", "bitcoin", "This is a private key"),
        ("04358394", "bitcoin-regtest", "This is a private key"),
        ("019d9cfe", "litecoin", "This is a private key"),
        ("deadbeef", "bitcoin", "version bytes are unknown"),
    ],
)
def test_keys_of_other_networks_and_private_keys_are_named(version: str, chain: str, reason: str) -> None:
    payload = bytes.fromhex(version) + parse(ACCOUNT, BITCOIN).payload[4:]
    with pytest.raises(InvalidExtendedKey, match=reason):
        parse(base58.encode(payload), CHAINS[chain])


def test_every_version_of_every_chain_is_accepted(new_key: Callable[..., str]) -> None:
    for chain in CHAINS.values():
        for version in chain.extended_key_versions:
            key = parse(new_key(chain.derivation_path, version.hex()), chain)
            assert (key.version, key.depth) == (version, 3)


def test_a_key_does_not_print_itself() -> None:
    key = parse(ACCOUNT, BITCOIN)
    assert key.chain_code.hex() not in repr(key)
    assert repr(key.chain_code) not in f"{key!r} {key}"
    assert ExtendedKey.from_payload(key.payload) == key
