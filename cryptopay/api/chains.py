"""`/chains`: the networks this key can be paid on, and how far each has been read."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from cryptopay.api.authentication import ANY_KEY
from cryptopay.api.resource import Resource
from monitor import nodes, tokens
from monitor.chains import Chain
from monitor.models import Cursor
from monitor.standing import REASONS, State, standing
from monitor.tokens import Token


class TokenSchema(serializers.Serializer[Any]):
    """A token that is money here."""

    asset = serializers.CharField()
    contract = serializers.CharField()
    decimals = serializers.IntegerField()


class ChainSchema(serializers.Serializer[Any]):
    """One network."""

    chain = serializers.CharField()
    title = serializers.CharField()
    asset = serializers.CharField()
    decimals = serializers.IntegerField()
    tokens = TokenSchema(many=True)
    height = serializers.IntegerField(allow_null=True, help_text="The last block taken in.")
    node_height = serializers.IntegerField(allow_null=True)
    state = serializers.ChoiceField(choices=[state.value for state in State])
    since = serializers.DateTimeField(allow_null=True, help_text="Since when it is not being read.")
    reason = serializers.ChoiceField(choices=["", *REASONS], help_text="Why it is not; empty while it is being read.")
    failing_since = serializers.DateTimeField(allow_null=True)
    halted = serializers.BooleanField(help_text="A person must look at it before it is read on.")


class ChainsSchema(serializers.Serializer[Any]):
    """All of them."""

    data = ChainSchema(many=True)  # type: ignore[assignment]


class Chains(Resource):
    """`/chains`"""

    scopes = {"GET": ANY_KEY}

    @extend_schema(operation_id="list_chains", responses=ChainsSchema)
    def get(self, request: Request) -> Response:
        """Chains without real money for a test key, those with real money for a live key."""
        cursors = {cursor.chain_code: cursor for cursor in Cursor.objects.all()}
        shown = [chain for chain in nodes.switched_on() if chain.live == self.api_key.live]
        let_in = tokens.enabled([chain.code for chain in shown if chain.has_tokens])
        rows = [_chain_json(chain, cursors.get(chain.code), let_in) for chain in shown]
        return Response({"data": rows})


def _chain_json(chain: Chain, cursor: Cursor | None, let_in: list[Token]) -> dict[str, Any]:
    now = standing(cursor)
    return {
        "chain": chain.code,
        "title": chain.title,
        "asset": chain.native.code,
        "decimals": chain.native.decimals,
        "tokens": [
            {"asset": token.code, "contract": token.contract, "decimals": token.decimals}
            for token in let_in
            if token.chain_code == chain.code
        ],
        "height": cursor.height if cursor else None,
        "node_height": cursor.node_height if cursor else None,
        "state": now.state,
        "since": now.since,
        "reason": now.reason,
        "failing_since": cursor.failing_since if cursor else None,
        "halted": bool(cursor and cursor.halted_at),
    }
