"""Blocks and transactions as Bitcoin's peers serialise them, its kin's own parts included, read strictly.

A plain walk over the bytes that builds nothing but four flat columns: scripts, amounts, transaction ids and where each
transaction's outputs end. Whatever the bytes are, they are either a block whose transactions hash to the merkle root of
its header, to the last byte, or `BlockUnreadable`.

What differs by chain is said by a `Form`. Proof of work is the node's to judge, and so is Dogecoin's AuxPoW, which is
only stepped over.

Sources: Bitcoin Core `primitives/block.h`, `primitives/transaction.h`, `serialize.h` (ReadCompactSize) and
`consensus/merkle.cpp`; BIP141 (marker and flag); LIP-2, LIP-3 and Litecoin's `primitives/transaction.h` (flag 8, HogEx,
the extension block behind the transactions); Dogecoin Core `primitives/auxpow.h`, `primitives/pureheader.h`; Dash's
DIP-2 (special transactions); CHIP-2022-02 CashTokens ("Token Prefix").
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from struct import Struct
from struct import error as StructError  # noqa: N812 - `error` alone says nothing
from typing import NamedTuple

from monitor.connectors.base import NodeError

HEADER_BYTES = 80
_MAX_SIZE = 0x0200_0000  # serialize.h: MAX_SIZE
_MAX_AMOUNT = 2**63 - 1  # an amount is a non-negative int64
_ONE_BYTE_SIZES = 252
_WITNESS, _MWEB = 1, 8  # transaction flags
_EXTENSION_FOLLOWS = 1
_AUXPOW_BIT = 0x100  # of the header's version
_SPECIAL_VERSION = 3  # DIP-2: from this version on, a transaction of a type other than 0 has a payload
_TOKENS = b"\xef"
_CATEGORY_BYTES = 32
_RESERVED, _COMMITMENT, _NFT, _AMOUNT = 0x80, 0x40, 0x20, 0x10  # token_bitfield
_HIGHEST_CAPABILITY = 2

_amount_and_size_at = Struct("<QB").unpack_from
_parent_root_time = Struct("<4x32s32sI").unpack_from
_version_and_type_at = Struct("<HH").unpack_from
_WIDE_SIZES = {253: (2, 253), 254: (4, 0x1_0000), 255: (8, 0x1_0000_0000)}


class BlockUnreadable(NodeError):
    """The bytes are not the block or transaction they should be. Nothing of them may be credited."""

    code = "block_unreadable"


class Form(NamedTuple):
    """What a chain's blocks have beside Bitcoin's."""

    mweb: bool = False
    """Litecoin's extension blocks."""
    auxpow: bool = False
    """Dogecoin's merged mining: another chain's proof stands behind the header."""
    special: bool = False
    """Dash's special transactions; there are no witnesses then."""
    tokens: bool = False
    """Bitcoin Cash's tokens stand before an output's script. The satoshis beside them are whose script it is."""


BITCOIN = Form()


class Output(NamedTuple):
    """One output. `transaction` counts from 0 in its block: 0 is the coinbase. Amount in base units."""

    transaction: int
    txid: str
    vout: int
    script: bytes
    base_units: int


@dataclass(frozen=True, slots=True)
class Outputs:
    """The outputs of some transactions, in columns: an object for each would cost more than the reading."""

    scripts: list[bytes] = field(default_factory=list)
    amounts: list[int] = field(default_factory=list)
    txids: list[bytes] = field(default_factory=list)
    """As hashed; people read them reversed."""
    ends: list[int] = field(default_factory=list)
    """How many outputs the transactions up to and with this one have."""

    def paying(self, watched: AbstractSet[bytes]) -> Iterator[Output]:
        """Outputs to those scripts, in order."""
        for place, script in enumerate(self.scripts):
            if script in watched:
                number = bisect_right(self.ends, place)
                first = self.ends[number - 1] if number else 0
                yield Output(number, _shown(self.txids[number]), place - first, script, self.amounts[place])


class RawBlock(NamedTuple):
    """A block proved by its merkle root. `hogex`: the last transaction is MWEB's, its output 0 the pot."""

    hash: str
    parent_hash: str
    time: datetime
    outputs: Outputs
    hogex: bool


def read_block(raw: bytes, form: Form = BITCOIN) -> RawBlock:
    """The block in those bytes. Raises `BlockUnreadable` and nothing else."""
    outputs, hogex = read_outputs(raw, form)
    parent, root, seconds = _parent_root_time(raw)
    if merkle_root(outputs.txids) != root:
        raise BlockUnreadable("the transactions do not hash to the header's merkle root")
    return RawBlock(
        hash=_shown(_double_sha256(raw[:HEADER_BYTES])),
        parent_hash=_shown(parent),
        time=datetime.fromtimestamp(seconds, UTC),
        outputs=outputs,
        hogex=hogex,
    )


def read_outputs(raw: bytes, form: Form = BITCOIN) -> tuple[Outputs, bool]:
    """A block's outputs and transaction ids, not yet proved, and whether its last transaction is a HogEx."""
    outputs, flag, walk = Outputs(), 0, _special_transaction if form.special else _transaction
    scripts, add_end = outputs.scripts, outputs.ends.append
    add_script, add_amount = scripts.append, outputs.amounts.append
    hashed: list[bytes] = []
    try:
        count, at = _size(raw, _behind_auxpow(raw) if form.auxpow else HEADER_BYTES)
        for _ in range(count):
            if flag & ~_WITNESS:
                raise BlockUnreadable("a transaction of unknown form, or one behind the HogEx")
            id_bytes, at, flag = walk(raw, at, add_script, add_amount)
            hashed.append(id_bytes)
            add_end(len(scripts))
        if flag & ~(_WITNESS | _MWEB if form.mweb else _WITNESS):
            raise BlockUnreadable("a transaction of unknown form")
        _check_end(raw, at, hogex=bool(flag & _MWEB))
    except (IndexError, StructError) as error:
        raise BlockUnreadable("the block ends too early") from error
    _check_amounts(outputs)
    if form.tokens:
        _leave_tokens_out(outputs.scripts)
    outputs.txids.extend([sha256(sha256(id_bytes).digest()).digest() for id_bytes in hashed])
    return outputs, bool(flag & _MWEB)


def read_transaction(raw: bytes, txid: str, outputs: Outputs, form: Form = BITCOIN) -> None:
    """Append a lone transaction's outputs; it must hash to `txid`.

    With flag 8 an MWEB part of its own format stands before the lock time. It pays no script we could watch and the
    transaction id leaves it out; a transaction of nothing else has no outputs here and is named by its kernel.
    """
    before, walk = len(outputs.scripts), _special_transaction if form.special else _transaction
    try:
        hashed, end, flag = walk(raw, 0, outputs.scripts.append, outputs.amounts.append, lone=True)
    except (IndexError, StructError) as error:
        raise BlockUnreadable("the transaction ends too early") from error
    if end != len(raw) or flag & ~(_WITNESS | _MWEB):
        raise BlockUnreadable("the transaction has bytes of unknown meaning")
    named_by_kernel = flag & _MWEB and len(outputs.scripts) == before
    if not named_by_kernel and _shown(_double_sha256(hashed)) != txid:
        raise BlockUnreadable("the transaction does not hash to its id")
    outputs.txids.append(bytes.fromhex(txid)[::-1])
    outputs.ends.append(len(outputs.scripts))
    _check_amounts(outputs)
    if form.tokens:
        _leave_tokens_out(outputs.scripts, before)


def merkle_root(txids: list[bytes]) -> bytes:
    """The root over a block's transaction ids (not empty).

    Repeated transactions can give a longer list the root of a shorter one (CVE-2012-2459): refused.
    """
    if not txids:
        raise BlockUnreadable("the block has no transactions")
    if len(set(txids)) != len(txids):
        raise BlockUnreadable("the block repeats a transaction")
    level = txids
    while len(level) > 1:
        pairs = iter(level + level[-1:] if len(level) % 2 else level)
        level = [sha256(sha256(left + right).digest()).digest() for left, right in zip(pairs, pairs, strict=True)]
    return level[0]


def _transaction(  # noqa: C901 - unrolled: this loop runs for every byte of a chain
    raw: bytes,
    begin: int,
    add_script: Callable[[bytes], None],
    add_amount: Callable[[int], None],
    *,
    lone: bool = False,
) -> tuple[bytes, int, int]:
    """Walk one transaction: the bytes its id is the hash of, where it ends, its flag (0: without marker and flag)."""
    flag, body = 0, begin + 4
    inputs = raw[body]
    if not inputs:
        flag, body = raw[body + 1], body + 2
        if not flag:
            raise BlockUnreadable("a transaction without inputs")
        inputs = raw[body]
    at = body + 1
    if inputs > _ONE_BYTE_SIZES:
        inputs, at = _size(raw, body)
    for _ in range(inputs):
        size = raw[at + 36]
        if size > _ONE_BYTE_SIZES:
            size, at = _size(raw, at + 36)
            at += size + 4
        else:
            at += size + 41
    count = raw[at]
    at += 1
    if count > _ONE_BYTE_SIZES:
        count, at = _size(raw, at - 1)
    for _ in range(count):
        amount, size = _amount_and_size_at(raw, at)
        at += 9
        if size > _ONE_BYTE_SIZES:
            size, at = _size(raw, at - 1)
        add_amount(amount)
        add_script(raw[at : (at := at + size)])
    if not flag:
        return raw[begin : at + 4], at + 4, flag
    outputs_end = at
    if flag & _WITNESS:
        at = _witnesses(raw, at, inputs)
    if flag & _MWEB:
        at = len(raw) - 4 if lone else _null_mweb(raw, at)
    return raw[begin : begin + 4] + raw[body:outputs_end] + raw[at : at + 4], at + 4, flag


def _witnesses(raw: bytes, begin: int, inputs: int) -> int:
    at = begin
    for _ in range(inputs):
        count = raw[at]
        at += 1
        if count > _ONE_BYTE_SIZES:
            count, at = _size(raw, at - 1)
        for _ in range(count):
            size = raw[at]
            if size > _ONE_BYTE_SIZES:
                size, at = _size(raw, at)
                at += size
            else:
                at += size + 1
    if at == begin + inputs:
        raise BlockUnreadable("the witness is empty, so the flag should not be set")
    return at


def _special_transaction(
    raw: bytes,
    begin: int,
    add_script: Callable[[bytes], None],
    add_amount: Callable[[int], None],
    *,
    lone: bool = False,
) -> tuple[bytes, int, int]:
    """Walk one of Dash's transactions (DIP-2): with a type, a payload follows the lock time, and the id covers it.

    Quorum commitments (DIP-6) have neither inputs nor outputs: where Bitcoin sees the mark of a witness.
    """
    version, kind = _version_and_type_at(raw, begin)
    inputs, at = _size(raw, begin + 4)
    for _ in range(inputs):
        size, at = _size(raw, at + 36)
        at += size + 4
    count, at = _size(raw, at)
    for _ in range(count):
        amount = int.from_bytes(raw[at : at + 8], "little")
        size, at = _size(raw, at + 8)
        add_amount(amount)
        add_script(raw[at : (at := at + size)])
    at += 4
    if version >= _SPECIAL_VERSION and kind:
        size, at = _size(raw, at)
        at += size
    return raw[begin:at], at, 0


def _behind_auxpow(raw: bytes) -> int:
    """Where the count of transactions stands: behind the parent chain's proof, if the header's version says so."""
    if not int.from_bytes(raw[:4], "little") & _AUXPOW_BIT:
        return HEADER_BYTES
    nothing: list[bytes] = []
    unread: list[int] = []
    _, at, flag = _transaction(raw, HEADER_BYTES, nothing.append, unread.append)
    if flag & ~_WITNESS:
        raise BlockUnreadable("the parent chain's coinbase is of unknown form")
    at += 32  # the parent block's hash
    for _ in range(2):  # the coinbase's branch in the parent block, then this chain's among those mined with it
        steps, at = _size(raw, at)
        at += 32 * steps + 4
    return at + HEADER_BYTES


def _leave_tokens_out(scripts: list[bytes], begin: int = 0) -> None:
    """Replace scripts with tokens before them by the scripts that lock the coins."""
    for place in range(begin, len(scripts)):
        if scripts[place][:1] == _TOKENS:
            scripts[place] = _locking_script(scripts[place])


def _locking_script(field: bytes) -> bytes:
    """Behind the tokens; all of it where they are not well formed, for then it is only a script nobody can spend."""
    try:
        bits, at = field[1 + _CATEGORY_BYTES], 2 + _CATEGORY_BYTES
        capability, has_nft = bits & 0x0F, bits & _NFT
        known = not bits & _RESERVED and bits & (_NFT | _AMOUNT) and capability <= _HIGHEST_CAPABILITY
        if not known or (bits & 0x4F and not has_nft):
            return field
        if bits & _COMMITMENT:
            length, at = _size(field, at)
            if not length:
                return field
            at += length
        if bits & _AMOUNT:
            at = _behind_amount(field, at)
        return field[at:] if at <= len(field) else field
    except (IndexError, BlockUnreadable):
        return field


def _behind_amount(field: bytes, at: int) -> int:
    """A token amount is a CompactSize of 1 to 2**63 - 1, which no length may reach."""
    first = field[at]
    if first <= _ONE_BYTE_SIZES:
        width, least, amount = 0, 1, first
    else:
        width, least = _WIDE_SIZES[first]
        amount = int.from_bytes(field[at + 1 : at + 1 + width], "little")
    if not least <= amount <= _MAX_AMOUNT:
        raise BlockUnreadable("a token amount is out of bounds or not in its shortest form")
    return at + 1 + width


def _null_mweb(raw: bytes, at: int) -> int:
    """Inside a block only the HogEx has flag 8, and its MWEB part is null: one byte 0."""
    if raw[at]:
        raise BlockUnreadable("a transaction in the block has an MWEB part")
    return at + 1


def _size(raw: bytes, at: int) -> tuple[int, int]:
    """A CompactSize and the place behind it. Only the shortest form counts, as in Core."""
    size = raw[at]
    if size <= _ONE_BYTE_SIZES:
        return size, at + 1
    width, least = _WIDE_SIZES[size]
    size = int.from_bytes(raw[at + 1 : at + 1 + width], "little")
    if not least <= size <= _MAX_SIZE:
        raise BlockUnreadable("a size is out of bounds or not in its shortest form")
    return size, at + 1 + width


def _check_end(raw: bytes, at: int, *, hogex: bool) -> None:
    """Nothing may follow the transactions, except an extension block behind a HogEx."""
    if hogex and raw[at] != _EXTENSION_FOLLOWS:
        raise BlockUnreadable("a HogEx without its extension block")
    if not hogex and at != len(raw):
        raise BlockUnreadable("the last transaction does not end where the block does")


def _check_amounts(outputs: Outputs) -> None:
    if max(outputs.amounts, default=0) > _MAX_AMOUNT:
        raise BlockUnreadable("an output has a negative amount")


def _double_sha256(data: bytes) -> bytes:
    return sha256(sha256(data).digest()).digest()


def _shown(digest: bytes) -> str:
    return digest[::-1].hex()
