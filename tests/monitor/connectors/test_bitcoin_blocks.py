"""The block reader: real blocks of Bitcoin and Litecoin, blocks made here byte by byte, and anything at all.

What its kin have beside, in `test_bitcoin_kin.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.connectors.bitcoin_blocks import (
    HEADER_BYTES,
    BlockUnreadable,
    Form,
    Outputs,
    RawBlock,
    merkle_root,
    read_block,
    read_transaction,
)

ALICE, BOB = bytes.fromhex("0014" + "aa" * 20), bytes.fromhex("0014" + "bb" * 20)
POT = bytes.fromhex("5820" + "cc" * 32)
NULL_MWEB = b"\0"
LITECOIN = Form(mweb=True)


def size(number: int) -> bytes:
    if number < 253:
        return bytes([number])
    return b"\xfd" + number.to_bytes(2, "little") if number < 0x1_0000 else b"\xfe" + number.to_bytes(4, "little")


def double_sha256(data: bytes) -> bytes:
    return sha256(sha256(data).digest()).digest()


@dataclass(frozen=True)
class Made:
    """A transaction made by hand. `mweb`: what stands in the place of the MWEB part; None: no flag 8."""

    outputs: tuple[tuple[bytes, int], ...]
    script_sig: bytes = b""
    witness: tuple[bytes, ...] = ()
    mweb: bytes | None = None
    inputs: int = 1

    @property
    def body(self) -> bytes:
        each = bytes(32) + b"\xff" * 4 + size(len(self.script_sig)) + self.script_sig + b"\xff" * 4
        paid = b"".join(value.to_bytes(8, "little") + size(len(script)) + script for script, value in self.outputs)
        return size(self.inputs) + self.inputs * each + size(len(self.outputs)) + paid

    @property
    def txid(self) -> str:
        return double_sha256(b"\2\0\0\0" + self.body + bytes(4))[::-1].hex()

    @property
    def raw(self) -> bytes:
        flag = (1 if self.witness else 0) | (8 if self.mweb is not None else 0)
        stack = size(len(self.witness)) + b"".join(size(len(item)) + item for item in self.witness)
        marked = bytes([0, flag]) if flag else b""
        witnesses = self.inputs * stack if self.witness else b""
        return b"\2\0\0\0" + marked + self.body + witnesses + (self.mweb or b"") + bytes(4)


def block_of(*made: Made, behind: bytes = b"", parent: bytes = b"\x11" * 32, seconds: int = 1_700_000_000) -> bytes:
    root = merkle_root([bytes.fromhex(one.txid)[::-1] for one in made])
    header = b"\1\0\0\0" + parent + root + seconds.to_bytes(4, "little") + b"\xff\xff\x7f\x20" + b"\7\0\0\0"
    return header + size(len(made)) + b"".join(one.raw for one in made) + behind


COINBASE = Made(((ALICE, 50), (b"\x6a\x02hi", 0)), script_sig=b"\x01\x07", witness=(bytes(32),))
LEGACY = Made(((BOB, 7), (ALICE, 8), (ALICE, 9)), script_sig=b"s" * 300, inputs=2)
SEGWIT = Made(((b"\x51" * 400, 1), (BOB, 2**63 - 1)), witness=(b"w" * 300, b""), inputs=3)
HOGEX = Made(((POT, 10**15), (ALICE, 5)), mweb=NULL_MWEB)
EXTENSION = b"\1" + b"extension block"
PLAIN = block_of(COINBASE, LEGACY, SEGWIT)
WITH_MWEB = block_of(COINBASE, SEGWIT, LEGACY, HOGEX, behind=EXTENSION)


def paid(block: RawBlock, *watched: bytes) -> list[tuple[int, str, int, int]]:
    return [(o.transaction, o.txid, o.vout, o.base_units) for o in block.outputs.paying(set(watched))]


RECORDED = {
    "bitcoin-540107.raw": ("00000000000000000021868c2cefc52a480d173c849412fe81c4e5ab806f94ab", 230, 472),
    "bitcoin-574200.raw": ("0000000000000000001602407ac49862a7bca9d00f7f402db20b7be2f5de59d2", 3315, 8150),
    "litecoin-2265985-mweb.raw": ("9bacbef81b42f777fabc19d08bceddb56d219fd4585f85946cb27470c6f4f596", 58, 233),
}


@pytest.mark.parametrize("name", RECORDED)
def test_reads_mainnet_blocks(name: str, recorded_block: Callable[[str], bytes | None]) -> None:
    mweb = "mweb" in name
    if (raw := recorded_block(name)) is None:
        raw = WITH_MWEB if mweb else PLAIN  # `test_bitcoin.py` compares real nodes' blocks in any case
        expected = (double_sha256(raw[:HEADER_BYTES])[::-1].hex(), 4 if mweb else 3, 9 if mweb else 7)
    else:
        expected = RECORDED[name]
    block = read_block(raw, Form(mweb=mweb))
    assert (block.hash, len(block.outputs.txids), len(block.outputs.scripts)) == expected
    assert block.hogex is mweb
    assert block.outputs.ends[-1] == len(block.outputs.scripts) == len(block.outputs.amounts)


@pytest.mark.parametrize("name", RECORDED)
def test_a_bent_mainnet_block_is_unreadable_or_says_the_same(
    name: str, recorded_block: Callable[[str], bytes | None]
) -> None:
    """A flipped bit, a missing or a strange byte, anywhere behind the header."""
    form, random = Form(mweb="mweb" in name), Random(name)
    raw = recorded_block(name) or (WITH_MWEB if form.mweb else PLAIN)
    honest = read_block(raw, form).outputs
    for _ in range(15):
        at = random.randrange(HEADER_BYTES, len(raw))
        other = random.choice([bytes([raw[at] ^ 1 << random.randrange(8)]), b"", b"\xfe\0\0\0\2", b"\xff" * 9])
        try:
            bent = read_block(raw[:at] + other + raw[at + 1 :], form)
        except BlockUnreadable:
            continue
        assert bent.outputs == honest


def test_reads_every_form_of_transaction() -> None:
    block = read_block(PLAIN)
    assert block.hash == double_sha256(PLAIN[:HEADER_BYTES])[::-1].hex()
    assert block.parent_hash == "11" * 32
    assert block.time == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert not block.hogex
    assert paid(block, ALICE) == [(0, COINBASE.txid, 0, 50), (1, LEGACY.txid, 1, 8), (1, LEGACY.txid, 2, 9)]
    assert paid(block, BOB) == [(1, LEGACY.txid, 0, 7), (2, SEGWIT.txid, 1, 2**63 - 1)]
    assert paid(block, b"\x51" * 400) == [(2, SEGWIT.txid, 0, 1)]
    assert paid(block) == []


def test_a_transaction_without_outputs_shifts_nothing() -> None:
    block = read_block(block_of(COINBASE, Made(()), LEGACY))
    assert paid(block, BOB) == [(2, LEGACY.txid, 0, 7)]


def test_more_transactions_than_one_byte_counts() -> None:
    many = [replace(LEGACY, outputs=((BOB, number),)) for number in range(300)]
    block = read_block(block_of(COINBASE, *many))
    assert [base_units for *_, base_units in paid(block, BOB)] == list(range(300))


def test_threat_19_the_hogex_and_the_extension_block() -> None:
    block = read_block(WITH_MWEB, LITECOIN)
    assert block.hogex
    assert (3, HOGEX.txid, 1, 5) in paid(block, ALICE)


UNREADABLE = {
    "empty": b"",
    "header alone": PLAIN[:HEADER_BYTES],
    "no transactions": PLAIN[:HEADER_BYTES] + b"\0",
    "bytes behind": PLAIN + b"\0",
    "one byte short": PLAIN[:-1],
    "repeated transaction (CVE-2012-2459)": block_of(COINBASE, LEGACY, SEGWIT)[:HEADER_BYTES]
    + size(4)
    + b"".join(one.raw for one in (COINBASE, LEGACY, SEGWIT, SEGWIT)),
    "count in a longer form": PLAIN[:HEADER_BYTES] + b"\xfd\3\0" + PLAIN[HEADER_BYTES + 1 :],
    "giant count": PLAIN[:HEADER_BYTES] + b"\xff" * 9 + PLAIN[HEADER_BYTES + 1 :],
    "flag of tomorrow": block_of(COINBASE).replace(b"\0\1\1", b"\0\3\1", 1),
    "no inputs": block_of(COINBASE, replace(LEGACY, inputs=0)),
    "negative amount": block_of(COINBASE, Made(((ALICE, 2**63),))),
    "flag without witness": block_of(COINBASE, replace(SEGWIT, witness=(b"",))).replace(b"\1\0" * 3, b"\0" * 3),
    "mweb where the chain has none": WITH_MWEB,
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_refuses(name: str) -> None:
    with pytest.raises(BlockUnreadable):
        read_block(UNREADABLE[name])


UNREADABLE_MWEB = {
    "hogex without extension block": block_of(COINBASE, HOGEX),
    "extension block said to be absent": block_of(COINBASE, HOGEX, behind=b"\0"),
    "extension block without hogex": block_of(COINBASE, LEGACY, behind=EXTENSION),
    "hogex not last": block_of(COINBASE, HOGEX, LEGACY, behind=EXTENSION),
    "hogex not last and nothing behind": block_of(COINBASE, HOGEX, LEGACY),
    "mweb part of one byte": block_of(COINBASE, replace(HOGEX, mweb=b"\1"), behind=EXTENSION),
    "mweb part inside the block": block_of(COINBASE, replace(HOGEX, mweb=b"\1part"), behind=EXTENSION),
}


@pytest.mark.parametrize("name", UNREADABLE_MWEB)
def test_refuses_with_mweb(name: str) -> None:
    with pytest.raises(BlockUnreadable):
        read_block(UNREADABLE_MWEB[name], LITECOIN)


@pytest.mark.parametrize(("raw", "mweb"), [(PLAIN, False), (WITH_MWEB, True)])
def test_every_truncation_is_unreadable(raw: bytes, mweb: bool) -> None:
    whole = len(raw) - (len(EXTENSION) - 1 if mweb else 0)  # what an extension block holds is not ours to read
    for length in range(whole):
        with pytest.raises(BlockUnreadable):
            read_block(raw[:length], Form(mweb=mweb))


@pytest.mark.parametrize(("raw", "mweb"), [(PLAIN, False), (WITH_MWEB, True)])
def test_every_flipped_bit_is_noticed_or_harmless(raw: bytes, mweb: bool) -> None:
    """Either unreadable, or another block by its hash, or a change in what no id covers: same payments, same ids."""
    honest = read_block(raw, Form(mweb=mweb))
    for place in range(len(raw)):
        for bit in (1, 8, 128):
            bent = raw[:place] + bytes([raw[place] ^ bit]) + raw[place + 1 :]
            try:
                block = read_block(bent, Form(mweb=mweb))
            except BlockUnreadable:
                continue
            assert block.hash != honest.hash if place < HEADER_BYTES else block == honest


@settings(deadline=None)
@given(st.binary(max_size=400), st.booleans())
def test_anything_is_read_or_unreadable(noise: bytes, mweb: bool) -> None:
    with pytest.raises(BlockUnreadable):
        read_block(noise, Form(mweb=mweb))


@settings(deadline=None)
@given(
    at=st.integers(HEADER_BYTES, len(WITH_MWEB)),
    cut=st.integers(0, 40),
    noise=st.binary(max_size=40)
    | st.sampled_from([b"\xfd\xff\xff", b"\xfe\xff\xff\xff\xff", b"\xfe\0\0\0\2", b"\xff" * 9, b"\0\x08"]),
    mweb=st.booleans(),
)
def test_anything_inside_a_block_is_read_or_unreadable(at: int, cut: int, noise: bytes, mweb: bool) -> None:
    bent = WITH_MWEB[:at] + noise + WITH_MWEB[at + cut :]
    try:
        block = read_block(bent, Form(mweb=mweb))
    except BlockUnreadable:
        return
    assert block.outputs == read_block(WITH_MWEB, LITECOIN).outputs


@pytest.mark.parametrize("made", [LEGACY, SEGWIT, Made(((ALICE, 1),), mweb=b"\1part"), replace(SEGWIT, mweb=b"\1part")])
def test_reads_a_lone_transaction(made: Made) -> None:
    outputs = Outputs()
    read_transaction(COINBASE.raw, COINBASE.txid, outputs)
    read_transaction(made.raw, made.txid, outputs)
    found = list(outputs.paying({script for script, _ in made.outputs}))
    assert [(o.vout, o.script, o.base_units) for o in found if o.transaction == 1] == [
        (vout, script, value) for vout, (script, value) in enumerate(made.outputs)
    ]
    assert {o.txid for o in found if o.transaction == 1} == {made.txid}


def test_an_mweb_only_transaction_pays_nobody_we_see() -> None:
    outputs = Outputs()
    read_transaction(Made((), mweb=b"\1" + b"part" * 50, inputs=0).raw, "ab" * 32, outputs)
    assert (outputs.scripts, outputs.txids) == ([], [b"\xab" * 32])


@pytest.mark.parametrize(
    "raw", [b"", LEGACY.raw[:-1], LEGACY.raw + b"\0", SEGWIT.raw, b"\2\0\0\0\0\x10" + LEGACY.raw[4:]]
)
def test_refuses_a_lone_transaction(raw: bytes) -> None:
    with pytest.raises(BlockUnreadable):
        read_transaction(raw, LEGACY.txid, Outputs())


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_a_lone_transaction_is_read_or_unreadable(noise: bytes) -> None:
    with pytest.raises(BlockUnreadable):
        read_transaction(noise, LEGACY.txid, Outputs())
