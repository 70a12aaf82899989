"""`/invoices/{id}/cancel` and `/mark`: what is done to an invoice by hand, with a reason that is kept."""

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from cryptopay.api.fields import StrictSerializer, TextField
from cryptopay.api.idempotency import idempotent
from cryptopay.api.invoices import InvoiceSchema, invoice_json
from cryptopay.api.resource import Resource
from cryptopay.merchants.models import ApiKey
from cryptopay.payments import interventions
from cryptopay.payments.interventions import LONGEST_REASON
from cryptopay.payments.models import Invoice
from cryptopay.payments.status import state_of

Scope = ApiKey.Scope


class ReasonBody(StrictSerializer):
    """Why."""

    reason = TextField(max_length=LONGEST_REASON, help_text="For people; it is kept for good.")


class MarkBody(ReasonBody):
    """As what, and why."""

    status = serializers.ChoiceField(
        [(each.value, each.label) for each in (Invoice.Status.SETTLED, Invoice.Status.INVALID)]
    )


class InvoiceByHand(Resource):
    """An invoice of the key's book, and what it answers when something was done to it."""

    def answer(self, invoice: Invoice) -> Response:
        """The invoice as it stands now."""
        invoice.refresh_from_db()
        return Response(invoice_json(state_of(invoice), self.api_key.live))

    @property
    def by(self) -> str:
        """Who is written down for it."""
        return f"API key {self.api_key}"


class CancelledInvoice(InvoiceByHand):
    """`/invoices/{id}/cancel`"""

    scopes = {"POST": Scope.INVOICES_WRITE}
    refusals = {"POST": ("reason_invalid", "invoice_closed", "invoice_paid")}

    @extend_schema(
        operation_id="cancel_invoice",
        request=ReasonBody,
        responses={200: InvoiceSchema},
        examples=[OpenApiExample("Sold out", {"reason": "Out of stock"}, request_only=True)],
    )
    @idempotent
    def post(self, request: Request, invoice_id: str) -> Response:
        """Ask the payer no more; only while nothing was seen. What comes later is the customer's, and you are told."""
        invoice = self.find(Invoice.objects.all(), invoice_id)
        interventions.cancel(invoice.pk, self.book, reason=self.body(ReasonBody)["reason"], by=self.by)
        return self.answer(invoice)


class MarkedInvoice(InvoiceByHand):
    """`/invoices/{id}/mark`"""

    scopes = {"POST": Scope.INVOICES_MARK}
    refusals = {"POST": ("reason_invalid", "invoice_not_markable", "balance_below_floor")}

    @extend_schema(
        operation_id="mark_invoice",
        request=MarkBody,
        responses={200: InvoiceSchema},
        examples=[
            OpenApiExample("Accept it", {"status": "settled", "reason": "The rest was paid in cash"}, request_only=True)
        ],
    )
    @idempotent
    def post(self, request: Request, invoice_id: str) -> Response:
        """Answer for an invoice yourself, whatever the chains say: settled or invalid, until it is marked again."""
        invoice = self.find(Invoice.objects.all(), invoice_id)
        asked = self.body(MarkBody)
        interventions.mark(invoice.pk, self.book, Invoice.Status(asked["status"]), reason=asked["reason"], by=self.by)
        return self.answer(invoice)
