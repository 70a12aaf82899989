import hashlib
import secrets
from collections.abc import Callable
from typing import Any

import pytest
from bip_utils import (
    BchP2PKHAddrEncoder,
    Bip32Slip10Secp256k1,
    EthAddrEncoder,
    P2PKHAddrEncoder,
    P2SHAddrEncoder,
    P2TRAddrEncoder,
    P2WPKHAddrEncoder,
)
from coincurve import PrivateKey

from keys.derivation import deriver
from keys.errors import DerivationExhausted, NoChildKey
from keys.formats.accounts import neutral_version, path_of
from keys.formats.bip32 import Parent
from keys.formats.extended import ExtendedKey, parse
from keys.importing import read
from monitor.chains import CHAINS, Chain

BITCOIN, ETHEREUM = CHAINS["bitcoin"], CHAINS["ethereum"]
BIP84_ACCOUNT = (
    "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs"
)
SLIP132_XPUB = (
    "xpub6BosfCnifzxcFwrSzQiqu2DBVTshkCXacvNsWGYJVVhhawA7d4R5WSWGFNbi8Aw6ZRc1brxMyWMzG3DSSSSoekkudhUd9yLb6qx39T9nMdj"
)
SLIP132_YPUB = (
    "ypub6Ww3ibxVfGzLrAH1PNcjyAWenMTbbAosGNB6VvmSEgytSER9azLDWCxoJwW7Ke7icmizBMXrzBx9979FfaHxHcrArf3zbeJJJUZPf663zsP"
)
BIP49_ACCOUNT = (
    "upub5EFU65HtV5TeiSHmZZm7FUffBGy8UKeqp7vw43jYbvZPpoVsgU93oac7Wk3u6moKegAEWtGNF8DehrnHtv21XXEMYRUocHqguyjknFHYfgY"
)
BIP86_ACCOUNT = (
    "xpub6BgBgsespWvERF3LHQu6CnqdvfEvtMcQjYrcRzx53QJjSxarj2afYWcLteoGVky7D3UKDP9QyrLprQ3VCECoY49yfdDEHGCtMMj92pReUsQ"
)
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def test_bip32_vectors_public_derivations(bip32: dict[str, list[Any]]) -> None:
    assert len(bip32["derivations"]) == 6
    for step in bip32["derivations"]:
        parent = Parent(parse(step["parent"], BITCOIN))
        assert parent.child(step["index"]) == parse(step["child"], BITCOIN), step["path"]
        assert parent.point_again(step["index"]) == parent.point(step["index"])


@pytest.mark.parametrize(
    ("chain", "account", "form", "first"),
    [
        # SLIP-132, "Bitcoin Test Vectors": BIP44, BIP49, BIP84 of the words "abandon ... about"
        ("bitcoin", SLIP132_XPUB, "p2pkh", ["1LqBGSKuX5yYUonjxT5qGfpUsXKYYWeabA"]),
        ("bitcoin", SLIP132_YPUB, "", ["37VucYSaXLCAsxYyAPfbSi9eh4iEcbShgf"]),
        # BIP49, "Test vectors"
        ("bitcoin-regtest", BIP49_ACCOUNT, "p2sh-p2wpkh", ["2Mww8dCYPUpKHofjgcXcBCEGmniw9CoaiD2"]),
        # BIP84, "Test vectors"
        (
            "bitcoin",
            BIP84_ACCOUNT,
            "",
            ["bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu", "bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g"],
        ),
        # BIP86, "Test vectors"
        (
            "bitcoin",
            BIP86_ACCOUNT,
            "p2tr",
            [
                "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr",
                "bc1p4qhjn9zdvkux4e44uhx8tc55attvtyu358kutcqkudyccelu0was9fqzwh",
            ],
        ),
    ],
    ids=["BIP44", "SLIP-132 ypub", "BIP49", "BIP84", "BIP86"],
)
def test_the_standards_own_vectors(chain: str, account: str, form: str, first: list[str]) -> None:
    derive = deriver(read(CHAINS[chain], account, form), CHAINS[chain])
    assert [derive.address(index)[0] for index in range(len(first))] == first


FORMS = [(chain, form) for chain in CHAINS.values() if chain.extended_key_versions for form in chain.address_forms]
KEYS = 10_000
ACCOUNTS = 10


def _second_opinion(key: Any, chain: Chain, form: str) -> str:
    match form:
        case "eip55":
            return str(EthAddrEncoder.EncodeKey(key))
        case "p2pkh" if chain.cashaddr_prefix:
            return str(BchP2PKHAddrEncoder.EncodeKey(key, hrp=chain.cashaddr_prefix, net_ver=b"\0"))
        case "p2pkh":
            return str(P2PKHAddrEncoder.EncodeKey(key, net_ver=chain.p2pkh_version))
        case "p2sh-p2wpkh":
            return str(P2SHAddrEncoder.EncodeKey(key, net_ver=chain.p2sh_version))
        case "p2tr":
            return str(P2TRAddrEncoder.EncodeKey(key, hrp=chain.bech32_hrp))
    return str(P2WPKHAddrEncoder.EncodeKey(key, hrp=chain.bech32_hrp))


@pytest.mark.parametrize(("chain", "form"), FORMS, ids=str)
def test_a_second_library_derives_the_same(
    chain: Chain, form: str, new_account: Callable[..., Bip32Slip10Secp256k1]
) -> None:
    """10,000 random keys over all chains and forms, and the two ends of the range of indexes."""
    each = -(-KEYS // (len(FORMS) * ACCOUNTS))
    for _ in range(ACCOUNTS):
        account = new_account(path_of(chain, form), neutral_version(chain).hex())
        account.ConvertToPublic()
        derive = deriver(read(chain, account.PublicKey().ToExtended(), form), chain)
        external = account.ChildKey(0)
        for index in (0, 1, 2**31 - 1, *(secrets.randbelow(2**31) for _ in range(each - 3))):
            text, destination = derive.address(index)
            assert text == _second_opinion(external.ChildKey(index).PublicKey().KeyObject(), chain, form)
            assert derive.confirms(index, text, destination)


def test_confirmation_notices_a_wrong_text_destination_and_index(new_key: Callable[..., str]) -> None:
    derive = deriver(read(BITCOIN, new_key("m/84'/0'/0'", "0488b21e")), BITCOIN)
    (text, destination), (other_text, other_destination) = derive.address(0), derive.address(1)
    assert derive.confirms(0, text, destination)
    assert not derive.confirms(0, other_text, destination)
    assert not derive.confirms(0, text, other_destination)
    assert not derive.confirms(1, text, destination)


@pytest.mark.parametrize("index", [-1, 2**31, 2**32])
def test_hardened_indexes_need_a_private_key(index: int, new_key: Callable[..., str]) -> None:
    parent = Parent(parse(new_key("m/84'/0'/0'", "0488b21e"), BITCOIN))
    with pytest.raises(DerivationExhausted):
        parent.point(index)


def test_the_tree_ends_at_depth_255() -> None:
    key = ExtendedKey(b"\x04\x88\xb2\x1e", 255, b"abcd", 0, bytes(32), PrivateKey(b"\x01" * 32).public_key.format())
    with pytest.raises(DerivationExhausted):
        Parent(key).child(0)


@pytest.mark.parametrize("tweak", [CURVE_ORDER, 2**256 - 1, "minus the parent"])
def test_an_index_without_a_key_says_so(tweak: int | str, monkeypatch: pytest.MonkeyPatch) -> None:
    """BIP32: invalid where IL >= n or the sum is at infinity. No such input is known: the hash is replaced."""
    secret = int.from_bytes(hashlib.sha256(b"parent").digest(), "big") % CURVE_ORDER
    public = PrivateKey.from_int(secret).public_key.format()
    parent = Parent(ExtendedKey(b"\x04\x88\xb2\x1e", 3, b"abcd", 0, bytes(32), public))
    left = CURVE_ORDER - secret if isinstance(tweak, str) else tweak
    monkeypatch.setattr(parent, "_hmac", lambda index: left.to_bytes(32, "big") + bytes(32))
    with pytest.raises(NoChildKey):
        parent.point(7)
