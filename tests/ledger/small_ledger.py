"""The ledger's rules on two pages of plain Python, for an accountant to read: lists, dicts, whole numbers, no database.

A slip says one thing that happened. It is written down as an entry with lines, or refused as a whole, together with
the other slips of its bundle. A line stands in one of three columns: posted (it happened), coming (seen, not yet
received) or going (promised, not yet gone).
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta

POSTED, COMING, GOING = "posted", "coming", "going"

Amounts = tuple[tuple[str, int, int], ...]
"""Account, debit, credit."""


@dataclass(frozen=True)
class SmallAccount:
    """Assets and expenses grow by debits; liabilities, equity and income by credits. `floor`: never below it."""

    asset: str
    grows_by_debits: bool
    floor: int | None = None


@dataclass(frozen=True)
class Slip:
    """post | record | settle | void | reverse; the last three name another slip in `of`."""

    name: str
    verb: str
    at: datetime
    amounts: Amounts = ()
    of: str = ""
    carry: bool = False
    source: str = "test"


@dataclass(frozen=True)
class Line:
    account: str
    column: str
    debit: int
    credit: int


@dataclass(frozen=True)
class Written:
    """A slip that was accepted: when it counts, and its lines."""

    slip: Slip
    effective: datetime
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Refused:
    """Nothing of the bundle was written. Any of the reasons may be the one that is told."""

    reasons: set[str]


@dataclass
class SmallLedger:
    accounts: dict[str, SmallAccount]
    written: list[Written] = field(default_factory=list)
    closed_accounts: set[str] = field(default_factory=set)
    closed_through: date | None = None

    def write(self, bundle: list[Slip]) -> list[int] | Refused:
        """The place of each slip in the journal; a slip that is there already keeps its place."""
        before = list(self.written)
        for part in _cut(bundle):
            if reasons := self._write_part(part):
                self.written = before
                return Refused(reasons)
        return [self._place(slip.name) for slip in bundle]

    def _write_part(self, part: list[Slip]) -> set[str]:
        """Why it must not be: any of these."""
        reasons: set[str] = set()
        there = list(self.written)
        for slip in part:
            known = [entry for entry in self.written if entry.slip.name == slip.name]
            reasons |= self._faults(slip, there)
            if known:
                reasons |= set() if _same(known[0].slip, slip) else {"entry_conflict"}
            else:
                reasons |= self._obstacles(slip)
                self.written.append(Written(slip, self._effective(slip), self._lines(slip, there)))
        touched = {line.account for entry in self.written[len(there) :] for line in entry.lines}
        return reasons | self._below_floors(touched)

    def _faults(self, slip: Slip, there: list[Written]) -> set[str]:
        """What is wrong with the slip itself, whatever the date and the balances are."""
        if slip.of:
            resolvable = {"settle": ("record",), "void": ("record",), "reverse": ("post", "settle")}[slip.verb]
            if any(entry.slip.name == slip.of and entry.slip.verb in resolvable for entry in there):
                return set()
            return {"entry_not_reversible" if slip.verb == "reverse" else "entry_not_pending"}
        faults = {"entry_unbalanced"} if len(slip.amounts) < 2 else set()
        sums: Counter[str] = Counter()
        for account, debit, credit in slip.amounts:
            if sorted([debit > 0, credit > 0]) != [False, True] or min(debit, credit) < 0:
                faults.add("leg_invalid")
            if account not in self.accounts:
                faults.add("account_unknown")
            else:
                sums[self.accounts[account].asset] += debit - credit
        return faults | ({"entry_unbalanced"} if any(sums.values()) else set())

    def _obstacles(self, slip: Slip) -> set[str]:
        """Why a new slip cannot be written today."""
        obstacles = set()
        if self._is_closed(slip.at) and not slip.carry:
            obstacles.add("period_closed")
        if not slip.of and any(account in self.closed_accounts for account, _, _ in slip.amounts):
            obstacles.add("account_closed")
        others = [entry.slip for entry in self.written if slip.of and entry.slip.of == slip.of]
        if slip.verb == "reverse" and any(other.verb == "reverse" for other in others):
            obstacles.add("entry_already_reversed")
        if slip.verb in ("settle", "void") and any(other.verb in ("settle", "void") for other in others):
            obstacles.add("entry_already_resolved")
        return obstacles

    def _effective(self, slip: Slip) -> datetime:
        """What is carried counts from the first open moment."""
        if self.closed_through is not None and self._is_closed(slip.at):
            return datetime.combine(self.closed_through + timedelta(days=1), time.min, UTC)
        return slip.at

    def _is_closed(self, at: datetime) -> bool:
        return self.closed_through is not None and at.date() <= self.closed_through

    def _lines(self, slip: Slip, there: list[Written]) -> tuple[Line, ...]:
        if not slip.of:
            known = [(name, debit, credit) for name, debit, credit in slip.amounts if name in self.accounts]
            return tuple(Line(name, self._column(slip, name, debit), debit, credit) for name, debit, credit in known)
        resolved = next((entry.lines for entry in there if entry.slip.name == slip.of), ())
        taken = [line for line in resolved if slip.verb != "reverse" or line.column == POSTED]
        back = [replace(line, debit=line.credit, credit=line.debit) for line in taken]
        posted = [replace(line, column=POSTED) for line in taken] if slip.verb == "settle" else []
        return (*back, *posted)

    def _column(self, slip: Slip, account: str, debit: int) -> str:
        if slip.verb == "post":
            return POSTED
        return COMING if self.accounts[account].grows_by_debits == (debit > 0) else GOING

    def _below_floors(self, touched: set[str]) -> set[str]:
        for name in touched:
            posted, _, going = self.balance(name)
            floor = self.accounts[name].floor
            if floor is not None and posted - going < floor:
                return {"balance_below_floor"}
        return set()

    def balance(self, account: str, entries: list[Written] | None = None) -> tuple[int, int, int]:
        """Posted, coming, going: what goes out of an account stands as a positive number under "going"."""
        columns = dict.fromkeys((POSTED, COMING, GOING), 0)
        for entry in self.written if entries is None else entries:
            for line in entry.lines:
                if line.account == account:
                    raised = self.accounts[account].grows_by_debits == (line.column != GOING)
                    columns[line.column] += (line.debit - line.credit) * (1 if raised else -1)
        return columns[POSTED], columns[COMING], columns[GOING]

    def statement(self, account: str, first: date, last: date) -> tuple[int, list[int], int]:
        """Opening, the balance after each line in order of dates, closing."""
        before = [entry for entry in self.written if entry.effective.date() < first]
        during = [entry for entry in self.written if first <= entry.effective.date() <= last]
        opening = self.balance(account, before)[0]
        running, balance = [], opening
        for entry in sorted(during, key=lambda entry: entry.effective):
            for line in entry.lines:
                if line.account == account and line.column == POSTED:
                    by = line.debit - line.credit
                    balance += by if self.accounts[account].grows_by_debits else -by
                    running.append(balance)
        return opening, running, balance

    def trial_balance(self, as_of: date) -> dict[str, tuple[int, int]]:
        """All debits and all credits of each account by the end of a day."""
        sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for entry in self.written:
            for line in entry.lines:
                if line.column == POSTED and entry.effective.date() <= as_of:
                    sums[line.account][0] += line.debit
                    sums[line.account][1] += line.credit
        return {name: (sums[name][0], sums[name][1]) for name in self.accounts}

    def _place(self, name: str) -> int:
        return next(n for n, entry in enumerate(self.written) if entry.slip.name == name)


def _same(one: Slip, other: Slip) -> bool:
    """Whether the slip says what was said before under that name. Whether it is carried was settled the first time."""
    return replace(one, carry=False) == replace(other, carry=False)


def _cut(bundle: list[Slip]) -> list[list[Slip]]:
    """A slip that names one of its own bundle comes after it was written, and floors were looked at."""
    parts: list[list[Slip]] = [[]]
    for slip in bundle:
        if slip.of and slip.of in {earlier.name for earlier in parts[-1]}:
            parts.append([])
        parts[-1].append(slip)
    return parts
