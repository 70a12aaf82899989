from collections.abc import Callable

import pytest

from keys.errors import InvalidExtendedKey
from keys.formats import accounts, base58
from keys.formats.accounts import PURPOSES, path_of
from monitor.chains import CHAINS, Chain

BITCOIN, LITECOIN = CHAINS["bitcoin"], CHAINS["litecoin"]
XPUB, YPUB, ZPUB, LTUB, MTUB = "0488b21e", "049d7cb2", "04b24746", "019da462", "01b26ef6"
DERIVED = [chain for chain in CHAINS.values() if chain.extended_key_versions]


@pytest.mark.parametrize(
    ("chain", "version", "asked", "form"),
    [
        ("bitcoin", XPUB, "", "p2wpkh"),
        ("bitcoin", XPUB, "p2tr", "p2tr"),
        ("bitcoin", XPUB, "p2pkh", "p2pkh"),
        ("bitcoin", XPUB, "p2sh-p2wpkh", "p2sh-p2wpkh"),
        ("bitcoin", YPUB, "", "p2sh-p2wpkh"),
        ("bitcoin", YPUB, "p2sh-p2wpkh", "p2sh-p2wpkh"),
        ("bitcoin", ZPUB, "", "p2wpkh"),
        ("litecoin", LTUB, "", "p2wpkh"),
        ("litecoin", MTUB, "", "p2sh-p2wpkh"),
        ("dogecoin", "02facafd", "", "p2pkh"),
        ("dash", "02fe52cc", "", "p2pkh"),
        ("bitcoincash", XPUB, "", "p2pkh"),
        ("ethereum", XPUB, "", "eip55"),
    ],
)
def test_the_version_or_the_person_or_the_chain_says_the_form(
    chain: str, version: str, asked: str, form: str, new_key: Callable[..., str]
) -> None:
    row = CHAINS[chain]
    account = accounts.read(new_key(path_of(row, form), version), row, asked)
    assert (account.form, account.path) == (form, path_of(row, form))


@pytest.mark.parametrize(
    ("version", "form", "reason"),
    [
        (ZPUB, "p2tr", "This zpub key is for p2wpkh addresses, and not for p2tr"),
        (YPUB, "p2pkh", "This ypub key is for p2sh-p2wpkh addresses"),
        (XPUB, "p2wsh", "Bitcoin has no addresses of the form p2wsh: p2wpkh, p2tr"),
        (XPUB, "eip55", "Bitcoin has no addresses of the form eip55"),
    ],
)
def test_a_form_that_does_not_fit_is_refused(version: str, form: str, reason: str, new_key: Callable[..., str]) -> None:
    with pytest.raises(InvalidExtendedKey, match=reason):
        accounts.read(new_key("m/84'/0'/0'", version), BITCOIN, form)


@pytest.mark.parametrize("chain", DERIVED, ids=str)
def test_an_account_is_restored_as_it_was(chain: Chain, new_key: Callable[..., str]) -> None:
    neutral = accounts.neutral_version(chain).hex()
    for form in chain.address_forms:
        account = accounts.read(new_key(path_of(chain, form), neutral), chain, form)
        assert accounts.restore(account.payload, chain) == account
        assert base58.encode(account.payload) not in repr(account)


def test_a_form_the_chain_does_not_have_is_not_restored(new_key: Callable[..., str]) -> None:
    account = accounts.read(new_key("m/86'/0'/0'", XPUB), BITCOIN, "p2tr")
    for payload, chain in (
        (account.payload, LITECOIN),
        (account.payload[:78], BITCOIN),
        (account.payload[:-1], BITCOIN),
    ):
        with pytest.raises(InvalidExtendedKey, match="has no addresses of the form"):
            accounts.restore(payload, chain)


def test_one_account_has_one_identity_in_every_writing_and_form(new_key: Callable[..., str]) -> None:
    text = new_key("m/84'/0'/0'", XPUB)
    as_zpub = base58.encode(bytes.fromhex(ZPUB) + base58.decode(text)[4:])
    read = [accounts.read(text, BITCOIN, form) for form in BITCOIN.address_forms] + [accounts.read(as_zpub, BITCOIN)]
    assert len({account.identity for account in read}) == 1
    assert accounts.read(new_key("m/84'/0'/0'", XPUB), BITCOIN).identity != read[0].identity


def test_every_form_of_every_chain_has_a_purpose() -> None:
    assert {form for chain in DERIVED for form in chain.address_forms} == set(PURPOSES)
    for chain in DERIVED:
        assert path_of(chain, chain.address_forms[0]) == chain.derivation_path, "the usual form is at the usual path"
