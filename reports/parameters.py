"""What a report may be asked, by whom ever: a page draws a form of it, the API takes it in the query string.

A report lists its parameters; what was said of them is read here, once, and every refusal has a code.

    UNTIL                    by the end of a day; now, where none is said
    FIRST, LAST              a period, both days included; this month, where none is said
    ACCOUNT, ANY_ACCOUNT     one account of the book
    ASSET, CUSTOMER, YEAR
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar, Generic, TypeVar, cast

from django.db.models import Q, QuerySet

from ledger import chart, spans
from ledger.models import Account, Asset, Book
from reports.errors import (
    AccountAmbiguous,
    AccountUnknown,
    AmountInvalid,
    AssetUnknown,
    ChoiceInvalid,
    CustomerUnknown,
    DayInvalid,
    ParameterMissing,
    ParameterUnknown,
    PeriodInvalid,
    YearInvalid,
)

T = TypeVar("T")
_LONGEST_AMOUNT = 12
_OFFERED = 500
"""More accounts or customers than that are typed, not chosen."""


@dataclass(frozen=True, eq=False)
class Parameter(ABC, Generic[T]):
    """One of them. `read` makes of its text what the report works with; what was not said is `otherwise`."""

    name: str
    title: str
    about: str
    control: ClassVar[str] = "text"
    required: bool = field(default=False, kw_only=True)

    @abstractmethod
    def read(self, text: str, book: Book) -> T:
        """Raises what the API may refuse a parameter with."""

    def otherwise(self) -> T:
        return cast(T, None)

    def offers(self, book: Book) -> Sequence[tuple[str, str]]:
        """What a form suggests: the text, and what people call it."""
        return ()


@dataclass(frozen=True, eq=False)
class Day(Parameter[date | None]):
    """A day, UTC."""

    control = "date"

    def read(self, text: str, book: Book) -> date | None:
        return _day(self.name, text)


@dataclass(frozen=True, eq=False)
class Bound(Parameter[date]):
    """The first or last day of a period."""

    default: Callable[[], date] = spans.today
    control = "date"

    def read(self, text: str, book: Book) -> date:
        return _day(self.name, text)

    def otherwise(self) -> date:
        return self.default()


@dataclass(frozen=True, eq=False)
class Year(Parameter[int]):
    """A calendar year, UTC."""

    control = "number"

    def read(self, text: str, book: Book) -> int:
        year = int(text) if text.isdecimal() and text.isascii() and len(text) == len("2026") else 0
        if not spans.EARLIEST <= year < spans.LATEST:
            raise YearInvalid(self.name, "a year is like 2026")
        return year

    def otherwise(self) -> int:
        return spans.today().year


@dataclass(frozen=True, eq=False)
class WholeAmount(Parameter[int]):
    """Whole units of the book's currency."""

    usual: int = 0
    control = "number"

    def read(self, text: str, book: Book) -> int:
        if not (text.isdecimal() and text.isascii() and len(text) <= _LONGEST_AMOUNT):
            raise AmountInvalid(self.name, "a whole number, like 50000")
        return int(text)

    def otherwise(self) -> int:
        return self.usual


@dataclass(frozen=True, eq=False)
class OneAccount(Parameter[Account | None]):
    """By its code, with the asset where it has several: `suspense`, `suspense BTC`, `suspense USDT@ethereum`."""

    control = "list"

    def read(self, text: str, book: Book) -> Account | None:
        accounts = Account.objects.filter(book=book).select_related("asset")
        found = list(accounts.filter(code=text)[:2])
        code, _, asset = text.rpartition(" ")
        if not found and code:
            found = list(accounts.filter(_of_asset(asset, "asset__"), code=code)[:2])
        if not found:
            raise AccountUnknown(self.name, f"there is no account {text}")
        if len(found) > 1:
            raise AccountAmbiguous(self.name, f"there are several accounts {text}; name the asset: {text} BTC@bitcoin")
        return found[0]

    def offers(self, book: Book) -> Sequence[tuple[str, str]]:
        accounts = Account.objects.filter(book=book).select_related("asset").order_by("code", "asset__code", "pk")
        return [(account_text(account), f"{account.name}, {account.asset}") for account in accounts[:_OFFERED]]


@dataclass(frozen=True, eq=False)
class OneAsset(Parameter[Asset | None]):
    """By its code, with the chain where it is on several: `BTC`, `USDT@ethereum`."""

    control = "list"

    def read(self, text: str, book: Book) -> Asset | None:
        found = list(_assets(book).filter(_of_asset(text, ""))[:2])
        if len(found) != 1:
            why = f"{text} is on several chains; name one: {text}@ethereum" if found else f"the book has no {text}"
            raise AssetUnknown(self.name, why)
        return found[0]

    def offers(self, book: Book) -> Sequence[tuple[str, str]]:
        assets = _assets(book).order_by("code", "chain")[:_OFFERED]
        return [(f"{asset.code}@{asset.chain}", f"{asset.code}, {asset.chain}") for asset in assets]


@dataclass(frozen=True, eq=False)
class OneCustomer(Parameter[str]):
    """By the reference your program gave them."""

    control = "list"

    def read(self, text: str, book: Book) -> str:
        if not Account.objects.filter(book=book, code=f"{chart.CUSTOMERS}{text}").exists():
            raise CustomerUnknown(self.name, f"nothing was ever booked for a customer {text}")
        return text

    def otherwise(self) -> str:
        return ""

    def offers(self, book: Book) -> Sequence[tuple[str, str]]:
        codes = Account.objects.filter(book=book, code__startswith=chart.CUSTOMERS).order_by("code")
        found = codes.values_list("code", flat=True).distinct()[:_OFFERED]
        return [(code.removeprefix(chart.CUSTOMERS), "") for code in found]


@dataclass(frozen=True, eq=False)
class Choice(Parameter[str]):
    """One of a few words; the first is what is meant where none is said."""

    options: Mapping[str, str] = field(default_factory=dict)
    """Word -> what people read."""
    control = "select"

    def read(self, text: str, book: Book) -> str:
        if text not in self.options:
            raise ChoiceInvalid(self.name, f"one of {', '.join(self.options)}")
        return text

    def otherwise(self) -> str:
        return next(iter(self.options))

    def offers(self, book: Book) -> Sequence[tuple[str, str]]:
        return list(self.options.items())


UNTIL = Day("until", "By the end of", "By the end of that day (UTC); now, where it is not said.")
FIRST = Bound(
    "from",
    "From",
    "The period's first day (UTC); this month's first, where it is not said.",
    lambda: spans.this_month().first,
)
LAST = Bound("to", "To", "The period's last day (UTC), included; today, where it is not said.")
YEAR = Year("year", "Year", "A calendar year (UTC); this one, where it is not said.")
_BY_CODE = "By its code, with the asset where it has several: `suspense BTC`, `suspense USDT@ethereum`."
ACCOUNT = OneAccount("account", "Account", _BY_CODE, required=True)
ANY_ACCOUNT = OneAccount("account", "Account", f"{_BY_CODE} All of them, where it is not said.")
ASSET = OneAsset("asset", "Asset", "Of one asset alone: `BTC`, `USDT@ethereum`.")
CUSTOMER = OneCustomer("customer", "Customer", "The reference your program gave them.", required=True)


@dataclass(frozen=True)
class Asked:
    """Of which book, and what else: `asked[UNTIL]`."""

    book: Book
    values: Mapping[str, Any] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    """What was said, as it was said."""

    def __getitem__(self, parameter: Parameter[T]) -> T:
        if parameter.name in self.values:
            return cast(T, self.values[parameter.name])
        return parameter.otherwise()


def read(parameters: Sequence[Parameter[Any]], book: Book, texts: Mapping[str, str]) -> Asked:
    """Raises `ParameterRefused`."""
    named = {parameter.name: parameter for parameter in parameters}
    said = {name: text.replace("\0", "\N{REPLACEMENT CHARACTER}") for name, text in texts.items() if text}
    for name in said:
        if name not in named:
            raise ParameterUnknown(name, "this report does not ask for that")
    values = {}
    for name, parameter in named.items():
        if name in said:
            values[name] = parameter.read(said[name], book)
        elif parameter.required:
            raise ParameterMissing(name, f"say which {parameter.title.lower()}")
    asked = Asked(book, values, said)
    if {FIRST, LAST} <= {*parameters} and asked[LAST] < asked[FIRST]:
        raise PeriodInvalid(LAST.name, "a period ends after it begins")
    return asked


def account_text(account: Account) -> str:
    """As `OneAccount` reads it."""
    return f"{account.code} {account.asset.code}@{account.asset.chain}"


def _day(name: str, text: str) -> date:
    day = spans.day_of(text)
    if day is None:
        raise DayInvalid(name, "a day is like 2026-03-31")
    return day


def _of_asset(text: str, prefix: str) -> Q:
    """With a bare `@`, what is on no chain: money, as `offers` writes it."""
    code, at, chain = text.partition("@")
    named = Q(**{f"{prefix}code": code})
    return named & Q(**{f"{prefix}chain": chain}) if at else named


def _assets(book: Book) -> QuerySet[Asset]:
    return Asset.objects.filter(pk__in=Account.objects.filter(book=book).values("asset"))
