"""Vectors: EIP-55, "Test Cases"; Keccak-256 of nothing from the Keccak team."""

import pytest
from bip_utils import EthAddrDecoder
from hypothesis import given
from hypothesis import strategies as st

from keys.errors import InvalidAddress
from keys.formats import evm
from monitor.chains import CHAINS

ETHEREUM = CHAINS["ethereum"]
EIP55 = [
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    "0xde709f2102306220921060314715629080e2fb77",
    "0x27b1fdb04752bbc536007a920d24acb045561c26",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
]


@pytest.mark.parametrize("text", EIP55)
def test_eip55(text: str) -> None:
    address = evm.parse(text, ETHEREUM)
    assert evm.text(address, ETHEREUM) == text
    for other in (text.lower(), "0x" + text[2:].upper()):
        assert evm.parse(other, ETHEREUM) == address


def test_keccak_is_not_sha3() -> None:
    assert evm.keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


@given(st.binary(min_size=20, max_size=20))
def test_round_trip_and_agreement_with_another_library(address: bytes) -> None:
    text = evm.text(address, ETHEREUM)
    assert evm.parse(text, ETHEREUM) == address
    assert EthAddrDecoder().DecodeAddr(text) == address


def test_one_letter_in_the_wrong_case_is_refused() -> None:
    text = EIP55[4]
    for place in range(2, 42):
        if text[place].isalpha():
            with pytest.raises(InvalidAddress, match="case"):
                evm.parse(text[:place] + text[place].swapcase() + text[place + 1 :], ETHEREUM)


@pytest.mark.parametrize(
    "text", ["", "0x", EIP55[4][2:], EIP55[4] + "0", EIP55[4][:-1], "0X" + EIP55[4][2:], "0x" + "g" * 40]
)
def test_what_is_not_an_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidAddress):
        evm.parse(text, ETHEREUM)


@pytest.mark.parametrize("length", [0, 19, 21])
def test_only_20_bytes_have_a_text(length: int) -> None:
    with pytest.raises(InvalidAddress):
        evm.text(bytes(length), ETHEREUM)
