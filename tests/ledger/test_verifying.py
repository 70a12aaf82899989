"""An export is verified by itself: an honest one passes, and each forgery is named by its line."""

import hashlib
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from ledger import journal, sealing, verifying
from ledger.verifying import ChainBroken, verify, verify_beginning
from tests.ledger.conftest import Shop
from tests.torture import tampering

ROOT = Path(__file__).parent.parent.parent


class Book:
    """A chain written by hand, so that its hashes can be right where its contents are wrong."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.head = ""
        self.blocks = 0
        self.upto = 0
        self.sealed_at = "2026-03-01T12:00:00"

    def seal(self, *entries: dict[str, Any], **changes: Any) -> None:
        last = max(int(entry["xid"]) for entry in entries) + 1
        block = {
            "format": 1,
            "book": 7,
            "block": self.blocks + 1,
            "node": 0,
            "from_xid": str(self.upto),
            "upto_xid": str(last),
            "entries": len(entries),
            "previous": self.head,
            "sealed_at": self.sealed_at,
            **changes,
        }
        lines = [json.dumps(row).encode() for row in (block, *entries)]
        hashed = [lines[0], *[hashlib.sha256(line).hexdigest().encode() for line in lines[1:]]]
        self.head = hashlib.sha256(b"".join(line + b"\n" for line in hashed)).hexdigest()
        self.lines += [line + b"\n" for line in lines]
        self.blocks, self.upto = self.blocks + 1, last

    def export(self, **changes: Any) -> list[bytes]:
        return [*self.lines, json.dumps({"head": self.head, "blocks": self.blocks, **changes}).encode() + b"\n"]


def leg(number: int, code: str, side: int, after: int, seq: int, kind: str = "A", layer: int = 0) -> list[Any]:
    """`side` is a debit, below zero a credit."""
    coin = ["BTC", "bitcoin", "", 8]
    return [number, code, kind, None, *coin, layer, str(max(side, 0)), str(max(-side, 0)), str(after), seq]


def entry(entry_id: int, *legs: list[Any], xid: int = 0, kind: int = 1, ref: int | None = None) -> dict[str, Any]:
    return {
        "id": entry_id,
        "idem": f"fact {entry_id}",
        "kind": kind,
        "ref": ref,
        "node": 0,
        "xid": str(xid or entry_id),
        "legs": list(legs),
        "meta": {},
    }


def receipt(entry_id: int, amount: int, after: int, seq: int, **others: Any) -> dict[str, Any]:
    return entry(entry_id, leg(1, "vault", amount, after, seq), leg(2, "owed", -amount, after, seq, "L"), **others)


def wrong(lines: Sequence[bytes]) -> tuple[int, str]:
    with pytest.raises(ChainBroken) as broken:
        verify(lines)
    return broken.value.line, str(broken.value)


@pytest.fixture
def book() -> Book:
    """Lines 1 to 3: a block of two entries; 4 and 5: one of one; 6 closes."""
    book = Book()
    book.seal(receipt(1, 10, 10, 1), receipt(2, 5, 15, 2))
    book.seal(receipt(3, 1, 16, 3))
    return book


def test_an_honest_chain_is_verified(book: Book) -> None:
    assert verify(book.export()) == verifying.Verified(7, 2, 3, book.head, 0)


def test_a_book_without_blocks_is_verified() -> None:
    assert verify(Book().export()) == verifying.Verified(None, 0, 0, "", 0)


@pytest.mark.django_db(transaction=True)
def test_what_the_database_exports_is_verified() -> None:
    """All verbs, several coins, hostile texts, closed periods; later exports continue earlier ones."""
    rng = random.Random(7)
    tampering.build(rng)
    for book in tampering.Book.objects.all():
        lines = [f"{line}\n".encode() for line in sealing.export(book.pk)]
        verified = verify(lines)
        assert verified.blocks == 4
        assert verified.entries == book.entries.count() == len(lines) - 5
        assert verified.open_ends == 0
        verify_beginning(lines, lines)


@pytest.mark.django_db(transaction=True)
def test_an_older_export_is_continued_by_a_newer_one(shop: Shop, tmp_path: Path) -> None:
    older, newer = tmp_path / "older", tmp_path / "newer"
    for file in (older, newer):
        shop.received(7)
        journal.record(shop.receipt(3))
        sealing.seal_all()
        call_command("export_chain", book=shop.book.pk, output=file)
    assert "4 entries" in verifying.run(newer, older)
    assert "It continues" in verifying.run(older, older)
    with pytest.raises(ChainBroken, match="line 4: is not that of the older export"):
        verifying.run(older, newer)


BREAK = {
    "another hash": (lambda rows: rows[3].update(previous="00"), 4, "has the hash"),
    "an edited entry": (lambda rows: rows[1].update(meta={"a": 1}), 4, "has the hash"),
    "an edited last entry": (lambda rows: rows[4].update(meta={"a": 1}), 6, "has the hash"),
    "another head": (lambda rows: rows[5].update(head="00"), 6, "has the hash"),
    "a number left out": (lambda rows: rows[3].update(block=3), 4, "block 3 where 2 is due"),
    "another book": (lambda rows: rows[3].update(book=8), 4, "book 8"),
    "another format": (lambda rows: rows[0].update(format=2), 1, "format 2"),
    "a gap between blocks": (lambda rows: rows[3].update(from_xid="4"), 4, "from_xid 4 where 3 is due"),
    "blocks that overlap": (lambda rows: rows[3].update(from_xid="2"), 4, "from_xid 2 where 3 is due"),
    "a block that ends before it begins": (lambda rows: rows[3].update(upto_xid="3"), 4, "ends before"),
    "an entry missing": (lambda rows: rows.pop(2), 3, "block 1 lacks 1 of its 2 entries"),
    "the last entry missing": (lambda rows: rows.pop(4), 5, "block 2 lacks 1"),
    "an entry too many": (lambda rows: rows.insert(3, receipt(9, 1, 16, 3, xid=2)), 4, "more than its 2"),
    "entries exchanged": (lambda rows: rows.insert(1, rows.pop(2)), 3, "in order of their ids"),
    "a block missing": (lambda rows: rows.__delitem__(slice(3, 5)), 4, "2 blocks are said"),
    "no closing line": (lambda rows: rows.pop(), 6, "without its closing line"),
    "more behind the closing line": (lambda rows: rows.append({"head": "", "blocks": 0}), 7, "behind the closing"),
    "an entry of another transaction": (lambda rows: rows[4].update(xid="900"), 5, "not of its block"),
    "an entry of another server": (lambda rows: rows[4].update(node=1), 5, "not of its block"),
    "no entry at all": (lambda rows: rows[0].update(entries=0), 1, "a block has entries"),
    "something else": (lambda rows: rows.__setitem__(1, 5), 2, "is not what an export writes"),
    "an entry without legs": (lambda rows: rows[1].pop("legs"), 2, "is not what an export writes"),
}


@pytest.mark.parametrize("forgery", BREAK)
def test_a_broken_chain_is_named_by_its_line(book: Book, forgery: str) -> None:
    change, line, message = BREAK[forgery]
    rows = [json.loads(text) for text in book.export()]
    change(rows)
    found = wrong([json.dumps(row).encode() + b"\n" for row in rows])
    assert found[0] == line
    assert message in found[1]


CONTENTS = {
    "debits and credits differ": [entry(1, leg(1, "a", 5, 5, 1), leg(2, "b", -4, -4, 1))],
    "an entry has legs": [entry(1)],
    "legs are numbered": [entry(1, leg(1, "a", 5, 5, 1), leg(3, "b", -5, -5, 1))],
    "one positive debit or credit": [entry(1, leg(1, "a", 0, 0, 1), leg(2, "b", 0, 0, 1))],
    "credit of a layer": [entry(1, leg(1, "a", 5, 5, 1, layer=3), leg(2, "b", -5, -5, 1, layer=3))],
    "balance_after 11 where 10 is due": [receipt(1, 10, 11, 1)],
    "account_seq 1 stands here twice": [receipt(1, 10, 10, 1), receipt(2, 10, 20, 1)],
    "changes its kind": [receipt(1, 10, 10, 1), entry(2, leg(1, "vault", 1, 11, 2, "L"), leg(2, "x", -1, -1, 1))],
    "entry 1 is resolved twice": [
        receipt(1, 1, 1, 1, kind=2),
        receipt(2, 1, 2, 2, kind=3, ref=1),
        receipt(3, 1, 3, 3, kind=4, ref=1),
    ],
    "entry 1 is reversed twice": [
        receipt(1, 1, 1, 1),
        receipt(2, 1, 2, 2, kind=5, ref=1),
        receipt(3, 1, 3, 3, kind=5, ref=1),
    ],
    "an entry of kind 3 resolves one of kind 1": [receipt(1, 1, 1, 1), receipt(2, 1, 2, 2, kind=3, ref=1)],
    "an entry of kind 5 resolves one of kind 2": [receipt(1, 1, 1, 1, kind=5, ref=2), receipt(2, 1, 2, 2, kind=2)],
    "kind 6 is not known": [receipt(1, 1, 1, 1, kind=6, ref=1)],
    "kind 1 with ref 1": [receipt(1, 1, 1, 1, ref=1)],
    "kind 3 with ref None": [receipt(1, 1, 1, 1, kind=3)],
}


@pytest.mark.parametrize("message", CONTENTS)
def test_hashes_do_not_cover_up_for_contents(message: str) -> None:
    book = Book()
    book.seal(*CONTENTS[message])
    assert message in wrong(book.export())[1]


def test_an_entry_stands_once() -> None:
    book = Book()
    book.seal(receipt(1, 1, 1, 1))
    book.seal(receipt(1, 1, 2, 2, xid=9))
    assert "entry 1 stands here twice" in wrong(book.export())[1]


def test_an_asset_keeps_its_decimals() -> None:
    book = Book()
    other = receipt(2, 1, 2, 2)
    for one in other["legs"]:
        one[7] = 9
    book.seal(receipt(1, 1, 1, 1), other)
    assert wrong(book.export()) == (3, "line 3: asset BTC changes its code or decimals")


def test_pending_amounts_run_by_themselves() -> None:
    book = Book()
    book.seal(
        entry(1, leg(1, "v", 9, 9, 1, layer=1), leg(2, "o", -9, 9, 1, "L", layer=1), kind=2),
        entry(2, leg(1, "o", 4, 4, 2, "L", layer=2), leg(2, "v", -4, 4, 2, layer=2), kind=2),
        entry(3, leg(1, "o", 1, -1, 3, "L"), leg(2, "v", -1, -1, 3)),
    )
    assert verify(book.export()).entries == 3


def test_transactions_that_end_in_another_order_than_they_began() -> None:
    """Sealed by their ids, numbered on the account by their commits: the file is in order of the former."""
    book = Book()
    book.seal(receipt(5, 1, 3, 3, xid=5), entry(6, *receipt(0, 1, 2, 2)["legs"], xid=5, kind=3, ref=9))
    book.seal(receipt(8, 1, 1, 1, xid=8), entry(9, leg(1, "x", 2, 2, 1), leg(2, "y", -2, -2, 1), kind=2))
    assert verify(book.export()).open_ends == 0


def test_what_waits_for_an_unsealed_forerunner_is_counted_while_it_is_new() -> None:
    book = Book()
    book.seal(receipt(1, 1, 1, 1), receipt(2, 1, 3, 3))
    book.sealed_at = "2026-03-01T12:59:00.5"
    book.seal(entry(3, leg(1, "x", 2, 2, 1), leg(2, "y", -2, -2, 1), kind=3, ref=99))
    assert verify(book.export()).open_ends == 3
    book.sealed_at = "2026-03-01T13:00:01"
    book.seal(entry(4, leg(1, "x", 2, 4, 2), leg(2, "y", -2, -4, 2)))
    assert wrong(book.export()) == (3, "line 3: account_seq 2 of owed is missing before")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:-1],
        lambda text: text[:-40],
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: text.replace(b"fact 2", b"fact \xff"),
        lambda text: text.replace(b"{}", b"[" * 100_000, 1),
        lambda text: b"\n" + text,
        lambda text: b"\xef\xbb\xbf" + text,
        lambda text: b"",
    ],
)
def test_a_spoilt_file_is_refused(book: Book, spoil: Callable[[bytes], bytes]) -> None:
    with pytest.raises(ChainBroken):
        verify(spoil(b"".join(book.export())).splitlines(keepends=True))


def test_numbers_longer_than_python_reads_are_no_error() -> None:
    book = Book()
    row = receipt(1, 1, 1, 1)
    text = json.dumps(row).replace('"meta": {}', f'"meta": {{"n": 1{"0" * 9000}, "x": 1e999}}').encode()
    block = b'{"format": 1, "book": 7, "block": 1, "node": 0, "from_xid": "0", "upto_xid": "2", "entries": 1, '
    block += b'"previous": "", "sealed_at": "2026-03-01T12:00:00"}'
    head = hashlib.sha256(block + b"\n" + hashlib.sha256(text).hexdigest().encode() + b"\n").hexdigest()
    closing = json.dumps({"head": head, "blocks": 1}).encode()
    assert verify([block + b"\n", text + b"\n", closing + b"\n"]).head == head
    assert book.head == ""


def test_history_written_anew_is_found_though_its_hashes_are_right(book: Book) -> None:
    forged = Book()
    forged.seal(receipt(1, 10, 10, 1), {**receipt(2, 5, 15, 2), "meta": {"customer": "mallory"}})
    forged.seal(receipt(3, 1, 16, 3))
    forged.seal(receipt(4, 1, 17, 4))
    verify(forged.export())
    with pytest.raises(ChainBroken, match="line 3: is not that of the older export"):
        verify_beginning(book.export(), forged.export())


def test_a_newer_export_has_all_of_the_older_one(book: Book) -> None:
    older = book.export()
    shorter = Book()
    shorter.seal(receipt(1, 10, 10, 1), receipt(2, 5, 15, 2))
    with pytest.raises(ChainBroken, match="line 4: is not that"):
        verify_beginning(older, shorter.export())
    with pytest.raises(ChainBroken, match="line 4: is missing"):
        verify_beginning(older, older[:3])
    verify_beginning(older, older)
    book.seal(receipt(4, 1, 17, 4))
    verify_beginning(older, book.export())
    older[-1] = older[-1].replace(b'"head": "', b'"head": "0')
    with pytest.raises(ChainBroken, match="line 6"):
        verify_beginning(older, book.export())


@pytest.mark.parametrize("program", [["-m", "ledger.verifying"], ["manage.py", "verify_chain"]])
def test_no_database_and_no_settings_are_needed(book: Book, tmp_path: Path, program: list[str]) -> None:
    """`-S -I` would not find Django at all; the library of Python is enough."""
    file, forged = tmp_path / "chain", tmp_path / "forged"
    file.write_bytes(b"".join(book.export()))
    forged.write_bytes(file.read_bytes().replace(b"fact 2", b"fact 9"))
    bare = {name: value for name, value in os.environ.items() if name in {"PATH", "LANG"}}
    without_packages = [sys.executable, "-S", *program]

    def run(*arguments: Path | str) -> subprocess.CompletedProcess[str]:
        command = [*without_packages, *map(str, arguments)]
        return subprocess.run(command, cwd=ROOT, env=bare, capture_output=True, text=True, check=False)

    good = run(file, "--after", file)
    assert (good.returncode, good.stderr) == (0, "")
    assert f"Book 7: 2 blocks, 3 entries, head {book.head}. It continues" in good.stdout
    bad = run(forged)
    assert (bad.returncode, bad.stdout) == (1, "")
    assert "line 4: block 1, from line 1 on, has the hash" in bad.stderr
    assert run(tmp_path / "nowhere").returncode == 1


def test_the_command_says_what_is_wrong(book: Book, tmp_path: Path) -> None:
    file = tmp_path / "chain"
    file.write_bytes(b"".join(book.export()))
    call_command("verify_chain", file)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(CommandError, match="line 6: the file ends in the middle"):
        call_command("verify_chain", file)
