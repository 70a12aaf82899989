import hashlib

import pytest
from Crypto.Hash import RIPEMD160
from hypothesis import given
from hypothesis import strategies as st

from keys.errors import InvalidAddress
from keys.formats import bitcoin, hashes
from monitor.chains import CHAINS

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


@pytest.mark.parametrize("chain", [c for c in CHAINS.values() if c.family == "bitcoin"], ids=str)
def test_script_to_text_and_back(chain: object) -> None:
    script = bytes.fromhex("0014c0cebcd6c3d3ca8c75dc5ec62ebe55330ef910e2")
    text = bitcoin.text(script, chain)  # type: ignore[arg-type]
    assert text.startswith(f"{chain.bech32_hrp}1q")  # type: ignore[attr-defined]
    assert bitcoin.parse(text, chain) == script  # type: ignore[arg-type]


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


@pytest.mark.parametrize("chain", ["litecoin", "bitcoin-regtest"])
def test_an_address_of_another_network_is_refused(chain: str) -> None:
    with pytest.raises(InvalidAddress, match=CHAINS[chain].title.split()[0]):
        bitcoin.parse(ADDRESS, CHAINS[chain])
