import hashlib
import secrets
from collections.abc import Callable
from typing import Any

import pytest
from bip_utils import Bip32Slip10Secp256k1, EthAddrEncoder, P2WPKHAddrEncoder
from coincurve import PrivateKey

from keys.derivation import deriver
from keys.errors import DerivationExhausted, NoChildKey
from keys.formats.bip32 import Parent
from keys.formats.extended import ExtendedKey, parse
from keys.importing import read
from monitor.chains import CHAINS, Chain

BITCOIN, ETHEREUM = CHAINS["bitcoin"], CHAINS["ethereum"]
BIP84_ACCOUNT = (
    "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs"
)
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def test_bip32_vectors_public_derivations(bip32: dict[str, list[Any]]) -> None:
    assert len(bip32["derivations"]) == 6
    for step in bip32["derivations"]:
        parent = Parent(parse(step["parent"], BITCOIN))
        assert parent.child(step["index"]) == parse(step["child"], BITCOIN), step["path"]
        assert parent.point_again(step["index"]) == parent.point(step["index"])


def test_bip84_vectors() -> None:
    derive = deriver(read(BITCOIN, BIP84_ACCOUNT), BITCOIN)
    assert derive.address(0)[0] == "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"
    assert derive.address(1)[0] == "bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g"


def _second_opinion(external: Bip32Slip10Secp256k1, index: int, chain: Chain) -> str:
    key = external.ChildKey(index).PublicKey()
    if chain.family == "evm":
        return EthAddrEncoder.EncodeKey(key.KeyObject())
    return P2WPKHAddrEncoder.EncodeKey(key.KeyObject(), hrp=chain.bech32_hrp)


@pytest.mark.parametrize("chain", [chain for chain in CHAINS.values() if chain.extended_key_versions], ids=str)
def test_a_second_library_derives_the_same(chain: Chain, new_account: Callable[..., Bip32Slip10Secp256k1]) -> None:
    """3,000 random keys over all chains, and the two ends of the range of indexes."""
    version = next(iter(chain.extended_key_versions)).hex()
    for _ in range(5):
        account = new_account(chain.derivation_path, version)
        account.ConvertToPublic()
        derive = deriver(read(chain, account.PublicKey().ToExtended()), chain)
        external = account.ChildKey(0)
        for index in (0, 1, 2**31 - 1, *(secrets.randbelow(2**31) for _ in range(97))):
            text, destination = derive.address(index)
            assert text == _second_opinion(external, index, chain)
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
