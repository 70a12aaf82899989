"""API keys: listed, made, rotated and revoked by programs. A secret is shown once, in the answer that makes it."""

from datetime import timedelta
from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from cryptopay.api.fields import StrictSerializer, TextField, WholeNumberField
from cryptopay.api.idempotency import idempotent
from cryptopay.api.pagination import PageParameters, newest_first, page_schema
from cryptopay.api.resource import Resource
from cryptopay.merchants import api_keys
from cryptopay.merchants.models import ApiKey

Scope = ApiKey.Scope
_SHORTEST_OVERLAP_SECONDS = 60
"""In which a lost answer can still be asked for again."""


class NewKeyBody(StrictSerializer):
    """What the key may do, and until when."""

    label = TextField(max_length=100, help_text="For people: which program holds it.")  # type: ignore[assignment]
    scopes = serializers.ListField(
        child=TextField(max_length=40), min_length=1, max_length=50, help_text="Of those the asking key has itself."
    )
    expires_at = serializers.DateTimeField(
        required=False, help_text="At the latest when the asking key ends, which is also what it is if left out."
    )


class RotationBody(StrictSerializer):
    """How long the former key goes on working."""

    overlap_seconds = WholeNumberField(
        required=False,
        min_value=_SHORTEST_OVERLAP_SECONDS,
        max_value=int(api_keys.LONGEST_OVERLAP.total_seconds()),
        default=int(api_keys.ROTATION_OVERLAP.total_seconds()),
    )


class ApiKeySchema(serializers.Serializer[Any]):
    """A key, as a person knows it; never its secret."""

    id = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    hint = serializers.CharField(help_text="How its secret begins and ends.")
    live = serializers.BooleanField(help_text="Whether it moves real money.")
    scopes = serializers.ListField(child=serializers.ChoiceField(Scope.choices))
    state = serializers.ChoiceField(ApiKey.State.choices)
    asking = serializers.BooleanField(help_text="This is the key you ask with.")
    created_at = serializers.DateTimeField()
    made_by = serializers.CharField(allow_null=True, help_text="The person who made it in the back office.")
    made_with = serializers.CharField(allow_null=True, help_text="Or the key that a program made it with.")
    last_used_at = serializers.DateTimeField(allow_null=True)
    rotated_at = serializers.DateTimeField(allow_null=True, help_text="Since when there is a newer one in its place.")
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)


class NewApiKeySchema(ApiKeySchema):
    """A key just made."""

    secret = serializers.CharField(help_text="Shown this once: `sk_test_...` or `sk_live_...`.")


class RotatedKeySchema(NewApiKeySchema):
    """The key that takes the place of the asking one."""

    former = ApiKeySchema(help_text="Works until its `expires_at`.")


class ApiKeys(Resource):
    """`/api-keys`"""

    scopes = {"GET": Scope.API_KEYS_READ, "POST": Scope.API_KEYS_WRITE}
    refusals = {"POST": ("scope_invalid", "scope_exceeded", "key_expiry_invalid", "api_key_ended")}
    parameters: ClassVar[type[PageParameters]] = PageParameters

    @extend_schema(operation_id="list_api_keys", parameters=[PageParameters], responses=page_schema(ApiKeySchema))
    def get(self, request: Request) -> Response:
        """The keys of your book, newest first, ended ones among them."""
        page = newest_first(_known(self.api_key), _known(self.api_key), self.query["limit"], self.query.get("cursor"))
        return Response(page.json([_key_json(row, self.api_key) for row in page]))

    @extend_schema(operation_id="create_api_key", request=NewKeyBody, responses={201: NewApiKeySchema})
    @idempotent
    def post(self, request: Request) -> Response:
        """Make a key of the same book, with no more rights than your own and no longer a life."""
        asked = self.body(NewKeyBody)
        made, secret = api_keys.create_with(self.api_key, asked["label"], asked["scopes"], asked.get("expires_at"))
        made.refresh_from_db(fields=["created_at"])
        return Response({**_key_json(made, self.api_key), "secret": secret}, status=201)


class RotatedApiKey(Resource):
    """`/api-keys/rotate`"""

    scopes = {"POST": Scope.API_KEYS_WRITE}
    refusals = {"POST": ("api_key_ended",)}

    @extend_schema(operation_id="rotate_api_key", request=RotationBody, responses={201: RotatedKeySchema})
    @idempotent
    def post(self, request: Request) -> Response:
        """A new secret in the place of the one you ask with, which works for a while longer."""
        former, overlap = self.api_key, timedelta(seconds=self.body(RotationBody)["overlap_seconds"])
        made, secret = api_keys.rotate(former, overlap)
        made.refresh_from_db(fields=["created_at"])
        answer = {**_key_json(made, former), "secret": secret, "former": _key_json(former, former)}
        return Response(answer, status=201)


class OneApiKey(Resource):
    """`/api-keys/{id}`"""

    scopes = {"GET": Scope.API_KEYS_READ, "DELETE": Scope.API_KEYS_WRITE}
    refusals = {"DELETE": ("scope_exceeded",)}

    @extend_schema(operation_id="get_api_key", responses=ApiKeySchema)
    def get(self, request: Request, api_key_id: str) -> Response:
        """One key."""
        return Response(_key_json(self.find(_known(self.api_key), api_key_id), self.api_key))

    @extend_schema(operation_id="revoke_api_key", responses={200: ApiKeySchema})
    def delete(self, request: Request, api_key_id: str) -> Response:
        """From now on it opens nothing; it stays on record. Your own key, and those with no more rights than it."""
        key = self.find(_known(self.api_key), api_key_id)
        api_keys.revoke(key, using=self.api_key)
        return Response(_key_json(key, self.api_key))


def _known(asking: ApiKey) -> QuerySet[ApiKey]:
    return ApiKey.objects.filter(book_id=asking.book_id).select_related("made_by", "made_with")


def _key_json(key: ApiKey, asking: ApiKey) -> dict[str, Any]:
    """As `ApiKeySchema` describes it."""
    return {
        "id": key.public_id,
        "label": key.label,
        "hint": key.hint,
        "live": key.live,
        "scopes": key.scopes,
        "state": key.state,
        "asking": key.pk == asking.pk,
        "created_at": key.created_at,
        "made_by": key.made_by.get_username() if key.made_by else None,
        "made_with": key.made_with.public_id if key.made_with else None,
        "last_used_at": key.last_used_at,
        "rotated_at": key.rotated_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
    }
