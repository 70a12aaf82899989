"""`/health`: for a load balancer and a watchman. 200 while the database answers and every chain is being read."""

from collections.abc import Iterator
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from cryptopay.api.authentication import PUBLIC
from cryptopay.api.errors import CONTENT_TYPE
from cryptopay.api.problems import problem
from cryptopay.api.resource import Resource
from monitor import nodes
from monitor.models import Cursor
from monitor.standing import State, standing

_NOT_READ = [f"chain_{state}" for state in State if state not in (State.READING, State.CATCHING_UP)]


class HealthSchema(serializers.Serializer[Any]):
    """All is well."""

    status = serializers.CharField()


class Health(Resource):
    """`/health`"""

    authentication_classes = []
    scopes = {"GET": PUBLIC}
    refusals = {"GET": ("unhealthy", *_NOT_READ)}

    @extend_schema(operation_id="get_health", responses={200: HealthSchema, 503: None}, auth=[])
    def get(self, request: Request) -> Response:
        """Whether every chain is being read. If not: 503, with `errors` that tell no outsider where our nodes are."""
        errors = list(_unread_chains())
        if not errors:
            return Response({"status": "ok"})
        body = problem(503, "unhealthy", "Not every chain is being read.", errors)
        return Response(body, status=503, content_type=CONTENT_TYPE)


def _unread_chains() -> Iterator[dict[str, str]]:
    """The query itself shows that the database answers."""
    cursors = {cursor.chain_code: cursor for cursor in Cursor.objects.all()}
    for chain in nodes.switched_on():
        now = standing(cursors.get(chain.code))
        if not now.is_read:
            since = f" since {now.since:%Y-%m-%d %H:%M} UTC" if now.since else ""
            yield {
                "code": f"chain_{now.state}",
                "detail": f"{chain.title} is not being read{since}: {now.why}.",
                "pointer": "",
            }
