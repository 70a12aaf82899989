"""`/periods`: how far the books are closed, and the signed packages of closed periods."""

from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from cryptopay.api.ledger_fields import RowId
from cryptopay.api.resource import NotFound, Resource
from cryptopay.merchants.models import ApiKey
from cryptopay.monthend import signing
from cryptopay.monthend.errors import PackageNotReady
from cryptopay.monthend.models import Package
from cryptopay.monthend.sending import download
from ledger.models import PeriodChange

Scope = ApiKey.Scope
SHOWN = 500
_ZIP = "application/zip"


class PeriodId(RowId):
    """Of a closing or reopening."""

    prefix = "per_"
    regex = prefix + "[1-9][0-9]{0,17}"


class PackageSchema(serializers.Serializer[Any]):
    """What an auditor is given."""

    size = serializers.IntegerField(help_text="Bytes.")
    sha256 = serializers.CharField(help_text="Of the zip.")
    public_key = serializers.CharField(help_text="Ed25519, in hex: of the key that signed its manifest.")
    made_at = serializers.DateTimeField()


class PeriodSchema(serializers.Serializer[Any]):
    """The books were closed through a day, or opened again."""

    id = serializers.CharField()
    closed_through = serializers.DateField(allow_null=True, help_text="Null: everything was opened again.")
    reason = serializers.CharField()
    asked_by = serializers.CharField()
    approved_by = serializers.CharField()
    recorded_at = serializers.DateTimeField()
    package = PackageSchema(allow_null=True, help_text="Null: it is not made yet, or there is none.")


class PeriodsSchema(serializers.Serializer[Any]):
    """Newest first, at most 500. The first says how far the books are closed now."""

    data = PeriodSchema(many=True)  # type: ignore[assignment]
    public_key_pem = serializers.CharField(help_text="With which this installation signs packages now.")


class Periods(Resource):
    """`/periods`"""

    scopes = {"GET": Scope.REPORTS_READ}

    @extend_schema(operation_id="list_periods", responses=PeriodsSchema)
    def get(self, request: Request) -> Response:
        """How far your books are closed, and every closing and reopening before."""
        changes = PeriodChange.objects.filter(book=self.book).select_related("package").order_by("-pk")[:SHOWN]
        return Response({"data": [_period(change) for change in changes], "public_key_pem": signing.public_pem()})


class PeriodPackage(Resource):
    """`/periods/{id}/package`"""

    scopes = {"GET": Scope.REPORTS_READ}
    refusals = {"GET": ("package_not_ready",)}

    @extend_schema(operation_id="get_period_package", responses={(200, _ZIP): OpenApiTypes.BINARY})
    def get(self, request: Request, period_id: int) -> StreamingHttpResponse:
        """The zip of a closed period: the journal in three formats, its chain of hashes, signed. `verify.sh` inside
        checks it with other people's programs."""
        change = PeriodChange.objects.filter(book=self.book, pk=period_id).select_related("package").first()
        if change is None:
            raise NotFound
        package: Package | None = getattr(change, "package", None)
        if package is None:
            raise PackageNotReady("there is no package of that period, or not yet")
        return download(package)


def _period(change: PeriodChange) -> dict[str, Any]:
    package: Package | None = getattr(change, "package", None)
    return {
        "id": PeriodId().to_url(change.pk),
        "closed_through": change.closed_through,
        "reason": change.reason,
        "asked_by": change.asked_by,
        "approved_by": change.approved_by,
        "recorded_at": change.recorded_at,
        "package": package
        and {
            "size": package.size,
            "sha256": package.sha256,
            "public_key": package.public_key,
            "made_at": package.made_at,
        },
    }
