"""`/me`: what this API key is."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from cryptopay.api.authentication import ANY_KEY
from cryptopay.api.resource import Resource
from cryptopay.merchants.models import ApiKey


class MeSchema(serializers.Serializer[Any]):
    """A key, as a person knows it."""

    merchant = serializers.CharField()
    live = serializers.BooleanField(help_text="Whether this key moves real money.")
    label = serializers.CharField()  # type: ignore[assignment]
    hint = serializers.CharField(help_text="The characters you know the key by.")
    scopes = serializers.ListField(child=serializers.ChoiceField(ApiKey.Scope.choices))
    expires_at = serializers.DateTimeField(allow_null=True)


class Me(Resource):
    """`/me`"""

    scopes = {"GET": ANY_KEY}

    @extend_schema(operation_id="get_me", responses=MeSchema)
    def get(self, request: Request) -> Response:
        """Whose key this is, and what it may do."""
        key = self.api_key
        return Response(
            {
                "merchant": key.merchant.name,
                "live": key.live,
                "label": key.label,
                "hint": key.hint,
                "scopes": key.scopes,
                "expires_at": key.expires_at,
            }
        )
