"""Unrealised gains at a day's end: what coins are worth at its closing rate beyond their cost, and what is owed alike.

    revalue(book, day, by=...)    post them, dated that day; each reverses itself on the next
    unrealised(book, day)         what they are
    is_current(book, day)         whether what was posted is what they are

    worth more than its cost       debit  assets:revaluation        credit  income:gains unrealised
    more owed than it was          debit  income:gains unrealised   credit  liabilities:revaluation

Said again, it posts what has changed since, with its own reversal: a rate that was corrected, an entry written late.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext
from operator import attrgetter

from django.db import connection, transaction

from ledger import asking, chart, gains, journal, lots, rates, spans
from ledger.currencies import money_of
from ledger.errors import ClosingRatesMissing, EntriesUnpriced, PeriodNotOver
from ledger.gains import Accounts
from ledger.journal import Entry, Resolution
from ledger.models import Asset, Book, JournalEntry, Rate
from ledger.pairs import Pair

SOURCE = "revaluation"
_LOCK = 7267
_EXACT_DIGITS = 200

_Key = tuple[int, bool]
"""Asset, and whether it is held or owed."""


@dataclass(frozen=True, slots=True)
class Unrealised:
    """What a book holds (`held`) or owes of an asset at a day's end, with its cost and what it is worth.

    What is owed is below zero. `cost` and `value` in minor units of the book's currency.
    """

    asset: Asset
    held: bool
    quantity: int
    cost: int
    value: int
    rate: Rate

    @property
    def gain(self) -> int:
        return self.value - self.cost


@dataclass(frozen=True, slots=True)
class _Posted:
    """What was posted of a day's unrealised gain so far, in how many entries."""

    gain: int = 0
    times: int = 0


def revalue(book: Book, day: date, *, by: str) -> list[JournalEntry]:
    """The entries written now, without their reversals; none if nothing has changed since it was done before.

    Raises `PeriodNotOver`; `EntriesUnpriced` if something waits for a price; `ClosingRatesMissing`, which names the
    pairs; `PeriodClosed` if something has changed and the day is closed.
    """
    if day >= spans.today():
        raise PeriodNotOver(f"{day} is not over")
    with transaction.atomic():
        with connection.cursor() as sql:
            sql.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, book.pk])
        if not lots.up_to_date(book, day):
            raise EntriesUnpriced(f"entries through {day} wait for a price")
        found = {(one.asset.pk, one.held): one for one in unrealised(book, day)}
        entries = list(_entries(book, day, by, found, _posted(book, day)))
        ids = journal.post_batch(entries) if entries else []
        if ids:
            journal.post_batch([_reversal(book, day, entry, pk) for entry, pk in zip(entries, ids, strict=True)])
        return list(JournalEntry.objects.filter(book=book, pk__in=ids).order_by("pk"))


def unrealised(book: Book, day: date) -> list[Unrealised]:
    """By asset, what is held before what is owed, as far as lots are counted. Raises `ClosingRatesMissing`."""
    held = defaultdict[tuple[Asset, bool], list[int]](lambda: [0, 0])
    for position in filter(attrgetter("is_held_or_owed"), lots.positions(book, day)):
        sums = held[position.asset, position.account is None]
        sums[0] += position.quantity
        sums[1] += position.cost
    prices = closing_rates(book, {asset for asset, _ in held}, day)
    scale = money_of(book).decimals
    return [
        Unrealised(asset, is_held, quantity, cost, worth(quantity, asset, prices[asset.pk], scale), prices[asset.pk])
        for (asset, is_held), (quantity, cost) in sorted(held.items(), key=lambda one: (one[0][0].pk, not one[0][1]))
    ]


def is_current(book: Book, day: date) -> bool:
    """Whether `revalue` would write nothing. Raises `ClosingRatesMissing`."""
    found = {(one.asset.pk, one.held): one.gain for one in unrealised(book, day) if one.gain}
    return found == {key: posted.gain for key, posted in _posted(book, day).items() if posted.gain}


def closing_rates(book: Book, assets: set[Asset], day: date) -> dict[int, Rate]:
    """The newest of that day, by asset; or what was set by hand until then. Raises `ClosingRatesMissing`."""
    found = rates_of_day(book, assets, day)
    missing = sorted({Pair(asset.code, book.currency) for asset in assets if asset.pk not in found})
    if missing:
        raise ClosingRatesMissing(day, missing)
    return found


def rates_of_day(book: Book, assets: set[Asset], day: date) -> dict[int, Rate]:
    """The same, as far as they are known."""
    end = spans.last_moment_of(day)
    pairs = sorted({Pair(asset.code, book.currency) for asset in assets})
    found = {
        pair: rate for pair, rate in rates.in_line(book.pk, pairs, end - rates.CLOCK_SKEW).items() if _closes(rate, end)
    }
    of_assets = {asset.pk: found.get(Pair(asset.code, book.currency)) for asset in assets}
    return {asset: rate for asset, rate in of_assets.items() if rate is not None}


def _closes(rate: Rate, end: datetime) -> bool:
    of_the_day = rate.observed_at.astimezone(UTC).date() == end.date()
    return not rate.suspect and (of_the_day or rates.holds(rate, end))


def _entries(
    book: Book, day: date, by: str, found: Mapping[_Key, Unrealised], posted: Mapping[_Key, _Posted]
) -> list[Entry]:
    assets = Asset.objects.in_bulk({asset for asset, _ in posted.keys() | found.keys()})
    accounts = Accounts(book, money_of(book))
    entries = []
    for key in sorted(posted.keys() | found.keys()):
        (asset_id, held), one, before = key, found.get(key), posted.get(key, _Posted())
        gain = (one.gain if one else 0) - before.gain
        if gain:
            entries.append(
                Entry(
                    book_id=book.pk,
                    idem=f"{SOURCE}:{day}:{'held' if held else 'owed'}:{asset_id}:{before.times}",
                    legs=gains.legs(
                        accounts.valuation(assets[asset_id], held=held, unrealised=True),
                        accounts.income(held=held, unrealised=True),
                        gain,
                    ),
                    effective_at=spans.last_moment_of(day),
                    description=_description(assets[asset_id], day, held=held, again=before.times > 0),
                    source=SOURCE,
                    meta=_meta(day, key, gain, by, one),
                )
            )
    return entries


def _description(asset: Asset, day: date, *, held: bool, again: bool) -> str:
    what = "Unrealised gain" if held else "Revaluation of what is owed"
    return f"{what}, {chart.valuation_name(asset)}, {day:%d %b %Y}{', corrected' if again else ''}"


def _meta(day: date, key: _Key, gain: int, by: str, one: Unrealised | None) -> dict[str, object]:
    """What `_posted` reads again, and at which rate."""
    meta: dict[str, object] = {
        "day": day.isoformat(),
        "asset": key[0],
        "held": key[1],
        "gain": str(gain),
        "by": asking.named(by),
    }
    return meta | ({"rate": one.rate.pk, "price": str(one.rate.price.normalize())} if one else {})


def _reversal(book: Book, day: date, entry: Entry, pk: int) -> Resolution:
    return Resolution(
        book_id=book.pk,
        entry=pk,
        idem=f"{entry.idem}:reverse",
        effective_at=spans.end_of(day),
        description=f"Reversed: {entry.description}"[:300],
        source=SOURCE,
        meta=entry.meta,
        kind=JournalEntry.Kind.REVERSE,
    )


def _posted(book: Book, day: date) -> dict[_Key, _Posted]:
    at = spans.last_moment_of(day)
    entries = JournalEntry.objects.filter(
        book=book, source=SOURCE, kind=JournalEntry.Kind.POST, effective_at=at
    ).values_list("meta", flat=True)
    posted = dict[_Key, _Posted]()
    for meta in entries:
        key = (meta["asset"], meta["held"])
        before = posted.get(key, _Posted())
        posted[key] = _Posted(before.gain + int(meta["gain"]), before.times + 1)
    return posted


def worth(quantity: int, asset: Asset, rate: Rate, decimals: int) -> int:
    """So many base units in minor units of the rate's currency, half away from zero."""
    with localcontext(prec=_EXACT_DIGITS):
        value = Decimal(quantity) * rate.price
        return int(value.scaleb(decimals - asset.decimals).quantize(Decimal(1), ROUND_HALF_UP))
