"""Chain events: everything your programs were told of addresses and watches, to be read again and to catch up by."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from cryptopay.api.errors import Problem
from cryptopay.api.fields import BaseUnitsField, DecimalTextField
from cryptopay.api.pagination import START, PageParameters, newest_first, oldest_first, page_schema
from cryptopay.api.resource import Resource
from cryptopay.merchants.models import ApiKey
from cryptopay.payments import notices
from cryptopay.payments.models import ChainNotice

Scope = ApiKey.Scope


class ChainAmountSchema(serializers.Serializer[Any]):
    """What moved. A token that is no asset here is told in its base units alone."""

    asset = serializers.CharField(allow_null=True)
    amount = DecimalTextField(allow_null=True)
    base_units = BaseUnitsField()
    contract = serializers.CharField(allow_null=True, help_text="Of a token; null: the chain's own coin.")


class ChainEventSchema(serializers.Serializer[Any]):
    """One event, as the webhook has it in `data.chain_event`, and its `sequence`."""

    id = serializers.CharField()
    kind = serializers.ChoiceField(ChainNotice.Kind.choices)
    subject = serializers.CharField(help_text="The address (`adr_...`) or watch (`wat_...`) it is about.")
    sequence = serializers.IntegerField(help_text="Counts the events of one subject: 1, 2, 3...")
    user = serializers.CharField(allow_null=True)
    chain = serializers.CharField()
    address = serializers.CharField(allow_null=True)
    memo = serializers.CharField(allow_null=True)
    txid = serializers.CharField()
    amount = ChainAmountSchema(allow_null=True)
    appearance = serializers.IntegerField(help_text="2 and more: it comes again, after it was dropped or reversed.")
    height = serializers.IntegerField(allow_null=True)
    block_hash = serializers.CharField(allow_null=True)
    required_confirmations = serializers.IntegerField(
        allow_null=True, help_text="Null: the chain itself says when a block is final."
    )
    happened_at = serializers.DateTimeField()
    metadata = serializers.DictField(child=serializers.CharField(allow_blank=True))


class ChainEventParameters(PageParameters):
    """Of the list. With `after`, events come oldest first, from the one after that id: catching up."""

    after = serializers.CharField(
        max_length=32, required=False, help_text=f"The last event you read; `{START}`: from the first."
    )
    chain = serializers.CharField(max_length=32, required=False)
    subject = serializers.CharField(max_length=32, required=False, help_text="An address or a watch, by its id.")
    address = serializers.CharField(max_length=200, required=False, help_text="Whole, with its memo: account/memo.")
    kind = serializers.ChoiceField(ChainNotice.Kind.choices, required=False)


class ChainEvents(Resource):
    """`/chain-events`"""

    scopes = {"GET": Scope.CHAIN_EVENTS_READ}
    refusals = {"GET": ("parameters_conflict",)}
    parameters: ClassVar[type[ChainEventParameters]] = ChainEventParameters

    @extend_schema(
        operation_id="list_chain_events", parameters=[ChainEventParameters], responses=page_schema(ChainEventSchema)
    )
    def get(self, request: Request) -> Response:
        """What was told, newest first; with `after`, what was told since, oldest first. Kept for good, missing none."""
        own = notices.of_book(self.book.pk)
        names = {"chain": "chain_code", "subject": "subject", "address": "address", "kind": "kind"}
        rows = own.filter(**{names[name]: self.query[name] for name in names if name in self.query})
        limit, after, cursor = self.query["limit"], self.query.get("after"), self.query.get("cursor")
        if after is not None and cursor is not None:
            raise Problem(400, "parameters_conflict", "Send `after` or `cursor`; `after` pages forward.", "?cursor")
        page = oldest_first(rows, own, limit, after) if after else newest_first(rows, own, limit, cursor)
        return Response(page.json([_event_json(notice) for notice in page]))


class OneChainEvent(Resource):
    """`/chain-events/{id}`"""

    scopes = {"GET": Scope.CHAIN_EVENTS_READ}

    @extend_schema(operation_id="get_chain_event", responses=ChainEventSchema)
    def get(self, request: Request, chain_event_id: str) -> Response:
        """One event."""
        return Response(_event_json(self.find(ChainNotice.objects.all(), chain_event_id)))


def _event_json(notice: ChainNotice) -> dict[str, Any]:
    return {**notice.payload, "sequence": notice.sequence}
