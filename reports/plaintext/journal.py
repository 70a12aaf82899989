"""Reads one book for export: who is called what, and the journal entry by entry, in the order it happened.

A few queries, the long ones through server-side cursors: memory does not grow with the book. What the writers get are
plain values; amounts are ints of base units, debits positive, credits negative.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from typing import Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.db import connection, transaction
from django.db.models import Exists, Min, OuterRef, Q, QuerySet
from django.db.models.expressions import RawSQL

from ledger import chart, spans
from ledger.currencies import Fiat
from ledger.models import Account, Asset, Book, JournalEntry, Posting
from ledger.money import plain
from reports.plaintext.lots import Steps
from reports.plaintext.names import commodity_name

Kind = JournalEntry.Kind

_CHUNK = 2_000
_REFERENCES = ("chain", "txid", "key", "invoice", "order", "customer")
"""What of an entry's `meta` has a tag of its own; the rest stands in `more`, as JSON."""
TAGS = (
    *("entry", "time", "kind", "settles", "reverses", "source", "idem"),
    *_REFERENCES,
    *("rate", "rate-source", "rate-observed", "more"),
)
"""Every tag a transaction may have."""
_VALUE = """
    SELECT v.value FROM ledger_value v
    WHERE v.book_id = ledger_posting.book_id AND v.entry_id = ledger_posting.entry_id AND v.leg = ledger_posting.leg
"""
_KIND_WORDS = {Kind.POST: "posted", Kind.PENDING: "seen", Kind.SETTLE: "validated", Kind.REVERSE: "reversal"}


@dataclass(frozen=True, slots=True)
class Commodity:
    """An asset under the name it has in the tools."""

    name: str
    decimals: int
    code: str
    chain: str
    contract: str

    @property
    def identity(self) -> str:
        return f"{self.code} on {self.chain}" + (f", contract {self.contract}" if self.contract else "")


@dataclass(frozen=True, slots=True)
class AccountLine:
    """An account of the chart with all the assets it holds."""

    kind: str
    code: str
    name: str
    commodities: tuple[Commodity, ...]


@dataclass(frozen=True, slots=True)
class Leg:
    kind: str
    code: str
    commodity: Commodity
    base_units: int
    """Debit less credit."""
    worth: int | None = None
    """In minor units of the book's currency, with the sign of `base_units`; None where nobody says, or it is money."""


@dataclass(frozen=True, slots=True)
class Price:
    """`price` units of `currency` for one whole unit of `asset_code`."""

    asset_code: str
    price: Decimal
    currency: str
    source: str
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class Transaction:
    """One entry of the journal. `resolves` is the number of the entry it settles or reverses."""

    number: int
    kind: int
    effective_at: datetime
    description: str
    source: str
    idem: str
    resolves: int | None
    meta: Mapping[str, Any]
    price: Price | None
    legs: tuple[Leg, ...]

    @property
    def is_validated(self) -> bool:
        return self.kind != Kind.PENDING

    @property
    def day(self) -> date:
        """The day in UTC, as in every report."""
        return self.effective_at.astimezone(UTC).date()

    def tags(self) -> dict[str, str]:
        """What is known of the entry besides its legs, by the names of `TAGS`, in their order; nothing is empty."""
        resolves = {Kind.SETTLE: "settles", Kind.REVERSE: "reverses"}.get(Kind(self.kind), "")
        more = {name: value for name, value in self.meta.items() if name not in _REFERENCES}
        known = {
            "entry": str(self.number),
            "time": _moment(self.effective_at),
            "kind": _KIND_WORDS[Kind(self.kind)],
            resolves: str(self.resolves or ""),
            "source": self.source,
            "idem": self.idem,
            **{name: _text(self.meta.get(name, "")) for name in _REFERENCES},
            **(_price_tags(self.price) if self.price else {}),
            "more": _text(more) if more else "",
        }
        return {name: known[name] for name in TAGS if known.get(name, "").strip()}


@dataclass(frozen=True, slots=True)
class Home:
    """Where a tool keeps all lots of a coin that a book owns, in whichever of its accounts they lie."""

    code: str
    valuation: str
    """The account that holds what the coins cost beyond what their entries say."""


@dataclass(frozen=True, slots=True)
class Export:
    """One book up to and including the day `until`. Iterate `accounts` first, then `transactions`, both once."""

    book: str
    book_number: int
    money: Commodity
    """The book's currency."""
    homes: Mapping[str, Home]
    """By commodity."""
    until: date | None
    first_day: date
    commodities: Sequence[Commodity]
    accounts: Iterator[AccountLine]
    transactions: Iterator[Transaction]
    steps: Steps
    """What the transactions did to the lots of what the book owns."""


@contextmanager
def read(book: Book, until: date | None = None) -> Iterator[Export]:
    """The export reads from the database as it is iterated, all of it as of one moment, and inside this block only.

    Within a transaction of the caller's the moment is as sharp as that transaction's isolation.
    """
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost:
            with connection.cursor() as sql:
                sql.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        money = Asset.objects.filter(chain="", contract=book.currency).first()
        named = _commodities(book, money)
        of_money = named[money.pk] if money else _money_of(book)
        end = spans.end_of(until) if until else None
        first = JournalEntry.objects.filter(book=book).aggregate(at=Min("effective_at"))["at"] or book.created_at
        with closing(Steps(book, end, {asset: commodity.name for asset, commodity in named.items()})) as steps:
            yield Export(
                book=str(book),
                book_number=book.pk,
                money=of_money,
                homes=_homes(book, named),
                until=until,
                first_day=first.astimezone(UTC).date(),
                commodities=tuple(named.values()) if money else (of_money, *named.values()),
                accounts=_accounts(book, named),
                transactions=_transactions(_rows(book, end), named, of_money),
                steps=steps,
            )


def _money_of(book: Book) -> Commodity:
    """Of a book that has nothing in its currency yet."""
    return Commodity(book.currency, Fiat(book.currency).decimals, book.currency, "", book.currency)


def _homes(book: Book, named: Mapping[int, Commodity]) -> Mapping[str, Home]:
    """Custody, where there is custody; else the first account of the asset."""
    accounts = Account.objects.filter(book=book, kind=Account.Kind.ASSET).select_related("asset")
    found: dict[str, Home] = {}
    for account in sorted(accounts, key=lambda one: (not one.code.startswith(chart.CUSTODY), one.pk)):
        name = named[account.asset_id].name
        if name not in found:
            valuation = chart.VALUATION[True].code.format(asset=chart.valuation_name(account.asset))
            found[name] = Home(account.code, valuation)
    return found


def _commodities(book: Book, money: Asset | None) -> dict[int, Commodity]:
    """By asset. Two of one code are told apart by which this book held first, after its money: that never changes."""
    first_accounts = Account.objects.filter(book=book).values("asset").annotate(first=Min("pk"))
    order = {row["asset"]: row["first"] for row in first_accounts} | ({money.pk: 0} if money else {})
    taken: set[str] = set() if money else {book.currency}
    named = {}
    for asset in sorted(Asset.objects.filter(pk__in=order), key=lambda asset: order[asset.pk]):
        name = commodity_name(asset.pk, asset.code, first=asset.code not in taken)
        taken.add(asset.code)
        named[asset.pk] = Commodity(name, asset.decimals, asset.code, asset.chain, asset.contract)
    return named


def _accounts(book: Book, named: Mapping[int, Commodity]) -> Iterator[AccountLine]:
    lines = (
        Account.objects.filter(book=book)
        .values("code", "kind")
        .annotate(title=Min("name"), held=ArrayAgg("asset_id", order_by="asset_id"))
        .order_by("kind", "code")
        .values_list("kind", "code", "title", "held")
    )
    for kind, code, title, held in lines.iterator(_CHUNK):
        yield AccountLine(kind, code, title, tuple(named[asset] for asset in held))


def _rows(book: Book, end: datetime | None) -> QuerySet[Posting, Any]:
    """Legs in order, each with its entry: the validated ones, and those of entries which nothing had resolved yet."""
    resolutions = JournalEntry.objects.filter(
        book=OuterRef("book"), ref=OuterRef("entry"), kind__in=[Kind.SETTLE, Kind.VOID]
    )
    legs = Posting.objects.filter(book=book).annotate(value=RawSQL(_VALUE, []))  # noqa: S611 - our own text
    if end is not None:
        resolutions, legs = resolutions.filter(effective_at__lt=end), legs.filter(entry__effective_at__lt=end)
    waiting = Q(entry__kind=Kind.PENDING) & ~Exists(resolutions)
    return (
        legs.filter(Q(layer=Posting.Layer.POSTED) | waiting)
        .order_by("entry__effective_at", "entry", "leg")
        .values_list(
            *("entry_id", "debit", "credit", "asset_id", "account__kind", "account__code", "value"),
            *("entry__kind", "entry__effective_at", "entry__description", "entry__source", "entry__idem"),
            *("entry__ref_id", "entry__meta", "entry__ref__meta"),
            *(f"entry__rate__{name}" for name in ("asset_code", "price", "currency", "source", "observed_at")),
            named=True,
        )
    )


def _transactions(
    rows: QuerySet[Posting, Any], named: Mapping[int, Commodity], money: Commodity
) -> Iterator[Transaction]:
    for number, group in groupby(rows.iterator(_CHUNK), key=attrgetter("entry_id")):
        legs = list(group)
        entry = legs[0]
        settled = entry.entry__ref__meta if entry.entry__kind == Kind.SETTLE else None
        yield Transaction(
            number=number,
            kind=entry.entry__kind,
            effective_at=entry.entry__effective_at,
            description=entry.entry__description,
            source=entry.entry__source,
            idem=entry.entry__idem,
            resolves=entry.entry__ref_id,
            meta={**(settled or {}), **entry.entry__meta},
            price=_price(entry),
            legs=tuple(_leg(leg, named[leg.asset_id], money) for leg in legs),
        )


def _leg(leg: Any, commodity: Commodity, money: Commodity) -> Leg:
    worth = None if commodity == money or leg.value is None else int(leg.value)
    return Leg(leg.account__kind, leg.account__code, commodity, leg.debit - leg.credit, worth)


def _price(row: Any) -> Price | None:
    if row.entry__rate__price is None:
        return None
    return Price(
        row.entry__rate__asset_code,
        row.entry__rate__price,
        row.entry__rate__currency,
        row.entry__rate__source,
        row.entry__rate__observed_at,
    )


def _price_tags(price: Price) -> dict[str, str]:
    return {
        "rate": f"1 {price.asset_code} = {plain(price.price)} {price.currency}",
        "rate-source": price.source,
        "rate-observed": _moment(price.observed_at),
    }


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
