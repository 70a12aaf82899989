"""`/journal`: every transaction and every entry, validated or not, one row a story.

A story begins with an entry that resolves no other: a coin that was seen, or what was posted at once. What became of it
(validated, dropped, taken back) are further entries; its `standing` says where it is today.
"""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Sum, When
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from cryptopay.api.fields import AmountSchema
from cryptopay.api.ledger_entries import EntrySchema, entries_json
from cryptopay.api.ledger_fields import (
    PriceSchema,
    ReferencesSchema,
    amount_json,
    entry_id,
    own,
    rate_json,
    references_json,
)
from cryptopay.api.ledger_filters import EntryParameters, filtered, newest_recorded_first
from cryptopay.api.pagination import page_schema
from cryptopay.api.resource import Resource
from cryptopay.merchants.models import ApiKey
from ledger.journal import Standing, story_heads
from ledger.models import Asset, Book, JournalEntry, Posting

Scope = ApiKey.Scope
_KIND = JournalEntry.Kind


class StorySchema(serializers.Serializer[Any]):
    """A transaction or an entry, and where it stands."""

    id = serializers.CharField(help_text="Of the entry that began it.")
    standing = serializers.ChoiceField(Standing.choices, help_text="Only `validated` moves balances.")
    source = serializers.CharField()  # type: ignore[assignment]
    description = serializers.CharField(allow_blank=True)
    references = ReferencesSchema()
    amounts = AmountSchema(many=True, help_text="What was debited, which is what was credited, in each asset.")
    rate = PriceSchema(allow_null=True)
    effective_at = serializers.DateTimeField()
    recorded_at = serializers.DateTimeField()
    entry_ids = serializers.ListField(child=serializers.CharField(), help_text="In the order of recording.")


class FullStorySchema(StorySchema):
    """The same with every entry and its legs."""

    entries = EntrySchema(many=True)


class JournalParameters(EntryParameters):
    """Of the journal."""

    standing = serializers.ChoiceField(Standing.choices, required=False)


class Journal(Resource):
    """`/journal`"""

    scopes = {"GET": Scope.LEDGER_READ}
    parameters: ClassVar[type[JournalParameters]] = JournalParameters

    @extend_schema(operation_id="list_journal", parameters=[JournalParameters], responses=page_schema(StorySchema))
    def get(self, request: Request) -> Response:
        """Every chain transaction, validated or not, and every entry; one row a story, newest recorded first."""
        heads = filtered(JournalEntry.objects.filter(ref__isnull=True), self.api_key, self.query)
        if "standing" in self.query:
            heads = _standing(heads, self.book, Standing(self.query["standing"]))
        page = newest_recorded_first(heads, self.api_key, self.query)
        stories = _stories(self.book, page)
        return Response(page.json([_story_json(stories[head.pk]) for head in page]))


class OneStory(Resource):
    """`/journal/{id}`"""

    scopes = {"GET": Scope.LEDGER_READ}

    @extend_schema(operation_id="get_story", responses=FullStorySchema)
    def get(self, request: Request, entry_id: int) -> Response:
        """The story that an entry belongs to: its entries in order, with their legs."""
        entry = own(JournalEntry.objects.select_related("ref__ref"), self.book, entry_id)
        while entry.ref is not None:
            entry = entry.ref
        (story,) = _stories(self.book, [entry]).values()
        return Response({**_story_json(story), "entries": entries_json(story.entries)})


class _Story:
    """An entry that began, annotated with its standing, and those that followed it."""

    def __init__(self, head: JournalEntry) -> None:
        self.head = head
        self.entries = [head]
        self.debited: list[tuple[Asset, int]] = []


def _stories(book: Book, heads: Iterable[JournalEntry]) -> dict[int, _Story]:
    """By the first entry's number; as many queries for a hundred as for one."""
    own_entries = JournalEntry.objects.filter(book=book).select_related("rate")
    found = {head.pk: _Story(head) for head in story_heads(own_entries.filter(pk__in=[head.pk for head in heads]))}
    by_entry = dict(found)
    for kinds in ((_KIND.SETTLE, _KIND.VOID), (_KIND.REVERSE,)):  # a reversal may follow a settlement
        for entry in own_entries.filter(kind__in=kinds, ref__in=list(by_entry)).order_by("pk"):
            by_entry[entry.pk] = by_entry[entry.ref_id or 0]
            by_entry[entry.pk].entries.append(entry)
    for (pk, asset), base_units in _debited(book, list(found)).items():
        found[pk].debited.append((asset, base_units))
    return found


def _debited(book: Book, pks: list[int]) -> dict[tuple[int, Asset], int]:
    legs = Posting.objects.filter(book=book, entry__in=pks).values_list("entry", "asset")
    sums = list(legs.annotate(Sum("debit")).order_by())
    assets = Asset.objects.in_bulk({asset for _, asset, _ in sums})
    sums.sort(key=lambda row: (assets[row[1]].code, row))
    return {(pk, assets[asset]): int(base_units) for pk, asset, base_units in sums}


def _standing(heads: QuerySet[JournalEntry], book: Book, standing: Standing) -> QuerySet[JournalEntry]:
    """As `ledger.journal.story_heads` defines it, found from the few that were dropped or reversed."""
    followers = JournalEntry.objects.filter(book=book)
    reversals = followers.filter(kind=_KIND.REVERSE)
    # Of a settlement or of what was posted at once. CASE, for behind row-level security no index is read by COALESCE.
    head = Case(When(ref__kind=_KIND.SETTLE, then="ref__ref"), default="ref")
    taken_back = Q(pk__in=reversals.values(head=head))
    resolved = Exists(followers.filter(kind__in=(_KIND.SETTLE, _KIND.VOID), ref=OuterRef("pk")))
    settled = Exists(followers.filter(kind=_KIND.SETTLE, ref=OuterRef("pk")))
    which: Mapping[Standing, Q] = {
        Standing.UNCONFIRMED: Q(kind=_KIND.PENDING) & ~Q(resolved),
        Standing.VALIDATED: (Q(kind=_KIND.POST) | Q(settled)) & ~taken_back,
        Standing.DROPPED: Q(pk__in=followers.filter(kind=_KIND.VOID).values("ref")),
        Standing.REVERSED: taken_back,
    }
    return heads.filter(which[standing])


def _story_json(story: _Story) -> dict[str, Any]:
    """As `StorySchema` describes it."""
    head = story.head
    rates = [entry.rate for entry in story.entries if entry.rate is not None]
    return {
        "id": entry_id(head.pk),
        "standing": head.standing,  # type: ignore[attr-defined]
        "source": head.source,
        "description": head.description,
        "references": references_json(head.meta),
        "amounts": [amount_json(base_units, asset) for asset, base_units in story.debited],
        "rate": rate_json(rates[0] if rates else None),
        "effective_at": head.effective_at,
        "recorded_at": head.recorded_at,
        "entry_ids": [entry_id(entry.pk) for entry in story.entries],
    }
