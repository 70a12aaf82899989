"""Customers: who pays you, what they hold with you, and how it came about."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from cryptopay.api.errors import Problem
from cryptopay.api.fields import AmountSchema, EmailTextField, MetadataField, StrictSerializer, TextField
from cryptopay.api.idempotency import idempotent
from cryptopay.api.ledger_accounts import assets_named, balance_json, balance_now
from cryptopay.api.ledger_assets import AssetSchema, asset_json
from cryptopay.api.ledger_fields import account_id
from cryptopay.api.ledger_statements import StatementParameters, StatementSchema, statement_page
from cryptopay.api.pagination import PageParameters, newest_first, page_schema
from cryptopay.api.resource import Resource
from cryptopay.merchants import customers
from cryptopay.merchants.customers import Particulars
from cryptopay.merchants.models import ApiKey, Customer
from cryptopay.merchants.onboarding import LONGEST_REFERENCE
from ledger import chart
from ledger.models import Account

Scope = ApiKey.Scope


class ParticularsBody(StrictSerializer):
    """What you tell us of a customer; what you leave out stays as it is."""

    name = TextField(max_length=200, required=False, allow_blank=True)
    email = EmailTextField(required=False, allow_blank=True)
    metadata = MetadataField(required=False, help_text="Your own notes, whole: names and texts.")


class CustomerBody(ParticularsBody):
    """Who it is."""

    external_ref = TextField(max_length=LONGEST_REFERENCE, help_text="Your own name for them. It never changes.")


class CustomerSchema(serializers.Serializer[Any]):
    """A customer. `customer_ref` of invoices and `user` of addresses are their `external_ref`."""

    id = serializers.CharField()
    live = serializers.BooleanField()
    external_ref = serializers.CharField()
    name = serializers.CharField(allow_blank=True)
    email = serializers.CharField(allow_blank=True)
    metadata = serializers.DictField(child=serializers.CharField(allow_blank=True))
    created_at = serializers.DateTimeField()


class HoldingSchema(serializers.Serializer[Any]):
    """What a customer holds with you in one asset."""

    asset = AssetSchema()
    account_id = serializers.CharField(help_text="Of the ledger.")
    posted = AmountSchema(help_text="Validated.")
    pending_in = AmountSchema(help_text="Seen, not yet received.")
    pending_out = AmountSchema(help_text="Promised away.")
    available = AmountSchema(help_text="Posted, less what is promised away.")


class HoldingsSchema(serializers.Serializer[Any]):
    """In every asset they ever paid in."""

    data = HoldingSchema(many=True)  # type: ignore[assignment]


class CustomerParameters(PageParameters):
    """Of the list."""

    external_ref = serializers.CharField(max_length=LONGEST_REFERENCE, required=False, trim_whitespace=False)
    email = serializers.CharField(max_length=254, required=False)


class CustomerStatementParameters(StatementParameters):
    """Of a statement: in which asset, its period, both days included, and the page of its lines."""

    asset = serializers.CharField(
        max_length=120, required=False, help_text="BTC, or BTC@bitcoin; may be left out where they hold one alone."
    )


class Customers(Resource):
    """`/customers`"""

    scopes = {"GET": Scope.CUSTOMERS_READ, "POST": Scope.CUSTOMERS_WRITE}
    refusals = {"POST": ("external_ref_invalid",)}
    parameters: ClassVar[type[CustomerParameters]] = CustomerParameters

    @extend_schema(
        operation_id="list_customers", parameters=[CustomerParameters], responses=page_schema(CustomerSchema)
    )
    def get(self, request: Request) -> Response:
        """Your customers, newest first, whether you wrote them here or named them in an invoice or an address."""
        own = Customer.objects.filter(book=self.book)
        wanted = {name: self.query[name] for name in ("external_ref", "email") if name in self.query}
        page = newest_first(own.filter(**wanted), own, self.query["limit"], self.query.get("cursor"))
        return Response(page.json([_customer_json(customer, self.api_key.live) for customer in page]))

    @extend_schema(
        operation_id="write_customer",
        request=CustomerBody,
        responses={200: CustomerSchema, 201: CustomerSchema},
        examples=[
            OpenApiExample(
                "A user of yours",
                {"external_ref": "user-42", "name": "Ann", "email": "ann@example.com"},
                request_only=True,
            )
        ],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """The customer of that reference, with what you send written: made now (201), or there already (200)."""
        asked = self.body(CustomerBody)
        customer, made = customers.write(self.book, asked.pop("external_ref"), Particulars(**asked))
        return Response(_customer_json(customer, self.api_key.live), status=201 if made else 200)


class OneCustomer(Resource):
    """`/customers/{id}`"""

    scopes = {"GET": Scope.CUSTOMERS_READ, "PATCH": Scope.CUSTOMERS_WRITE}

    @extend_schema(operation_id="get_customer", responses=CustomerSchema)
    def get(self, request: Request, customer_id: str) -> Response:
        """One customer."""
        return Response(_customer_json(self.find(Customer.objects.all(), customer_id), self.api_key.live))

    @extend_schema(operation_id="change_customer", request=ParticularsBody, responses=CustomerSchema)
    def patch(self, request: Request, customer_id: str) -> Response:
        """Change name, e-mail address or metadata."""
        customer = self.find(Customer.objects.all(), customer_id)
        customers.change(customer, Particulars(**self.body(ParticularsBody)))
        return Response(_customer_json(customer, self.api_key.live))


class CustomerBalances(Resource):
    """`/customers/{id}/balances`"""

    scopes = {"GET": Scope.CUSTOMERS_READ}

    @extend_schema(operation_id="get_customer_balances", responses=HoldingsSchema)
    def get(self, request: Request, customer_id: str) -> Response:
        """What they have paid in and not yet bought or taken back, in each asset: too much, late, or for no invoice."""
        held = _accounts(self.find(Customer.objects.all(), customer_id)).select_related("balance")
        return Response({"data": [_holding_json(account) for account in held.order_by("asset__code", "asset")]})


class CustomerStatement(Resource):
    """`/customers/{id}/statement`"""

    scopes = {"GET": Scope.CUSTOMERS_READ}
    refusals = {"GET": ("period_invalid", "account_unknown", "asset_ambiguous")}
    parameters: ClassVar[type[CustomerStatementParameters]] = CustomerStatementParameters

    @extend_schema(
        operation_id="get_customer_statement", parameters=[CustomerStatementParameters], responses=StatementSchema
    )
    def get(self, request: Request, customer_id: str) -> Response:
        """Their account in one asset: opening, every line in order of date with the running balance, closing."""
        customer = self.find(Customer.objects.all(), customer_id)
        rows = _accounts(customer)
        if "asset" in self.query:
            rows = rows.filter(asset__in=assets_named(self.api_key, self.query["asset"]))
        found = list(rows)
        if not found:
            raise Problem(422, "account_unknown", "They have never paid in it; see /balances.", "?asset")
        if len(found) > 1:
            raise Problem(422, "asset_ambiguous", "Name one of the assets of /balances.", "?asset")
        return Response(statement_page(found[0], self.query))


def _accounts(customer: Customer) -> QuerySet[Account]:
    code = f"{chart.CUSTOMERS}{customer.external_ref}"
    return Account.objects.filter(book_id=customer.book_id, code=code).select_related("asset")


def _customer_json(customer: Customer, live: bool) -> dict[str, Any]:
    return {
        "id": customer.public_id,
        "live": live,
        "external_ref": customer.external_ref,
        "name": customer.name,
        "email": customer.email,
        "metadata": customer.metadata,
        "created_at": customer.created_at,
    }


def _holding_json(account: Account) -> dict[str, Any]:
    held = balance_json(account, balance_now(account))
    return {"asset": asset_json(account.asset), "account_id": account_id(account.pk), **held}
