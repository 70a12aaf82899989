"""Payments: what arrived, and whether it is really received."""

from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from cryptopay.api.fields import AmountSchema, DecimalTextField
from cryptopay.api.ledger_accounts import assets_named
from cryptopay.api.ledger_fields import MomentField
from cryptopay.api.pagination import PageParameters, newest_first, page_schema
from cryptopay.api.resource import Resource
from cryptopay.merchants.models import ApiKey
from cryptopay.merchants.onboarding import LONGEST_REFERENCE
from cryptopay.payments import representation
from cryptopay.payments.models import Payment
from cryptopay.payments.status import PaymentState, payment_states
from monitor.expectation import Reason, State

Scope = ApiKey.Scope

_LONGEST_TRANSACTION = timedelta(hours=1)
"""No intake lasts so long; a payment's time is that of its beginning."""


class ExpectedSchema(serializers.Serializer[Any]):
    """When a payment will count as received, as far as one can see. Advice: act on `state` of the payment alone."""

    state = serializers.ChoiceField([(each.value, each.value) for each in State])
    reason = serializers.ChoiceField(
        [(each.value, each.value) for each in Reason if each], allow_null=True, help_text="Why it is slow or stuck."
    )
    blocks_low = serializers.IntegerField(allow_null=True, help_text="Blocks until it counts, at least.")
    blocks_high = serializers.IntegerField(allow_null=True, help_text="At most; null: nobody can say.")
    minutes_low = serializers.IntegerField(allow_null=True, help_text="The same at the chain's mean pace.")
    minutes_high = serializers.IntegerField(allow_null=True)
    mined_in_low = serializers.IntegerField(allow_null=True, help_text="Blocks until it is in one; 0: it is.")
    mined_in_high = serializers.IntegerField(allow_null=True)
    fee_rate = DecimalTextField(allow_null=True, help_text="With the transactions it depends on; Ethereum: at most.")
    fee_unit = serializers.CharField(allow_null=True, help_text="sat/vB or gwei.")
    replaceable = serializers.BooleanField(allow_null=True, help_text="It says that it may be replaced (BIP-125).")
    replaced_by = serializers.CharField(allow_null=True, help_text="Transaction that took its place, where known.")
    as_of = serializers.DateTimeField(allow_null=True)


class PaymentSchema(serializers.Serializer[Any]):
    """One payment."""

    id = serializers.CharField()
    invoice_id = serializers.CharField()
    txid = serializers.CharField()
    chain = serializers.CharField()
    amount = AmountSchema()
    state = serializers.ChoiceField(Payment.State.choices, help_text="Only `confirmed` is money received.")
    late = serializers.BooleanField(help_text="Seen after the invoice had expired, or was cancelled or marked.")
    accepted = serializers.BooleanField(
        help_text="Late, and counted: it was there when the invoice was marked settled."
    )
    confirmations = serializers.IntegerField()
    required_confirmations = serializers.IntegerField(
        allow_null=True, help_text="Null: the chain itself says when a block is final."
    )
    height = serializers.IntegerField(allow_null=True)
    seen_at = serializers.DateTimeField()
    expected = ExpectedSchema()


class PaymentParameters(PageParameters):
    """Of the list."""

    invoice = serializers.CharField(max_length=32, required=False)
    order_id = serializers.CharField(max_length=100, required=False, help_text="Your own number.")
    customer_ref = serializers.CharField(
        max_length=LONGEST_REFERENCE, required=False, trim_whitespace=False, help_text="Your own name for the payer."
    )
    asset = serializers.CharField(max_length=120, required=False, help_text="BTC, or BTC@bitcoin.")
    state = serializers.ChoiceField(Payment.State.choices, required=False)
    seen_from = MomentField(required=False)
    seen_before = MomentField(required=False)


class Payments(Resource):
    """`/payments`"""

    scopes = {"GET": Scope.INVOICES_READ}
    parameters: ClassVar[type[PaymentParameters]] = PaymentParameters

    @extend_schema(operation_id="list_payments", parameters=[PaymentParameters], responses=page_schema(PaymentSchema))
    def get(self, request: Request) -> Response:
        """Payments to your invoices, newest first."""
        own = Payment.objects.filter(book=self.book)
        names = {
            "invoice": "invoice__public_id",
            "order_id": "invoice__order_id",
            "customer_ref": "invoice__customer__external_ref",
            "state": "state",
        }
        rows = own.filter(**{names[name]: self.query[name] for name in names if name in self.query})
        if "customer_ref" in self.query:
            rows = rows.filter(invoice__customer__book=self.book)  # by the index of references
        if "asset" in self.query:
            rows = rows.filter(asset__in=assets_named(self.api_key, self.query["asset"]))
        rows = rows.filter(_seen_within(own, self.query.get("seen_from"), self.query.get("seen_before")))
        page = newest_first(rows, own, self.query["limit"], self.query.get("cursor"))
        return Response(page.json([payment_json(state) for state in payment_states(page)]))


def _seen_within(own: QuerySet[Payment], since: datetime | None, until: datetime | None) -> Q:
    """Of the book's `own` payments. Times and numbers grow together, but for transactions side by side: so numbers
    bound what is read, however old it is, and times decide."""
    within = Q()
    if since is not None:
        older = (
            own.filter(seen_at__lt=since - _LONGEST_TRANSACTION).order_by("-seen_at").values_list("pk", flat=True)[:1]
        )
        within &= Q(seen_at__gte=since) & (Q(pk__gt=older[0]) if older else Q())
    if until is not None:
        newer = (
            own.filter(seen_at__gte=until + _LONGEST_TRANSACTION).order_by("seen_at").values_list("pk", flat=True)[:1]
        )
        within &= Q(seen_at__lt=until) & (Q(pk__lt=newer[0]) if newer else Q())
    return within


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
    expected = representation.expected(payment.expected)
    facts = {"accepted": payment.payment.accepted, "seen_at": payment.seen_at}
    return {**representation.payment(payment), **facts, "expected": expected}
