"""Keys: what a merchant's addresses derive from, never what spends. They go in and never come out."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from cryptopay.api.errors import BodyRefused, Problem
from cryptopay.api.fields import StrictSerializer, TextField
from cryptopay.api.idempotency import idempotent
from cryptopay.api.pagination import PageParameters, page, page_schema
from cryptopay.api.resource import Resource
from cryptopay.merchants.models import ApiKey
from keys.formats import format_of
from keys.importing import first_addresses, import_credential
from keys.models import MasterKey
from monitor.chains import CHAINS, Chain

Scope = ApiKey.Scope
_PARTS = {"extended_public_key", "account_name", "primary_address", "private_view_key"}


class PublicKeyBody(StrictSerializer):
    """A key to import."""

    chain = TextField(max_length=32, help_text="As `/chains` names it: bitcoin.")
    extended_public_key = TextField(
        max_length=200, required=False, help_text="Of one account: xpub..., zpub...; never a private key."
    )
    account_name = TextField(max_length=13, required=False, help_text="EOS: the account that receives.")
    primary_address = TextField(max_length=100, required=False, help_text="Monero: the wallet's own address.")
    private_view_key = TextField(max_length=64, required=False, help_text="Monero: lets see, and not spend.")
    address_form = TextField(
        max_length=16, required=False, help_text="p2wpkh, p2tr, p2sh-p2wpkh or p2pkh, where an xpub may mean any."
    )
    label = TextField(  # type: ignore[assignment]
        max_length=100, help_text="For people: which device or wallet holds the private key."
    )


class PublicKeySchema(serializers.Serializer[Any]):
    """A stored key, without the key."""

    id = serializers.CharField()
    chain = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    address_form = serializers.CharField(help_text="How addresses are made from it: p2wpkh.")
    path = serializers.CharField(help_text="Derivation path of the account.")
    active = serializers.BooleanField(help_text="Gives out the addresses of its chain.")
    addresses_issued = serializers.IntegerField()
    created_at = serializers.DateTimeField()


class ImportedKeySchema(PublicKeySchema):
    """A key just imported."""

    first_addresses = serializers.ListField(
        child=serializers.CharField(), help_text="Compare them with those your wallet shows, before you take payments."
    )


class PublicKeys(Resource):
    """`/public-keys`"""

    scopes = {"GET": Scope.KEYS_READ, "POST": Scope.KEYS_WRITE}
    refusals = {
        "POST": (
            "required",
            "credential_invalid",
            "extended_key_invalid",
            "credential_in_use",
            "chain_unknown",
            "sealed_key_unreadable",
        ),
    }
    parameters: ClassVar[type[PageParameters]] = PageParameters

    @extend_schema(operation_id="list_public_keys", parameters=[PageParameters], responses=page_schema(PublicKeySchema))
    def get(self, request: Request) -> Response:
        """The keys your addresses derive from, newest first."""
        rows, limit = list(MasterKey.objects.filter(book=self.book).order_by("-pk")), self.query["limit"]
        if cursor := self.query.get("cursor"):
            rows = _below(rows, cursor)
        shown = page(rows[: limit + 1], limit, _id)
        return Response(shown.json([_key_json(row) for row in shown]))

    @extend_schema(operation_id="import_public_key", request=PublicKeyBody, responses={201: ImportedKeySchema})
    @idempotent
    def post(self, request: Request) -> Response:
        """Import a key; it gives out the addresses of its chain from now on. The former one is retired and kept."""
        asked = self.body(PublicKeyBody)
        chain = self._chain(asked["chain"])
        row = import_credential(
            self.book, chain, _credential(asked, chain), asked["label"], asked.get("address_form", "")
        )
        return Response({**_key_json(row), "first_addresses": first_addresses(row)}, status=201)

    def _chain(self, code: str) -> Chain:
        """A test key sees only chains without real money, a live key only those with."""
        chain = CHAINS.get(code)
        if chain is None or chain.live != self.api_key.live:
            raise Problem(422, "chain_unknown", "There is no such chain for this API key; see /chains.", "/chain")
        return chain


def _credential(asked: dict[str, str], chain: Chain) -> str:
    """The texts this chain's credential is made of, one a line."""
    parts = format_of(chain).PARTS
    for name in sorted((_PARTS - {*parts}) & asked.keys()):
        raise BodyRefused("unknown_field", f"{chain.title} takes: {', '.join(parts)}.", f"/{name}")
    for name in parts:
        if name not in asked:
            raise BodyRefused("required", f"{chain.title} takes: {', '.join(parts)}.", f"/{name}")
    return "\n".join(asked[name] for name in parts)


def _below(rows: list[MasterKey], cursor: str) -> list[MasterKey]:
    """A book has a handful of keys; they are told apart by a fingerprint that no column shows as text."""
    for position, row in enumerate(rows):
        if _id(row) == cursor:
            return rows[position + 1 :]
    raise Problem(400, "cursor_invalid", "There is no such position.", "?cursor")


def _id(row: MasterKey) -> str:
    return f"key_{row.chain}_{row.short_fingerprint}"


def _key_json(row: MasterKey) -> dict[str, Any]:
    return {
        "id": _id(row),
        "chain": row.chain,
        "label": row.label,
        "address_form": row.form,
        "path": row.path,
        "active": row.active,
        "addresses_issued": row.issued,
        "created_at": row.created_at,
    }
