"""Webhook endpoints: where a merchant hears of events. A secret is shown once, in the answer that makes it."""

from typing import Any, ClassVar

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from cryptopay.api.fields import StrictSerializer, TextField
from cryptopay.api.idempotency import idempotent
from cryptopay.api.pagination import PageParameters, newest_first, page_schema
from cryptopay.api.resource import Resource
from cryptopay.merchants.models import ApiKey
from cryptopay.webhooks import endpoints, outbox
from cryptopay.webhooks.models import Endpoint

Scope = ApiKey.Scope
_DISABLED_BY_API = "Disabled by the API."


class NewEndpointBody(StrictSerializer):
    """An endpoint to create."""

    url = TextField(max_length=500)
    event_types = serializers.ListField(
        child=TextField(max_length=64), max_length=50, required=False, help_text="Empty: all."
    )


class ChangedEndpointBody(StrictSerializer):
    """What is to change; what is not named stays."""

    url = TextField(max_length=500, required=False)
    event_types = serializers.ListField(child=TextField(max_length=64), max_length=50, required=False)
    disabled = serializers.BooleanField(required=False)


class EndpointSchema(serializers.Serializer[Any]):
    """An endpoint."""

    id = serializers.CharField()
    url = serializers.CharField()
    event_types = serializers.ListField(child=serializers.CharField(), help_text="Empty: all.")
    disabled = serializers.BooleanField()
    disabled_reason = serializers.CharField(allow_blank=True)
    failing_since = serializers.DateTimeField(
        allow_null=True,
        help_text="Nothing was delivered since then. After days of it the endpoint is disabled, and the owners told.",
    )
    former_secret_until = serializers.DateTimeField(
        allow_null=True, help_text="Until then deliveries carry the former secret's signature, too."
    )
    created_at = serializers.DateTimeField()


class EndpointWithSecretSchema(EndpointSchema):
    """An endpoint and its new secret, shown this once."""

    secret = serializers.CharField(help_text="`whsec_...`: verifies what we send (Standard Webhooks).")


class RedeliveryBody(StrictSerializer):
    """What is to be sent again."""

    since = serializers.DateTimeField(help_text="Of events since then.")


class RedeliveredSchema(serializers.Serializer[Any]):
    """How many deliveries begin again."""

    redelivered = serializers.IntegerField(help_text=f"{outbox.REDELIVERED_AT_ONCE}: there may be more, ask again.")


class TestEventSchema(serializers.Serializer[Any]):
    """The event that was sent."""

    event = serializers.CharField()


class WebhookEndpoints(Resource):
    """`/webhook-endpoints`"""

    scopes = {"GET": Scope.WEBHOOKS_READ, "POST": Scope.WEBHOOKS_WRITE}
    refusals = {"POST": ("webhook_url_refused", "event_type_invalid", "too_many_endpoints")}
    parameters: ClassVar[type[PageParameters]] = PageParameters

    @extend_schema(
        operation_id="list_webhook_endpoints", parameters=[PageParameters], responses=page_schema(EndpointSchema)
    )
    def get(self, request: Request) -> Response:
        """Your endpoints, newest first, without their secrets."""
        own = Endpoint.objects.filter(book=self.book)
        page = newest_first(own, own, self.query["limit"], self.query.get("cursor"))
        return Response(page.json([_endpoint_json(endpoint) for endpoint in page]))

    @extend_schema(
        operation_id="create_webhook_endpoint", request=NewEndpointBody, responses={201: EndpointWithSecretSchema}
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Hear of events at a URL of yours."""
        asked = self.body(NewEndpointBody)
        endpoint, secret = endpoints.create(self.book.pk, asked["url"], asked.get("event_types", ()))
        return Response({**_endpoint_json(endpoint), "secret": secret}, status=201)


class OneWebhookEndpoint(Resource):
    """`/webhook-endpoints/{id}`"""

    scopes = {"GET": Scope.WEBHOOKS_READ, "PATCH": Scope.WEBHOOKS_WRITE, "DELETE": Scope.WEBHOOKS_WRITE}
    refusals = {"PATCH": ("webhook_url_refused", "event_type_invalid", "too_many_endpoints")}

    @extend_schema(operation_id="get_webhook_endpoint", responses=EndpointSchema)
    def get(self, request: Request, endpoint_id: str) -> Response:
        """One endpoint."""
        return Response(_endpoint_json(self.find(Endpoint.objects.all(), endpoint_id)))

    @extend_schema(operation_id="change_webhook_endpoint", request=ChangedEndpointBody, responses=EndpointSchema)
    def patch(self, request: Request, endpoint_id: str) -> Response:
        """Change its URL or event types, disable or enable it.

        Enabled, it hears of events from now on. What was given up is sent again by `/redeliver`; what happened while it
        was disabled is read with `GET /events?after=`.
        """
        endpoint = self.find(Endpoint.objects.all(), endpoint_id)
        asked = self.body(ChangedEndpointBody)
        with transaction.atomic():
            endpoints.change(endpoint, url=asked.get("url"), event_types=asked.get("event_types"))
            if asked.get("disabled") is True:
                endpoints.disable(endpoint, _DISABLED_BY_API)
            if asked.get("disabled") is False:
                endpoints.enable(endpoint)
        return Response(_endpoint_json(endpoint))

    @extend_schema(operation_id="disable_webhook_endpoint", responses={200: EndpointSchema})
    def delete(self, request: Request, endpoint_id: str) -> Response:
        """Disable it. It stays on record with its deliveries, and can be enabled again."""
        endpoint = self.find(Endpoint.objects.all(), endpoint_id)
        endpoints.disable(endpoint, _DISABLED_BY_API)
        return Response(_endpoint_json(endpoint))


class WebhookSecret(Resource):
    """`/webhook-endpoints/{id}/rotate`"""

    scopes = {"POST": Scope.WEBHOOKS_WRITE}
    refusals = {"POST": ("endpoint_disabled", "webhook_secret_unreadable")}

    @extend_schema(operation_id="rotate_webhook_secret", request=None, responses={200: EndpointWithSecretSchema})
    @idempotent
    def post(self, request: Request, endpoint_id: str) -> Response:
        """A new secret. For a day deliveries are signed with the former one, too."""
        endpoint = self.find(Endpoint.objects.all(), endpoint_id)
        self.body(StrictSerializer)
        secret = endpoints.rotate(endpoint)
        return Response({**_endpoint_json(endpoint), "secret": secret})


class WebhookTest(Resource):
    """`/webhook-endpoints/{id}/test`"""

    scopes = {"POST": Scope.WEBHOOKS_WRITE}
    refusals = {"POST": ("endpoint_disabled",)}

    @extend_schema(operation_id="test_webhook_endpoint", request=None, responses={202: TestEventSchema})
    @idempotent
    def post(self, request: Request, endpoint_id: str) -> Response:
        """Send `endpoint.test` to this endpoint alone."""
        endpoint = self.find(Endpoint.objects.all(), endpoint_id)
        self.body(StrictSerializer)
        return Response({"event": outbox.enqueue_test(endpoint).public_id}, status=202)


class WebhookRedelivery(Resource):
    """`/webhook-endpoints/{id}/redeliver`"""

    scopes = {"POST": Scope.WEBHOOKS_WRITE}
    refusals = {"POST": ("endpoint_disabled",)}

    @extend_schema(operation_id="redeliver_failed", request=RedeliveryBody, responses={202: RedeliveredSchema})
    @idempotent
    def post(self, request: Request, endpoint_id: str) -> Response:
        """Send again all that was given up, of events since a moment: in sequence, with a new round of attempts."""
        endpoint = self.find(Endpoint.objects.all(), endpoint_id)
        asked = self.body(RedeliveryBody)
        return Response({"redelivered": outbox.redeliver_failed(endpoint, asked["since"])}, status=202)


def _endpoint_json(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "id": endpoint.public_id,
        "url": endpoint.url,
        "event_types": endpoint.event_types,
        "disabled": endpoint.disabled_at is not None,
        "disabled_reason": endpoint.disabled_reason,
        "failing_since": endpoint.failing_since,
        "former_secret_until": endpoint.former_secret_until,
        "created_at": endpoint.created_at,
    }
