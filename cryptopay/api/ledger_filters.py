"""What the journal and its entries may be asked for. Each filter is an exact match or a range, and has its index."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from django.db.models import Q, QuerySet
from rest_framework import serializers

from cryptopay.api.ledger_accounts import assets_named
from cryptopay.api.ledger_fields import AccountId, DayOrMomentField, EntryId, entry_id, known_position, number
from cryptopay.api.pagination import Page, PageParameters, page
from cryptopay.merchants.models import ApiKey
from ledger import chart, spans
from ledger.models import Account, JournalEntry, Posting

OF_THE_API = "api"
"""The `source` of entries that merchants' programs wrote."""
BY_REFERENCE = "api:"
"""What a merchant's own `reference` follows in an entry's idempotency key; no room's own keys begin so."""


class EntryParameters(PageParameters):
    """Of both lists."""

    source = serializers.CharField(max_length=64, required=False, help_text="api, invoice, manual, chain:bitcoin...")  # type: ignore[assignment]
    reference = serializers.CharField(max_length=200, required=False, help_text="Yours, of an entry you posted.")
    account = serializers.CharField(max_length=200, required=False, help_text="An id, or a code in every asset.")
    asset = serializers.CharField(max_length=120, required=False, help_text="EUR, BTC, BTC@bitcoin.")
    customer = serializers.CharField(max_length=64, required=False, help_text="Your own name for them.")
    invoice = serializers.CharField(max_length=32, required=False)
    order = serializers.CharField(max_length=100, required=False, help_text="Your own number: `order_id`.")
    txid = serializers.CharField(max_length=128, required=False)
    effective_from = DayOrMomentField(required=False, help_text="A day (UTC, from its beginning) or a moment.")
    effective_to = DayOrMomentField(required=False, help_text="A day (UTC, to its end) or a moment, included.")
    recorded_from = DayOrMomentField(required=False, help_text="A day (UTC, from its beginning) or a moment.")
    recorded_to = DayOrMomentField(required=False, help_text="A day (UTC, to its end) or a moment, included.")


def filtered(rows: QuerySet[JournalEntry], key: ApiKey, query: Mapping[str, Any]) -> QuerySet[JournalEntry]:
    """Entries of the key's book that match all that was asked."""
    rows = rows.filter(book=key.book_id)
    for name, narrow in _FILTERS.items():
        if name in query:
            rows = narrow(rows, key, query[name])
    return rows


def newest_recorded_first(rows: QuerySet[JournalEntry], key: ApiKey, query: Mapping[str, Any]) -> Page[JournalEntry]:
    """The page below the cursor, in the order of recording: what is back-dated stands where it was recorded, so a
    program that has read to some entry has read all before it."""
    if (cursor := query.get("cursor")) is not None:
        last = known_position(JournalEntry.objects.filter(book=key.book_id), cursor, EntryId)
        earlier = Q(recorded_at__lt=last.recorded_at) | Q(pk__lt=last.pk)
        rows = rows.filter(earlier, recorded_at__lte=last.recorded_at)
    limit = query["limit"]
    return page(list(rows.order_by("-recorded_at", "-pk")[: limit + 1]), limit, lambda entry: entry_id(entry.pk))


_Narrow = Callable[[QuerySet[JournalEntry], ApiKey, Any], QuerySet[JournalEntry]]


def _by_reference(rows: QuerySet[JournalEntry], _: ApiKey, reference: str) -> QuerySet[JournalEntry]:
    return rows.filter(idem=f"{BY_REFERENCE}{reference}")


def _on_account(rows: QuerySet[JournalEntry], key: ApiKey, text: str) -> QuerySet[JournalEntry]:
    pk = number(text, AccountId)
    return _on_one_of(rows, key, Q(pk=pk) if pk is not None else Q(code=text))


def _of_customer(rows: QuerySet[JournalEntry], key: ApiKey, customer: str) -> QuerySet[JournalEntry]:
    return _on_one_of(rows, key, Q(code=f"{chart.CUSTOMERS}{customer}"))


def _on_one_of(rows: QuerySet[JournalEntry], key: ApiKey, which: Q) -> QuerySet[JournalEntry]:
    """Accounts of one code, named to the database: it knows whether they are busy, and reads the shorter way."""
    accounts = list(Account.objects.filter(which, book=key.book_id).values_list("pk", flat=True))
    legs = Posting.objects.filter(book=key.book_id, account__in=accounts)
    return rows.filter(pk__in=legs.values("entry"))


def _in_asset(rows: QuerySet[JournalEntry], key: ApiKey, text: str) -> QuerySet[JournalEntry]:
    accounts = Account.objects.filter(book=key.book_id, asset__in=assets_named(key, text))
    legs = Posting.objects.filter(book=key.book_id, account__in=accounts.values("pk"))
    return rows.filter(pk__in=legs.values("entry"))


def _exactly(column: str) -> _Narrow:
    def narrow(rows: QuerySet[JournalEntry], _: ApiKey, value: str) -> QuerySet[JournalEntry]:
        return rows.filter(**{column: value})

    return narrow


def _from(column: str) -> _Narrow:
    def narrow(rows: QuerySet[JournalEntry], _: ApiKey, since: date | datetime) -> QuerySet[JournalEntry]:
        return rows.filter(**{f"{column}__gte": since if isinstance(since, datetime) else spans.begin_of(since)})

    return narrow


def _to(column: str) -> _Narrow:
    def narrow(rows: QuerySet[JournalEntry], _: ApiKey, until: date | datetime) -> QuerySet[JournalEntry]:
        if isinstance(until, datetime):
            return rows.filter(**{f"{column}__lte": until})
        return rows.filter(**{f"{column}__lt": spans.end_of(until)})

    return narrow


_FILTERS: Mapping[str, _Narrow] = {
    "source": _exactly("source"),
    "reference": _by_reference,
    "account": _on_account,
    "asset": _in_asset,
    "customer": _of_customer,
    "invoice": _exactly("invoice_ref"),
    "order": _exactly("order_ref"),
    "txid": _exactly("txid"),
    "effective_from": _from("effective_at"),
    "effective_to": _to("effective_at"),
    "recorded_from": _from("recorded_at"),
    "recorded_to": _to("recorded_at"),
}
