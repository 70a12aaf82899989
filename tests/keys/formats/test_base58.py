import pytest
from bip_utils import Base58Decoder, Base58Encoder
from hypothesis import given
from hypothesis import strategies as st

from keys.formats import base58


@given(st.binary(max_size=100))
def test_round_trip_and_agreement_with_another_library(payload: bytes) -> None:
    text = base58.encode(payload)
    assert base58.decode(text) == payload
    assert text == Base58Encoder.CheckEncode(payload)


@given(st.binary(max_size=100))
def test_leading_zeros_are_counted(payload: bytes) -> None:
    text = base58.encode(payload)
    for other in ("1" + text, text.removeprefix("1")):
        if other != text:
            with pytest.raises(base58.NotBase58):
                base58.decode(other)


def test_every_bit_of_payload_and_checksum_counts() -> None:
    raw = Base58Decoder.Decode(base58.encode(b"payload"))
    for bit in range(len(raw) * 8):
        wrong = (int.from_bytes(raw, "big") ^ 1 << bit).to_bytes(len(raw), "big")
        with pytest.raises(base58.NotBase58, match="checksum"):
            base58.decode(Base58Encoder.Encode(wrong))


@pytest.mark.parametrize("text", ["", "1", "0OIl", "abc def", "\N{FULLWIDTH LATIN SMALL LETTER A}", "1" * 201, "é"])
def test_what_is_not_base58check_is_refused(text: str) -> None:
    with pytest.raises(base58.NotBase58):
        base58.decode(text)
