"""Blocks and transactions as Monero's peers serialise them, read strictly.

Whatever the bytes are, they are either what hashes to the name asked for, to the last byte, or `BlockUnreadable`. A
block's name binds its miner's transaction and the names of all others; a transaction's name binds its prefix, its base
part (fee, hidden amounts, commitments) and, by their hash alone, the proofs that nodes leave out of a pruned answer.
The proofs themselves, and the proof of work, are the node's to check.

Sources: Monero `cryptonote_basic.h` and `rctTypes.h` (serialisation), `cryptonote_format_utils.cpp`
(`calculate_transaction_hash`, `get_block_hashing_blob`), `tx_extra.h`, `common/varint.h`, `crypto/tree-hash.c`.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import sha3

from monitor.connectors.base import NodeError

HASH_BYTES = KEY_BYTES = 32
_NONCE_BYTES, _AMOUNT_BYTES = 4, 8
_VARINT_BITS = 64
_MINERS_INPUT, _KEYS_INPUT = 0xFF, 0x02
_KEY_OUTPUT, _TAGGED_KEY_OUTPUT = 0x02, 0x03
_NO_RINGS = 0
_COMPACT_RINGS = frozenset({4, 5, 6})
"""Bulletproof2, CLSAG and BulletproofPlus: every transaction since March 2019 hides its amounts in eight bytes."""
_PUBLIC_KEY, _NONCE, _MERGE_MINING, _ADDITIONAL_KEYS, _MINERGATE = 0x01, 0x02, 0x03, 0x04, 0xDE
LAST_SECOND = 2**37  # the year 6325: far beyond any block, within what a date can hold


class BlockUnreadable(NodeError):
    """The bytes are not the block or transaction they should be. Nothing of them may be credited."""

    code = "block_unreadable"


class FormUnknown(BlockUnreadable):
    """A transaction of a form that this module does not know: another version, another kind of input, output or ring.

    Such bytes cannot be proved to be the transaction, nor that they are not.
    """

    code = "transaction_form_unknown"


class Output(NamedTuple):
    """One output. `base_units` are in the open for a miner's; else `hidden_amount` and `commitment` stand for them."""

    key: bytes
    """The one-time public key: spent once, so it counts once."""
    view_tag: int | None
    """None: the older form without one."""
    base_units: int
    hidden_amount: bytes = b""
    commitment: bytes = b""


class Transaction(NamedTuple):
    """A transaction that hashes to `txid`. `unlock_time` is 0, or the height or second its outputs are locked until."""

    txid: str
    mined_at_height: int | None
    """The height in a miner's own transaction; None for all others."""
    unlock_time: int
    outputs: Sequence[Output]
    public_keys: Sequence[bytes]
    """R of the whole transaction; more than one is unusual, and each counts."""
    additional_keys: Sequence[bytes]
    """One R for each output, where subaddresses are among several payees."""


class RawBlock(NamedTuple):
    """A block that hashes to its name, with its miner's transaction and the names of the others."""

    hash: str
    parent_hash: str
    time: datetime
    miners: Transaction
    txids: Sequence[str]


def read_block(blob: bytes) -> RawBlock:
    """The block in those bytes. Raises `BlockUnreadable` and nothing else."""
    reader = _Reader(blob)
    reader.varint()  # major and minor version: what they change is told by the bytes that follow
    reader.varint()
    seconds = reader.varint()
    parent = reader.take(HASH_BYTES)
    reader.take(_NONCE_BYTES)
    header = blob[: reader.at]
    miners = _miners_transaction(reader)
    hashes = [reader.take(HASH_BYTES) for _ in range(reader.count(HASH_BYTES))]
    reader.end()
    if seconds > LAST_SECOND:
        raise BlockUnreadable("the block's time is no time")
    if len(set(hashes)) != len(hashes):
        raise BlockUnreadable("the block repeats a transaction")
    root = tree_hash([bytes.fromhex(miners.txid), *hashes])
    hashed = header + root + varint(len(hashes) + 1)
    return RawBlock(
        hash=keccak256(varint(len(hashed)) + hashed).hex(),
        parent_hash=parent.hex(),
        time=datetime.fromtimestamp(seconds, UTC),
        miners=miners,
        txids=[name.hex() for name in hashes],
    )


def read_transaction(pruned: bytes, prunable_hash: bytes, txid: str) -> Transaction:
    """The transaction of that name in its pruned form. Raises `BlockUnreadable` and nothing else."""
    reader = _Reader(pruned)
    found = _prefix(reader)
    if found.version != _RING_VERSION or found.mined_at_height is not None:
        raise FormUnknown("a transaction of a form that only miners, or the years before 2017, used")
    prefix_hash = keccak256(pruned[: reader.at])
    base_begin = reader.at
    outputs = _hidden(reader, found.outputs)
    reader.end()
    if len(prunable_hash) != HASH_BYTES:
        raise BlockUnreadable("the hash of the proofs is none")
    if keccak256(prefix_hash + keccak256(pruned[base_begin:]) + prunable_hash).hex() != txid:
        raise BlockUnreadable("the transaction does not hash to its id")
    return _transaction(txid, found, outputs)


def tree_hash(hashes: Sequence[bytes]) -> bytes:
    """Monero's root over transaction ids: what exceeds a power of two is paired first, the rest is a plain tree."""
    if len(hashes) == 1:
        return hashes[0]
    width = 1 << (len(hashes) - 1).bit_length() - 1
    alone = 2 * width - len(hashes)
    level = [*hashes[:alone], *_paired(hashes[alone:])]
    while len(level) > 1:
        level = _paired(level)
    return level[0]


def keccak256(message: bytes) -> bytes:
    """Keccak-256 with its original padding, which Monero calls `cn_fast_hash`."""
    digest: bytes = sha3.keccak_256(message).digest()
    return digest


def varint(number: int) -> bytes:
    """Seven bits a byte, lowest first; the high bit says that more follow."""
    out = bytearray()
    while number > 0x7F:  # noqa: PLR2004
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


_RING_VERSION = 2


class _Prefix(NamedTuple):
    version: int
    unlock_time: int
    mined_at_height: int | None
    outputs: list[Output]
    public_keys: list[bytes]
    additional_keys: list[bytes]


class _Reader:
    """A place in some bytes. Raises `BlockUnreadable` where they end too early."""

    __slots__ = ("at", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.at = 0

    def take(self, size: int) -> bytes:
        begin, self.at = self.at, self.at + size
        if self.at > len(self.raw):
            raise BlockUnreadable("the bytes end too early")
        return self.raw[begin : self.at]

    def byte(self) -> int:
        return self.take(1)[0]

    def varint(self) -> int:
        """A number in its shortest form, of 64 bits at most."""
        number = shift = 0
        while (byte := self.byte()) & 0x80:
            number |= (byte & 0x7F) << shift
            shift += 7
            if shift >= _VARINT_BITS:
                raise BlockUnreadable("a number is too large")
        number |= byte << shift
        if number >> _VARINT_BITS or (shift and not byte):
            raise BlockUnreadable("a number is too large or not in its shortest form")
        return number

    def count(self, least_size: int) -> int:
        """How many things follow, each of that size at least."""
        number = self.varint()
        if number * least_size > len(self.raw) - self.at:
            raise BlockUnreadable("a count is larger than the bytes allow")
        return number

    def left(self) -> int:
        return len(self.raw) - self.at

    def end(self) -> None:
        if self.left():
            raise BlockUnreadable("bytes follow where nothing should")


def _miners_transaction(reader: _Reader) -> Transaction:
    begin = reader.at
    found = _prefix(reader)
    if found.mined_at_height is None:
        raise BlockUnreadable("the block's first transaction is not its miner's")
    prefix = reader.raw[begin : reader.at]
    if found.version == 1:
        return _transaction(keccak256(prefix).hex(), found, found.outputs)
    if reader.byte() != _NO_RINGS:
        raise BlockUnreadable("the miner's transaction hides amounts")
    hashed = keccak256(prefix) + keccak256(bytes([_NO_RINGS])) + bytes(HASH_BYTES)
    return _transaction(keccak256(hashed).hex(), found, found.outputs)


def _transaction(txid: str, found: _Prefix, outputs: Sequence[Output]) -> Transaction:
    return Transaction(
        txid, found.mined_at_height, found.unlock_time, outputs, found.public_keys, found.additional_keys
    )


def _prefix(reader: _Reader) -> _Prefix:
    version = reader.varint()
    if version not in (1, _RING_VERSION):
        raise FormUnknown(f"a transaction of version {version}")
    unlock_time = reader.varint()
    mined_at_height = _inputs(reader)
    outputs = [_output(reader) for _ in range(reader.count(2 + KEY_BYTES))]
    extra = reader.take(reader.varint())
    return _Prefix(version, unlock_time, mined_at_height, outputs, *_keys_in(extra))


def _inputs(reader: _Reader) -> int | None:
    """Walks over what is spent; the height where it is a miner's new coins."""
    count = reader.count(2)
    if not count:
        raise BlockUnreadable("a transaction without inputs")
    for _ in range(count):
        kind = reader.byte()
        if kind == _MINERS_INPUT and count == 1:
            return reader.varint()
        if kind != _KEYS_INPUT:
            raise FormUnknown("an input of unknown form")
        reader.varint()
        for _ in range(reader.count(1)):
            reader.varint()
        reader.take(KEY_BYTES)  # the key image
    return None


def _output(reader: _Reader) -> Output:
    base_units, kind = reader.varint(), reader.byte()
    if kind not in (_KEY_OUTPUT, _TAGGED_KEY_OUTPUT):
        raise FormUnknown("an output of unknown form")
    key = reader.take(KEY_BYTES)
    return Output(key, reader.byte() if kind == _TAGGED_KEY_OUTPUT else None, base_units)


def _hidden(reader: _Reader, outputs: Sequence[Output]) -> list[Output]:
    """The outputs with the amounts and commitments of the base part."""
    if reader.byte() not in _COMPACT_RINGS:
        raise FormUnknown("a transaction whose amounts are hidden in a form not known here")
    reader.varint()  # the fee
    if any(output.base_units for output in outputs):
        raise BlockUnreadable("an amount stands in the open where it should be hidden")
    amounts = [reader.take(_AMOUNT_BYTES) for _ in outputs]
    commitments = [reader.take(KEY_BYTES) for _ in outputs]
    return [
        output._replace(hidden_amount=amount, commitment=commitment)
        for output, amount, commitment in zip(outputs, amounts, commitments, strict=True)
    ]


def _keys_in(extra: bytes) -> tuple[list[bytes], list[bytes]]:
    """The public keys in a transaction's extra field, each once, and the additional ones.

    Anyone may write anything there: as in Monero's wallet, what comes before the first unreadable field counts.
    """
    reader = _Reader(extra)
    public_keys: list[bytes] = []
    additional: list[bytes] = []
    try:
        while reader.left():
            tag = reader.byte()
            if tag == _PUBLIC_KEY:
                public_keys.append(reader.take(KEY_BYTES))
            elif tag == _ADDITIONAL_KEYS:
                found = [reader.take(KEY_BYTES) for _ in range(reader.count(KEY_BYTES))]
                additional = additional or found
            elif tag in (_NONCE, _MERGE_MINING, _MINERGATE):
                reader.take(reader.varint())
            else:
                break  # padding, which is the last of all, or a tag nobody knows
    except BlockUnreadable:
        pass
    return list(dict.fromkeys(public_keys)), additional


def _paired(hashes: Sequence[bytes]) -> list[bytes]:
    return [keccak256(hashes[i] + hashes[i + 1]) for i in range(0, len(hashes), 2)]
