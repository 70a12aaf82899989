"""Vectors: bitcoincash.org, spec/cashaddr.md, "Larger Test Vectors" and "Examples of Address Translation".

The specification's own table gives kind 1 for the prefix "pref", which its addresses bear out.
"""

import pytest
from bip_utils import BchAddrConverter, BchP2PKHAddrEncoder
from coincurve import PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from keys.formats import base58, cashaddr
from keys.formats.hashes import hash160

HASHES = {
    "f5bf48b397dae70be82b3cca4793f8eb2b6cdac9": [
        (0, "bitcoincash:qr6m7j9njldwwzlg9v7v53unlr4jkmx6eylep8ekg2"),
        (1, "bchtest:pr6m7j9njldwwzlg9v7v53unlr4jkmx6eyvwc0uz5t"),
        (1, "pref:pr6m7j9njldwwzlg9v7v53unlr4jkmx6ey65nvtks5"),
        (15, "prefix:0r6m7j9njldwwzlg9v7v53unlr4jkmx6ey3qnjwsrf"),
    ],
    "7adbf6c17084bc86c1706827b41a56f5ca32865925e946ea": [
        (0, "bitcoincash:q9adhakpwzztepkpwp5z0dq62m6u5v5xtyj7j3h2ws4mr9g0"),
        (1, "bchtest:p9adhakpwzztepkpwp5z0dq62m6u5v5xtyj7j3h2u94tsynr"),
        (1, "pref:p9adhakpwzztepkpwp5z0dq62m6u5v5xtyj7j3h2khlwwk5v"),
        (15, "prefix:09adhakpwzztepkpwp5z0dq62m6u5v5xtyj7j3h2p29kc2lp"),
    ],
    "3a84f9cf51aae98a3bb3a78bf16a6183790b18719126325bfc0c075b": [
        (0, "bitcoincash:qgagf7w02x4wnz3mkwnchut2vxphjzccwxgjvvjmlsxqwkcw59jxxuz"),
        (1, "bchtest:pgagf7w02x4wnz3mkwnchut2vxphjzccwxgjvvjmlsxqwkcvs7md7wt"),
        (1, "pref:pgagf7w02x4wnz3mkwnchut2vxphjzccwxgjvvjmlsxqwkcrsr6gzkn"),
        (15, "prefix:0gagf7w02x4wnz3mkwnchut2vxphjzccwxgjvvjmlsxqwkc5djw8s9g"),
    ],
    "3173ef6623c6b48ffd1a3dcc0cc6489b0a07bb47a37f47cfef4fe69de825c060": [
        (0, "bitcoincash:qvch8mmxy0rtfrlarg7ucrxxfzds5pamg73h7370aa87d80gyhqxq5nlegake"),
        (1, "bchtest:pvch8mmxy0rtfrlarg7ucrxxfzds5pamg73h7370aa87d80gyhqxq7fqng6m6"),
        (1, "pref:pvch8mmxy0rtfrlarg7ucrxxfzds5pamg73h7370aa87d80gyhqxq4k9m7qf9"),
        (15, "prefix:0vch8mmxy0rtfrlarg7ucrxxfzds5pamg73h7370aa87d80gyhqxqsh6jgp6w"),
    ],
    "c07138323e00fa4fc122d3b85b9628ea810b3f381706385e289b0b25631197d194b5c238beb136fb": [
        (0, "bitcoincash:qnq8zwpj8cq05n7pytfmskuk9r4gzzel8qtsvwz79zdskftrzxtar994cgutavfklv39gr3uvz"),
        (1, "bchtest:pnq8zwpj8cq05n7pytfmskuk9r4gzzel8qtsvwz79zdskftrzxtar994cgutavfklvmgm6ynej"),
        (1, "pref:pnq8zwpj8cq05n7pytfmskuk9r4gzzel8qtsvwz79zdskftrzxtar994cgutavfklv0vx5z0w3"),
        (15, "prefix:0nq8zwpj8cq05n7pytfmskuk9r4gzzel8qtsvwz79zdskftrzxtar994cgutavfklvwsvctzqy"),
    ],
    "e361ca9a7f99107c17a622e047e3745d3e19cf804ed63c5c40c6ba763696b98241223d8ce62ad48d863f4cb18c930e4c": [
        (0, "bitcoincash:qh3krj5607v3qlqh5c3wq3lrw3wnuxw0sp8dv0zugrrt5a3kj6ucysfz8kxwv2k53krr7n933jfsunqex2w82sl"),
        (1, "bchtest:ph3krj5607v3qlqh5c3wq3lrw3wnuxw0sp8dv0zugrrt5a3kj6ucysfz8kxwv2k53krr7n933jfsunqnzf7mt6x"),
        (1, "pref:ph3krj5607v3qlqh5c3wq3lrw3wnuxw0sp8dv0zugrrt5a3kj6ucysfz8kxwv2k53krr7n933jfsunqjntdfcwg"),
        (15, "prefix:0h3krj5607v3qlqh5c3wq3lrw3wnuxw0sp8dv0zugrrt5a3kj6ucysfz8kxwv2k53krr7n933jfsunqakcssnmn"),
    ],
    "d9fa7c4c6ef56dc4ff423baae6d495dbff663d034a72d1dc7d52cbfe7d1e6858f9d523ac0a7a5c34077638e4dd1a701bd017"
    "842789982041": [
        (
            0,
            "bitcoincash:qmvl5lzvdm6km38lgga64ek5jhdl7e3aqd9895wu04fvhlnare5937w4ywkq57juxsrhvw8ym5d8qx"
            "7sz7zz0zvcypqscw8jd03f",
        ),
        (
            1,
            "bchtest:pmvl5lzvdm6km38lgga64ek5jhdl7e3aqd9895wu04fvhlnare5937w4ywkq57juxsrhvw8ym5d8qx7sz7"
            "zz0zvcypqs6kgdsg2g",
        ),
        (
            1,
            "pref:pmvl5lzvdm6km38lgga64ek5jhdl7e3aqd9895wu04fvhlnare5937w4ywkq57juxsrhvw8ym5d8qx7sz7zz0zvcypqsammyqffl",
        ),
        (
            15,
            "prefix:0mvl5lzvdm6km38lgga64ek5jhdl7e3aqd9895wu04fvhlnare5937w4ywkq57juxsrhvw8ym5d8qx7sz7z"
            "z0zvcypqsgjrqpnw8",
        ),
    ],
    "d0f346310d5513d9e01e299978624ba883e6bda8f4c60883c10f28c2967e67ec77ecc7eeeaeafc6da89fad72d11ac961e164"
    "678b868aeeec5f2c1da08884175b": [
        (
            0,
            "bitcoincash:qlg0x333p4238k0qrc5ej7rzfw5g8e4a4r6vvzyrcy8j3s5k0en7calvclhw46hudk5flttj6ydvjc"
            "0pv3nchp52amk97tqa5zygg96mtky5sv5w",
        ),
        (
            1,
            "bchtest:plg0x333p4238k0qrc5ej7rzfw5g8e4a4r6vvzyrcy8j3s5k0en7calvclhw46hudk5flttj6ydvjc0pv3"
            "nchp52amk97tqa5zygg96mc773cwez",
        ),
        (
            1,
            "pref:plg0x333p4238k0qrc5ej7rzfw5g8e4a4r6vvzyrcy8j3s5k0en7calvclhw46hudk5flttj6ydvjc0pv3nch"
            "p52amk97tqa5zygg96mg7pj3lh8",
        ),
        (
            15,
            "prefix:0lg0x333p4238k0qrc5ej7rzfw5g8e4a4r6vvzyrcy8j3s5k0en7calvclhw46hudk5flttj6ydvjc0pv3n"
            "chp52amk97tqa5zygg96ms92w6845",
        ),
    ],
}
VECTORS = [(bytes.fromhex(digest), *row) for digest, rows in HASHES.items() for row in rows]

TRANSLATIONS = {
    "1BpEi6DfDAUFd7GtittLSdBeYJvcoaVggu": "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a",
    "1KXrWXciRDZUpQwQmuM1DbwsKDLYAYsVLR": "bitcoincash:qr95sy3j9xwd2ap32xkykttr4cvcu7as4y0qverfuy",
    "16w1D5WRVKJuZUsSRzdLp9w3YGcgoxDXb": "bitcoincash:qqq3728yw0y47sqn6l2na30mcw6zm78dzqre909m2r",
    "3CWFddi6m4ndiGyKqzYvsFYagqDLPVMTzC": "bitcoincash:ppm2qsznhks23z7629mms6s4cwef74vcwvn0h829pq",
    "3LDsS579y7sruadqu11beEJoTjdFiFCdX4": "bitcoincash:pr95sy3j9xwd2ap32xkykttr4cvcu7as4yc93ky28e",
    "31nwvkZwyPdgzjBJZXfDmSWsC4ZLKpYyUw": "bitcoincash:pqq3728yw0y47sqn6l2na30mcw6zm78dzq5ucqzc37",
}
EXAMPLE = "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a"
EXAMPLE_SCRIPT = bytes.fromhex("76a91476a04053bda0a88bda5177b86a15c3b29f55987388ac")


@pytest.mark.parametrize(("digest", "kind", "address"), VECTORS)
def test_the_specifications_vectors(digest: bytes, kind: int, address: str) -> None:
    prefix, _, without_prefix = address.partition(":")
    assert cashaddr.encode(prefix, kind, digest) == address
    for written in (address, address.upper(), without_prefix):
        assert cashaddr.decode(prefix, written) == (kind, digest)


@pytest.mark.parametrize(("old", "new"), TRANSLATIONS.items())
def test_threat_20_the_specifications_translations_and_the_old_form_is_refused(old: str, new: str) -> None:
    payload = base58.decode(old)
    head, tail = (bytes.fromhex("76a914"), b"\x88\xac") if payload[0] == 0 else (bytes.fromhex("a914"), b"\x87")
    script = head + payload[1:] + tail
    assert cashaddr.text("bitcoincash", script) == new
    assert cashaddr.script("bitcoincash", new) == script
    with pytest.raises(cashaddr.NotCashAddr, match="old form"):
        cashaddr.script("bitcoincash", old)


@given(st.binary(min_size=32, max_size=32).filter(lambda key: 0 < int.from_bytes(key, "big") < 2**255))
def test_another_library_writes_the_same(private_key: bytes) -> None:
    public_key = PrivateKey(private_key).public_key.format()
    script = bytes.fromhex("76a914") + hash160(public_key) + b"\x88\xac"
    theirs = BchP2PKHAddrEncoder.EncodeKey(public_key, hrp="bchreg", net_ver=b"\0")
    assert cashaddr.text("bchreg", script) == theirs
    moved = BchAddrConverter.Convert(theirs, "bitcoincash")
    assert cashaddr.script("bitcoincash", moved) == script


def test_a_token_aware_address_pays_to_the_same_script() -> None:
    """The address is one that wallets of CashTokens give for the specification's first example."""
    assert cashaddr.script("bitcoincash", "bitcoincash:zpm2qsznhks23z7629mms6s4cwef74vcwvrqekrq9w") == EXAMPLE_SCRIPT
    assert cashaddr.text("bitcoincash", EXAMPLE_SCRIPT) == EXAMPLE


def test_a_script_hash_of_32_bytes() -> None:
    script = b"\xaa\x20" + bytes(range(32)) + b"\x87"
    assert cashaddr.script("bchreg", cashaddr.text("bchreg", script)) == script


@pytest.mark.parametrize(
    "script",
    [
        b"",
        b"\x6a\x04test",
        bytes.fromhex("0014") + bytes(20),
        EXAMPLE_SCRIPT[:-1],
        EXAMPLE_SCRIPT + b"\0",
        b"\xaa\x20" + bytes(31) + b"\x87",
    ],
)
def test_scripts_without_an_address(script: bytes) -> None:
    with pytest.raises(cashaddr.NotCashAddr):
        cashaddr.text("bitcoincash", script)


WRONG = {
    "nothing": "",
    "prefix alone": "bitcoincash:",
    "checksum alone": "bitcoincash:qqqqqqqq",
    "of another network": "bchtest:qpm2qsznhks23z7629mms6s4cwef74vcwvqcw003ap",
    "of another network, prefix left out": "qpm2qsznhks23z7629mms6s4cwef74vcwvqcw003ap",
    "mixed case": EXAMPLE.replace("qpm", "QPM"),
    "a letter CashAddr lacks": EXAMPLE.replace("qpm", "qbm"),
    "one letter wrong": EXAMPLE.replace("qpm", "qpq"),
    "one letter short": EXAMPLE[:-1],
    "two prefixes": "bitcoincash:" + EXAMPLE,
    "a Kelvin sign": EXAMPLE.upper().replace("K", "\N{KELVIN SIGN}"),
    "Bitcoin's segwit": "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
    "endless": "q" * 10_000,
    "a kind nobody has defined": cashaddr.encode("bitcoincash", 15, bytes(20)),
    "a length its kind does not have": cashaddr.encode("bitcoincash", 0, bytes(24)),
}


@pytest.mark.parametrize("name", WRONG)
def test_threat_20_refuses(name: str) -> None:
    with pytest.raises(cashaddr.NotCashAddr):
        cashaddr.script("bitcoincash", WRONG[name])


@given(st.data())
def test_up_to_five_wrong_characters_are_always_found(data: st.DataObject) -> None:
    """The code's distance is 6 (specification, "Checksum")."""
    wrong = list(EXAMPLE)
    start = len("bitcoincash:")
    for place in data.draw(st.sets(st.integers(start, len(wrong) - 1), min_size=1, max_size=5)):
        wrong[place] = data.draw(st.sampled_from([c for c in "qpzry9x8gf2tvdw0s3jn54khce6mua7l" if c != wrong[place]]))
    with pytest.raises(cashaddr.NotCashAddr):
        cashaddr.decode("bitcoincash", "".join(wrong))


@given(st.text(alphabet="qpzry9x8gf2tvdw0s3jn54khce6mua7l:", max_size=130))
def test_noise_is_refused(noise: str) -> None:
    with pytest.raises(cashaddr.NotCashAddr):
        cashaddr.decode("bitcoincash", noise)


@pytest.mark.parametrize(("kind", "length"), [(16, 20), (-1, 20), (0, 0), (0, 21), (0, 65)])
def test_kinds_and_lengths_the_specification_lacks(kind: int, length: int) -> None:
    with pytest.raises(cashaddr.NotCashAddr):
        cashaddr.encode("bitcoincash", kind, bytes(length))
