"""What the ledger's resources share: ids, moments, amounts, and how rates and references are written."""

import re
from datetime import UTC, date, datetime
from typing import Any, ClassVar, TypeVar

from django.db.models import Model, QuerySet
from django.utils.dateparse import parse_date, parse_datetime
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from cryptopay.api.errors import Problem
from cryptopay.api.fields import DecimalTextField
from cryptopay.api.resource import NotFound
from ledger.models import Account, Asset, Book, Rate
from ledger.money import plain, to_text

_M = TypeVar("_M", bound=Model)

EARLIEST_YEAR, LATEST_YEAR = 1900, 2199


_NUMBER = "[1-9][0-9]{0,17}"


class RowId:
    """A prefix and the row's number: `je_1042`. A row is looked up in the key's own book, so a number opens nothing."""

    prefix: ClassVar[str]
    regex: str

    def to_python(self, value: str) -> int:
        return int(value.removeprefix(self.prefix))

    def to_url(self, value: int) -> str:
        return f"{self.prefix}{value}"


class EntryId(RowId):
    """Of a journal entry."""

    prefix = "je_"
    regex = prefix + _NUMBER


class AccountId(RowId):
    """Of an account."""

    prefix = "acc_"
    regex = prefix + _NUMBER


class LineId(RowId):
    """Of a posting, where a statement's page ends: its number in its account."""

    prefix = "line_"
    regex = prefix + _NUMBER


def entry_id(pk: int) -> str:
    return f"{EntryId.prefix}{pk}"


def account_id(pk: int) -> str:
    return f"{AccountId.prefix}{pk}"


def line_id(account_seq: int) -> str:
    return f"{LineId.prefix}{account_seq}"


def number(text: str, kind: type[RowId]) -> int | None:
    """The row's number behind an id that stands in a body or a query string; None if the text is no such id."""
    return kind().to_python(text) if re.fullmatch(kind.regex, text) else None


def own(rows: QuerySet[_M], book: Book, pk: int) -> _M:
    """The book's own row of that number. Raises 404 `not_found`, for another tenant's row, too."""
    row = rows.filter(book_id=book.pk, pk=pk).first()
    if row is None:
        raise NotFound
    return row


def known_position(rows: QuerySet[_M], text: str, kind: type[RowId], column: str = "pk") -> _M:
    """The row a cursor names, among one book's `rows`. Raises 400 `cursor_invalid`, for another tenant's, too."""
    named = number(text, kind)
    row = rows.filter(**{column: named}).first() if named is not None else None
    if row is None:
        raise Problem(400, "cursor_invalid", "There is no such position.", "?cursor")
    return row


@extend_schema_field({"type": "string", "format": "date-time"})
class MomentField(serializers.Field[datetime, Any, str, Any]):
    """A moment with its offset from UTC (RFC 3339); without one nobody knows on which day it lies."""

    default_error_messages = {"moment_invalid": 'A moment is like "2026-03-31T12:00:00Z", with its offset from UTC.'}

    def to_internal_value(self, data: Any) -> datetime:
        moment = _moment(data)
        if moment is None:
            self.fail("moment_invalid")
        return moment

    def to_representation(self, value: datetime) -> str:
        return value.isoformat()


@extend_schema_field({"type": "string", "examples": ["2026-03-31", "2026-03-31T12:00:00Z"]})
class DayOrMomentField(serializers.Field["date | datetime", Any, str, Any]):
    """A day, which is UTC and whole, or a moment with its offset."""

    default_error_messages = {
        "moment_invalid": 'Send a day like "2026-03-31", or a moment like "2026-03-31T12:00:00Z", with its offset.'
    }

    def to_internal_value(self, data: Any) -> date | datetime:
        found = _day(data) or _moment(data)
        if found is None:
            self.fail("moment_invalid")
        return found

    def to_representation(self, value: date | datetime) -> str:
        return value.isoformat()


@extend_schema_field({"type": "string", "format": "date"})
class DayField(serializers.Field[date, Any, str, Any]):
    """A day in UTC."""

    default_error_messages = {"day_invalid": 'A day is like "2026-03-31".'}

    def to_internal_value(self, data: Any) -> date:
        day = _day(data)
        if day is None:
            self.fail("day_invalid")
        return day

    def to_representation(self, value: date) -> str:
        return value.isoformat()


def _day(text: Any) -> date | None:
    try:
        day = parse_date(text) if isinstance(text, str) and len(text) == len("2026-03-31") else None
    except ValueError:
        return None
    return day if day and EARLIEST_YEAR <= day.year <= LATEST_YEAR else None


def _moment(text: Any) -> datetime | None:
    try:
        moment = parse_datetime(text) if isinstance(text, str) else None
        if moment is None or moment.tzinfo is None:
            return None
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if EARLIEST_YEAR <= moment.year <= LATEST_YEAR else None


class PriceSchema(serializers.Serializer[Any]):
    """The recorded price an entry was valued at."""

    price = DecimalTextField(help_text="Of one whole coin, in the currency.")
    currency = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]
    observed_at = serializers.DateTimeField()


def rate_json(rate: Rate | None) -> dict[str, Any] | None:
    """As `PriceSchema` describes it."""
    if rate is None:
        return None
    price = plain(rate.price)
    return {"price": price, "currency": rate.currency, "source": rate.source, "observed_at": rate.observed_at}


def amount_json(base_units: int, asset: Asset) -> dict[str, str]:
    """As `AmountSchema` describes it; a balance may be negative."""
    return {"asset": asset.code, "amount": to_text(base_units, asset.decimals), "base_units": str(base_units)}


REFERENCES = ("invoice", "order", "customer", "chain", "txid")
"""What the journal tells an entry by. Whoever writes an entry puts them into its `meta` under these names."""


class ReferencesSchema(serializers.Serializer[Any]):
    """What an entry belongs to, as far as it is known."""

    invoice = serializers.CharField(required=False)
    order = serializers.CharField(required=False, help_text="Your own number: `order_id`.")
    customer = serializers.CharField(required=False, help_text="Your own name for them: `customer_ref`.")
    chain = serializers.CharField(required=False)
    txid = serializers.CharField(required=False)


def references_json(meta: dict[str, Any]) -> dict[str, str]:
    """As `ReferencesSchema` describes it."""
    return {name: str(meta[name]) for name in REFERENCES if meta.get(name)}


ACCOUNT_KINDS = [kind.name.lower() for kind in Account.Kind]


class Kind(serializers.ChoiceField):
    """An account's kind, by its name."""

    def __init__(self, **options: Any) -> None:
        super().__init__(ACCOUNT_KINDS, **options)
