"""The legs of a manual entry as people type them: an account's name, and a debit or a credit as a decimal."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.http import QueryDict

from ledger.admin import naming
from ledger.journal import Leg
from ledger.models import Account, Asset
from ledger.money import BadAmount, parse_typed

ROWS = 4
MOST_ROWS = 200


@dataclass(slots=True)
class TypedLeg:
    """One line of the form, with what is wrong with it."""

    account: str = ""
    debit: str = ""
    credit: str = ""
    errors: list[str] = field(default_factory=list)

    @property
    def blank(self) -> bool:
        return not (self.account.strip() or self.debit.strip() or self.credit.strip())


@dataclass(slots=True)
class Side:
    """What an asset's legs come to, in base units."""

    debit: int = 0
    credit: int = 0

    @property
    def difference(self) -> int:
        return self.debit - self.credit


def typed(sent: QueryDict, *, more: int = 0) -> list[TypedLeg]:
    """The lines of the form that was sent, `ROWS` at least and `more` empty ones."""
    columns = [sent.getlist(name)[:MOST_ROWS] for name in ("account", "debit", "credit")]
    rows = [TypedLeg(*line) for line in zip(*columns, strict=False)]
    while rows and rows[-1].blank:
        rows.pop()
    return rows + [TypedLeg() for _ in range(max(ROWS - len(rows), more))]


def read(book_id: int, rows: Sequence[TypedLeg]) -> list[Leg]:
    """The legs that can be read; what cannot be is noted in its row's `errors`. Two queries."""
    filled = [row for row in rows if not row.blank]
    accounts = naming.find(book_id, [row.account for row in filled])
    legs = [_leg(row, accounts.get(row.account)) for row in filled]
    return [leg for leg in legs if leg is not None]


def sides(legs: Sequence[Leg]) -> dict[Asset, Side]:
    """Debits and credits by asset; an entry balances in each."""
    found: dict[Asset, Side] = defaultdict(Side)
    for leg in legs:
        found[leg.account.asset].debit += leg.debit
        found[leg.account.asset].credit += leg.credit
    return dict(found)


def _leg(row: TypedLeg, account: Account | None) -> Leg | None:
    if account is None:
        row.errors.append("No such account in this book. Write its code, a space and its asset.")
        return None
    debit, credit = (_base_units(row, text, account.asset) for text in (row.debit, row.credit))
    if row.errors:
        return None
    if (debit > 0) == (credit > 0):
        row.errors.append("One amount, under debit or under credit.")
        return None
    return Leg(account, debit=debit, credit=credit)


def _base_units(row: TypedLeg, text: str, asset: Asset) -> int:
    if not text.strip():
        return 0
    try:
        return parse_typed(text.strip(), asset).base_units
    except BadAmount as bad:
        row.errors.append(f"{text.strip()}: {bad}.")
        return 0
