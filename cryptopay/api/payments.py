"""Payments: what arrived, and whether it is really received."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from cryptopay.api.fields import AmountSchema
from cryptopay.api.pagination import PageParameters, newest_first, page_schema
from cryptopay.api.resource import Resource
from cryptopay.merchants.models import ApiKey
from cryptopay.payments import representation
from cryptopay.payments.models import Payment
from cryptopay.payments.status import PaymentState, payment_states

Scope = ApiKey.Scope


class PaymentSchema(serializers.Serializer[Any]):
    """One payment."""

    id = serializers.CharField()
    invoice_id = serializers.CharField()
    txid = serializers.CharField()
    chain = serializers.CharField()
    amount = AmountSchema()
    state = serializers.ChoiceField(Payment.State.choices, help_text="Only `confirmed` is money received.")
    late = serializers.BooleanField(help_text="Seen after the invoice had expired.")
    confirmations = serializers.IntegerField()
    required_confirmations = serializers.IntegerField(
        allow_null=True, help_text="Null: the chain itself says when a block is final."
    )
    height = serializers.IntegerField(allow_null=True)
    seen_at = serializers.DateTimeField()


class PaymentParameters(PageParameters):
    """Of the list."""

    invoice = serializers.CharField(max_length=32, required=False)
    state = serializers.ChoiceField(Payment.State.choices, required=False)


class Payments(Resource):
    """`/payments`"""

    scopes = {"GET": Scope.INVOICES_READ}
    parameters: ClassVar[type[PaymentParameters]] = PaymentParameters

    @extend_schema(operation_id="list_payments", parameters=[PaymentParameters], responses=page_schema(PaymentSchema))
    def get(self, request: Request) -> Response:
        """Payments to your invoices, newest first."""
        own = Payment.objects.filter(book=self.book)
        rows = own
        if "state" in self.query:
            rows = rows.filter(state=self.query["state"])
        if "invoice" in self.query:
            rows = rows.filter(invoice__public_id=self.query["invoice"])
        page = newest_first(rows, own, self.query["limit"], self.query.get("cursor"))
        return Response(page.json([payment_json(state) for state in payment_states(page)]))


class OnePayment(Resource):
    """`/payments/{id}`"""

    scopes = {"GET": Scope.INVOICES_READ}

    @extend_schema(operation_id="get_payment", responses=PaymentSchema)
    def get(self, request: Request, payment_id: str) -> Response:
        """One payment and how deep the chain has buried it."""
        payment = self.find(Payment.objects.all(), payment_id)
        return Response(payment_json(payment_states([payment])[0]))


def payment_json(payment: PaymentState) -> dict[str, Any]:
    """As `PaymentSchema` describes it."""
    return {**representation.payment(payment), "seen_at": payment.seen_at}
