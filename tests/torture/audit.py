"""An auditor that shares no code with the ledger: reads the tables and reckons everything again with ints.

`invariants` looks at the books alone; `witnessed` holds them against what the writers wrote down outside PostgreSQL.
Both return what is wrong, in sentences; nothing if the books are right.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row

from tests.torture.attempts import Attempt, Fact

POST, PENDING, SETTLE, VOID, REVERSE = range(1, 6)
POSTED, COMING, GOING = range(3)
_POSTINGS = (
    "SELECT book_id, entry_id, leg, account_id, asset_id, layer, debit, credit, balance_after, account_seq,"
    " effective_at FROM ledger_posting"
)
_BALANCES = "SELECT book_id, account_id, posted, pending_in, pending_out, floor, seq FROM ledger_balance"
_BLOCKS = (
    "SELECT book_id, number, node, from_xid::text::bigint AS start, upto_xid::text::bigint AS cut, entries, previous,"
    " hash FROM ledger_block"
)
_ENOUGH = 20
"""Sentences; a broken rule breaks many rows."""

Rows = Iterator[Any]
Leg = tuple[int, int, int, int]
"""account, layer, debit, credit."""


@dataclass(slots=True)
class _Account:
    """What its postings add up to."""

    raised_by_debits: bool
    held: list[int] = field(default_factory=lambda: [0, 0, 0])
    seq: int = 0
    days: dict[date, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))

    def change(self, layer: int, debit: int, credit: int) -> int:
        return debit - credit if self.raised_by_debits == (layer != GOING) else credit - debit


class _Books:
    def __init__(self, connection: psycopg.Connection[Any], books: list[int]) -> None:
        self._connection = connection
        self.books = books
        self.wrong: list[str] = []
        self.legs: dict[int, list[Leg]] = defaultdict(list)
        self.accounts = {
            (row.book_id, row.id): (_Account(row.kind in "AX"), row)
            for row in self.rows("SELECT book_id, id, kind, asset_id, floor FROM ledger_account")
        }
        self.entries = {
            row.id: row
            for row in self.rows(
                "SELECT id, book_id, idem, kind, ref_id, legs, effective_at, recorded_at, node,"
                " xid::text::bigint AS xid FROM ledger_journalentry"
            )
        }

    def rows(self, question: str, order: str = "id") -> Rows:
        with self._connection.cursor("auditor", row_factory=namedtuple_row) as cursor:
            cursor.itersize = 20_000
            yield from cursor.execute(f"{question} WHERE book_id = ANY(%s) ORDER BY {order}", [self.books])

    def say(self, condition: object, sentence: str) -> None:
        if not condition and len(self.wrong) < _ENOUGH:
            self.wrong.append(sentence)


def invariants(url: str, books: Iterable[int]) -> list[str]:
    """What is wrong in these books by the ledger's own rules."""
    with psycopg.connect(url) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        found = _Books(connection, list(books))
        _postings(found)
        _entries(found)
        _resolutions(found)
        _balances(found)
        _days(found)
        _periods(found)
        _blocks(found)
    return found.wrong


def _postings(found: _Books) -> None:
    """Each account's postings count 1, 2, 3... and carry the running balance of their layer."""
    for row in found.rows(_POSTINGS, "book_id, account_id, account_seq"):
        account, opened = found.accounts[row.book_id, row.account_id]
        debit, credit, name = int(row.debit), int(row.credit), f"leg {row.leg} of entry {row.entry_id}"
        account.held[row.layer] += account.change(row.layer, debit, credit)
        account.seq += 1
        found.say(row.account_seq == account.seq, f"{name} is number {row.account_seq}, not {account.seq}")
        after = account.held[row.layer]
        found.say(row.balance_after == after, f"{name} leaves {row.balance_after}, not {after}")
        found.say(row.asset_id == opened.asset_id, f"{name} has another asset than its account")
        found.say((debit > 0) != (credit > 0) and min(debit, credit) == 0, f"{name} is not one debit or one credit")
        entry = found.entries.get(row.entry_id)
        if entry is None or (entry.book_id, entry.effective_at) != (row.book_id, row.effective_at):
            found.say(False, f"{name} is of another entry, book or time")
            continue
        found.legs[row.entry_id].append((row.account_id, row.layer, debit, credit))
        if row.layer == POSTED:
            day = account.days[row.effective_at.astimezone(UTC).date()]
            day[0] += debit
            day[1] += credit


def _entries(found: _Books) -> None:
    for entry in found.entries.values():
        legs = found.legs[entry.id]
        found.say(len(legs) == entry.legs >= 2, f"entry {entry.id} has {len(legs)} of {entry.legs} legs")
        sums: Counter[tuple[int, bool]] = Counter()
        for account, layer, debit, credit in legs:
            asset = found.accounts[entry.book_id, account][1].asset_id
            sums[asset, layer == POSTED] += debit - credit
        found.say(not any(sums.values()), f"the debits and credits of entry {entry.id} differ")


def _resolutions(found: _Books) -> None:
    """What resolves mirrors what it resolves; nothing is resolved or reversed twice."""
    seen: set[tuple[int, bool]] = set()
    for entry in found.entries.values():
        own = Counter(found.legs[entry.id])
        if entry.kind in (POST, PENDING):
            found.say(entry.ref_id is None, f"entry {entry.id} resolves another and must not")
            layers = {_layer(found, entry, leg) for leg in own} if entry.kind == PENDING else {(POSTED, POSTED)}
            is_so = {leg[1] for leg in own} == {POSTED} if entry.kind == POST else all(a == b for a, b in layers)
            found.say(is_so, f"entry {entry.id} has legs in another layer")
            continue
        resolved = found.entries.get(entry.ref_id)
        of = {SETTLE: (PENDING,), VOID: (PENDING,), REVERSE: (POST, SETTLE)}[entry.kind]
        if resolved is None or resolved.kind not in of or resolved.book_id != entry.book_id:
            found.say(False, f"entry {entry.id} resolves what cannot be resolved")
            continue
        key = (entry.ref_id, entry.kind == REVERSE)
        found.say(key not in seen, f"entry {entry.ref_id} is resolved or reversed twice")
        seen.add(key)
        found.say(
            own == _mirror(found.legs[resolved.id], entry.kind), f"entry {entry.id} does not mirror {resolved.id}"
        )


def _layer(found: _Books, entry: Any, leg: Leg) -> tuple[int, int]:
    """The layer of a pending leg, and the one it should have."""
    account, layer, debit, _ = leg
    raised = found.accounts[entry.book_id, account][0].raised_by_debits == (debit > 0)
    return layer, COMING if raised else GOING


def _mirror(legs: list[Leg], kind: int) -> Counter[Leg]:
    taken = [leg for leg in legs if kind != REVERSE or leg[1] == POSTED]
    back: list[Leg] = [(account, layer, credit, debit) for account, layer, debit, credit in taken]
    if kind == SETTLE:
        back += [(account, POSTED, debit, credit) for account, _, debit, credit in taken]
    return Counter(back)


def _balances(found: _Books) -> None:
    seen = set()
    for row in found.rows(
        "SELECT book_id, account_id, posted, pending_in, pending_out, floor, seq FROM ledger_balance"
    ):
        account, opened = found.accounts[row.book_id, row.account_id]
        seen.add((row.book_id, row.account_id))
        held, name = [int(row.posted), int(row.pending_in), int(row.pending_out)], f"the balance of {row.account_id}"
        found.say(held == account.held, f"{name} is {held}, and its postings are {account.held}")
        found.say(row.seq == account.seq, f"{name} counts {row.seq} postings, not {account.seq}")
        found.say(row.floor == opened.floor, f"{name} has another floor than its account")
        floor = row.floor
        found.say(floor is None or row.posted - row.pending_out >= floor, f"{name} is below its floor")
        found.say(min(row.pending_in, row.pending_out) >= 0, f"{name} has less than nothing pending")
    found.say(seen == set(found.accounts), "an account has no balance")


def _days(found: _Books) -> None:
    kept: dict[tuple[int, int], dict[date, list[int]]] = defaultdict(dict)
    for row in found.rows("SELECT book_id, account_id, day, debit, credit FROM ledger_day"):
        sums = kept[row.book_id, row.account_id].setdefault(row.day, [0, 0])
        sums[0] += int(row.debit)
        sums[1] += int(row.credit)
    for key, (account, _) in found.accounts.items():
        found.say(kept[key] == account.days, f"the days of account {key[1]} are not the sums of its postings")


def _periods(found: _Books) -> None:
    """Nothing was recorded into a period that was closed at that time."""
    changes: dict[int, list[Any]] = defaultdict(list)
    for row in found.rows("SELECT book_id, closed_through, recorded_at FROM ledger_periodchange"):
        changes[row.book_id].append(row)
    for entry in found.entries.values():
        before = [change for change in changes[entry.book_id] if change.recorded_at <= entry.recorded_at]
        closed = before[-1].closed_through if before else None
        day = entry.effective_at.astimezone(UTC).date()
        found.say(closed is None or day > closed, f"entry {entry.id} is effective {day}, closed through {closed}")


def _blocks(found: _Books) -> None:
    """Blocks are numbered, linked and without a gap; each entry below the last cut is in exactly one."""
    sealed: dict[tuple[int, int], int] = defaultdict(int)
    last: dict[int, Any] = {}
    ranges = []
    for row in found.rows(_BLOCKS, "book_id, number"):
        before, name = last.get(row.book_id), f"block {row.number} of book {row.book_id}"
        found.say(row.number == (before.number if before else 0) + 1, f"{name} leaves a gap")
        found.say(row.previous == (before.hash if before else b""), f"{name} is not linked to the one before")
        found.say(row.start == sealed[row.book_id, row.node] < row.cut, f"{name} does not begin at the last cut")
        last[row.book_id], sealed[row.book_id, row.node] = row, row.cut
        ranges.append(row)
    xids: dict[tuple[int, int], list[int]] = defaultdict(list)
    for entry in found.entries.values():
        xids[entry.book_id, entry.node].append(entry.xid)
    for row in ranges:
        inside = sum(row.start <= xid < row.cut for xid in xids[row.book_id, row.node])
        found.say(
            inside == row.entries, f"block {row.number} of book {row.book_id} has {row.entries} of {inside} entries"
        )


def witnessed(url: str, attempts: list[Attempt], books: Iterable[int]) -> list[str]:
    """Where the books differ from what the writers were told: something missing, something else, something half."""
    with psycopg.connect(url) as connection:
        found = _Books(connection, list(books))
        for row in found.rows("SELECT book_id, entry_id, account_id, layer, debit, credit FROM ledger_posting", "leg"):
            found.legs[row.entry_id].append((row.account_id, row.layer, int(row.debit), int(row.credit)))
    there = {(entry.book_id, entry.idem): entry for entry in found.entries.values()}
    found.say(len(there) == len(found.entries), "an idempotency key is there twice")
    told = _told(found, attempts)
    facts = {(attempt.book, fact["idem"]): fact for attempt in told for fact in attempt.facts}
    for key in there.keys() - facts.keys():
        found.say(False, f"nobody was told of {key}, and it is there")
    for attempt in told:
        _as_told(found, attempt, there)
    for key in there.keys() & facts.keys():
        _as_said(found, there[key], facts[key], there)
    return found.wrong


def _told(found: _Books, attempts: list[Attempt]) -> list[Attempt]:
    """The attempts that were acknowledged, or may have been carried out."""
    for attempt in attempts:
        found.say(not attempt.failed, f"{attempt.number} failed: {attempt.failed}")
        found.say(not attempt.refused or attempt.refused in attempt.may, f"{attempt.number}: {attempt.refused}")
        found.say(not (attempt.must and attempt.ids), f"{attempt.number} is wrong and was acknowledged")
    return [attempt for attempt in attempts if not attempt.must and (attempt.ids or attempt.unknown)]


def _as_told(found: _Books, attempt: Attempt, there: dict[tuple[int, str], Any]) -> None:
    entries = [there.get((attempt.book, fact["idem"])) for fact in attempt.facts]
    if attempt.ids:
        ids = [entry and entry.id for entry in entries]
        found.say(ids == attempt.ids, f"{attempt.number} was acknowledged as {attempt.ids[:5]}, and there is {ids[:5]}")
    else:
        whole = all(entries) or not any(entries)
        found.say(whole, f"{attempt.number} is half there: {sum(map(bool, entries))} of {len(entries)}")


def _as_said(found: _Books, entry: Any, fact: Fact, there: dict[tuple[int, str], Any]) -> None:
    name, legs = f"entry {entry.id} ({entry.idem})", found.legs[entry.id]
    found.say(entry.kind == fact["kind"], f"{name} is of kind {entry.kind}, not {fact['kind']}")
    if "ref" in fact:
        resolved = there.get((entry.book_id, fact["ref"]))
        found.say(resolved and entry.ref_id == resolved.id, f"{name} resolves another entry")
    else:
        said = [tuple(leg) for leg in fact["legs"]]
        found.say([leg[:1] + leg[2:] for leg in legs] == said, f"{name} has other legs than were said")
    happened = datetime.fromisoformat(fact["at"])
    as_said = entry.effective_at == happened or (fact["carry"] and entry.effective_at > happened)
    found.say(as_said, f"{name} is effective at another time")
