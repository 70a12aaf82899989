"""Events: everything a merchant was told, to be read again; their deliveries, to be sent again."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.db.models import QuerySet, Window
from django.db.models.functions import RowNumber
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from cryptopay.api.errors import Problem
from cryptopay.api.fields import StrictSerializer
from cryptopay.api.idempotency import idempotent
from cryptopay.api.pagination import START, PageParameters, newest_first, no_position, page, page_schema
from cryptopay.api.resource import Resource
from cryptopay.merchants.models import ApiKey
from cryptopay.webhooks import catching_up, outbox
from cryptopay.webhooks.models import Attempt, Delivery, Event

Scope = ApiKey.Scope


class EventSchema(serializers.Serializer[Any]):
    """What a webhook carries, word for word."""

    id = serializers.CharField()
    type = serializers.CharField()
    created_at = serializers.DateTimeField()
    book = serializers.CharField()
    live = serializers.BooleanField()
    subject = serializers.CharField()
    sequence = serializers.IntegerField(help_text="Counts the events of one subject: 1, 2, 3...")
    data = serializers.DictField()  # type: ignore[assignment]


class EventParameters(PageParameters):
    """Of the list. With `after`, events come oldest first, from the one after that id: catching up."""

    after = serializers.CharField(
        max_length=32, required=False, help_text=f"The last event you read with `after`; `{START}`: from the first."
    )
    type = serializers.CharField(max_length=64, required=False)
    subject = serializers.CharField(max_length=64, required=False)


class AttemptSchema(serializers.Serializer[Any]):
    """One try to deliver."""

    at = serializers.DateTimeField()
    status = serializers.IntegerField(allow_null=True)
    answer = serializers.CharField(allow_blank=True)
    error = serializers.CharField(allow_blank=True)
    milliseconds = serializers.IntegerField()


class DeliverySchema(serializers.Serializer[Any]):
    """One event on its way to one endpoint."""

    id = serializers.CharField()
    event = serializers.CharField()
    endpoint = serializers.CharField()
    state = serializers.ChoiceField(Delivery.State.choices)
    next_attempt_at = serializers.DateTimeField(allow_null=True)
    attempts = AttemptSchema(many=True, help_text="The latest 20.")


class Events(Resource):
    """`/events`"""

    scopes = {"GET": Scope.WEBHOOKS_READ}
    refusals = {"GET": ("parameters_conflict",)}
    parameters: ClassVar[type[EventParameters]] = EventParameters

    @extend_schema(operation_id="list_events", parameters=[EventParameters], responses=page_schema(EventSchema))
    def get(self, request: Request) -> Response:
        """What happened, newest first; with `after`, what happened since, oldest first."""
        wanted = {name: self.query[name] for name in ("type", "subject") if name in self.query}
        rows: QuerySet[Event] = Event.objects.filter(book=self.book, **wanted)
        limit, after, cursor = self.query["limit"], self.query.get("after"), self.query.get("cursor")
        if after is not None and cursor is not None:
            raise Problem(400, "parameters_conflict", "Send `after` or `cursor`; `after` pages forward.", "?cursor")
        if after is not None:
            rows = catching_up.since(rows, None if after == START else self._known(after, "after"))
        else:
            rows = catching_up.newest_first(rows, cursor and self._known(cursor, "cursor"))
        found = page(list(rows[: limit + 1]), limit)
        return Response(found.json([event.payload for event in found]))

    def _known(self, public_id: str, parameter: str) -> Event:
        for event in Event.objects.filter(book=self.book, public_id=public_id):
            return event
        raise no_position(parameter)


class EventDeliveries(Resource):
    """`/events/{id}/deliveries`"""

    scopes = {"GET": Scope.WEBHOOKS_READ}
    parameters: ClassVar[type[PageParameters]] = PageParameters

    @extend_schema(operation_id="list_deliveries", parameters=[PageParameters], responses=page_schema(DeliverySchema))
    def get(self, request: Request, event_id: str) -> Response:
        """How the delivery of one event went, endpoint by endpoint, with every attempt."""
        event = self.find(Event.objects.all(), event_id)
        own = Delivery.objects.filter(book=self.book, event=event)
        page = newest_first(own.select_related("event", "endpoint"), own, self.query["limit"], self.query.get("cursor"))
        attempts = _latest_attempts(page)
        return Response(page.json([_delivery_json(delivery, attempts[delivery.pk]) for delivery in page]))


class Redelivery(Resource):
    """`/deliveries/{id}/redeliver`"""

    scopes = {"POST": Scope.WEBHOOKS_WRITE}
    refusals = {"POST": ("endpoint_disabled",)}

    @extend_schema(operation_id="redeliver", request=None, responses={202: DeliverySchema})
    @idempotent
    def post(self, request: Request, delivery_id: str) -> Response:
        """Send it again, now, with a new round of attempts."""
        delivery = self.find(Delivery.objects.select_related("event", "endpoint"), delivery_id)
        self.body(StrictSerializer)
        outbox.redeliver(delivery)
        return Response(_delivery_json(delivery, _latest_attempts([delivery])[delivery.pk]), status=202)


_SHOWN_ATTEMPTS = 20


def _latest_attempts(deliveries: Iterable[Delivery]) -> dict[int, list[Attempt]]:
    """In one query."""
    found: dict[int, list[Attempt]] = {delivery.pk: [] for delivery in deliveries}
    numbered = Attempt.objects.filter(delivery__in=found).annotate(
        number=Window(RowNumber(), partition_by="delivery_id", order_by="-pk")
    )
    for attempt in numbered.filter(number__lte=_SHOWN_ATTEMPTS).order_by("pk"):
        found[attempt.delivery_id].append(attempt)
    return found


def _delivery_json(delivery: Delivery, attempts: list[Attempt]) -> dict[str, Any]:
    waiting = delivery.state == Delivery.State.WAITING
    return {
        "id": delivery.public_id,
        "event": delivery.event.public_id,
        "endpoint": delivery.endpoint.public_id,
        "state": delivery.state,
        "next_attempt_at": delivery.next_attempt_at if waiting else None,
        "attempts": [
            {
                "at": attempt.at,
                "status": attempt.status,
                "answer": attempt.answer,
                "error": attempt.error,
                "milliseconds": attempt.milliseconds,
            }
            for attempt in attempts
        ],
    }
