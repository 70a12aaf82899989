"""What stands in a report's cells, whatever is made of them: a page, CSV, XLSX, PDF or JSON.

A text, a whole number, a day, a moment (UTC), an amount, or nothing. A text or an amount may lead to a place: the
account, the entry, the invoice it is about.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from typing import Literal, TypeAlias

from ledger.models import Account, Asset
from ledger.money import to_text


@dataclass(frozen=True, slots=True)
class Place:
    """What a cell is about: pages lead there. `key`: the row's number, or the public name of what has one."""

    kind: Literal["account", "explanation", "entry", "invoice", "transaction", "customer", "address", "days"]
    key: int | str
    last: str = ""
    """Of `days`: the last of them; `key` is the first. What a sum is made of is in the journal of those days."""

    @classmethod
    def of_days(cls, first: date, last: date) -> "Place":
        return cls("days", first.isoformat(), last.isoformat())


@dataclass(frozen=True, slots=True)
class Money:
    """Base units of an asset, or minor units of a currency, of so many decimals; written exactly, never as a float."""

    base_units: int
    decimals: int
    asset: str = ""
    """Its code, or the currency's."""
    place: Place | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return to_text(self.base_units, self.decimals)

    @classmethod
    def of(cls, base_units: int, asset: Asset, place: Place | None = None) -> "Money":
        return cls(base_units, asset.decimals, asset.code, place)


class Name(str):
    """A text that leads to what it names."""

    __slots__ = ("place",)
    place: Place

    def __new__(cls, text: str, place: Place) -> "Name":
        name = super().__new__(cls, text)
        name.place = place
        return name


def account_code(account: Account) -> Name:
    """The account's code, leading to its statement."""
    return Name(account.code, Place("account", account.pk))


Cell: TypeAlias = str | int | date | datetime | Money | None


class Total(tuple[Cell, ...]):
    """A row that sums others, or says what was before and after them; programs are told those apart from the rows."""

    __slots__ = ()


Row: TypeAlias = Sequence[Cell]


class Kind(Enum):
    """What a column's cells are."""

    TEXT = "text"
    COUNT = "count"
    DAY = "day"
    MOMENT = "moment"
    AMOUNT = "amount"


@dataclass(frozen=True, slots=True)
class Column:
    """A title, and what stands below it. A spreadsheet gets two columns for amounts: a number, and its exact text."""

    title: str
    kind: Kind = Kind.TEXT

    @property
    def key(self) -> str:
        """As programs name it: "tax_rate"."""
        return self.title.lower().replace(" ", "_")


def texts(title: str) -> Column:
    return Column(title)


def counts(title: str) -> Column:
    return Column(title, Kind.COUNT)


def days(title: str) -> Column:
    return Column(title, Kind.DAY)


def moments(title: str) -> Column:
    return Column(title, Kind.MOMENT)


def amounts(title: str) -> Column:
    return Column(title, Kind.AMOUNT)
