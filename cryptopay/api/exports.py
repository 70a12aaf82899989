"""`/reports/{name}/exports` and `/exports`: long reports are made in the background, and their files fetched."""

from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from cryptopay.api.fields import StrictSerializer
from cryptopay.api.idempotency import idempotent
from cryptopay.api.reports import REFUSALS, as_texts, printed_by, report_fields
from cryptopay.api.resource import Resource
from cryptopay.merchants.models import ApiKey
from reports import exporting
from reports.formats import FORMATS
from reports.models import Export
from reports.registry import REPORTS

Scope = ApiKey.Scope
FILE = "application/octet-stream"


class ExportBody(StrictSerializer):
    """In which form, and what else the report may be asked."""

    format = serializers.ChoiceField(list(FORMATS))

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), **report_fields()}


class ExportSchema(serializers.Serializer[Any]):
    """How far an export is."""

    id = serializers.CharField()
    report = serializers.CharField()
    format = serializers.ChoiceField(list(FORMATS))
    parameters = serializers.DictField(child=serializers.CharField(), help_text="As you asked.")
    file_name = serializers.CharField()
    state = serializers.ChoiceField(Export.State.values)
    rows = serializers.IntegerField(help_text="Read so far.")
    size_bytes = serializers.IntegerField()
    error_code = serializers.CharField(allow_null=True)
    error = serializers.CharField(allow_null=True)
    asked_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True, help_text="It is deleted then.")


class Exports(Resource):
    """`/reports/{name}/exports`"""

    scopes = {"POST": Scope.REPORTS_READ}
    refusals = {"POST": (*REFUSALS, "day_invalid", "unknown_parameter", "too_many_exports")}

    @extend_schema(operation_id="create_export", tags=["exports"], request=ExportBody, responses={202: ExportSchema})
    @idempotent
    def post(self, request: Request, report_name: str) -> Response:
        """Have a report made in the background, as of the moment its making begins. At most five at a time."""
        asked = self.body(ExportBody)
        report, texts, name = REPORTS[report_name], as_texts(asked), printed_by(self.api_key)
        export = exporting.ask(report, self.book, texts, asked["format"], _asker(self.api_key), name)
        export.refresh_from_db()
        return Response(export_json(export), status=202)


class OneExport(Resource):
    """`/exports/{id}`"""

    scopes = {"GET": Scope.REPORTS_READ}

    @extend_schema(operation_id="get_export", responses=ExportSchema)
    def get(self, request: Request, export_id: str) -> Response:
        """How far it is. Only the API key that asked for it finds it."""
        return Response(export_json(self.find(_own(self.api_key), export_id)))


class ExportFile(Resource):
    """`/exports/{id}/file`"""

    scopes = {"GET": Scope.REPORTS_READ}
    refusals = {"GET": ("export_not_ready",)}

    @extend_schema(operation_id="get_export_file", responses={(200, FILE): OpenApiTypes.BINARY})
    def get(self, request: Request, export_id: str) -> StreamingHttpResponse:
        """The file, once it is done."""
        export = self.find(_own(self.api_key), export_id)
        response = StreamingHttpResponse(exporting.content(export), content_type=FILE)
        response["Content-Disposition"] = f'attachment; filename="{export.file_name}"'
        return response


def export_json(export: Export) -> dict[str, Any]:
    """As `ExportSchema` describes it."""
    return {
        "id": export.public_id,
        "report": export.report,
        "format": export.form,
        "parameters": export.parameters,
        "file_name": export.file_name,
        "state": export.state,
        "rows": export.rows,
        "size_bytes": export.size_bytes,
        "error_code": export.error_code or None,
        "error": export.error or None,
        "asked_at": export.asked_at,
        "finished_at": export.finished_at,
        "expires_at": export.expires_at,
    }


def _asker(key: ApiKey) -> str:
    return f"key:{key.public_id}"


def _own(key: ApiKey) -> Any:
    return Export.objects.filter(asked_by=_asker(key))
