"""What an entry was worth, what the coins that left with it had cost, and which entry a posted gain follows from."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from django.db.models import Count, Max, Min
from django.urls import reverse

from ledger import gains, revaluation
from ledger.currencies import Fiat
from ledger.evidence import Fact
from ledger.models import JournalEntry, Movement, PostedGain, Taking
from ledger.money import to_text
from ledger.readonly import url_of
from ledger.together import fetched

Moved = Mapping[int, list[Movement]]
"""What each entry did to what is counted together, by the entries' ids."""


@dataclass(frozen=True, slots=True)
class _Lots:
    """How many lots an entry took from, and when the oldest and the newest of them came."""

    count: int
    oldest: date
    newest: date

    def __str__(self) -> str:
        if self.count == 1:
            return f"the lot of {_day(self.oldest)}"
        return f"{self.count} lots of {_day(self.oldest)} to {_day(self.newest)}"


Lots = Mapping[tuple[int, int], _Lots]
"""By entry and asset."""


def tell(entries: Sequence[JournalEntry]) -> Mapping[int, list[Fact]]:
    """Facts by the entries' ids, for entries of one book; three queries at most, however many entries.

    They follow from the journal within a minute (`ledger.lots`): of an entry that is not counted yet nothing is told.
    """
    book = entries[0].book_id if entries else 0
    causes = {entry.pk: int(entry.meta["of"]) for entry in entries if entry.source == gains.SOURCE and _of(entry)}
    ids = {entry.pk for entry in entries} | {*causes.values()}
    moved, lots = _moved_and_taken(book, ids)
    posted = _posted(book, [row for rows in moved.values() for row in rows if row.account_id is None and row.gain])
    named = JournalEntry.objects.in_bulk({*causes.values()}) if causes else {}
    told: dict[int, list[Fact]] = {}
    for entry in entries:
        cause = causes.get(entry.pk, entry.pk)
        rows = moved.get(cause, [])
        if cause == entry.pk:
            told[entry.pk] = [*_follows(entry, None), *_worth(rows), *_left(rows, lots), *_gains(rows, posted)]
        else:
            told[entry.pk] = [*_follows(entry, named.get(cause)), *_left(rows, lots)]
    return told


def _of(entry: JournalEntry) -> bool:
    return "of" in entry.meta


def _moved_and_taken(book: int, ids: set[int]) -> tuple[Moved, Lots]:
    movements = Movement.objects.filter(book=book, entry__in=ids).select_related("asset", "book")
    takings = Taking.objects.filter(book=book, entry__in=ids, value__isnull=False).values_list("entry", "asset")
    rows, counted = fetched(movements, takings.annotate(Count("lot"), Min("lot__acquired_at"), Max("lot__acquired_at")))
    moved: dict[int, list[Movement]] = defaultdict(list)
    for row in rows:
        moved[row.entry_id].append(row)
    return moved, {(entry, asset): _Lots(lots, old.date(), new.date()) for entry, asset, lots, old, new in counted}


def _posted(book: int, gained: Sequence[Movement]) -> dict[tuple[int, int], int]:
    """The newest entry each gain was posted by, by the entry that made it and the asset."""
    if not gained:
        return {}
    days, ids = {row.moved_at.date() for row in gained}, {row.entry_id for row in gained}
    rows = PostedGain.objects.filter(book=book, day__in=days, movement__in=ids, held=True).order_by("pk")
    return {(movement, asset): entry for movement, asset, entry in rows.values_list("movement", "asset", "entry")}


def _follows(entry: JournalEntry, cause: JournalEntry | None) -> list[Fact]:
    """Of an entry that the program posted because of others: because of which."""
    if cause is not None:
        return [Fact("Follows from", cause.description, url_of(cause))]
    if "day" not in entry.meta or entry.source not in {gains.SOURCE, revaluation.SOURCE}:
        return []
    day = date.fromisoformat(entry.meta["day"])
    if entry.source == gains.SOURCE:
        what, name, asked = "settled on", "realised-gains", {"from": day, "to": day}
    else:
        what, name, asked = "held and owed at the end of", "unrealised-gains", {"until": day}
    report = f"{reverse('admin:report', args=[name])}?{urlencode({'book': entry.book_id, **asked})}"
    return [Fact("Follows from", f"what was {what} {_day(day)}", report)]


def _worth(rows: Sequence[Movement]) -> list[Fact]:
    """An asset a line."""
    worth: dict[int, Movement] = {}
    for row in rows:
        if row.asset_id not in worth or abs(row.value) > abs(worth[row.asset_id].value):
            worth[row.asset_id] = row
    several = len(worth) > 1
    return [Fact(f"Worth of {row.asset}" if several else "Worth", _money(row, row.value)) for row in worth.values()]


def _left(rows: Sequence[Movement], lots: Lots) -> list[Fact]:
    """What left, and what it had cost."""
    told = []
    for row in rows:
        if row.account_id is None and row.quantity < 0:
            left = f"{to_text(-row.quantity, row.asset.decimals)} {row.asset}, worth {_money(row, row.value)}"
            taken = lots.get((row.entry_id, row.asset_id), "the average of what was held")
            told += [Fact("Left", left), Fact("Cost", f"{_money(row, row.cost)}, {taken}", _gains_of_the_day(row))]
    return told


def _gains(rows: Sequence[Movement], posted: Mapping[tuple[int, int], int]) -> list[Fact]:
    told = []
    for row in rows:
        if not row.gain:
            continue
        sign = "" if row.gain > 0 else "-"
        if row.account_id is not None:
            difference = f"{sign}{_money(row, row.gain)}, for it was owed at {_money(row, row.cost)}"
            told.append(Fact("Exchange difference", difference))
            continue
        entry = posted.get((row.entry_id, row.asset_id))
        url = reverse("admin:ledger_journalentry_change", args=[entry]) if entry else ""
        told.append(Fact("Gain" if row.gain > 0 else "Loss", _money(row, row.gain), url))
    return told


def _gains_of_the_day(row: Movement) -> str:
    """Where the lots stand one by one."""
    day = row.moved_at.date()
    asked = {"book": row.book_id, "from": day, "to": day}
    return f"{reverse('admin:report', args=['realised-gains'])}?{urlencode(asked)}"


def _money(row: Movement, minor_units: int) -> str:
    """Without its sign: which way it went, the legs say."""
    money = Fiat(row.book.currency)
    return f"{to_text(abs(minor_units), money.decimals)} {money.code}"


def _day(day: date) -> str:
    return f"{day:%-d %b %Y}"
