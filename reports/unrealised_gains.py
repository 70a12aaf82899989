"""What is held, lot by lot, with its cost and what it is worth at the day's closing rate; and what is owed in coins,
account by account. Where no trustworthy rate of that day is known, the worth stays empty."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from itertools import groupby
from operator import attrgetter

from ledger import lots, revaluation, spans
from ledger.costing import share
from ledger.currencies import Fiat
from ledger.lots import LotLeft, Position
from ledger.models import Account, Asset
from reports import valued
from reports.cells import Money, Row, Total, account_code, amounts, texts
from reports.lines import entry_name
from reports.parameters import UNTIL, Asked
from reports.report import Report


def rows(asked: Asked) -> Iterator[Row]:
    """By asset; what is owed stands below zero. A lot's worth is its part of what the asset's coins are worth."""
    day = asked[UNTIL] or spans.today()
    found = [one for one in lots.positions(asked.book, day) if one.is_held_or_owed]
    sheet = _Sheet(asked, found, day)
    held = {one.asset.pk: one for one in found if one.account is None}
    in_lots = set[int]()
    for _, of_asset in groupby(lots.open_lots(asked.book, day), key=lambda lot: lot.asset.pk):
        listed = list(of_asset)
        in_lots.add(listed[0].asset.pk)
        yield from sheet.lots(listed)
    for position in found:
        if position.account is not None or position.asset.pk not in in_lots:
            yield sheet.position(position)
    yield sheet.total(list(held.values()), "Total held")
    yield sheet.total([one for one in found if one.account is not None], "Total owed")


class _Sheet:
    """The rows' figures, all at the closing rates of one day.

    What is owed is rounded account upon account, so that together it is what the month's end posts, to the cent.
    """

    def __init__(self, asked: Asked, found: list[Position], day: date) -> None:
        self._money = Fiat(asked.book.currency)
        rates = revaluation.rates_of_day(asked.book, {one.asset for one in found}, day)
        self._worth = dict[tuple[int, Account | None], int]()
        upto: defaultdict[tuple[int, bool], tuple[int, int]] = defaultdict(lambda: (0, 0))
        for one in found:
            if (rate := rates.get(one.asset.pk)) is not None:
                so_far, before = upto[one.asset.pk, one.account is None]
                units = so_far + one.quantity
                worth = revaluation.worth(units, one.asset, rate, self._money.decimals)
                self._worth[one.asset.pk, one.account] = worth - before
                upto[one.asset.pk, one.account is None] = units, worth

    def lots(self, listed: list[LotLeft]) -> Iterator[Row]:
        worth = self._worth.get((listed[0].asset.pk, None))
        quantity, before, units = sum(lot.left_quantity for lot in listed), 0, 0
        for lot in listed:
            units += lot.left_quantity
            upto = share(worth, units, quantity) if worth is not None and quantity else None
            acquired = f"{lot.acquired_at:%Y-%m-%d}", entry_name(lot.entry_id)
            figures = self._figures(lot.left_cost, None if upto is None else upto - before)
            yield [*_named(lot.asset), "Held", *acquired, Money.of(lot.left_quantity, lot.asset), *figures]
            before = upto or 0

    def position(self, one: Position) -> Row:
        of = account_code(one.account) if one.account else "Held, by the average"
        figures = self._figures(one.cost, self._worth.get((one.asset.pk, one.account)))
        return [*_named(one.asset), of, None, None, Money.of(one.quantity, one.asset), *figures]

    def total(self, found: list[Position], title: str) -> Total:
        worths = [self._worth.get((one.asset.pk, one.account)) for one in found]
        known = None if None in worths else sum(worth for worth in worths if worth is not None)
        return Total([title, *[None] * 5, *self._figures(sum(map(attrgetter("cost"), found)), known)])

    def _figures(self, cost: int, worth: int | None) -> Row:
        if worth is None:
            return [self._in_money(cost), None, None]
        return [self._in_money(units) for units in (cost, worth, worth - cost)]

    def _in_money(self, units: int) -> Money:
        return Money(units, self._money.decimals, self._money.code)


def _named(asset: Asset) -> tuple[str, str]:
    return asset.code, asset.chain


def check(asked: Asked) -> None:
    valued.check_counted(asked, asked[UNTIL] or spans.today())


REPORT = Report(
    "unrealised-gains",
    "Unrealised gains",
    "Gains",
    __doc__ or "",
    [
        texts("Asset"),
        texts("Chain"),
        texts("Held or owed"),
        texts("Acquired"),
        texts("Lot"),
        amounts("Quantity"),
        amounts("Cost"),
        amounts("Worth"),
        amounts("Gain"),
    ],
    [UNTIL],
    rows,
    check,
)
