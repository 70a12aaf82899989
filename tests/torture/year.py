"""A merchant's year of 100,000 payments: hledger, ledger-cli and beancount agree with every balance, and beancount's
own lots with every gain; the balance sheet balances at every month's end; counted anew, nothing is different."""

import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from pathlib import Path

from django.core.management import call_command
from django.db import connection

from cryptopay.devnet.year.seeding import Year
from ledger import balances, lots, revaluation, sealing
from ledger.carrying import carried
from ledger.checking import check
from ledger.checking.invariants import INVARIANTS
from ledger.models import Book, JournalEntry, Movement, PostedGain
from reports.plaintext.names import account_name, commodity_name
from tests import year_oracle
from tests.database import as_owner
from tests.reports.plaintext.tools import TOOLS, Balances, Tool

PAYMENTS = 100_000
YEAR = 2025


def run(payments: int | None) -> None:
    """Raises `AssertionError` where anybody disagrees."""
    book = Book.objects.create(name="A year's shop", currency="EUR")
    _timed("written", lambda: list(Year(book, YEAR, payments or PAYMENTS, seed=1).write()))
    with as_owner(), connection.cursor() as sql:
        sql.execute("ANALYZE")
    _timed("counted", lambda: lots.derive(book))
    _tell("entries", JournalEntry.objects.filter(book=book).count(), "entries")
    _tell("movements", Movement.objects.filter(book=book).count(), "movements")
    _close_the_months(book)
    with tempfile.TemporaryDirectory() as folder:
        for tool in TOOLS:
            _timed(f"{tool.format}_agrees_after", partial(_compare, book, tool, Path(folder)))
        _ask_beancount_for_gains(book, Path(folder) / "books.beancount")
    _count_anew(book)
    _timed("sealed", partial(sealing.seal, book.pk))
    found = [outcome for outcome in check([book.pk]) if outcome.invariant in INVARIANTS]  # no chain is behind them
    broken = [str(one) for outcome in found for one in outcome.violations]
    assert not broken, broken[:3]


def _close_the_months(book: Book) -> None:
    for month in range(2, 14):
        end = date(YEAR + month // 13, month % 12 or 12, 1) - timedelta(days=1)
        assert _is_balanced(book, end), f"before {end} is revalued"
        revaluation.revalue(book, end, by="ann")
        assert revaluation.is_current(book, end)
        assert _is_balanced(book, end), f"after {end} is revalued"


def _is_balanced(book: Book, day: date) -> bool:
    """Without a rest: every gain is posted by then."""
    stand = carried(book, day)
    return len(stand) > 10 and all(one.account is not None for one in stand)


def _ask_beancount_for_gains(book: Book, export: Path) -> None:
    verdict = year_oracle.ask_beancount(book, export)
    _tell("gains", len(verdict.costs), "entries that took coins")
    differences = year_oracle.differences(book, verdict)
    assert not differences, differences[:3]


def _compare(book: Book, tool: Tool, folder: Path) -> None:
    path = folder / f"books.{tool.format}"
    call_command("export_journal", book=book.pk, format=tool.format, output=path)
    tool.check(path)
    ours, decimals = _ours(book, tool.punctuation)
    theirs = tool.balances(path, decimals)
    assert theirs == ours, sorted(theirs.items() ^ ours.items())[:4]
    _tell(tool.format, len(ours), "balances agree")


def _ours(book: Book, punctuation: str) -> tuple[Balances, dict[str, int]]:
    found: Balances = {}
    decimals: dict[str, int] = {}
    for row in balances.trial_balance(book.pk):
        asset = row.account.asset
        name = commodity_name(asset.pk, asset.code, first=True)
        decimals[name] = asset.decimals
        if row.balance:
            found[account_name(row.account.kind, row.account.code, punctuation), name] = row.balance
    return found, decimals


def _count_anew(book: Book) -> None:
    before, posted = lots.fingerprint(book), PostedGain.objects.filter(book=book).count()
    _timed("counted anew", lambda: lots.count_anew(book))
    assert lots.fingerprint(book) == before
    assert PostedGain.objects.filter(book=book).count() == posted


def _timed(what: str, do: Callable[[], object]) -> None:
    started = time.monotonic()
    do()
    _tell(what.replace(" ", "_"), round(time.monotonic() - started), "s")


def _tell(name: str, value: int, unit: str) -> None:
    print(f"{name} {value} {unit}", flush=True)
