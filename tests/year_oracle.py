"""What beancount says of a book's gains: from the export it books the lots itself, first in, first out.

What leaves is written there as `{}`, so the choice of lots and their cost are beancount's. What each entry was worth is
computed here once more from its own rate, with Python's decimals.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext
from pathlib import Path

from beancount import loader
from beancount.core.data import Transaction

from ledger import lots
from ledger.currencies import money_of
from ledger.models import Account, Book, Movement, Posting
from tests.reports.plaintext.tools import LOTS

_ROUNDED_LEGS = 1
"""Several legs are rounded one after the other, and here each by itself: a cent a further leg."""


@dataclass
class Moved:
    """What an entry did to the coins of an asset that a book owns; `worth` in cents, rounded leg by leg."""

    entry: int
    asset: int
    base_units: int
    legs: int
    worth: int


@dataclass
class Verdict:
    """By entry: the exact cost of what left, in cents, as beancount has it."""

    costs: dict[int, Decimal]
    left: dict[int, Decimal]
    """By asset: the cost of what was left at last."""
    wrong: list[str]
    """Entries whose worth in the export is not what their rate says."""


def moved(book: Book) -> Iterator[Moved]:
    """In order of time. Every entry must have a rate of its own, and coins of one asset at most."""
    money = money_of(book)
    legs = Posting.objects.filter(book=book, layer=Posting.Layer.POSTED, account__kind=Account.Kind.ASSET).exclude(
        asset=money
    )
    rows = legs.order_by("effective_at", "entry", "leg").values_list(
        *("entry_id", "asset_id", "asset__decimals", "debit", "credit", "entry__rate__price")
    )
    sums: dict[int, Moved] = {}
    for entry, asset, decimals, debit, credit, price in rows.iterator(2000):
        one = sums.setdefault(entry, Moved(entry, asset, 0, 0, 0))
        with localcontext(prec=80):
            exact = (debit + credit) * price * 100 / Decimal(10) ** decimals
            worth = int(exact.quantize(Decimal(1), ROUND_HALF_UP))
        one.base_units += debit - credit
        one.worth += worth if debit else -worth
        one.legs += 1
    yield from (one for one in sums.values() if one.base_units)


def ask_beancount(book: Book, path: Path) -> Verdict:
    """Read how it books an export of the book, and whether that says what each entry was worth."""
    entries, errors, _ = loader.load_file(str(path))
    assert not errors, errors[:3]
    verdict = Verdict({}, defaultdict(Decimal), [])
    worths = {one.entry: one for one in moved(book)}
    with localcontext(prec=60):
        for booked in entries:
            if isinstance(booked, Transaction) and any(posting.cost for posting in booked.postings):
                _add(verdict, booked, worths.pop(int(booked.meta["entry"])))
    verdict.wrong += [f"entry {entry} has no lots in the export" for entry in worths]
    return verdict


def differences(book: Book, verdict: Verdict) -> list[str]:
    """Where our costs are not beancount's, to the cent an entry; and half a cent for all that left an asset.

    Ours are whole cents. Of all lots that are taken one is open at a time, and its cost is off by half a cent at most.
    """
    ours = Movement.objects.filter(book=book, account=None).order_by("moved_at", "entry")
    wrong, seen = list(verdict.wrong), 0
    sums: dict[int, Decimal] = defaultdict(Decimal)
    with localcontext(prec=60):
        for entry, asset, quantity, cost in ours.values_list("entry", "asset", "quantity", "cost"):
            if quantity > 0:
                continue
            seen += 1
            difference = Decimal(-cost) - verdict.costs.get(entry, Decimal(-1))
            sums[asset] += difference
            if abs(difference) > 1:
                wrong.append(f"entry {entry}: {-cost}, and beancount says {verdict.costs.get(entry)}")
            if abs(sums[asset]) > Decimal("0.500001"):
                wrong.append(f"asset {asset} up to entry {entry}: {sums[asset]} cents apart")
    for one in lots.positions(book, date(2199, 1, 1)):
        if one.account is None and abs(verdict.left[one.asset.pk] - one.cost) > Decimal("0.500001"):
            wrong.append(f"what is left of {one.asset}: {one.cost}, and beancount says {verdict.left[one.asset.pk]}")
    if seen != len(verdict.costs):
        wrong.append(f"{seen} entries took coins, and beancount knows {len(verdict.costs)}")
    return wrong


def _add(verdict: Verdict, booked: Transaction, told: Moved) -> None:
    costs = [one.units.number * one.cost.number * 100 for one in booked.postings if one.cost is not None]
    gained = [one.units.number * 100 for one in booked.postings if one.account.endswith(LOTS)]
    verdict.left[told.asset] += sum(costs)
    if told.base_units < 0:
        verdict.costs[told.entry] = -sum(costs)
    said = sum(costs) + sum(gained)
    if abs(said - told.worth) > _ROUNDED_LEGS * (told.legs - 1) + Decimal("1e-6"):
        verdict.wrong.append(f"entry {told.entry}: worth {told.worth}, and in the export {said}")
