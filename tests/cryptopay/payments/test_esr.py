"""Signing requests read back by a reader of the test's own, which also reads the examples of EEP-7."""

import zlib
from base64 import urlsafe_b64decode
from typing import Any

import pytest

from cryptopay.payments.uris import payment_uri
from ledger.models import Asset
from ledger.money import Amount
from monitor.chains import CHAINS

EOS = "aca376f206b8fc25a6ed44dbdc66547c36c6c33e3a119ffbeaef943642f0e906"
SPECIFIED = [
    (
        "gmNcs7jsE9uOP6rL3rrcvpMWUmN27LCdleD836_eTzFz-vCSjZGRYcm-EsZXBqEMILDA6C5QBAKYoLQQTAAIFNycd-1iZGAUyigpKSi20tdPyc9N"
        "zMzTS87PZQAA",
        {
            "chain": EOS,
            "actions": [("eosio.forum", "vote", "0100000000000000000000204643baba0100")],
            "flags": 1,
            "callback": "https://domain.com",
        },
    ),
]


class Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data

    def take(self, count: int) -> bytes:
        taken, self.data = self.data[:count], self.data[count:]
        assert len(taken) == count
        return taken

    def number(self) -> int:
        total = shift = 0
        while True:
            (byte,) = self.take(1)
            total, shift = total | (byte & 0x7F) << shift, shift + 7
            if byte < 0x80:
                return total

    def name(self) -> str:
        bits = f"{int.from_bytes(self.take(8), 'little'):064b}"
        letters = [bits[place : place + 5] for place in range(0, 60, 5)] + [bits[60:]]
        return "".join(".12345abcdefghijklmnopqrstuvwxyz"[int(letter, 2)] for letter in letters).rstrip(".")


def read(text: str) -> dict[str, Any]:
    packed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    assert packed[0] & 0x7F == 2
    reader = Reader(zlib.decompress(packed[1:], -15) if packed[0] & 0x80 else packed[1:])
    chain: str | int = reader.take(32).hex() if reader.number() else reader.take(1)[0]
    kind = reader.number()
    assert kind in (0, 1)
    actions = []
    for _ in range(reader.number() if kind else 1):
        contract, action = reader.name(), reader.name()
        for _ in range(reader.number()):
            assert (reader.name(), reader.name()) == ("............1", "............2")
        actions.append((contract, action, reader.take(reader.number()).hex()))
    flags, callback, info = reader.take(1)[0], reader.take(reader.number()).decode(), reader.number()
    assert (info, reader.data) == (0, b"")
    return {"chain": chain, "actions": actions, "flags": flags, "callback": callback}


@pytest.mark.parametrize(("text", "meant"), SPECIFIED)
def test_the_reader_reads_the_specifications_examples(text: str, meant: dict[str, Any]) -> None:
    assert read(text) == meant


@pytest.mark.parametrize("memo", ["zqqqqqqqabcdef", "m" * 200])
def test_a_request_asks_for_the_transfer(memo: str) -> None:
    amount = Amount(12_3456, Asset(code="EOS", chain="eos", decimals=4))
    uri = payment_uri(CHAINS["eos"], f"alicesshop12/{memo}", amount)
    assert uri.startswith("esr://")
    request = read(uri.removeprefix("esr://"))
    ((contract, action, data),) = request["actions"]
    assert (request["chain"], contract, action) == (EOS, "eosio.token", "transfer")
    assert (request["flags"], request["callback"]) == (1, "")
    reader = Reader(bytes.fromhex(data))
    assert (reader.name(), reader.name()) == ("............1", "alicesshop12")
    assert int.from_bytes(reader.take(8), "little") == 12_3456
    assert reader.take(8) == b"\x04EOS\0\0\0\0"
    assert reader.take(reader.number()) == memo.encode()
    assert reader.data == b""


def test_nothing_is_asked_where_nothing_is_left_to_pay() -> None:
    asset = Asset(code="EOS", chain="eos", decimals=4)
    assert payment_uri(CHAINS["eos"], "alicesshop12/zqqq", Amount(0, asset)) == ""
