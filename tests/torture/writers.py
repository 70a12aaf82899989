"""A writer: random facts through the application's verbs, each witnessed before and after outside PostgreSQL."""

import dataclasses
import random
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Event
from pathlib import Path

from django.db import DatabaseError, InterfaceError, OperationalError, connection

from ledger import journal
from ledger.errors import LedgerError
from ledger.journal import Entry, Leg, Resolution
from ledger.models import Account, JournalEntry
from tests.torture.attempts import Attempt, Fact, Witness, some_of
from tests.torture.books import Till, TrialBook

POST, PENDING, SETTLE, VOID, REVERSE = (int(kind) for kind in JournalEntry.Kind)
_VERBS = {
    POST: journal.post,
    PENDING: journal.record,
    SETTLE: journal.settle,
    VOID: journal.void,
    REVERSE: journal.reverse,
}
REFUSALS = ["balance_below_floor", "period_closed"]
RACES = ["entry_not_pending", "entry_already_resolved", "entry_not_reversible", "entry_already_reversed"]
"""What another writer may have done first, or not yet."""
_BATCHES = [2, 5, 20, 60, 200]
_AMOUNTS = [(1, 100), (1, 10**8), (1, 10**18), (2**200, 2**201)]


@dataclasses.dataclass(slots=True)
class Writer:
    """`write(attempt)` is how it posts; a control puts a careless one in its place."""

    name: str
    books: Sequence[TrialBook]
    folder: Path
    random: random.Random
    safe: bool = False
    enough: int | None = None
    write: Callable[[Attempt], list[int]] = dataclasses.field(default_factory=lambda: write)
    number: int = 0
    facts: int = 0
    written: int = 0
    pending: list[tuple[int, str]] = dataclasses.field(default_factory=list)
    posted: list[tuple[int, str]] = dataclasses.field(default_factory=list)
    said: list[Attempt] = dataclasses.field(default_factory=list)

    def run(self, stop: Event) -> None:
        """Until it has written enough, is stopped, or loses its connection."""
        connection.close()
        witness = Witness(self.folder / f"{self.name}.jsonl", safe=self.safe)
        while not stop.is_set() and (self.enough is None or self.written < self.enough):
            attempt = self._next()
            if attempt is not None and not self._try(attempt, witness):
                return

    def _try(self, attempt: Attempt, witness: Witness) -> bool:
        """False if the connection is lost: nobody knows then whether it was committed."""
        witness.will_try(attempt)
        try:
            ids = self.write(attempt)
        except LedgerError as refusal:
            witness.tell(attempt, refused=refusal.code)
        except (OperationalError, InterfaceError) as error:
            if _lost(error):
                return False
            witness.tell(attempt, failed=repr(error)[:1500])
        except DatabaseError as error:
            witness.tell(attempt, failed=repr(error)[:1500])
        else:
            witness.tell(attempt, ids=ids)
            self._remember(attempt)
        return True

    def _remember(self, attempt: Attempt) -> None:
        fresh = [fact for fact in attempt.facts if fact["idem"].startswith(f"{attempt.number}:")]
        self.written += len(fresh)
        for fact in fresh:
            if fact["kind"] == PENDING:
                self.pending.append((attempt.book, fact["idem"]))
            elif fact["kind"] in (POST, SETTLE):
                self.posted.append((attempt.book, fact["idem"]))
        self.said.append(attempt)
        del self.said[:-500], self.pending[:-500], self.posted[:-500]

    def _next(self) -> Attempt | None:
        self.number += 1
        choices: list[Callable[[], Attempt | None]] = [self._single, self._batch, self._resolution, self._again]
        choices += [self._others_again, self._others_resolved, self._wrong]
        (choice,) = self.random.choices(choices, weights=[30, 25, 22, 8, 6, 5, 4])
        return choice()

    def _single(self) -> Attempt:
        book = self._book()
        return self._attempt(book.id, [self._fact(book)], REFUSALS)

    def _batch(self) -> Attempt:
        """Facts, and resolutions of what was recorded in this same batch, or else earlier.

        Not both: a batch that resolves entries of its own takes several statements and holds balances in between, and
        if another writer resolves the same earlier entry, each waits for the other. `journal.post_batch` tells so.
        """
        book, size = self._book(), self.random.choice(_BATCHES)
        inner, spending = self.random.random() < 0.3, self.random.random() < 0.3
        facts: list[Fact] = []
        while len(facts) < size:
            facts.append(self._fact(book, spending=spending))
            if inner and facts[-1]["kind"] in (POST, PENDING) and self.random.random() < 0.3:
                kinds = [REVERSE] if facts[-1]["kind"] == POST else [SETTLE, VOID]
                facts.append(self._resolving(facts[-1]["idem"], self.random.choice(kinds)))
        for own in [own for own in self.pending if own[0] == book.id and not inner][: self.random.randint(0, 9)]:
            self.pending.remove(own)
            facts.append(self._resolving(own[1], self.random.choice([SETTLE, VOID])))
        return self._attempt(book.id, facts, REFUSALS + RACES)

    def _resolution(self) -> Attempt | None:
        if self.pending and self.random.random() < 0.75:
            book, idem = self.pending.pop(self.random.randrange(len(self.pending)))
            kind = self.random.choice([SETTLE, SETTLE, VOID])
        elif self.posted:
            book, idem = self.posted.pop(self.random.randrange(len(self.posted)))
            kind = REVERSE
        else:
            return None
        return self._attempt(book, [self._resolving(idem, kind)], REFUSALS + RACES)

    def _again(self) -> Attempt | None:
        """The same again, word for word: the answer must be the same."""
        if not self.said:
            return None
        old = self.random.choice(self.said)
        return self._attempt(old.book, old.facts, [])

    def _others_again(self) -> Attempt | None:
        """What another writer says, perhaps at this very moment. One statement: more could meet it half way."""
        for other in self._others():
            if not other.must and not _names_its_own(other.facts):
                return self._attempt(other.book, other.facts, REFUSALS + RACES)
        return None

    def _others_resolved(self) -> Attempt | None:
        for other in self._others():
            pending = [fact for fact in other.facts if fact["kind"] == PENDING and "legs" in fact]
            if pending and not other.must:
                facts = [self._resolving(fact["idem"], self.random.choice([SETTLE, VOID])) for fact in pending]
                self.random.shuffle(facts)
                return self._attempt(other.book, facts, REFUSALS + RACES)
        return None

    def _others(self) -> Iterator[Attempt]:
        paths = [path for path in self.folder.glob("*.jsonl") if path.stem != self.name]
        return some_of(self.random.choice(paths), self.random.random()) if paths else iter(())

    def _wrong(self) -> Attempt | None:
        book = self._book()
        if self.said and self.random.random() < 0.5:
            old = self.random.choice(self.said)
            facts = [{**fact, "at": "2020-01-01T00:00:00+00:00"} for fact in old.facts]
            may = ["entry_conflict", "period_closed"]
            return self._attempt(old.book, facts, may, must=True)
        fact = {**self._fact(book), "kind": POST}
        account, debit, credit = fact["legs"][0]
        fact["legs"][0] = [account, debit + 1 if debit else 0, credit + 1 if credit else 0]
        return self._attempt(book.id, [fact], ["entry_unbalanced"], must=True)

    def _attempt(self, book: int, facts: list[Fact], may: list[str], *, must: bool = False) -> Attempt:
        return Attempt(f"{self.name}:{self.number}", book, facts, may, must)

    def _book(self) -> TrialBook:
        return self.random.choice(self.books)

    def _idem(self) -> str:
        self.facts += 1
        return f"{self.name}:{self.number}:{self.facts}"

    def _resolving(self, idem: str, kind: int) -> Fact:
        return {"idem": self._idem(), "kind": kind, "ref": idem, "at": self._at(), "carry": self.random.random() < 0.7}

    def _fact(self, book: TrialBook, *, spending: bool = True) -> Fact:
        kind, carry = self.random.choice([POST, POST, PENDING]), self.random.random() < 0.7
        legs = self._legs(book, spending=spending)
        return {"idem": self._idem(), "kind": kind, "at": self._at(), "carry": carry, "legs": legs}

    def _at(self) -> str:
        """Now, or on any day of the past year."""
        back = timedelta(seconds=self.random.randint(0, 365 * 86_400)) if self.random.random() < 0.3 else timedelta()
        return (datetime.now(UTC) - back).isoformat()

    def _legs(self, book: TrialBook, *, spending: bool) -> list[list[int]]:
        """What comes in is large and what goes out small, so that floors are met now and then."""
        till = self.random.choice(book.tills)
        amount = self.random.randint(*self.random.choice(_AMOUNTS))
        if spending and self.random.random() < 0.4:
            spent = amount if self.random.random() < 0.05 else amount % 1000 + 1
            legs = self.random.choice([_sale, _payout])(till, spent, self.random)
        else:
            legs = self.random.choice([_receipt, _receipt, _shared, _twice])(till, amount, self.random)
        if self.random.random() < 0.1:
            other = self.random.choice(book.tills)
            legs = [*legs, *_receipt(other, amount, self.random)]
        self.random.shuffle(legs)
        return legs


def _receipt(till: Till, amount: int, rng: random.Random) -> list[list[int]]:
    return [[till.vault, amount, 0], [rng.choice(till.customers), 0, amount]]


def _sale(till: Till, amount: int, rng: random.Random) -> list[list[int]]:
    return [[rng.choice(till.customers), amount, 0], [till.sales, 0, amount]]


def _payout(till: Till, amount: int, rng: random.Random) -> list[list[int]]:
    return [[rng.choice(till.customers), amount, 0], [till.fees, 1, 0], [till.vault, 0, amount + 1]]


def _shared(till: Till, amount: int, rng: random.Random) -> list[list[int]]:
    among = rng.sample(till.customers, min(4, len(till.customers)))
    return [[till.vault, amount * len(among), 0], *([customer, 0, amount] for customer in among)]


def _twice(till: Till, amount: int, _rng: random.Random) -> list[list[int]]:
    return [[till.vault, amount, 0], [till.vault, 2 * amount, 0], [till.owner, 0, 3 * amount]]


def write(attempt: Attempt) -> list[int]:
    """Through the verb of its kind if it is one, else as a batch."""
    facts = [_said(attempt.book, fact) for fact in attempt.facts]
    if len(facts) > 1:
        return journal.post_batch(facts)
    return [_VERBS[attempt.facts[0]["kind"]](facts[0])]  # type: ignore[operator]


def _said(book: int, fact: Fact) -> Entry | Resolution:
    at = datetime.fromisoformat(fact["at"])
    named = {"idem": fact["idem"], "effective_at": at, "description": "Said in a trial", "source": "torture"}
    if "ref" in fact:
        kind = JournalEntry.Kind(fact["kind"])
        return Resolution(book_id=book, entry=fact["ref"], kind=kind, carry=fact["carry"], **named)
    legs = [Leg(Account(pk=account), debit=debit, credit=credit) for account, debit, credit in fact["legs"]]
    return Entry(book_id=book, legs=legs, carry=fact["carry"], pending=fact["kind"] == PENDING, **named)


def _names_its_own(facts: list[Fact]) -> bool:
    return not {fact["idem"] for fact in facts}.isdisjoint(fact.get("ref") for fact in facts)


def _lost(error: DatabaseError | InterfaceError) -> bool:
    """The server went away, and not: it refused."""
    state = getattr(error.__cause__, "sqlstate", None)
    return state is None or state.startswith(("57P", "08"))
