"""Reading bytes strictly: mainnet's first block, and a block and a transaction of a regtest node."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.chains import CHAINS
from monitor.connectors.monero_blocks import (
    BlockUnreadable,
    FormUnknown,
    RawBlock,
    Transaction,
    keccak256,
    read_block,
    read_transaction,
    tree_hash,
    varint,
)

RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "monero_locked.json").read_text())
BLOCK, PRUNED = bytes.fromhex(RECORDED["block"]), bytes.fromhex(RECORDED["pruned"])
PROOFS, TXID = bytes.fromhex(RECORDED["prunable_hash"]), RECORDED["txid"]
GENESIS = bytes.fromhex(
    "010000000000000000000000000000000000000000000000000000000000000000000010270000"
    "013c01ff0001ffffffffffff03029b2e4c0281c0b02e7c53291a94d1d0cbff8883f8024f5142ee494ffbbd08807121017767aafcde9be00dcfd09871"
    "5ebcf7f410daebc582fda69d24a28e9d0bc890d1"
    "00"
)
"""Mainnet's block 0: header and nonce 10000; GENESIS_TX of Monero's `cryptonote_config.h`; no transactions."""


def transaction(pruned: bytes = PRUNED, proofs: bytes = PROOFS, txid: str = TXID) -> Transaction:
    return read_transaction(pruned, proofs, txid)


def test_the_first_block_of_mainnet() -> None:
    block = read_block(GENESIS)
    assert block.hash == CHAINS["monero"].genesis
    assert block.miners.txid == "c88ce9783b4f11190d7b9c17a69c1c52200f9faaee8e98dd07e6811175177139"
    assert (block.miners.mined_at_height, block.miners.unlock_time, block.txids) == (0, 60, [])
    assert [output.base_units for output in block.miners.outputs] == [17592186044415]
    assert block.miners.outputs[0].view_tag is None


def test_a_block_and_its_transaction() -> None:
    block, sent = read_block(BLOCK), transaction()
    assert (block.txids, block.miners.mined_at_height) == ([TXID], RECORDED["height"])
    assert block.miners.unlock_time == RECORDED["height"] + 60
    assert (sent.txid, sent.unlock_time, sent.mined_at_height, len(sent.outputs)) == (TXID, 100_000, None, 2)
    assert all(output.view_tag is not None for output in sent.outputs)


def changed(raw: bytes) -> list[bytes]:
    """Every byte changed, and every length cut; also one byte more."""
    flipped = [raw[:at] + bytes([raw[at] ^ bit]) + raw[at + 1 :] for at in range(len(raw)) for bit in (1, 0x80)]
    return [*flipped, *(raw[:end] for end in range(len(raw))), raw + b"\0"]


def outcome(read: Callable[[], RawBlock | Transaction]) -> str:
    """A name, or empty if it cannot be read; anything but `BlockUnreadable` fails the test."""
    try:
        found = read()
    except BlockUnreadable:
        return ""
    return found.hash if isinstance(found, RawBlock) else found.txid


def test_no_other_bytes_are_the_same_block() -> None:
    name = read_block(BLOCK).hash
    assert name not in {outcome(lambda raw=raw: read_block(raw)) for raw in changed(BLOCK)}  # type: ignore[misc]


def test_no_other_bytes_are_the_same_transaction() -> None:
    assert {outcome(lambda raw=raw: transaction(raw)) for raw in changed(PRUNED)} == {""}  # type: ignore[misc]
    assert {outcome(lambda raw=raw: transaction(proofs=raw)) for raw in changed(PROOFS)} == {""}  # type: ignore[misc]


@given(st.binary(max_size=400))
def test_garbage_is_refused(raw: bytes) -> None:
    assert outcome(lambda: transaction(raw)) == ""
    assert outcome(lambda: read_block(BLOCK[:43] + raw)) in ("", read_block(BLOCK).hash)


def test_forms_of_tomorrow_are_told_from_garbage() -> None:
    """A hard fork brings them; who runs an old CryptoPay then must hear of it."""
    base_part = 1 + 5 + 2 * 8 + 2 * 32  # kind of rings, fee, two hidden amounts, two commitments
    version, input_kind, rings = 0, 5, len(PRUNED) - base_part
    assert (PRUNED[version], PRUNED[input_kind], PRUNED[rings]) == (2, 2, 6)
    for at, byte in {version: 3, input_kind: 7, rings: 7}.items():
        with pytest.raises(FormUnknown):
            transaction(PRUNED[:at] + bytes([byte]) + PRUNED[at + 1 :])
    with pytest.raises(FormUnknown):
        transaction(bytes.fromhex("0200") + BLOCK[43 + 3 :])  # a miner's, where none may be


@given(st.integers(0, 2**64 - 1))
def test_numbers_have_one_form(number: int) -> None:
    header = b"\x10\x10" + varint(number) + BLOCK[7:]
    assert outcome(lambda: read_block(header)) or number >= 2**37
    longer = b"\x10\x10" + varint(number)[:-1] + bytes([varint(number)[-1] | 0x80, 0]) + BLOCK[7:]
    assert outcome(lambda: read_block(longer)) == ""


@pytest.mark.parametrize("count", range(1, 35))
def test_the_tree_is_moneros(count: int) -> None:
    """By the words of "Zero to Monero" and CryptoNote's CNS003, 3.6.2: fill up to a power of two, from the end."""
    leaves = [bytes([number]) * 32 for number in range(count)]

    def by_the_text(hashes: list[bytes]) -> bytes:
        if len(hashes) == 1:
            return hashes[0]
        half = 1
        while half * 2 < len(hashes):
            half *= 2
        if len(hashes) == 2 * half:
            return keccak256(by_the_text(hashes[:half]) + by_the_text(hashes[half:]))
        paired = [keccak256(hashes[at] + hashes[at + 1]) for at in range(2 * half - len(hashes), len(hashes), 2)]
        return by_the_text([*hashes[: 2 * half - len(hashes)], *paired])

    assert tree_hash(leaves) == by_the_text(leaves)


def test_threat_17_a_miner_who_hides_amounts_is_refused() -> None:
    """Wallets once showed a crafted miner's transaction with any amount its maker liked (2018)."""
    rings = len(BLOCK) - 34  # before the count and the one name of transactions
    assert BLOCK[rings] == 0
    for kind in (1, 5, 6):
        with pytest.raises(BlockUnreadable, match="hides amounts"):
            read_block(BLOCK[:rings] + bytes([kind]) + BLOCK[rings + 1 :])


def test_a_block_that_repeats_a_transaction_is_refused() -> None:
    twice = BLOCK[:-33] + b"\x02" + BLOCK[-32:] * 2
    with pytest.raises(BlockUnreadable, match="repeats"):
        read_block(twice)
