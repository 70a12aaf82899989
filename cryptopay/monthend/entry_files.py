"""Entries by hand from a CSV file: all of it, or nothing and every row that is wrong, with a code; see `SAMPLE`.

Rows of one reference are one entry: the same day, description and reason, and legs that balance in each asset. The same
rules hold as by hand: the book's limit, its second person, closed periods and accounts. A file is known by its SHA-256
and its references: read again, nothing is written twice.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from django.db import transaction

from ledger import manual, periods, spans
from ledger.errors import LedgerError
from ledger.journal import Leg
from ledger.models import Account, Book, JournalEntry, Proposal
from ledger.money import BadAmount, parse_typed
from ledger.spreadsheet import FORMULA_STARTS

COLUMNS = ("date", "reference", "description", "reason", "account", "asset", "debit", "credit")
SAMPLE = """\
date,reference,description,reason,account,asset,debit,credit
2026-03-01,rent-03,Rent for March,Invoice 17,expense:rent,EUR,1200.00,
2026-03-01,rent-03,Rent for March,Invoice 17,assets:bank,EUR,,1200.00
"""
MOST_ENTRIES = 2000
_LONGEST = {"reference": 100, "description": 300, "reason": 300, "account": 200, "asset": 100}
_TAG = re.compile(r"<[A-Za-z/!]")


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong with a row: a stable code, and words."""

    number: int
    code: str
    words: str


class _Wrong(Exception):
    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code


@dataclass(slots=True)
class Drafted:
    """An entry as the file says it. `rows` are the numbers of its lines."""

    reference: str
    day: date
    description: str
    reason: str
    legs: list[Leg] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a file: written at once, put before a second person, known from before."""

    written: int
    proposed: int
    known: int


def read(book: Book, rows: Sequence[tuple[int, Mapping[str, str]]]) -> tuple[list[Drafted], list[RowError]]:
    """Every row, numbered as in the file, with the values of `COLUMNS`."""
    accounts = _accounts(book, rows)
    closed = periods.closed_through(book.pk)
    found: dict[str, Drafted] = {}
    wrong: list[RowError] = []
    seen: set[tuple[str, ...]] = set()
    for number, row in rows:
        try:
            _take(number, row, found, accounts, closed)
        except _Wrong as error:
            wrong.append(RowError(number, error.code, str(error)))
        same = tuple(row[name] for name in COLUMNS)
        if same in seen:
            wrong.append(RowError(number, "row_repeated", "the same row stands above"))
        seen.add(same)
    if len(found) > MOST_ENTRIES:
        wrong.append(RowError(1, "file_too_long", f"a file has at most {MOST_ENTRIES} entries"))
    broken = {error.number for error in wrong}
    for entry in found.values():
        if not broken & set(entry.rows):
            wrong += _unbalanced(entry)
    return list(found.values()), sorted(wrong, key=lambda error: error.number)


def rehearse(book: Book, entries: Sequence[Drafted], *, file: bytes, by: str) -> tuple[Done, list[RowError]]:
    """Do all of it and undo it: what the books themselves would refuse is known before."""
    with transaction.atomic():
        outcome = _enter(book, entries, file, by)
        transaction.set_rollback(True)
    return outcome


def write(book: Book, entries: Sequence[Drafted], *, file: bytes, by: str) -> Done:
    """In one transaction. Raises `LedgerError`; then nothing was written."""
    with transaction.atomic():
        done, wrong = _enter(book, entries, file, by)
        if wrong:
            raise LedgerError(f"row {wrong[0].number}: {wrong[0].words}")
    return done


def _enter(book: Book, entries: Sequence[Drafted], file: bytes, by: str) -> tuple[Done, list[RowError]]:
    digest, wrong = hashlib.sha256(file).hexdigest()[:32], []
    idems = {entry.reference: f"import:{digest}:{entry.reference}" for entry in entries}
    names = [f"{manual.SOURCE}:{idem}" for idem in idems.values()]
    known = set(JournalEntry.objects.filter(book=book, idem__in=names).values_list("idem", flat=True))
    known |= set(Proposal.objects.filter(book=book, contents__idem__in=names).values_list("contents__idem", flat=True))
    written = proposed = 0
    for entry in entries:
        try:
            with transaction.atomic():
                outcome = manual.enter(
                    book,
                    entry.legs,
                    effective_at=spans.begin_of(entry.day),
                    description=entry.description,
                    reason=entry.reason,
                    by=by,
                    idem=idems[entry.reference],
                )
        except LedgerError as refused:
            wrong.append(RowError(entry.rows[0], refused.code, str(refused)))
            continue
        if f"{manual.SOURCE}:{idems[entry.reference]}" not in known:
            written += isinstance(outcome, JournalEntry)
            proposed += isinstance(outcome, Proposal)
    return Done(written, proposed, len(known)), wrong


def _take(
    number: int,
    row: Mapping[str, str],
    found: dict[str, Drafted],
    accounts: Mapping[tuple[str, str], list[Account]],
    closed: date | None,
) -> None:
    for name in ("reference", "description", "reason"):
        _check_text(name, row[name])
    day = _day(row["date"], closed)
    entry = found.setdefault(row["reference"], Drafted(row["reference"], day, row["description"], row["reason"]))
    entry.rows.append(number)
    if (entry.day, entry.description, entry.reason) != (day, row["description"], row["reason"]):
        raise _Wrong("entry_differs", "rows of one reference have the same date, description and reason")
    entry.legs.append(_leg(row, accounts))


def _check_text(name: str, text: str) -> None:
    if not text:
        raise _Wrong(f"{name}_missing", f"there is no {name}")
    if len(text) > _LONGEST[name]:
        raise _Wrong("text_too_long", f"the {name} has more than {_LONGEST[name]} characters")
    if text.startswith(FORMULA_STARTS):
        raise _Wrong("text_is_formula", f"the {name} begins as a formula does")
    if _TAG.search(text) or not text.isprintable():
        raise _Wrong("text_has_markup", f"the {name} holds markup or characters that nobody sees")


def _day(text: str, closed: date | None) -> date:
    day = spans.day_of(text)
    if day is None:
        raise _Wrong("date_invalid", f"{text[:40]!r} is not a day such as 2026-03-01")
    if day > spans.today():
        raise _Wrong("date_in_future", "the books know nothing of the future")
    if closed is not None and day <= closed:
        raise _Wrong("period_closed", f"the books are closed through {closed}")
    return day


def _leg(row: Mapping[str, str], accounts: Mapping[tuple[str, str], list[Account]]) -> Leg:
    named = accounts.get((row["account"], row["asset"]), [])
    if len(named) != 1:
        words = f"{row['account'][:80]} {row['asset'][:40]}"
        if named:
            raise _Wrong("account_ambiguous", f"there are several accounts {words}: name the chain, as USDT@ethereum")
        raise _Wrong("account_unknown", f"there is no account {words}")
    account = named[0]
    if account.closed_at is not None:
        raise _Wrong("account_closed", f"{account.code} takes no more postings")
    debit, credit = (_amount(row[side], account) for side in ("debit", "credit"))
    if bool(debit) == bool(credit):
        raise _Wrong("leg_invalid", "a row has a debit or a credit above zero, and not both")
    return Leg(account, debit, credit)


def _amount(text: str, account: Account) -> int:
    if not text:
        return 0
    try:
        return parse_typed(text, account.asset).base_units
    except BadAmount as error:
        raise _Wrong(error.code, str(error)) from None


def _unbalanced(entry: Drafted) -> Iterator[RowError]:
    sums: dict[int, int] = {}
    for leg in entry.legs:
        sums[leg.account.asset_id] = sums.get(leg.account.asset_id, 0) + leg.debit - leg.credit
    if len(entry.legs) < 2 or any(sums.values()):  # noqa: PLR2004 - a debit and a credit
        yield RowError(entry.rows[0], "entry_unbalanced", f"debits and credits of {entry.reference} differ")


def _accounts(book: Book, rows: Sequence[tuple[int, Mapping[str, str]]]) -> dict[tuple[str, str], list[Account]]:
    """By code and asset, and by code and asset with its chain; one query."""
    codes = {row["account"] for _, row in rows}
    found: dict[tuple[str, str], list[Account]] = {}
    for account in Account.objects.filter(book=book, code__in=codes).select_related("asset"):
        for asset in (account.asset.code, f"{account.asset.code}@{account.asset.chain}"):
            found.setdefault((account.code, asset), []).append(account)
    return found
