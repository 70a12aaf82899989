"""What beancount says of a book's gains: it books the lots itself, first in, first out, and knows nothing of ours.

It is given each entry's coins, and what they were worth by the entry's own price, computed here once more with Python's
decimals; what leaves is written as `{}`, so the choice of lots and their cost are beancount's.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date
from decimal import ROUND_HALF_UP, Decimal, localcontext
from pathlib import Path

from beancount import loader
from beancount.core.data import Transaction

from ledger.currencies import money_of
from ledger.models import Account, Book, JournalEntry, Movement, Posting
from ledger.money import to_text


@dataclass
class Moved:
    """What an entry did to the coins of an asset that a book owns; `worth` in cents."""

    entry: int
    day: date
    reverses: int | None
    asset: int
    base_units: int
    decimals: int
    worth: int


@dataclass
class Verdict:
    """By entry: the exact cost of what left, in cents, as beancount has it."""

    costs: dict[int, Decimal]
    left: dict[int, Decimal]
    """By asset: the cost of what was left at last."""


def moved(book: Book) -> Iterator[Moved]:
    """In order of time. Every entry must have a rate of its own."""
    money = money_of(book)
    legs = Posting.objects.filter(book=book, layer=Posting.Layer.POSTED, account__kind=Account.Kind.ASSET).exclude(
        asset=money
    )
    rows = legs.order_by("effective_at", "entry", "leg").values_list(
        *("entry_id", "effective_at", "entry__kind", "entry__ref_id", "asset_id", "asset__decimals"),
        *("debit", "credit", "entry__rate__price"),
    )
    sums: dict[int, Moved] = {}
    prices: dict[int, Decimal] = {}
    for entry, at, kind, ref, asset, decimals, debit, credit, price in rows.iterator(2000):
        reverses = ref if kind == JournalEntry.Kind.REVERSE else None
        one = sums.setdefault(entry, Moved(entry, at.astimezone(UTC).date(), reverses, asset, 0, decimals, 0))
        one.base_units += debit - credit
        prices[entry] = price
    for entry, one in sums.items():
        if one.base_units:
            with localcontext(prec=80):
                exact = abs(one.base_units) * prices[entry] * 100 / Decimal(10) ** one.decimals
                one.worth = int(exact.quantize(Decimal(1), ROUND_HALF_UP))
            yield one


def ask_beancount(book: Book, folder: Path) -> Verdict:
    """Write the coins' movements for it, and read how it booked them."""
    found = list(moved(book))
    path = folder / "lots.beancount"
    path.write_text("\n".join(_lines(found)) + "\n")
    entries, errors, _ = loader.load_file(str(path))
    assert not errors, errors[:3]
    verdict = Verdict({}, defaultdict(Decimal))
    with localcontext(prec=60):
        for booked in entries:
            if isinstance(booked, Transaction):
                _add(verdict, booked)
    return verdict


def differences(book: Book, verdict: Verdict) -> list[str]:
    """Where our costs are not beancount's, to the cent an entry; and half a cent for all that left an asset.

    Ours are whole cents. Of all lots that are taken one is open at a time, and its cost is off by half a cent at most.
    """
    ours = Movement.objects.filter(book=book, account=None).order_by("moved_at", "entry")
    wrong, apart, seen = [], Counter[int](), 0
    sums: dict[int, Decimal] = defaultdict(Decimal)
    with localcontext(prec=60):
        for entry, asset, quantity, cost in ours.values_list("entry", "asset", "quantity", "cost"):
            if quantity > 0:
                continue
            seen += 1
            difference = Decimal(-cost) - verdict.costs.get(entry, Decimal(-1))
            sums[asset] += difference
            if abs(difference) > 1:
                apart[asset] += 1
                wrong.append(f"entry {entry}: {-cost}, and beancount says {verdict.costs.get(entry)}")
            if abs(sums[asset]) > Decimal("0.500001"):
                wrong.append(f"asset {asset} up to entry {entry}: {sums[asset]} cents apart")
    if seen != len(verdict.costs):
        wrong.append(f"{seen} entries took coins, and beancount knows {len(verdict.costs)}")
    return wrong


def _lines(found: list[Moved]) -> Iterator[str]:
    first = min(one.day for one in found)
    yield 'option "operating_currency" "EUR"'
    for asset in sorted({one.asset for one in found}):
        yield f'{first} open Assets:Pool{asset} COIN{asset} "FIFO"'
    yield f"{first} open Equity:Rest EUR"
    yield f"{first} open Income:Gains EUR"
    opened = {one.entry: one for one in found if one.base_units > 0}
    for one in found:
        amount = f"{to_text(one.base_units, one.decimals)} COIN{one.asset}"
        yield f'{one.day} * "entry {one.entry}"'
        yield f"  asset: {one.asset}"
        yield f"  entry: {one.entry}"
        if one.base_units > 0:
            yield f'  Assets:Pool{one.asset}  {amount} {{{{{to_text(one.worth, 2)} EUR, "entry-{one.entry}"}}}}'
            yield "  Equity:Rest"
        else:
            origin = opened.get(one.reverses or 0)
            which = f'{{{origin.day}, "entry-{origin.entry}"}}' if origin else "{}"
            yield f"  Assets:Pool{one.asset}  {amount} {which}"
            yield f"  Equity:Rest  {to_text(one.worth, 2)} EUR"
            yield "  Income:Gains"


def _add(verdict: Verdict, booked: Transaction) -> None:
    asset, entry = int(booked.meta["asset"]), int(booked.meta["entry"])
    for posting in booked.postings:
        if posting.cost is not None:
            cost = posting.units.number * posting.cost.number * 100
            verdict.left[asset] += cost
            if posting.units.number < 0:
                verdict.costs[entry] = verdict.costs.get(entry, Decimal(0)) - cost
