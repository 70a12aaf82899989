"""Addresses for users: the key manager as a service of its own. What arrives there is booked as the user's."""

from collections.abc import Sequence
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from cryptopay.api.errors import from_domain
from cryptopay.api.fields import MetadataField, StrictSerializer, TextField
from cryptopay.api.idempotency import idempotent
from cryptopay.api.networks import chain_asked
from cryptopay.api.pagination import PageParameters, newest_first, page_schema
from cryptopay.api.refusals import ISSUING_AN_ADDRESS, NAMING_A_CHAIN
from cryptopay.api.resource import Resource
from cryptopay.merchants.errors import ReferenceRefused
from cryptopay.merchants.models import ApiKey
from cryptopay.merchants.onboarding import LONGEST_REFERENCE
from cryptopay.payments import addresses, representation, uris
from cryptopay.payments.models import CustomerAddress
from keys import issuing
from ledger.money import Amount

Scope = ApiKey.Scope


class AddressBody(StrictSerializer):
    """Whose address, and where."""

    chain = TextField(max_length=32, help_text="As `/chains` names it: bitcoin.")
    user = TextField(max_length=LONGEST_REFERENCE, help_text="Your own name for the user.")
    metadata = MetadataField(required=False, help_text="Kept with a new address, and told with each of its events.")


class AddressSchema(serializers.Serializer[Any]):
    """An address of one user's own."""

    id = serializers.CharField()
    live = serializers.BooleanField()
    chain = serializers.CharField()
    user = serializers.CharField()
    address = serializers.CharField(
        allow_null=True,
        help_text="Verified against your credential just now; null: it failed, do not pay. Where chains have accounts: "
        "the account.",
    )
    memo = serializers.CharField(allow_null=True, help_text="Must be sent along, where chains have accounts.")
    uri = serializers.CharField(
        allow_null=True, help_text="For wallets and QR codes; null where a chain's URIs always name an amount."
    )
    account = serializers.CharField(help_text="Of the ledger, where what arrives is booked.")
    metadata = serializers.DictField(child=serializers.CharField(allow_blank=True))
    created_at = serializers.DateTimeField()


class AddressParameters(PageParameters):
    """Of the list."""

    chain = serializers.CharField(max_length=32, required=False)
    user = serializers.CharField(max_length=LONGEST_REFERENCE, required=False)


class Addresses(Resource):
    """`/addresses`"""

    scopes = {"GET": Scope.ADDRESSES_READ, "POST": Scope.ADDRESSES_WRITE}
    refusals = {"POST": ("external_ref_invalid", *NAMING_A_CHAIN, *ISSUING_AN_ADDRESS)}
    parameters: ClassVar[type[AddressParameters]] = AddressParameters

    @extend_schema(operation_id="list_addresses", parameters=[AddressParameters], responses=page_schema(AddressSchema))
    def get(self, request: Request) -> Response:
        """Addresses of your users, newest first; addresses of invoices are not among them."""
        own = CustomerAddress.objects.filter(book=self.book)
        names = {"chain": "chain_code", "user": "customer__external_ref"}
        rows = own.filter(**{names[name]: self.query[name] for name in names if name in self.query})
        page = newest_first(
            rows.select_related("customer", "address"), own, self.query["limit"], self.query.get("cursor")
        )
        return Response(page.json(addresses_json(page, self.api_key.live)))

    @extend_schema(
        operation_id="create_address", request=AddressBody, responses={200: AddressSchema, 201: AddressSchema}
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """The user's address on that chain: given now (201), or the one given before (200). It is watched for good."""
        asked = self.body(AddressBody)
        chain = chain_asked(self.api_key, asked["chain"])
        try:
            given, made = addresses.give(self.book, chain, asked["user"], asked.get("metadata"))
        except ReferenceRefused as error:
            raise from_domain(error, "/user") or error from None
        return Response(addresses_json([given], self.api_key.live)[0], status=201 if made else 200)


class OneAddress(Resource):
    """`/addresses/{id}`"""

    scopes = {"GET": Scope.ADDRESSES_READ}

    @extend_schema(operation_id="get_address", responses=AddressSchema)
    def get(self, request: Request, address_id: str) -> Response:
        """One address, verified anew."""
        row = self.find(CustomerAddress.objects.select_related("customer", "address"), address_id)
        return Response(addresses_json([row], self.api_key.live)[0])


def addresses_json(rows: Sequence[CustomerAddress], live: bool) -> list[dict[str, Any]]:
    """As `AddressSchema` describes them; each is derived again from its key."""
    shown = issuing.verified_many(row.address for row in rows)
    return [_address_json(row, shown.get(row.address_id, ""), live) for row in rows]


def _address_json(row: CustomerAddress, text: str, live: bool) -> dict[str, Any]:
    nothing_yet = Amount(0, row.chain.native)
    return {
        "id": row.public_id,
        "live": live,
        "chain": row.chain_code,
        "user": row.customer.external_ref,
        **representation.place(text),
        "uri": (uris.payment_uri(row.chain, text, nothing_yet) or None) if text else None,
        "account": f"liabilities:customers:{row.customer.external_ref}",
        "metadata": row.metadata,
        "created_at": row.created_at,
    }
