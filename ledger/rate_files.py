"""Recorded prices from a CSV file: all of it, or nothing and every line that is wrong; see `SAMPLE`.

`source` may be left out. A moment has a time zone. What is on record already is passed over, so a file that grew can be
read again.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from operator import attrgetter

from django.db import transaction
from django.utils import timezone

from ledger import rates
from ledger.errors import RateInvalid
from ledger.models import Rate
from ledger.pairs import Pair

COLUMNS = ("asset", "currency", "price", "observed_at")
OPTIONAL_COLUMN = "source"
SAMPLE = """\
asset,currency,price,observed_at,source
BTC,EUR,81250.00,2026-03-01T12:00:00Z,our bank
"""
ASSET_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,15}")
CURRENCY = re.compile(r"[A-Z]{3}")
_MOST_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class Line:
    """A line that can be read. `price` is of one whole asset."""

    number: int
    pair: Pair
    price: Decimal
    observed_at: datetime
    source: str


@dataclass(frozen=True, slots=True)
class WrongLine:
    """A line that cannot, and why."""

    number: int
    why: str

    def __str__(self) -> str:
        return f"line {self.number}: {self.why}"


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file: how many rates are new, were known, and are kept but suspect."""

    new: int
    known: int
    suspect: int


def read(text: Iterable[str], source: str) -> tuple[list[Line], list[WrongLine]]:
    """Every line, in order. `source` stands where the file names none."""
    reader = csv.DictReader(text, strict=True)
    try:
        names = [name.strip().lower() for name in reader.fieldnames or ()]
    except (csv.Error, UnicodeDecodeError) as error:
        return [], [WrongLine(1, str(error))]
    reader.fieldnames = names
    missing = [name for name in COLUMNS if name not in names]
    spare = [name for name in names if name not in (*COLUMNS, OPTIONAL_COLUMN)]
    if missing or spare or len(set(names)) != len(names):
        wanted = ",".join((*COLUMNS, OPTIONAL_COLUMN))
        return [], [WrongLine(1, f"the first line names the columns: {wanted}")]
    unread: list[WrongLine] = []
    lines, wrong = read_rows(_rows(reader, unread), source)
    return lines, sorted(wrong + unread, key=attrgetter("number"))


def read_rows(rows: Iterable[tuple[int, dict[str, str]]], source: str) -> tuple[list[Line], list[WrongLine]]:
    """Rows that were taken apart already, each with its line's number and its values by the columns' names."""
    lines: list[Line] = []
    wrong: list[WrongLine] = []
    for number, row in rows:
        try:
            lines.append(_line(number, row, source))
        except ValueError as error:
            wrong.append(WrongLine(number, str(error)))
    return lines, wrong


def write(lines: Sequence[Line], book_id: int | None, *, by: str = "") -> Imported:
    """In one transaction. A price several times the one before it is kept and marked suspect, as everywhere."""
    with transaction.atomic():
        known = _known(lines, book_id)
        fresh: list[Rate] = []
        for pair, of_pair in _by_pair(lines).items():
            before = rates.latest(book_id, pair, of_pair[0].observed_at)
            for line in of_pair:
                rate = _rate(line, book_id, by, before)
                before = rate
                if _identity(rate) not in known:
                    known.add(_identity(rate))
                    fresh.append(rate)
        Rate.objects.bulk_create(fresh, batch_size=_MOST_AT_ONCE)
    return Imported(len(fresh), len(lines) - len(fresh), sum(bool(rate.suspect) for rate in fresh))


_Identity = tuple[str, str, datetime, Decimal, str]


def _rows(reader: "csv.DictReader[str]", wrong: list[WrongLine]) -> Iterator[tuple[int, dict[str, str]]]:
    """Until the file itself cannot be read any more."""
    try:
        for row in reader:
            if None in row or None in row.values():
                wrong.append(WrongLine(reader.line_num, f"there are {len(reader.fieldnames or ())} columns"))
            else:
                yield reader.line_num, {name: value.strip() for name, value in row.items()}
    except (csv.Error, UnicodeDecodeError) as error:
        wrong.append(WrongLine(reader.line_num + 1, str(error)))


def _line(number: int, row: dict[str, str], source: str) -> Line:
    """Raises `ValueError` with what is wrong."""
    if not ASSET_CODE.fullmatch(row["asset"]):
        raise ValueError(f"{row['asset']!r} is not the code of an asset")
    if not CURRENCY.fullmatch(row["currency"]):
        raise ValueError(f"{row['currency']!r} is not a currency: three capitals")
    named = row.get(OPTIONAL_COLUMN) or source
    if len(named) > Rate._meta.get_field("source").max_length:  # type: ignore[operator]
        raise ValueError("the source's name is too long")
    if not named.isprintable():
        raise ValueError("the source's name has characters that nobody sees, or more than one line")
    return Line(number, Pair(row["asset"], row["currency"]), _price(row["price"]), _moment(row["observed_at"]), named)


def _price(text: str) -> Decimal:
    try:
        price = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a number") from None
    try:
        rates.check_price(price)
    except RateInvalid as error:
        raise ValueError(str(error)) from None
    return price


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a moment such as 2026-03-01T12:00:00Z") from None
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone: write Z for UTC")
    if moment > timezone.now() + rates.CLOCK_SKEW:
        raise ValueError(f"{text!r} lies in the future")
    return moment.astimezone(UTC)


def _by_pair(lines: Sequence[Line]) -> dict[Pair, list[Line]]:
    found: defaultdict[Pair, list[Line]] = defaultdict(list)
    for line in sorted(lines, key=lambda line: (line.observed_at, line.number)):
        found[line.pair].append(line)
    return found


def _rate(line: Line, book_id: int | None, by: str, before: Rate | None) -> Rate:
    return Rate(
        book_id=book_id,
        asset_code=line.pair.asset_code,
        currency=line.pair.currency,
        price=line.price,
        source=line.source,
        origin=Rate.Origin.RECORDED,
        observed_at=line.observed_at,
        suspect=rates.jump(line.price, line.observed_at, before),
        by=by,
    )


def _known(lines: Sequence[Line], book_id: int | None) -> set[_Identity]:
    """What is on record of these pairs in that time."""
    if not lines:
        return set()
    moments = [line.observed_at for line in lines]
    owned = Rate.objects.filter(book__isnull=True) if book_id is None else Rate.objects.filter(book_id=book_id)
    rows = owned.filter(
        asset_code__in={line.pair.asset_code for line in lines},
        currency__in={line.pair.currency for line in lines},
        observed_at__range=(min(moments), max(moments)),
        origin=Rate.Origin.RECORDED,
    )
    return {_identity(rate) for rate in rows.iterator()}


def _identity(rate: Rate) -> _Identity:
    return rate.asset_code, rate.currency, rate.observed_at, rate.price, rate.source
