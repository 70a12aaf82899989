"""Every address under /api/. Ids have one exact form, so nothing else reaches the database."""

from django.urls import include, path, re_path, register_converter
from django.urls.converters import StringConverter

from cryptopay.api.chains import Chains
from cryptopay.api.events import EventDeliveries, Events, Redelivery
from cryptopay.api.health import Health
from cryptopay.api.invoices import Invoices, OneInvoice, PublicInvoice
from cryptopay.api.me import Me
from cryptopay.api.payment_methods import PaymentMethods
from cryptopay.api.payments import OnePayment, Payments
from cryptopay.api.public_keys import PublicKeys
from cryptopay.api.resource import NoSuchRoute
from cryptopay.api.schema import Docs, Schema
from cryptopay.api.webhook_endpoints import OneWebhookEndpoint, WebhookEndpoints, WebhookSecret, WebhookTest


class PublicId(StringConverter):
    """A prefix and a ULID: `inv_01jd...`."""

    regex = "[a-z]{2,4}_[0-9a-z]{26}"


register_converter(PublicId, "public_id")

v1 = [
    path("invoices", Invoices.as_view(), name="invoices"),
    path("invoices/<public_id:invoice_id>", OneInvoice.as_view(), name="invoice"),
    path("invoices/<public_id:invoice_id>/public", PublicInvoice.as_view(), name="public-invoice"),
    path("invoices/<public_id:invoice_id>/payment-methods", PaymentMethods.as_view(), name="payment-methods"),
    path("payments", Payments.as_view(), name="payments"),
    path("payments/<public_id:payment_id>", OnePayment.as_view(), name="payment"),
    path("public-keys", PublicKeys.as_view(), name="public-keys"),
    path("webhook-endpoints", WebhookEndpoints.as_view(), name="webhook-endpoints"),
    path("webhook-endpoints/<public_id:endpoint_id>", OneWebhookEndpoint.as_view(), name="webhook-endpoint"),
    path("webhook-endpoints/<public_id:endpoint_id>/rotate", WebhookSecret.as_view(), name="webhook-secret"),
    path("webhook-endpoints/<public_id:endpoint_id>/test", WebhookTest.as_view(), name="webhook-test"),
    path("events", Events.as_view(), name="events"),
    path("events/<public_id:event_id>/deliveries", EventDeliveries.as_view(), name="event-deliveries"),
    path("deliveries/<public_id:delivery_id>/redeliver", Redelivery.as_view(), name="redelivery"),
    path("me", Me.as_view(), name="me"),
    path("chains", Chains.as_view(), name="chains"),
    path("health", Health.as_view(), name="health"),
]

urlpatterns = [
    path("v1/", include(v1)),
    path("schema", Schema.as_view(), name="schema"),
    path("docs", Docs.as_view(), name="docs"),
    re_path(r"^[\s\S]*$", NoSuchRoute.as_view(), name="no-such-route"),
]
