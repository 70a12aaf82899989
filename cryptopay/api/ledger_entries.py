"""`/ledger/entries`: what stands in the journal, entry by entry, and posting to it."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from cryptopay.api.fields import AmountSchema, AmountTextField, MetadataField, StrictSerializer, TextField
from cryptopay.api.idempotency import idempotent
from cryptopay.api.ledger_fields import (
    MomentField,
    PriceSchema,
    ReferencesSchema,
    account_id,
    amount_json,
    entry_id,
    own,
    rate_json,
    references_json,
)
from cryptopay.api.ledger_filters import BY_REFERENCE, EntryParameters, filtered, newest_recorded_first
from cryptopay.api.ledger_writing import read, write
from cryptopay.api.pagination import page_schema
from cryptopay.api.refusals import POSTING
from cryptopay.api.resource import Resource
from cryptopay.merchants.models import ApiKey
from ledger.models import JournalEntry, Posting

Scope = ApiKey.Scope

MOST_LEGS = 100
MOST_ENTRIES = 1000

KINDS = {kind: kind.name.lower() for kind in JournalEntry.Kind}
ENTRY_KINDS = list(KINDS.values())
LAYERS = {layer: layer.name.lower() for layer in Posting.Layer}


class LegBody(StrictSerializer):
    """A debit or a credit: one of the four amounts."""

    account = TextField(max_length=200, help_text="Its id, or its code.")
    asset = TextField(max_length=120, required=False, help_text="Where the book has the code in several: EUR.")
    debit = AmountTextField(required=False)
    credit = AmountTextField(required=False)
    debit_base_units = AmountTextField(required=False, help_text="The same in base units: an integer in a string.")
    credit_base_units = AmountTextField(required=False, help_text="The same in base units: an integer in a string.")


class NewEntryBody(StrictSerializer):
    """An entry to post."""

    legs = serializers.ListField(child=LegBody(), min_length=2, max_length=MOST_LEGS)
    description = TextField(max_length=300, required=False, allow_blank=True)
    reference = TextField(
        max_length=200, required=False, help_text="Your own name for the fact: no second entry of the book gets it."
    )
    effective_at = MomentField(required=False, help_text="When it happened; now, where it is not said.")
    pending = serializers.BooleanField(
        required=False, help_text="Not yet certain: no balance moves before it is settled; what it takes is set aside."
    )
    order_id = TextField(max_length=100, required=False, help_text="Your own number for an order.")
    customer_ref = TextField(max_length=128, required=False, help_text="Your own name for a customer.")
    metadata = MetadataField(required=False)


class NewBatchBody(StrictSerializer):
    """Entries to post, all or none."""

    entries = serializers.ListField(child=NewEntryBody(), min_length=1, max_length=MOST_ENTRIES)


class LegSchema(serializers.Serializer[Any]):
    """One debit or one credit."""

    account_id = serializers.CharField()
    account = serializers.CharField(help_text="Its code.")
    debit = AmountSchema(allow_null=True)
    credit = AmountSchema(allow_null=True)
    layer = serializers.ChoiceField(list(LAYERS.values()), help_text="Only `posted` moves the balance.")
    balance_after = AmountSchema(help_text="Of the account in that layer, in the order of recording.")


class EntrySchema(serializers.Serializer[Any]):
    """An entry as it stands, for good."""

    id = serializers.CharField()
    kind = serializers.ChoiceField(ENTRY_KINDS)
    resolves = serializers.CharField(allow_null=True, help_text="The entry it settles, voids or reverses.")
    reference = serializers.CharField(allow_null=True)
    source = serializers.CharField()  # type: ignore[assignment]
    description = serializers.CharField(allow_blank=True)
    effective_at = serializers.DateTimeField()
    recorded_at = serializers.DateTimeField()
    references = ReferencesSchema()
    metadata = serializers.DictField(child=serializers.CharField(allow_blank=True))
    written_by = serializers.CharField(allow_null=True, help_text="The API key or the person, where it was one.")
    reason = serializers.CharField(allow_null=True)
    rate = PriceSchema(allow_null=True)
    legs = LegSchema(many=True)


ENTRY_PAGE = page_schema(EntrySchema)


class EntriesSchema(serializers.Serializer[Any]):
    """What a batch wrote, in its order."""

    data = EntrySchema(many=True)  # type: ignore[assignment]


class EntryKindParameters(EntryParameters):
    """Of the list of entries."""

    kind = serializers.ChoiceField(ENTRY_KINDS, required=False)


_EXAMPLES = [
    OpenApiExample(
        "Rent paid from the bank",
        {
            "reference": "rent-2026-03",
            "description": "Rent, March",
            "effective_at": "2026-03-01T09:00:00Z",
            "legs": [
                {"account": "expense:rent", "debit": "900.00"},
                {"account": "assets:bank", "credit": "900.00"},
            ],
        },
        request_only=True,
    ),
    OpenApiExample(
        "A voucher set aside until the order ships",
        {
            "reference": "order-1042-voucher",
            "order_id": "1042",
            "pending": True,
            "legs": [
                {"account": "liabilities:store credit:bob", "asset": "EUR", "debit_base_units": "1500"},
                {"account": "income:sales", "asset": "EUR", "credit_base_units": "1500"},
            ],
        },
        request_only=True,
    ),
]


class LedgerEntries(Resource):
    """`/ledger/entries`"""

    scopes = {"GET": Scope.LEDGER_READ, "POST": Scope.LEDGER_WRITE}
    refusals = {"POST": POSTING}
    parameters: ClassVar[type[EntryKindParameters]] = EntryKindParameters

    @extend_schema(operation_id="list_entries", parameters=[EntryKindParameters], responses=ENTRY_PAGE)
    def get(self, request: Request) -> Response:
        """Every entry with its legs, newest recorded first. `/journal` shows one row a story instead."""
        rows = filtered(JournalEntry.objects.select_related("rate"), self.api_key, self.query)
        if "kind" in self.query:
            rows = rows.filter(kind=JournalEntry.Kind[self.query["kind"].upper()])
        page = newest_recorded_first(rows, self.api_key, self.query)
        return Response(page.json(entries_json(page)))

    @extend_schema(operation_id="post_entry", request=NewEntryBody, responses={201: EntrySchema}, examples=_EXAMPLES)
    @idempotent
    def post(self, request: Request) -> Response:
        """Post an entry. Debits equal credits in each asset. It is never changed: a mistake is reversed.

        With `pending` it is only recorded, to be settled or voided. With a `reference` known already, the entry that
        has it comes back, if it is the same.
        """
        (pk,) = write(read(self, [self.body(NewEntryBody)]))
        return Response(entry_json_of(self.api_key, pk), status=201)


class LedgerBatch(Resource):
    """`/ledger/entries/batch`"""

    scopes = {"POST": Scope.LEDGER_WRITE}
    refusals = {"POST": POSTING}

    @extend_schema(operation_id="post_entries", request=NewBatchBody, responses={201: EntriesSchema})
    @idempotent
    def post(self, request: Request) -> Response:
        """Post up to 1,000 entries, all or none. A refusal points at the entry, and at its leg: /entries/3/legs/1."""
        asked = self.body(NewBatchBody)["entries"]
        pks = write(read(self, asked, ("entries",)))
        found = {entry.pk: entry for entry in _with_rate(self.api_key).filter(pk__in=pks)}
        return Response({"data": entries_json([found[pk] for pk in pks])}, status=201)


class OneLedgerEntry(Resource):
    """`/ledger/entries/{id}`"""

    scopes = {"GET": Scope.LEDGER_READ}

    @extend_schema(operation_id="get_entry", responses=EntrySchema)
    def get(self, request: Request, entry_id: int) -> Response:
        """One entry with its legs. `/journal/{id}` tells what became of it."""
        return Response(entry_json_of(self.api_key, entry_id))


def entry_json_of(key: ApiKey, pk: int) -> dict[str, Any]:
    """Raises 404 `not_found`."""
    return entries_json([own(_with_rate(key), key.book, pk)])[0]


def entries_json(entries: Iterable[JournalEntry]) -> list[dict[str, Any]]:
    """As `EntrySchema` describes it; the legs of all in one query."""
    entries = list(entries)
    legs = _legs(entries)
    return [entry_json(entry, legs[entry.pk]) for entry in entries]


def entry_json(entry: JournalEntry, legs: Sequence[Posting]) -> dict[str, Any]:
    """As `EntrySchema` describes it."""
    own_name = entry.idem.removeprefix(BY_REFERENCE) if entry.idem.startswith(BY_REFERENCE) else None
    return {
        "id": entry_id(entry.pk),
        "kind": KINDS[JournalEntry.Kind(entry.kind)],
        "resolves": entry_id(entry.ref_id) if entry.ref_id else None,
        "reference": own_name,
        "source": entry.source,
        "description": entry.description,
        "effective_at": entry.effective_at,
        "recorded_at": entry.recorded_at,
        "references": references_json(entry.meta),
        "metadata": entry.meta.get("metadata", {}),
        "written_by": entry.meta.get("by"),
        "reason": entry.meta.get("reason"),
        "rate": rate_json(entry.rate),
        "legs": [_leg_json(leg) for leg in legs],
    }


def _leg_json(leg: Posting) -> dict[str, Any]:
    return {
        "account_id": account_id(leg.account_id),
        "account": leg.account.code,
        "debit": amount_json(leg.debit, leg.asset) if leg.debit else None,
        "credit": amount_json(leg.credit, leg.asset) if leg.credit else None,
        "layer": LAYERS[Posting.Layer(leg.layer)],
        "balance_after": amount_json(leg.balance_after, leg.asset),
    }


def _legs(entries: Sequence[JournalEntry]) -> dict[int, list[Posting]]:
    found: dict[int, list[Posting]] = {entry.pk: [] for entry in entries}
    if entries:
        rows = Posting.objects.filter(book=entries[0].book_id, entry__in=list(found))
        for posting in rows.select_related("account", "asset").order_by("entry", "leg"):
            found[posting.entry_id].append(posting)
    return found


def _with_rate(key: ApiKey) -> QuerySet[JournalEntry]:
    return JournalEntry.objects.filter(book=key.book_id).select_related("rate")
