"""Verifies an exported chain: `python -m ledger.verifying FILE [--after OLDER_FILE]`, with Python's own library alone.

No database, no settings, nothing of ours is asked: an auditor needs this file and the export. What is proved: the
hashes recompute and link, blocks are numbered 1..n and tile the transactions of each server; in each asset an entry's
debits equal its credits; each account's postings are numbered 1, 2, 3... and their running balances run; what is
resolved or reversed is there, and is so once. With an older export: it is the beginning of the newer one, so history
was not written anew.

A few dozen bytes an entry are held in memory.
"""

import argparse
import hashlib
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import zip_longest
from pathlib import Path
from typing import Any, ClassVar

FORMAT = 1
POST, PENDING, SETTLE, VOID, REVERSE = 1, 2, 3, 4, 5
RESOLVES = {SETTLE: (PENDING,), VOID: (PENDING,), REVERSE: (POST, SETTLE)}
DEBIT_NORMAL = ("A", "X")
_LAYERS = POSTED, _, PENDING_OUT = 0, 1, 2
_CLOSING = b'{"head": "'
LONGEST_NUMBER = 100
"""Digits. A number in `meta` may be longer than Python reads; it is kept as text."""

OPEN_AT_THE_END = timedelta(hours=1)
"""Transactions are sealed in order of their ids and commit in another, so that in the newest blocks a posting may stand
whose forerunner is not sealed yet. In older ones it is missing."""


class ChainBroken(Exception):
    """Line `line` of the file is the first that is wrong."""

    code: ClassVar[str] = "chain_broken"

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line


@dataclass(frozen=True, slots=True)
class Verified:
    """A chain without a fault. `open_ends` counts postings and resolutions that wait for what is not sealed yet."""

    book: int | None
    blocks: int
    entries: int
    head: str
    open_ends: int


@dataclass(slots=True)
class _Account:
    """`nature` is kind and floor; `waiting` holds legs by number, until those before them have come."""

    nature: tuple[Any, Any]
    last: int = 0
    balances: list[int] = field(default_factory=lambda: [0, 0, 0])
    waiting: dict[int, tuple[int, int, int, int, datetime]] = field(default_factory=dict)


def verify(lines: Iterable[bytes]) -> Verified:
    """Raises `ChainBroken`."""
    chain, number = _Chain(), 0
    for number, line in enumerate(lines, 1):
        chain.number = number
        try:
            chain.read(line)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise ChainBroken(number, f"is not what an export writes ({type(error).__name__}: {error})") from error
    chain.number = number + 1
    return chain.finish()


def verify_beginning(older: Iterable[bytes], newer: Iterable[bytes]) -> None:
    """Raises `ChainBroken` with the newer file's first line that is not the older one's, up to its closing line."""
    for number, (was, now) in enumerate(zip_longest(older, _or_end(newer)), 1):
        if was is None:
            return
        if was.startswith(_CLOSING) and _names_head_of(was, now):
            return
        if now != was:
            raise ChainBroken(
                number, "is not that of the older export" if now else "is missing; the older export has it"
            )


def _names_head_of(closing: bytes, line: bytes) -> bool:
    """The block that follows says the same hash as the line that closed the export."""
    head = closing.removeprefix(_CLOSING).partition(b'"')[0]
    return b'"previous": "' + head + b'"' in line


def _or_end(lines: Iterable[bytes]) -> Iterator[bytes]:
    yield from lines
    while True:
        yield b""


class _Chain:
    """Reads line by line; `number` is the line's."""

    def __init__(self) -> None:
        self.number = 0
        self.book: int | None = None
        self.blocks = 0
        self.entries = 0
        self.head = ""
        self.closed = False
        self.sealed_at = datetime.min  # noqa: DTZ901 - the file's times are UTC and say no zone
        self.block: dict[str, Any] = {}
        self.digest: Any = None
        self.left = 0
        self.begun = 0
        self.last_id = 0
        self.upto: dict[int, int] = {}
        self.kinds: dict[int, int] = {}
        self.resolved: set[int] = set()
        self.reversed: set[int] = set()
        self.unmet: dict[int, list[tuple[int, int, datetime]]] = defaultdict(list)
        self.accounts: dict[tuple[Any, ...], _Account] = {}
        self.assets: dict[tuple[Any, ...], tuple[Any, ...]] = {}

    def read(self, line: bytes) -> None:
        self._demand(not self.closed, "something stands behind the closing line")
        self._demand(line.endswith(b"\n"), "the file ends in the middle of a line")
        text = line[:-1]
        row = json.loads(text.decode(), parse_int=_number)
        if "head" in row:
            self._close(row)
        elif self.left:
            self._entry(row, text)
        else:
            self._block(row, text)

    def finish(self) -> Verified:
        self._demand(self.closed, "the file ends without its closing line")
        return Verified(self.book, self.blocks, self.entries, self.head, self._open_ends())

    def _block_before(self) -> str:
        return f"block {self.blocks}, from line {self.begun} on, has the hash {self.head or 'of none'}"

    def _demand(self, holds: bool, otherwise: str) -> None:
        if not holds:
            raise ChainBroken(self.number, otherwise)

    def _block(self, row: dict[str, Any], text: bytes) -> None:
        self._demand("block" in row, f"block {self.blocks} has more than its {self.block.get('entries', 0)} entries")
        self._demand(row["format"] == FORMAT, f"format {row['format']} is not known here; take a newer verifier")
        self.book = row["book"] if self.book is None else self.book
        self._demand(row["book"] == self.book, f"book {row['book']} in the chain of book {self.book}")
        self._demand(row["block"] == self.blocks + 1, f"block {row['block']} where {self.blocks + 1} is due")
        self._demand(
            row["previous"] == self.head, f"{self._block_before()}, but here it is said to be {row['previous']}"
        )
        begins = self.upto.get(row["node"], 0)
        self._demand(int(row["from_xid"]) == begins, f"from_xid {row['from_xid']} where {begins} is due")
        self._demand(int(row["upto_xid"]) > begins, "a block ends before it begins")
        self._demand(type(row["entries"]) is int and row["entries"] > 0, "a block has entries")
        self.upto[row["node"]] = int(row["upto_xid"])
        self.sealed_at = datetime.fromisoformat(row["sealed_at"])
        self.block, self.blocks, self.left, self.last_id = row, row["block"], row["entries"], 0
        self.begun, self.digest = self.number, hashlib.sha256(text + b"\n")

    def _entry(self, row: dict[str, Any], text: bytes) -> None:
        self._demand("idem" in row, f"block {self.blocks} lacks {self.left} of its {self.block['entries']} entries")
        in_block = int(self.block["from_xid"]) <= int(row["xid"]) < int(self.block["upto_xid"])
        self._demand(row["node"] == self.block["node"] and in_block, "the entry's transaction is not of its block")
        self._demand(row["id"] > self.last_id, "entries stand in order of their ids")
        self._demand(row["id"] not in self.kinds, f"entry {row['id']} stands here twice")
        self.last_id = row["id"]
        self._resolution(row)
        self._legs(row["legs"])
        self.digest.update(hashlib.sha256(text).hexdigest().encode() + b"\n")
        self.entries, self.left = self.entries + 1, self.left - 1
        if not self.left:
            self.head = self.digest.hexdigest()

    def _close(self, row: dict[str, Any]) -> None:
        self._demand(not self.left, f"block {self.blocks} lacks {self.left} of its entries")
        self._demand(row["blocks"] == self.blocks, f"{row['blocks']} blocks are said, {self.blocks} are here")
        self._demand(row["head"] == self.head, f"{self._block_before()}, but here it is said to be {row['head']}")
        self.closed = True

    def _resolution(self, row: dict[str, Any]) -> None:
        kind, ref = row["kind"], row["ref"]
        self._demand(kind in {POST, PENDING, *RESOLVES}, f"kind {kind} is not known")
        self._demand((ref is None) == (kind in {POST, PENDING}), f"kind {kind} with ref {ref}")
        self.kinds[row["id"]] = kind
        for line, waiting_kind, _ in self.unmet.pop(row["id"], ()):
            self._meet(line, waiting_kind, kind)
        if ref is None:
            return
        taken = self.reversed if kind == REVERSE else self.resolved
        self._demand(ref not in taken, f"entry {ref} is {'reversed' if kind == REVERSE else 'resolved'} twice")
        taken.add(ref)
        if ref in self.kinds:
            self._meet(self.number, kind, self.kinds[ref])
        else:
            self.unmet[ref].append((self.number, kind, self.sealed_at))

    @staticmethod
    def _meet(line: int, kind: int, ref_kind: int) -> None:
        if ref_kind not in RESOLVES[kind]:
            raise ChainBroken(line, f"an entry of kind {kind} resolves one of kind {ref_kind}")

    def _legs(self, legs: list[list[Any]]) -> None:
        self._demand(len(legs) > 0, "an entry has legs")
        self._demand([leg[0] for leg in legs] == list(range(1, len(legs) + 1)), "legs are numbered 1, 2, 3...")
        sums: dict[tuple[Any, ...], int] = defaultdict(int)
        for leg in legs:
            _, code, kind, floor, asset, chain, contract, decimals, layer, debit, credit, after, number = leg
            moved = int(debit) - int(credit)
            one_side = min(int(debit), int(credit)) == 0 != moved and layer in _LAYERS
            self._demand(one_side, "a leg is one positive debit or credit of a layer")
            account = self._account((code, chain, contract), (kind, floor), (asset, decimals))
            raised = moved if (kind in DEBIT_NORMAL) == (layer != PENDING_OUT) else -moved
            self._posting(account, number, (layer, raised, int(after), self.number, self.sealed_at))
            sums[chain, contract, layer == POSTED] += moved
        for (chain, _, _), left_over in sums.items():
            self._demand(left_over == 0, f"debits and credits differ by {left_over} on {chain}")

    def _account(self, key: tuple[Any, ...], nature: tuple[Any, Any], unit: tuple[Any, Any]) -> _Account:
        account = self.accounts.get(key)
        if account is None:
            account = self.accounts[key] = _Account(nature)
        self._demand(account.nature == nature, f"account {key[0]} changes its kind or floor")
        self._demand(self.assets.setdefault(key[1:], unit) == unit, f"asset {unit[0]} changes its code or decimals")
        return account

    def _posting(self, account: _Account, number: int, posting: tuple[int, int, int, int, datetime]) -> None:
        self._demand(account.last < number and number not in account.waiting, f"account_seq {number} stands here twice")
        account.waiting[number] = posting
        while following := account.waiting.pop(account.last + 1, None):
            layer, raised, after, line, _ = following
            account.last += 1
            account.balances[layer] += raised
            if account.balances[layer] != after:
                raise ChainBroken(line, f"balance_after {after} where {account.balances[layer]} is due")

    def _open_ends(self) -> int:
        postings = [
            (line, sealed_at, f"account_seq {account.last + 1} of {key[0]} is missing before")
            for key, account in self.accounts.items()
            for _, _, _, line, sealed_at in account.waiting.values()
        ]
        resolutions = [
            (line, sealed_at, f"entry {ref} is missing, which is resolved")
            for ref, waiting in self.unmet.items()
            for line, _, sealed_at in waiting
        ]
        ends = sorted(postings + resolutions)
        for line, sealed_at, what in ends:
            if self.sealed_at - sealed_at > OPEN_AT_THE_END:
                raise ChainBroken(line, what)
        return len(ends)


def _number(digits: str) -> int | str:
    return int(digits) if len(digits) <= LONGEST_NUMBER else digits


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="what export_chain wrote")
    parser.add_argument("--after", type=Path, metavar="OLDER_FILE", help="an export that must be its beginning")


def run(file: Path, after: Path | None) -> str:
    """What was verified, in words. Raises `ChainBroken`, `OSError`."""
    if after:  # first, because it names the very line
        with after.open("rb") as older, file.open("rb") as newer:
            verify_beginning(older, newer)
    with file.open("rb") as lines:
        verified = verify(lines)
    told = (
        f"Book {verified.book}: {verified.blocks} blocks, {verified.entries} entries, head {verified.head or 'none'}."
    )
    if verified.open_ends:
        told += f" {verified.open_ends} lines of the last hour wait for what is not sealed yet."
    return f"{told} It continues {after}." if after else told


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="verify_chain", description="Verifies an exported chain, without a database.")
    add_arguments(parser)
    given = parser.parse_args(arguments)
    try:
        print(run(given.file, given.after))
    except (ChainBroken, OSError) as error:
        print(f"{given.file}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
