"""Vectors: BIP173 and BIP350, "Test vectors for v0-v16 native segregated witness addresses"."""

import pytest
from bip_utils import SegwitBech32Encoder
from hypothesis import given
from hypothesis import strategies as st

from keys.formats import bech32

VALID = [
    ("BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", "0014751e76e8199196d454941c45d1b3a323f1433bd6"),
    (
        "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7",
        "00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262",
    ),
    (
        "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y",
        "5128751e76e8199196d454941c45d1b3a323f1433bd6751e76e8199196d454941c45d1b3a323f1433bd6",
    ),
    ("BC1SW50QGDZ25J", "6002751e"),
    ("bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs", "5210751e76e8199196d454941c45d1b3a323"),
    (
        "tb1qqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesrxh6hy",
        "0020000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433",
    ),
    (
        "tb1pqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesf3hn0c",
        "5120000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433",
    ),
    (
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
        "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
    ),
]
INVALID = [
    "tc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq5zuyut",
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd",
    "tb1z0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqglt7rf",
    "BC1S0XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ54WELL",
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh",
    "tb1q0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq24jc47",
    "bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4",
    "BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R",
    "bc1pw5dgrnzv",
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v8n0nx0muaewav253zgeav",
    "BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P",
    "tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq47Zagq",
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v07qwwzcrf",
    "tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vpggkg4j",
    "bc1gmk9yu",
]
programs = st.one_of(
    st.tuples(st.just(0), st.binary(min_size=20, max_size=20) | st.binary(min_size=32, max_size=32)),
    st.tuples(st.integers(1, 16), st.binary(min_size=2, max_size=40)),
)


@pytest.mark.parametrize(
    ("text", "constant"),
    [
        # BIP173 and BIP350, "valid checksum": no addresses, but of the same code. Our reader wants data in them.
        ("abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw", bech32._BECH32),
        ("split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w", bech32._BECH32),
        ("abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx", bech32._BECH32M),
        ("split1checkupstagehandshakeupstreamerranterredcaperredlc445v", bech32._BECH32M),
    ],
)
def test_checksums_of_both_bips(text: str, constant: int) -> None:
    prefix = text.rpartition("1")[0]
    values = bech32._expand(prefix) + bech32._symbols(prefix, text)
    assert bech32._polymod(values) == constant
    for place in range(len(prefix) + 1, len(text)):
        wrong = text[:place] + ("q" if text[place] != "q" else "p") + text[place + 1 :]
        values = bech32._expand(prefix) + bech32._symbols(prefix, wrong)
        assert bech32._polymod(values) not in (bech32._BECH32, bech32._BECH32M)


@pytest.mark.parametrize(("text", "script"), VALID)
def test_bip350_valid(text: str, script: str) -> None:
    raw = bytes.fromhex(script)
    version = raw[0] - 0x50 if raw[0] else 0
    prefix = text.lower().split("1")[0]
    assert bech32.decode(prefix, text) == (version, raw[2:])
    assert bech32.encode(prefix, version, raw[2:]) == text.lower()


@pytest.mark.parametrize("text", INVALID)
@pytest.mark.parametrize("prefix", ["bc", "tb"])
def test_bip350_invalid(text: str, prefix: str) -> None:
    with pytest.raises(bech32.NotBech32):
        bech32.decode(prefix, text)


@given(st.sampled_from(["bc", "bcrt", "ltc", "rltc"]), programs)
def test_round_trip_and_agreement_with_another_library(prefix: str, program: tuple[int, bytes]) -> None:
    text = bech32.encode(prefix, *program)
    assert bech32.decode(prefix, text) == program
    assert text == SegwitBech32Encoder.Encode(prefix, *program)


@given(st.data())
def test_up_to_four_wrong_characters_are_always_found(data: st.DataObject) -> None:
    text = bech32.encode("bc", 0, data.draw(st.binary(min_size=20, max_size=20)))
    wrong = list(text)
    for place in data.draw(st.sets(st.integers(3, len(text) - 1), min_size=1, max_size=4)):
        wrong[place] = data.draw(st.sampled_from([c for c in "qpzry9x8gf2tvdw0s3jn54khce6mua7l" if c != text[place]]))
    with pytest.raises(bech32.NotBech32):
        bech32.decode("bc", "".join(wrong))


@pytest.mark.parametrize(("version", "length"), [(0, 21), (1, 1), (1, 41), (17, 32), (-1, 20)])
def test_programs_that_bip141_does_not_know(version: int, length: int) -> None:
    with pytest.raises(bech32.NotBech32):
        bech32.encode("bc", version, bytes(length))


def test_a_letter_that_only_looks_like_one_is_refused() -> None:
    with pytest.raises(bech32.NotBech32):
        bech32.decode("bc", "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4".replace("K", "\N{KELVIN SIGN}"))
