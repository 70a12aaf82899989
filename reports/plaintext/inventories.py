"""Beancount's postings: coins with their lots and costs, so that it books lots and gains itself.

Beancount keeps lots account by account; our books count all accounts of a coin together (`ledger.lots`). So all lots of
a coin lie in one account, custody, which beancount books first in, first out:

    received      Assets:Custody  1.0 BTC {{20000.00 EUR, 2025-01-01, "entry-1"}}, and its other side @@ 20000.00 EUR
    left          Assets:Custody  -0.4 BTC {}
    gained        Assets:Valuation:..:Lots--  what it is worth less what beancount finds it cost, in all digits
    elsewhere     what another account of ours holds of it stands there, and below zero in Assets:Custody:Elsewhere--

`Lots--` takes out of the valuation account what the lots say themselves: together they are zero, but for parts of a
cent. By the average the lots are one heap, which each entry takes away and lays down anew: beancount does not count
averages. From an entry on that has no price, is not counted yet, or is larger than 28 digits, its coins have no cost.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext

from ledger.money import to_text
from reports.plaintext.journal import AccountLine, Commodity, Export, Leg, Transaction
from reports.plaintext.lots import Opened, Step
from reports.plaintext.names import BEANCOUNT_PUNCTUATION, account_name

_COUNTS_BELOW = 10**28
_WORTH_BELOW = 10**17
_SLICE_DIGITS = 20
"""Sums of 32,767 legs, the most an entry has, stay below 26 digits beside their zeros."""
_ELSEWHERE, _LOTS = "Elsewhere--", "Lots--"
"""Two dashes at the end come from no account's code."""
_COST_DECIMALS = Decimal("1e-12")
_EXACT_DIGITS = 100
_AVERAGE = "average"


@dataclass(frozen=True, slots=True)
class Posting:
    """A leg under beancount's name of its account. Amounts as in `Leg`."""

    account: str
    commodity: Commodity
    base_units: int
    is_owned: bool
    worth: int | None

    @property
    def amount(self) -> str:
        return _amount(self.base_units, self.commodity)

    @property
    def text(self) -> str:
        return f"{self.account}  {self.amount}"


def of_leg(leg: Leg) -> Posting:
    return Posting(account_of(leg), leg.commodity, leg.base_units, leg.kind == "A", leg.worth)


def account_of(of: AccountLine | Leg) -> str:
    return account_name(of.kind, of.code, BEANCOUNT_PUNCTUATION)


class Inventories:
    """Asked for each transaction once, in order: `postings` first, then what must stand `before` them."""

    def __init__(self, export: Export) -> None:
        self._export = export
        self.homes = {name: account_name("A", home.code, BEANCOUNT_PUNCTUATION) for name, home in export.homes.items()}
        """By commodity, the account in which all its lots lie."""
        self._ended: set[str] = set()
        self._averaged: set[str] = set()
        self._opened: set[str] = set()
        self._before: list[str] = []

    def before(self) -> Iterator[str]:
        """Accounts that open, and a change of the method."""
        yield from self._before
        self._before = []

    def postings(self, entry: Transaction) -> Iterator[str]:
        """Of all its legs, coin by coin."""
        steps = self._export.steps.of(entry.effective_at, entry.number)
        by_commodity: dict[str, list[Posting]] = defaultdict(list)
        for leg in entry.legs:
            by_commodity[leg.commodity.name].append(of_leg(leg))
        for name, group in by_commodity.items():
            yield from self._of_coin(entry, group, steps.get(name))

    def _of_coin(self, entry: Transaction, group: Sequence[Posting], step: Step | None) -> Iterator[str]:
        coin, owned = group[0].commodity, [one for one in group if one.is_owned]
        moved = sum(one.base_units for one in owned)
        if coin == self._export.money or coin.name in self._ended:
            yield from _plain(group)
        elif not owned:
            yield from self._priced(group) if _is_counted(group) else _plain(group)
        elif not moved:
            yield from _plain(self._beside(group, coin, 0))
        elif step is not None and _is_counted(group) and _is_followed(step):
            yield from self._with_lots(entry, group, step)
        else:
            self._ended.add(coin.name)
            yield from _plain(group)

    def _with_lots(self, entry: Transaction, group: Sequence[Posting], step: Step) -> Iterator[str]:
        coin, others = group[0].commodity, [one for one in group if not one.is_owned]
        yield from _plain(self._beside([one for one in group if one.is_owned], coin, step.units))
        if step.is_by_average:
            yield from self._by_average(entry, coin, step)
            cost = Decimal(step.heap_after - step.heap_before)
        else:
            opened = self._newly_opened(entry, coin, step)
            yield from self._by_lots(coin, step, opened)
            cost = sum(lot.cost for lot in opened) - step.taken_cost
        yield from self._priced(others)
        yield from self._gained(coin, cost + sum(one.worth or 0 for one in others))

    def _newly_opened(self, entry: Transaction, coin: Commodity, step: Step) -> Sequence[Opened]:
        """The first is the heap, where the average ends."""
        was_averaged = coin.name in self._averaged
        self._averaged.discard(coin.name)
        if not (was_averaged and step.units_before):
            return step.opened
        heap, *opened = step.opened
        self._change_method(entry, coin, [self._take(coin, heap.units), self._open(coin, heap)])
        return opened

    def _by_lots(self, coin: Commodity, step: Step, opened: Sequence[Opened]) -> Iterator[str]:
        if step.named:
            yield from (self._take(coin, one.units, f'{one.acquired_on}, "{one.label}"') for one in step.named)
        elif step.taken:
            yield self._take(coin, step.taken)
        yield from (self._open(coin, lot) for lot in opened)

    def _by_average(self, entry: Transaction, coin: Commodity, step: Step) -> Iterator[str]:
        if coin.name not in self._averaged:
            self._averaged.add(coin.name)
            if step.units_before:
                heap = Opened(step.units_before, step.heap_before, entry.day, _AVERAGE)
                rest = self._gained(coin, heap.cost - step.heaped_cost)
                self._change_method(entry, coin, [self._take(coin, heap.units), self._open(coin, heap), *rest])
        if step.units_before:
            yield self._take(coin, step.units_before)
        if step.units_after:
            yield self._open(coin, Opened(step.units_after, step.heap_after, entry.day, _AVERAGE))

    def _change_method(self, entry: Transaction, coin: Commodity, postings: Iterable[str]) -> None:
        """In a transaction of its own: only the next one may take from what this one opens."""
        rows = [f"  {posting}" for posting in postings]
        self._before += [f'{entry.day} * "From here on, {coin.name} is counted by another method"', *rows, ""]

    def _beside(self, group: Sequence[Posting], coin: Commodity, in_lots: int) -> Iterator[Posting]:
        """The legs, but of home's what its lots do not say: it may hold nothing beside them."""
        home = self.homes[coin.name]
        yield from (one for one in group if one.account != home)
        rest = sum(one.base_units for one in group if one.account == home) - in_lots
        if rest:
            yield Posting(self._account(f"{home}:{_ELSEWHERE}"), coin, rest, is_owned=True, worth=None)

    def _gained(self, coin: Commodity, minor_units: Decimal) -> Iterator[str]:
        """What balances the entry at cost: what was gained less, in all digits."""
        money = self._export.money
        with localcontext(prec=_EXACT_DIGITS):
            exact = (-minor_units).scaleb(-money.decimals).quantize(_COST_DECIMALS)
            shortest = exact.normalize() if exact % 1 else exact.to_integral_value()
        if exact:
            parent = account_name("A", self._export.homes[coin.name].valuation, BEANCOUNT_PUNCTUATION)
            yield f"{self._account(f'{parent}:{_LOTS}')}  {shortest:f} {money.name}"

    def _priced(self, group: Iterable[Posting]) -> Iterator[str]:
        for one in group:
            yield f"{one.text} @@ {_amount(abs(one.worth or 0), self._export.money)}"

    def _open(self, coin: Commodity, lot: Opened) -> str:
        cost = _amount(abs(lot.cost), self._export.money)
        return f'{self._lots(coin, lot.units)} {{{{{cost}, {lot.acquired_on}, "{lot.label}"}}}}'

    def _take(self, coin: Commodity, base_units: int, which: str = "") -> str:
        return f"{self._lots(coin, -base_units)} {{{which}}}"

    def _lots(self, coin: Commodity, base_units: int) -> str:
        return f"{self.homes[coin.name]}  {_amount(base_units, coin)}"

    def _account(self, name: str) -> str:
        if name not in self._opened:
            self._opened.add(name)
            self._before.append(f"{self._export.first_day} open {name}")
        return name


def _is_counted(group: Sequence[Posting]) -> bool:
    """It is worth something in money, and beancount's digits are enough for it."""
    worths = [one.worth for one in group]
    return all(worth is not None and abs(worth) < _WORTH_BELOW for worth in worths) and _volume(group) < _COUNTS_BELOW


def _is_followed(step: Step) -> bool:
    return abs(step.units_after) < _COUNTS_BELOW and abs(step.cost_after) < _WORTH_BELOW


def _volume(group: Sequence[Posting]) -> int:
    return sum(one.base_units for one in group if one.base_units > 0)


def _plain(group: Iterable[Posting]) -> Iterator[str]:
    found = list(group)
    total = _volume(found)
    return (one.text for one in (found if total < _COUNTS_BELOW else _sliced(found, total)))


def _sliced(group: Sequence[Posting], total: int) -> Iterator[Posting]:
    slices = len(str(total)) // _SLICE_DIGITS + 1
    for low in (10 ** (_SLICE_DIGITS * place) for place in reversed(range(slices))):
        for one in group:
            part = abs(one.base_units) // low % 10**_SLICE_DIGITS * low
            if part:
                yield replace(one, base_units=part if one.base_units > 0 else -part)


def _amount(base_units: int, commodity: Commodity) -> str:
    return f"{to_text(base_units, commodity.decimals)} {commodity.name}"
