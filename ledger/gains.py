"""Realised gains in the books: what left was worth more, or less, than it cost.

    gain of an entry that took coins we own     debit  assets:valuation       credit  income:gains realised
    difference on what we owe, of a day         debit  liabilities:valuation  credit  income:exchange differences
    a loss                                      the other way round

In the book's own currency, an account an asset: what an asset's accounts are worth by their entries, and its valuation
account, are together what its coins cost. A gain that is counted anew, because something was written or priced with an
earlier date, is corrected by a further entry of the difference; where the period is closed, it falls into the open one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection

from ledger import chart, journal, spans
from ledger.journal import Entry, Leg
from ledger.models import Account, Asset, Book, PostedGain
from ledger.rows import insert

SOURCE = "valuation"
_ENTRIES_A_BATCH = 1000

# Of what is owed, days that are over: else each sale would be an entry more. A pool that waits is left as it is.
_DIFFERENCES = """
    WITH due AS (
        SELECT asset_id, account_id IS NULL AS held, (moved_at AT TIME ZONE 'UTC')::date AS day,
               CASE WHEN account_id IS NULL THEN entry_id END AS movement, sum(gain) AS gain, max(moved_at) AS at
        FROM ledger_movement
        WHERE book_id = %(book)s AND moved_at >= %(since)s AND gain <> 0
          AND (account_id IS NULL OR moved_at < %(today)s)
        GROUP BY 1, 2, 3, 4
    ), posted AS (
        SELECT asset_id, held, day, movement_id AS movement, sum(gain) AS gain, count(*) AS times
        FROM ledger_postedgain WHERE book_id = %(book)s AND day >= %(since_day)s GROUP BY 1, 2, 3, 4
    ), unequal AS (
        SELECT coalesce(d.asset_id, p.asset_id) AS asset_id, coalesce(d.held, p.held) AS held,
               coalesce(d.day, p.day) AS day, coalesce(d.movement, p.movement) AS movement, d.at,
               coalesce(d.gain, 0) - coalesce(p.gain, 0) AS gain, coalesce(p.times, 0) AS times
        FROM due d FULL JOIN posted p ON p.asset_id = d.asset_id AND p.held = d.held AND p.day = d.day
         AND coalesce(p.movement, 0) = coalesce(d.movement, 0)
    )
    SELECT u.asset_id, u.held, u.day, u.movement, u.at, u.gain, u.times FROM unequal u
    WHERE u.gain <> 0 AND NOT EXISTS (
        SELECT 1 FROM ledger_waitingpool w
        WHERE w.book_id = %(book)s AND w.asset_id = u.asset_id AND (w.account_id IS NULL) = u.held
          AND (w.since AT TIME ZONE 'UTC')::date <= u.day)
    ORDER BY u.day, u.asset_id, u.movement
"""


@dataclass(frozen=True, slots=True)
class _Difference:
    """What is to be posted yet: of an entry that took coins, or of a day."""

    asset: Asset
    held: bool
    day: date
    movement: int | None
    at: datetime
    gain: int
    times: int


def post(book: Book, money: Asset, since: date, today: date) -> None:
    """Post what the gains from that day on differ from what was posted of them. Under the lock of `lots.derive`."""
    differences = list(_differences(book, since, today))
    accounts = Accounts(book, money)
    for at in range(0, len(differences), _ENTRIES_A_BATCH):
        batch = differences[at : at + _ENTRIES_A_BATCH]
        ids = journal.post_batch([_entry(book, accounts, one) for one in batch])
        insert(
            [
                PostedGain(
                    book_id=book.pk,
                    asset_id=one.asset.pk,
                    held=one.held,
                    day=one.day,
                    movement_id=one.movement,
                    gain=one.gain,
                    entry_id=entry_id,
                )
                for one, entry_id in zip(batch, ids, strict=True)
            ]
        )


class Accounts:
    """The accounts in the book's currency that gains are posted to, opened at first use."""

    def __init__(self, book: Book, money: Asset) -> None:
        self._book, self._money = book, money
        self._known: dict[str, Account] = {}
        self._names: dict[int, str] = {}

    def valuation(self, asset: Asset, *, held: bool, unrealised: bool = False) -> Account:
        """What its coins cost beyond what their entries say, or are worth beyond that at a month's end."""
        line = (chart.REVALUATION if unrealised else chart.VALUATION)[held]
        name = self._name(asset)
        return self._opened(line.code.format(asset=name), line.name.format(asset=name), line.kind)

    def income(self, *, held: bool, unrealised: bool = False) -> Account:
        line = chart.GAINS_UNREALISED if unrealised else chart.GAINS_REALISED if held else chart.EXCHANGE_DIFFERENCES
        return self._opened(line.code, line.name, line.kind)

    def _opened(self, code: str, name: str, kind: Account.Kind) -> Account:
        if code not in self._known:
            self._known[code] = chart.open_account(self._book.pk, code, name, self._money, kind)
        return self._known[code]

    def _name(self, asset: Asset) -> str:
        """Its chain and code, and its number where another asset of the chain had that code before."""
        if asset.pk not in self._names:
            self._names[asset.pk] = chart.valuation_name(asset)
        return self._names[asset.pk]


def legs(valuation: Account, income: Account, gain: int) -> Sequence[Leg]:
    """A gain raises what is owned, or lowers what is owed; a loss the other way."""
    raised, earned = Leg(valuation, debit=gain), Leg(income, credit=gain)
    if gain < 0:
        raised, earned = Leg(valuation, credit=-gain), Leg(income, debit=-gain)
    return [raised, earned]


def _differences(book: Book, since: date, today: date) -> Iterator[_Difference]:
    since = max(since, date(1900, 1, 1))
    about: dict[str, Any] = {
        "book": book.pk,
        "since_day": since,
        "since": spans.begin_of(since),
        "today": spans.begin_of(today),
    }
    with connection.cursor() as sql:
        sql.execute(_DIFFERENCES, about)
        found = sql.fetchall()
    assets = Asset.objects.in_bulk({row[0] for row in found})
    for asset, held, day, movement, at, gain, times in found:
        moment = at if at and movement else spans.last_moment_of(day)
        yield _Difference(assets[asset], held, day, movement, moment, int(gain), times)


def _entry(book: Book, accounts: Accounts, one: _Difference) -> Entry:
    name = chart.valuation_name(one.asset)
    what = f"Realised {'gain' if one.gain > 0 else 'loss'}" if one.held else "Exchange difference on what is owed"
    return Entry(
        book_id=book.pk,
        idem=f"{SOURCE}:{'held' if one.held else 'owed'}:{one.asset.pk}:{one.movement or one.day}:{one.times}",
        legs=legs(accounts.valuation(one.asset, held=one.held), accounts.income(held=one.held), one.gain),
        effective_at=one.at,
        description=f"{what}, {name}{', corrected' if one.times else ''}",
        source=SOURCE,
        meta={"asset": one.asset.code, "day": one.day.isoformat()} | ({"of": one.movement} if one.movement else {}),
        carry=True,
    )
