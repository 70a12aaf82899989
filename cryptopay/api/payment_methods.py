"""`/invoices/{id}/payment-methods`: choosing a coin, which fixes the price and issues an address."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from cryptopay.api.fields import StrictSerializer, TextField
from cryptopay.api.idempotency import idempotent
from cryptopay.api.invoices import MethodSchema, method_json
from cryptopay.api.refusals import CHOOSING_A_COIN
from cryptopay.api.resource import Resource
from cryptopay.merchants.models import ApiKey
from cryptopay.payments import lifecycle
from cryptopay.payments.lifecycle import Offer
from cryptopay.payments.models import Invoice
from cryptopay.payments.status import state_of

Scope = ApiKey.Scope


class MethodBody(StrictSerializer):
    """Which coin."""

    method = TextField(max_length=50, help_text="BTC or USDT, or USDT@ethereum where that is ambiguous.")


class OfferSchema(serializers.Serializer[Any]):
    """A coin you can be paid in now."""

    method = serializers.CharField()
    asset = serializers.CharField()
    chain = serializers.CharField()
    contract = serializers.CharField(allow_null=True, help_text="Of a token; null: the chain's own coin.")
    title = serializers.CharField()


class MethodsSchema(serializers.Serializer[Any]):
    """What was chosen and what could be."""

    data = MethodSchema(many=True)  # type: ignore[assignment]
    available = OfferSchema(many=True)


class PaymentMethods(Resource):
    """`/invoices/{id}/payment-methods`"""

    scopes = {"GET": Scope.INVOICES_READ, "POST": Scope.INVOICES_WRITE}
    refusals = {"POST": ("invoice_closed", *CHOOSING_A_COIN)}

    @extend_schema(operation_id="list_payment_methods", responses=MethodsSchema)
    def get(self, request: Request, invoice_id: str) -> Response:
        """The chosen methods of an invoice, and what else you can be paid in."""
        invoice = self.find(Invoice.objects.all(), invoice_id)
        return Response(
            {
                "data": [method_json(method, invoice) for method in state_of(invoice).methods],
                "available": [_offer_json(offer) for offer in lifecycle.offers(self.book)],
            }
        )

    @extend_schema(operation_id="choose_payment_method", request=MethodBody, responses={201: MethodSchema})
    @idempotent
    def post(self, request: Request, invoice_id: str) -> Response:
        """Fix the price in a coin and issue an address. The same coin again is the same address and price."""
        invoice = self.find(Invoice.objects.all(), invoice_id)
        chosen = lifecycle.choose_method(invoice.pk, self.book, self.body(MethodBody)["method"])
        state = state_of(invoice)
        wanted = next(method for method in state.methods if method.asset.pk == chosen.asset_id)
        return Response(method_json(wanted, invoice), status=201)


def _offer_json(offer: Offer) -> dict[str, Any]:
    return {
        "method": offer.method,
        "asset": offer.asset_code,
        "chain": offer.chain.code,
        "contract": offer.token.contract if offer.token else None,
        "title": offer.chain.title,
    }
