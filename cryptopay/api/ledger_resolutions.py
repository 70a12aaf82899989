"""`/ledger/entries/{id}/settle`, `/void`, `/reverse`: what becomes of an entry is a further entry."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from cryptopay.api.fields import MetadataField, StrictSerializer, TextField
from cryptopay.api.idempotency import idempotent
from cryptopay.api.ledger_entries import EntrySchema, entry_json_of
from cryptopay.api.ledger_fields import MomentField, own
from cryptopay.api.ledger_writing import resolve
from cryptopay.api.refusals import RESOLVING
from cryptopay.api.resource import Resource
from cryptopay.merchants.models import ApiKey
from ledger.models import JournalEntry

Scope = ApiKey.Scope


class ResolutionBody(StrictSerializer):
    """How it ended; all of it may be left out."""

    effective_at = MomentField(required=False, help_text="When; now, where it is not said.")
    description = TextField(max_length=300, required=False)
    reference = TextField(max_length=200, required=False, help_text="Your own name for this fact.")
    metadata = MetadataField(required=False)


class ReversalBody(ResolutionBody):
    """Why it is taken back."""

    reason = TextField(max_length=300, help_text="Kept with the entry, for your auditor.")


class _Resolution(Resource):
    """One verb on one entry."""

    def resolved(self, kind: JournalEntry.Kind, reader: type[StrictSerializer], pk: int) -> Response:
        entry = own(JournalEntry.objects.all(), self.book, pk)
        return Response(entry_json_of(self.api_key, resolve(self, entry, kind, self.body(reader))), status=201)


class SettledEntry(_Resolution):
    """`/ledger/entries/{id}/settle`"""

    scopes = {"POST": Scope.LEDGER_WRITE}
    refusals = {"POST": RESOLVING}

    @extend_schema(operation_id="settle_entry", request=ResolutionBody, responses={201: EntrySchema})
    @idempotent
    def post(self, request: Request, entry_id: int) -> Response:
        """A pending entry of yours came true: its legs are posted, and balances move."""
        return self.resolved(JournalEntry.Kind.SETTLE, ResolutionBody, entry_id)


class VoidedEntry(_Resolution):
    """`/ledger/entries/{id}/void`"""

    scopes = {"POST": Scope.LEDGER_WRITE}
    refusals = {"POST": RESOLVING}

    @extend_schema(operation_id="void_entry", request=ResolutionBody, responses={201: EntrySchema})
    @idempotent
    def post(self, request: Request, entry_id: int) -> Response:
        """A pending entry of yours did not come true: what it set aside is free again."""
        return self.resolved(JournalEntry.Kind.VOID, ResolutionBody, entry_id)


class ReversedEntry(_Resolution):
    """`/ledger/entries/{id}/reverse`"""

    scopes = {"POST": Scope.LEDGER_WRITE}
    refusals = {"POST": (*RESOLVING, "entry_not_reversible", "entry_already_reversed")}

    @extend_schema(operation_id="reverse_entry", request=ReversalBody, responses={201: EntrySchema})
    @idempotent
    def post(self, request: Request, entry_id: int) -> Response:
        """Take a posted or settled entry of yours back, by a further entry. Both stay in the books."""
        return self.resolved(JournalEntry.Kind.REVERSE, ReversalBody, entry_id)
