import hashlib

import pytest
from bip_utils import Base58Encoder
from Crypto.Hash import RIPEMD160
from hypothesis import given
from hypothesis import strategies as st

from keys.errors import InvalidAddress
from keys.formats import bitcoin, hashes
from monitor.chains import CHAINS, Chain

# BIP84, "Test vectors", first receiving address
ADDRESS = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"


@given(st.binary(max_size=200))
def test_ripemd160_is_that_of_a_second_library(message: bytes) -> None:
    assert hashes.ripemd160(message) == RIPEMD160.new(message).digest()


def test_ripemd160_without_openssl(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise ValueError(f"unsupported hash type {name}")

    monkeypatch.setattr(hashes, "new", refuse)
    # The function's own vector for "abc", by its authors.
    assert hashes._ripemd160()(b"abc").hex() == "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc"
    assert hashes.hash160(b"").hex() == RIPEMD160.new(hashlib.sha256(b"").digest()).hexdigest()


@pytest.mark.parametrize("chain", [c for c in CHAINS.values() if c.bech32_hrp], ids=str)
def test_script_to_text_and_back(chain: Chain) -> None:
    script = bytes.fromhex("0014c0cebcd6c3d3ca8c75dc5ec62ebe55330ef910e2")
    text = bitcoin.text(script, chain)
    assert text.startswith(f"{chain.bech32_hrp}1q")
    assert bitcoin.parse(text, chain) == script


@pytest.mark.parametrize("chain", [c for c in CHAINS.values() if c.p2pkh_version], ids=str)
@given(digest=st.binary(min_size=20, max_size=20))
def test_hashes_of_keys_and_scripts_and_back(chain: Chain, digest: bytes) -> None:
    for version, script in (
        (chain.p2pkh_version, b"\x76\xa9\x14" + digest + b"\x88\xac"),
        (chain.p2sh_version, b"\xa9\x14" + digest + b"\x87"),
    ):
        text = bitcoin.text(script, chain)
        assert text == Base58Encoder.CheckEncode(version + digest)
        assert bitcoin.parse(text, chain) == script


@pytest.mark.parametrize(
    ("text", "script"),
    [
        # bitcoinjs-lib, test fixtures of addresses; the first is of the curve's generator, as in BIP173
        ("1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH", "76a914751e76e8199196d454941c45d1b3a323f1433bd688ac"),
        ("3LRW7jeCvQCRdPF8S3yUCfRAx4eqXFmdcr", "a914cd7b44d0b03f2d026d1e586d7ae18903b0d385f687"),
    ],
)
def test_known_addresses(text: str, script: str) -> None:
    assert bitcoin.parse(text, CHAINS["bitcoin"]).hex() == script


@pytest.mark.parametrize("length", [0, 1, 19, 20, 22, 33])
def test_base58_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(InvalidAddress):
        bitcoin.parse(Base58Encoder.CheckEncode(bytes(length)), CHAINS["bitcoin"])


def test_taproot_scripts_have_addresses_too() -> None:
    # BIP350, "Test vectors for v0-v16 native segregated witness addresses"
    script = bytes.fromhex("512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
    address = "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"
    assert bitcoin.text(script, CHAINS["bitcoin"]) == address
    assert bitcoin.parse(address, CHAINS["bitcoin"]) == script


@pytest.mark.parametrize(
    "script", ["", "00", "6a", "0014", "0013" + "00" * 19, "76a914" + "00" * 20 + "88", "a914" + "00" * 20, "0114"]
)
def test_scripts_without_an_address(script: str) -> None:
    with pytest.raises(InvalidAddress):
        bitcoin.text(bytes.fromhex(script), CHAINS["bitcoin"])


@pytest.mark.parametrize("chain", ["litecoin", "bitcoin-regtest", "dogecoin", "dash"])
@pytest.mark.parametrize(
    "address", [ADDRESS, "1LqBGSKuX5yYUonjxT5qGfpUsXKYYWeabA", "37VucYSaXLCAsxYyAPfbSi9eh4iEcbShgf"]
)
def test_an_address_of_another_network_is_refused(chain: str, address: str) -> None:
    with pytest.raises(InvalidAddress, match=CHAINS[chain].title.split()[0]):
        bitcoin.parse(address, CHAINS[chain])
