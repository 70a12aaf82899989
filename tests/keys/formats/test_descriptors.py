"""Vectors: BIP380, "Test Vectors"; descriptors themselves are read by real nodes in `test_exporting`."""

from collections.abc import Callable

import pytest

from keys.formats import accounts, base58
from keys.formats.descriptors import checksum, descriptor
from monitor.chains import CHAINS

BITCOIN = CHAINS["bitcoin"]


def test_bip380_vector() -> None:
    assert checksum("raw(deadbeef)") == "89f8spxm"
    assert checksum("raw(deedbeef)") != "89f8spxm"


@pytest.mark.parametrize(
    ("body", "known"),
    [
        # Bitcoin Core, doc/descriptors.md: one of each remainder of the length by three
        ("pk(0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798)", "gn28ywm7"),
        ("pkh(02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5)", "8fhd9pwu"),
        ("wpkh(02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9)", "8zl0zxma"),
    ],
)
def test_checksums_of_bitcoin_core(body: str, known: str) -> None:
    assert checksum(body) == known


def test_a_character_that_descriptors_do_not_have() -> None:
    with pytest.raises(ValueError, match="not found"):
        checksum("raw(Ü)")


@pytest.mark.parametrize(
    ("form", "begins", "ends"),
    [
        ("p2pkh", "pkh(xpub", "/0/*)"),
        ("p2sh-p2wpkh", "sh(wpkh(xpub", "/0/*))"),
        ("p2wpkh", "wpkh(xpub", "/0/*)"),
        ("p2tr", "tr(xpub", "/0/*)"),
    ],
)
def test_each_form_has_its_descriptor(form: str, begins: str, ends: str, new_key: Callable[..., str]) -> None:
    text = new_key("m/84'/0'/0'", "0488b21e")
    body, _, check = descriptor(accounts.read(text, BITCOIN, form), BITCOIN).partition("#")
    assert body.startswith(begins)
    assert body.endswith(ends)
    assert text in body
    assert check == checksum(body)


def test_programs_read_xpubs_alone_so_a_zpub_is_rewritten(new_key: Callable[..., str]) -> None:
    text = new_key("m/84'/0'/0'", "04b24746")
    as_xpub = base58.encode(bytes.fromhex("0488b21e") + base58.decode(text)[4:])
    assert f"wpkh({as_xpub}/0/*)" in descriptor(accounts.read(text, BITCOIN), BITCOIN)
