"""What every account stands at in the book's own currency, by the end of a day: a balance sheet is made of it.

Coins we hold and owe stand at their cost, what was earned and spent in coins at what it was worth then, and money at
itself. The valuation accounts are in the cost of the coins already; a month's end shows in the revaluation accounts.
Debits above zero, credits below, in minor units; together they are zero.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from ledger import balances, chart, lots
from ledger.costing import share
from ledger.currencies import money_of
from ledger.models import Account, Book


@dataclass(frozen=True, slots=True)
class Carried:
    """An account and what it stands at. `account` None: gains that are counted and not posted by that day, such as
    corrections of a closed period, which fall into the open one."""

    account: Account | None
    minor_units: int


def carried(book: Book, day: date) -> list[Carried]:
    """Every account that does not stand at zero, by code and asset, as far as lots are counted (`lots.up_to_date`)."""
    money = money_of(book)
    trial = balances.trial_balance(book.pk, day)
    heaps, alone = dict[int, int](), dict[int, int]()
    for position in lots.positions(book, day):
        if position.account is None:
            heaps[position.asset.pk] = position.cost
        else:
            alone[position.account.pk] = position.cost
    found = [
        Carried(row.account, row.balance) for row in trial if row.account.asset == money and not _folded(row.account)
    ]
    found += [Carried(row.account, alone[row.account.pk]) for row in trial if row.account.pk in alone]
    found += _parted(trial, heaps)
    rest = -sum(one.minor_units for one in found)
    found.sort(key=lambda one: (one.account.code, one.account.asset_id) if one.account else ("", 0))
    return [one for one in [*found, Carried(None, rest)] if one.minor_units]


def _folded(account: Account) -> bool:
    """Whether the cost of coins has it in already."""
    return any(account.code.startswith(line.code.partition("{")[0]) for line in chart.VALUATION.values())


def _parted(trial: Sequence[balances.TrialBalanceRow], heaps: dict[int, int]) -> list[Carried]:
    """A heap's cost, parted among its accounts by what each holds; the last one takes the rest."""
    holding = defaultdict[int, list[balances.TrialBalanceRow]](list)
    for row in trial:
        if row.account.kind == Account.Kind.ASSET and row.account.asset_id in heaps and row.balance:
            holding[row.account.asset_id].append(row)
    found = []
    for asset, cost in heaps.items():
        quantity = sum(row.balance for row in holding[asset])
        before, units = 0, 0
        for row in holding[asset]:
            units += row.balance
            upto = share(cost, units, quantity) if quantity else 0
            found.append(Carried(row.account, upto - before))
            before = upto
    return found
