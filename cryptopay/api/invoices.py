"""Invoices: what a merchant asks, how it may be paid, and how it stands."""

from decimal import Decimal
from typing import Any, ClassVar

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from cryptopay.api.authentication import PUBLIC
from cryptopay.api.errors import from_domain
from cryptopay.api.fields import (
    AmountSchema,
    AmountTextField,
    DecimalTextField,
    MetadataField,
    StrictSerializer,
    TextField,
    WebAddressField,
    WholeNumberField,
)
from cryptopay.api.idempotency import idempotent
from cryptopay.api.pagination import PageParameters, newest_first, page_schema
from cryptopay.api.payments import ExpectedSchema, PaymentSchema, payment_json
from cryptopay.api.refusals import CHOOSING_A_COIN
from cryptopay.api.resource import NotFound, Resource
from cryptopay.merchants.errors import ReferenceRefused
from cryptopay.merchants.models import ApiKey
from cryptopay.merchants.onboarding import LONGEST_REFERENCE
from cryptopay.payments import lifecycle, payers, representation
from cryptopay.payments.errors import PaymentError
from cryptopay.payments.lifecycle import NewInvoice
from cryptopay.payments.lines import MOST_LINES, NewLine
from cryptopay.payments.models import Intervention, Invoice, InvoiceLine, Payment
from cryptopay.payments.quotes import asked as money
from cryptopay.payments.status import InvoiceState, MethodState, PaymentState, state_of, states_of
from ledger import tenancy
from ledger.money import BadAmount, plain

Scope = ApiKey.Scope


class LineBody(StrictSerializer):
    """One thing that is asked for."""

    description = TextField(max_length=200)
    quantity = TextField(max_length=16, required=False, help_text='For people; "1" where there is none.')
    net = AmountTextField(help_text="Of the whole line, in the invoice's currency; below zero: a discount.")
    tax_rate = TextField(max_length=8, required=False, help_text='Per cent: "19", "7.7". None: no tax.')
    tax = AmountTextField(
        required=False, help_text="Net times rate, rounded line by line to the minor unit, half up; refused otherwise."
    )


class NewInvoiceBody(StrictSerializer):
    """What may be asked."""

    amount = AmountTextField()
    currency = TextField(max_length=16, help_text="A fiat currency (ISO 4217) or a coin: EUR, BTC.")
    methods = serializers.ListField(
        child=TextField(max_length=50), max_length=10, required=False, help_text="Chosen at once: BTC, or BTC@bitcoin."
    )
    order_id = TextField(max_length=100, required=False, allow_blank=True, help_text="Your own number for it.")
    description = TextField(max_length=300, required=False, allow_blank=True, help_text="Shown to the payer.")
    customer_ref = TextField(max_length=128, required=False, allow_blank=True, help_text="Your own name for the payer.")
    return_url = WebAddressField(required=False, allow_blank=True)
    metadata = MetadataField(required=False)
    expires_in_seconds = WholeNumberField(
        required=False, min_value=lifecycle.SHORTEST_SECONDS, max_value=lifecycle.LONGEST_SECONDS
    )
    tolerance = TextField(
        max_length=6,
        required=False,
        help_text='Share of the amount that may be missing: "0.005". None: as your terms say.',
    )
    least_confirmations = WholeNumberField(
        required=False,
        min_value=0,
        max_value=lifecycle.MOST_CONFIRMATIONS,
        help_text="More than the chain's own policy asks; fewer change nothing.",
    )
    lines = serializers.ListField(
        child=LineBody(),
        max_length=MOST_LINES,
        required=False,
        help_text="What it is made of: all nets and taxes are the amount, exactly.",
    )


class RateSchema(serializers.Serializer[Any]):
    """The recorded price that fixed what is due."""

    price = DecimalTextField(help_text="Of one whole coin, in the invoice's currency, as it was recorded.")
    spread = DecimalTextField(help_text="Share that your terms take off it.")
    quoted_price = DecimalTextField(help_text="What is left of it, exactly: the coin counts so much.")
    currency = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]
    observed_at = serializers.DateTimeField()


class MethodSchema(serializers.Serializer[Any]):
    """One way to pay."""

    method = serializers.CharField(help_text="BTC@bitcoin")
    asset = serializers.CharField()
    chain = serializers.CharField()
    contract = serializers.CharField(allow_null=True, help_text="Of a token; null: the chain's own coin.")
    address = serializers.CharField(
        allow_null=True,
        help_text="Verified against your public key just now; null: it failed, do not pay. Where chains have accounts: "
        "the account.",
    )
    memo = serializers.CharField(allow_null=True, help_text="Must be sent along, where chains have accounts.")
    uri = serializers.CharField(allow_null=True, help_text="For wallets and QR codes: BIP-321, EIP-681, EEP-7.")
    due = AmountSchema()
    paid = AmountSchema(help_text="Seen, unconfirmed counted.")
    confirmed = AmountSchema()
    remaining = AmountSchema()
    rate = RateSchema(allow_null=True, help_text="Null: the invoice is in that coin itself.")
    quoted_at = serializers.DateTimeField(help_text="When it was chosen. What is due never changes after.")
    quote_expires_at = serializers.DateTimeField(
        help_text="Until then. What comes later is the customer's credit, in the coin it came in, at no price of ours."
    )
    payments = PaymentSchema(many=True)


class LineSchema(serializers.Serializer[Any]):
    """One thing that is asked for; amounts in the invoice's currency."""

    description = serializers.CharField()
    quantity = DecimalTextField()
    net = DecimalTextField()
    tax_rate = DecimalTextField(help_text="Per cent.")
    tax = DecimalTextField()


class TaxTotalSchema(serializers.Serializer[Any]):
    """All lines of one tax rate."""

    tax_rate = DecimalTextField()
    net = DecimalTextField()
    tax = DecimalTextField()


class InterventionSchema(serializers.Serializer[Any]):
    """Something that was done to the invoice by hand."""

    status_before = serializers.ChoiceField(Invoice.Status.choices)
    status = serializers.ChoiceField(Invoice.Status.choices)
    reason = serializers.CharField()
    by = serializers.CharField(help_text="A person of the back office, or an API key.")
    made_at = serializers.DateTimeField()


class InvoiceSchema(serializers.Serializer[Any]):
    """An invoice as it stands now."""

    id = serializers.CharField()
    live = serializers.BooleanField()
    status = serializers.ChoiceField(Invoice.Status.choices)
    exception = serializers.ChoiceField(Invoice.Exceptional.choices)
    amount = DecimalTextField()
    currency = serializers.CharField()
    tolerance = DecimalTextField()
    least_confirmations = serializers.IntegerField()
    order_id = serializers.CharField(allow_blank=True)
    description = serializers.CharField(allow_blank=True)
    customer_ref = serializers.CharField(allow_null=True)
    return_url = serializers.CharField(allow_blank=True)
    metadata = serializers.DictField(child=serializers.CharField(allow_blank=True))
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    checkout_url = serializers.CharField(help_text="Send the payer here.")
    methods = MethodSchema(many=True)
    lines = LineSchema(many=True)
    tax_totals = TaxTotalSchema(many=True, help_text="Of the lines, by tax rate.")
    interventions = InterventionSchema(many=True, help_text="What was done to it by hand, oldest first.")


class PublicPaymentSchema(serializers.Serializer[Any]):
    """One payment, as its payer may see it."""

    txid = serializers.CharField()
    amount = AmountSchema()
    state = serializers.ChoiceField(Payment.State.choices)
    confirmations = serializers.IntegerField()
    required_confirmations = serializers.IntegerField(allow_null=True)
    expected = ExpectedSchema()


class PublicMethodSchema(serializers.Serializer[Any]):
    """One way to pay, as the payer may see it."""

    asset = serializers.CharField()
    chain = serializers.CharField()
    contract = serializers.CharField(allow_null=True)
    address = serializers.CharField(allow_null=True)
    memo = serializers.CharField(allow_null=True)
    uri = serializers.CharField(allow_null=True)
    due = AmountSchema()
    paid = AmountSchema()
    confirmed = AmountSchema()
    remaining = AmountSchema()
    payments = PublicPaymentSchema(many=True)


class PublicInvoiceSchema(serializers.Serializer[Any]):
    """What the payer may see."""

    id = serializers.CharField()
    status = serializers.ChoiceField(Invoice.Status.choices)
    exception = serializers.ChoiceField(Invoice.Exceptional.choices)
    amount = DecimalTextField()
    currency = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    expires_at = serializers.DateTimeField()
    methods = PublicMethodSchema(many=True)


class InvoiceParameters(PageParameters):
    """Of the list."""

    status = serializers.ChoiceField(Invoice.Status.choices, required=False)
    order_id = serializers.CharField(max_length=100, required=False)
    customer_ref = serializers.CharField(max_length=LONGEST_REFERENCE, required=False, trim_whitespace=False)


class Invoices(Resource):
    """`/invoices`"""

    scopes = {"GET": Scope.INVOICES_READ, "POST": Scope.INVOICES_WRITE}
    refusals = {
        "POST": (
            "amount_too_precise",
            "amount_out_of_range",
            "amount_not_positive",
            "tolerance_invalid",
            "expiry_invalid",
            "line_invalid",
            "line_tax_mismatch",
            "lines_amount_mismatch",
            "external_ref_invalid",
            "currency_unknown",
            *CHOOSING_A_COIN,
        ),
    }
    parameters: ClassVar[type[InvoiceParameters]] = InvoiceParameters

    @extend_schema(operation_id="list_invoices", parameters=[InvoiceParameters], responses=page_schema(InvoiceSchema))
    def get(self, request: Request) -> Response:
        """Your invoices, newest first."""
        own = Invoice.objects.filter(book=self.book)
        names = {"status": "status", "order_id": "order_id", "customer_ref": "customer__external_ref"}
        wanted = {names[name]: self.query[name] for name in names if name in self.query}
        if "customer_ref" in self.query:
            wanted["customer__book"] = self.book  # by the index of references
        page = newest_first(own.filter(**wanted), own, self.query["limit"], self.query.get("cursor"))
        return Response(page.json([invoice_json(state, self.api_key.live) for state in states_of(page)]))

    @extend_schema(operation_id="create_invoice", request=NewInvoiceBody, responses={201: InvoiceSchema})
    @idempotent
    def post(self, request: Request) -> Response:
        """Open an invoice. With `methods`, addresses are issued and prices fixed at once."""
        asked = self.body(NewInvoiceBody)
        lines = [NewLine(**line) for line in asked.pop("lines", ())]
        order = NewInvoice(**asked, lines=lines)
        try:
            state = lifecycle.open_invoice(self.book, order)
        except (BadAmount, PaymentError, ReferenceRefused) as error:
            raise from_domain(error, _pointer(error)) or error from None
        return Response(invoice_json(state, self.api_key.live), status=201)


class OneInvoice(Resource):
    """`/invoices/{id}`"""

    scopes = {"GET": Scope.INVOICES_READ}

    @extend_schema(operation_id="get_invoice", responses=InvoiceSchema)
    def get(self, request: Request, invoice_id: str) -> Response:
        """One invoice, with its payments and their confirmations."""
        invoice = self.find(Invoice.objects.select_related("customer"), invoice_id)
        return Response(invoice_json(state_of(invoice), self.api_key.live))


class PublicInvoice(Resource):
    """`/invoices/{id}/public`"""

    authentication_classes = []
    scopes = {"GET": PUBLIC}

    @extend_schema(operation_id="get_public_invoice", responses=PublicInvoiceSchema, auth=[])
    def get(self, request: Request, invoice_id: str) -> Response:
        """What the payer may see: no key is needed, the id is the secret they were given."""
        invoice = self.find_for_payer(invoice_id)
        return Response(_public_json(state_of(invoice)))

    def find_for_payer(self, invoice_id: str) -> Invoice:
        """The one look-up without a key: the payer belongs to no book. The id has 80 random bits."""
        book_id = payers.book_of(invoice_id)
        if book_id is None:
            raise NotFound
        tenancy.confine(book_id)
        return Invoice.objects.get(book_id=book_id, public_id=invoice_id)


def invoice_json(state: InvoiceState, live: bool) -> dict[str, Any]:
    """As `InvoiceSchema` describes it; a test holds the two together."""
    invoice = state.invoice
    return {
        **representation.invoice(state),
        "live": live,
        "tolerance": plain(invoice.tolerance),
        "least_confirmations": invoice.least_confirmations,
        "description": invoice.description,
        "return_url": invoice.return_url,
        "created_at": invoice.created_at,
        "expires_at": invoice.expires_at,
        "checkout_url": f"{settings.PUBLIC_URL}/pay/{invoice.public_id}",
        "methods": [method_json(method, invoice) for method in state.methods],
        "lines": [_line_json(line, invoice.currency) for line in state.lines],
        "tax_totals": _tax_totals_json(invoice),
        "interventions": [_intervention_json(intervention) for intervention in state.interventions],
    }


def _intervention_json(row: Intervention) -> dict[str, Any]:
    facts = {"status_before": row.status_before, "status": row.status, "reason": row.reason, "by": row.by}
    return {**facts, "made_at": row.made_at}


def _line_json(line: InvoiceLine, currency: str) -> dict[str, str]:
    return {
        "description": line.description,
        "quantity": plain(line.quantity),
        "net": money(line.net, currency),
        "tax_rate": plain(line.tax_rate),
        "tax": money(line.tax, currency),
    }


def _tax_totals_json(invoice: Invoice) -> list[dict[str, str]]:
    totals = (invoice.tax_totals or {}).items()
    return [
        {"tax_rate": rate, **{name: money(Decimal(text), invoice.currency) for name, text in sums.items()}}
        for rate, sums in sorted(totals, key=lambda total: Decimal(total[0]))
    ]


def method_json(method: MethodState, invoice: Invoice) -> dict[str, Any]:
    """As `MethodSchema` describes it."""
    return {
        "method": f"{method.asset.code}@{method.chain.code}",
        **_public_method_json(method),
        "rate": _rate_json(method),
        "quoted_at": method.quote.chosen_at,
        "quote_expires_at": invoice.expires_at,
        "payments": [payment_json(payment) for payment in method.payments],
    }


def _rate_json(method: MethodState) -> dict[str, Any] | None:
    rate = method.rate
    if rate is None or method.quoted_price is None:
        return None
    return {
        "price": plain(rate.price),
        "spread": plain(method.quote.spread),
        "quoted_price": plain(method.quoted_price),
        "currency": rate.currency,
        "source": rate.source,
        "observed_at": rate.observed_at,
    }


def _public_json(state: InvoiceState) -> dict[str, Any]:
    invoice = state.invoice
    return {
        "id": invoice.public_id,
        "status": invoice.status,
        "exception": invoice.exception,
        "amount": money(invoice.amount, invoice.currency),
        "currency": invoice.currency,
        "description": invoice.description,
        "expires_at": invoice.expires_at,
        "methods": [
            {**_public_method_json(method), "payments": [_public_payment_json(payment) for payment in method.payments]}
            for method in state.methods
        ],
    }


def _public_payment_json(payment: PaymentState) -> dict[str, Any]:
    return {
        "txid": payment.txid,
        "amount": representation.amount(payment.amount),
        "state": payment.state,
        "confirmations": payment.confirmations,
        "required_confirmations": payment.required_confirmations,
        "expected": representation.expected(payment.expected),
    }


def _public_method_json(method: MethodState) -> dict[str, Any]:
    return {**representation.method(method), **representation.place(method.address), "uri": method.uri or None}


_NAMED_HERE = {"/method": "/methods", "/external_ref": "/customer_ref"}


def _pointer(error: Exception) -> str:
    """Where the fault stands in this body; the rooms below name things as they know them."""
    if isinstance(error, BadAmount):
        return "/amount"
    pointer: str = getattr(error, "pointer", "")
    return _NAMED_HERE.get(pointer, pointer)
