"""`/health`: for a load balancer and a watchman. 200 while the database answers and every chain is being read."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from cryptopay.api.authentication import PUBLIC
from cryptopay.api.errors import CONTENT_TYPE
from cryptopay.api.problems import problem
from cryptopay.api.resource import Resource
from monitor import nodes
from monitor.chains import Chain
from monitor.models import Cursor

PATIENCE = timedelta(seconds=60)
"""Beyond a chain's own interval of polling."""


class HealthSchema(serializers.Serializer[Any]):
    """All is well."""

    status = serializers.CharField()


class Health(Resource):
    """`/health`"""

    authentication_classes = []
    scopes = {"GET": PUBLIC}

    @extend_schema(operation_id="get_health", responses={200: HealthSchema, 503: None}, auth=[])
    def get(self, request: Request) -> Response:
        """503 where something is wrong: `errors` says what, without telling an outsider why."""
        errors = list(_unread_chains())
        if not errors:
            return Response({"status": "ok"})
        body = problem(503, "unhealthy", "Not every chain is being read.", errors)
        return Response(body, status=503, content_type=CONTENT_TYPE)


def _unread_chains() -> Iterator[dict[str, str]]:
    """The query itself shows that the database answers."""
    cursors = {cursor.chain_code: cursor for cursor in Cursor.objects.all()}
    for chain in nodes.switched_on():
        if not _is_read(chain, cursors.get(chain.code)):
            yield {"code": "chain_not_read", "detail": f"{chain.title} is not being read.", "pointer": ""}


def _is_read(chain: Chain, cursor: Cursor | None) -> bool:
    if cursor is None or cursor.checked_at is None or cursor.halted_at or cursor.failing_since:
        return False
    return timezone.now() - cursor.checked_at <= PATIENCE + timedelta(seconds=chain.poll_seconds)
