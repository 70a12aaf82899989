"""`/reports`: what accountants read, for programs; every form comes from the same rows as the back office's pages."""

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar

from django.http import StreamingHttpResponse
from django.urls.converters import StringConverter
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from cryptopay.api.fields import Parameters, TextField
from cryptopay.api.ledger_fields import DayField
from cryptopay.api.resource import Resource
from cryptopay.merchants.models import ApiKey
from reports.formats import FORMATS, Format, form_of, forms_of
from reports.parameters import Choice, Parameter, Year
from reports.registry import REPORTS
from reports.report import Report, Sheet
from reports.sending import answer

Scope = ApiKey.Scope
_JSON = "json"
_LONGEST_TEXT = 300
REFUSALS = (
    "parameter_missing",
    "year_invalid",
    "period_invalid",
    "account_unknown",
    "account_ambiguous",
    "asset_unknown",
    "customer_unknown",
    "choice_invalid",
    "threshold_invalid",
    "entries_unpriced",
    "format_unavailable",
    "entry_too_long",
    "report_too_long",
)


class ReportName(StringConverter):
    """The name of a report there is."""

    regex = "|".join(REPORTS)


def _parameters() -> dict[str, Parameter[Any]]:
    """Of all reports together, by name."""
    return {parameter.name: parameter for report in REPORTS.values() for parameter in report.parameters}


def report_fields() -> dict[str, Any]:
    """What any of them may be asked."""
    return {name: _field(parameter) for name, parameter in _parameters().items()}


def _field(parameter: Parameter[Any]) -> serializers.Field[Any, Any, Any, Any]:
    about = f"{parameter.about} Of: {', '.join(_asking_for(parameter))}."
    if parameter.control == "date":
        return DayField(required=False, help_text=about)
    length = len("2026") if isinstance(parameter, Year) else _LONGEST_TEXT
    return TextField(max_length=length, required=False, help_text=about)


def _asking_for(parameter: Parameter[Any]) -> list[str]:
    return [report.name for report in REPORTS.values() if parameter.name in {one.name for one in report.parameters}]


class ReportParameters(Parameters):
    """Whatever any report may be asked; one that a report does not ask for is refused."""

    format = serializers.ChoiceField(list(FORMATS), required=False, help_text="Else as `Accept` says.")

    def get_fields(self) -> dict[str, Any]:
        return {**report_fields(), **super().get_fields()}


class ReportParameterSchema(serializers.Serializer[Any]):
    """What may be asked of a report."""

    name = serializers.CharField()
    about = serializers.CharField()
    required = serializers.BooleanField()  # type: ignore[assignment]
    choices = serializers.ListField(child=serializers.CharField(), help_text="Empty: any text of its kind.")


class ReportAboutSchema(serializers.Serializer[Any]):
    """A report there is."""

    name = serializers.CharField()
    title = serializers.CharField()
    section = serializers.CharField(help_text="What it belongs to.")
    about = serializers.CharField()
    columns = serializers.ListField(child=serializers.CharField(), help_text="As its rows name them.")
    formats = serializers.ListField(child=serializers.CharField())
    parameters = ReportParameterSchema(many=True)


class ReportsSchema(serializers.Serializer[Any]):
    """All of them."""

    data = ReportAboutSchema(many=True)  # type: ignore[assignment]


@extend_schema_field(
    {
        "oneOf": [
            {"type": ["string", "integer", "null"]},
            {
                "type": "object",
                "properties": {
                    "amount": {"type": "string", "format": "decimal"},
                    "base_units": {"type": "string", "format": "base-units"},
                    "asset": {"type": "string"},
                },
                "required": ["amount", "base_units", "asset"],
            },
        ]
    }
)
class CellField(serializers.JSONField):
    """A text, a whole number, a day, a moment, an amount, or nothing."""


class ReportSchema(serializers.Serializer[Any]):
    """A report's rows, and apart from them those that sum others. Amounts are {amount, base_units, asset}, all texts;
    the asset may be a currency."""

    name = serializers.CharField()
    title = serializers.CharField()
    parameters = serializers.DictField(child=serializers.CharField(allow_null=True), help_text="As you asked.")
    columns = serializers.ListField(child=serializers.CharField())
    data = serializers.ListField(child=serializers.DictField(child=CellField()))  # type: ignore[assignment]
    totals = serializers.ListField(child=serializers.DictField(child=CellField()))


_BODIES: Mapping[str, Any] = {_JSON: ReportSchema, "csv": OpenApiTypes.STR}
"""By format; the others are files."""


def media(form: Format) -> str:
    """Without its character set."""
    return form.media_type.partition(";")[0]


class Reports(Resource):
    """`/reports`"""

    scopes = {"GET": Scope.REPORTS_READ}

    @extend_schema(operation_id="list_reports", responses=ReportsSchema)
    def get(self, request: Request) -> Response:
        """The reports there are, and what each may be asked."""
        return Response({"data": [_about(report) for report in REPORTS.values()]})


class OneReport(Resource):
    """`/reports/{name}`"""

    scopes = {"GET": Scope.REPORTS_READ}
    refusals = {"GET": REFUSALS}
    parameters: ClassVar[type[ReportParameters]] = ReportParameters
    one_moment = True

    @extend_schema(
        operation_id="get_report",
        parameters=[ReportParameters],
        responses={(200, media(form)): _BODIES.get(name, OpenApiTypes.BINARY) for name, form in FORMATS.items()},
    )
    def get(self, request: Request, report_name: str) -> StreamingHttpResponse:
        """A report of your book, as JSON, CSV, XLSX or PDF. What a spreadsheet would run as a formula is disarmed.

        All its rows are read as of one moment. CSV and JSON are sent as they are read, however many rows there are; a
        PDF has 20,000 at most. What takes long is better asked for as an export.
        """
        report = REPORTS[report_name]
        form = self._form(request, report)
        asked = report.read(self.book, as_texts(self.query))
        sheet = Sheet(report, asked, printed_by(self.api_key), timezone.now())
        response = answer(sheet, form, as_file=form.name != _JSON)
        response["Vary"] = "Accept"
        return response

    def _form(self, request: Request, report: Report) -> Format:
        if "format" in self.query:
            return form_of(report, self.query["format"])
        by_type = {media(form): form for form in FORMATS.values() if not form.of}
        preferred = request.get_preferred_type([media(FORMATS[_JSON]), *by_type])
        return by_type.get(preferred or "", FORMATS[_JSON])


def as_texts(query: Mapping[str, Any]) -> dict[str, str]:
    """The parameters as they were sent; the report reads them."""
    texts = {name: value for name, value in query.items() if name != "format"}
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in texts.items()}


def printed_by(key: ApiKey) -> str:
    """Who asked, as it stands on the report."""
    return f"API key {key}"


def _about(report: Report) -> dict[str, Any]:
    return {
        "name": report.name,
        "title": report.title,
        "section": report.section,
        "about": " ".join(report.about.split()),
        "columns": [column.key for column in report.columns],
        "formats": [form.name for form in forms_of(report)],
        "parameters": [_parameter(parameter) for parameter in report.parameters],
    }


def _parameter(parameter: Parameter[Any]) -> dict[str, Any]:
    choices = list(parameter.options) if isinstance(parameter, Choice) else []
    return {"name": parameter.name, "about": parameter.about, "required": parameter.required, "choices": choices}
