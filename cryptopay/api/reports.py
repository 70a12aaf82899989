"""`/reports`: what accountants read, for programs. JSON and CSV come from the same rows as the back office's pages."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any, ClassVar

from django.http import StreamingHttpResponse
from django.urls.converters import StringConverter
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from cryptopay.api.fields import Parameters
from cryptopay.api.ledger_fields import DayField
from cryptopay.api.resource import Resource
from cryptopay.merchants.models import ApiKey
from ledger.models import Book
from reports.cells import Cell, Money, csv_lines
from reports.registry import REPORTS, Report

Scope = ApiKey.Scope
_CSV, _JSON = "text/csv", "application/json"
_MEDIA = {"csv": _CSV, "json": _JSON}
_ROWS_A_PIECE = 200


class ReportName(StringConverter):
    """The name of a report there is."""

    regex = "|".join(REPORTS)


class ReportParameters(Parameters):
    """Of every report."""

    until = DayField(required=False, help_text="By the end of that day (UTC); now, where it is not said.")
    format = serializers.ChoiceField(list(_MEDIA), required=False, help_text="Else as `Accept` says.")


class ReportParameterSchema(serializers.Serializer[Any]):
    """What may be asked of a report."""

    name = serializers.CharField()
    about = serializers.CharField()


class ReportAboutSchema(serializers.Serializer[Any]):
    """A report there is."""

    name = serializers.CharField()
    title = serializers.CharField()
    about = serializers.CharField()
    columns = serializers.ListField(child=serializers.CharField(), help_text="As its rows name them.")
    parameters = ReportParameterSchema(many=True)


class ReportsSchema(serializers.Serializer[Any]):
    """All of them."""

    data = ReportAboutSchema(many=True)  # type: ignore[assignment]


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string"},
            {
                "type": "object",
                "properties": {
                    "amount": {"type": "string", "format": "decimal"},
                    "base_units": {"type": "string", "format": "base-units"},
                },
                "required": ["amount", "base_units"],
            },
        ]
    }
)
class CellField(serializers.JSONField):
    """A text, a day, or an amount."""


class ReportSchema(serializers.Serializer[Any]):
    """A report's rows. Amounts are {amount, base_units}, both as strings; the row's `asset` says of what."""

    name = serializers.CharField()
    title = serializers.CharField()
    until = serializers.DateField(allow_null=True)
    columns = serializers.ListField(child=serializers.CharField())
    data = serializers.ListField(child=serializers.DictField(child=CellField()))  # type: ignore[assignment]


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
    parameters: ClassVar[type[ReportParameters]] = ReportParameters

    @extend_schema(
        operation_id="get_report",
        parameters=[ReportParameters],
        responses={(200, _JSON): ReportSchema, (200, _CSV): OpenApiTypes.STR},
    )
    def get(self, request: Request, report_name: str) -> StreamingHttpResponse:
        """A report of your book, as JSON or as CSV. Texts that a spreadsheet would run as formulas are disarmed in CSV.

        All its rows are read at once, in the one moment the request sees; they are written as they are sent.
        """
        report, until = REPORTS[report_name], self.query.get("until")
        rows = report.rows(Book.objects.filter(pk=self.api_key.book_id), until)
        if self._media(request) == _CSV:
            return _answer(csv_lines(report.columns, rows), f"{_CSV}; charset=utf-8", _file_name(report, until))
        return _answer(_json(report, rows, until), _JSON)

    def _media(self, request: Request) -> str:
        if "format" in self.query:
            return _MEDIA[self.query["format"]]
        return request.get_preferred_type([_JSON, _CSV]) or _JSON


def _about(report: Report) -> dict[str, Any]:
    fields = ReportParameters().fields
    return {
        "name": report.name,
        "title": report.title,
        "about": " ".join(report.about.split()),
        "columns": _keys(report),
        "parameters": [{"name": name, "about": field.help_text or ""} for name, field in fields.items()],
    }


def _keys(report: Report) -> list[str]:
    return [column.lower().replace(" ", "_") for column in report.columns]


def _answer(pieces: Iterable[str], content_type: str, file_name: str = "") -> StreamingHttpResponse:
    answer = StreamingHttpResponse(_gathered(pieces), content_type=content_type)
    answer["Vary"] = "Accept"
    if file_name:
        answer["Content-Disposition"] = f'attachment; filename="{file_name}"'
    return answer


def _gathered(pieces: Iterable[str]) -> Iterator[str]:
    """Some hundred rows at a time: one by one, each would be a packet of its own."""
    gathered: list[str] = []
    for piece in pieces:
        gathered.append(piece)
        if len(gathered) == _ROWS_A_PIECE:
            yield "".join(gathered)
            gathered.clear()
    yield "".join(gathered)


def _json(report: Report, rows: Iterable[Sequence[Cell]], until: date | None) -> Iterator[str]:
    keys = _keys(report)
    head = {"name": report.name, "title": report.title, "until": until and until.isoformat(), "columns": keys}
    yield json.dumps(head)[:-1] + ', "data": ['
    for number, row in enumerate(rows):
        told = {key: _cell(cell) for key, cell in zip(keys, row, strict=True)}
        yield ("," if number else "") + json.dumps(told)
    yield "]}"


def _cell(cell: Cell) -> str | dict[str, str]:
    if isinstance(cell, Money):
        return {"amount": str(cell), "base_units": str(cell.base_units)}
    return cell.isoformat() if isinstance(cell, date) else str(cell)


def _file_name(report: Report, until: date | None) -> str:
    return f"{report.name}{f'-{until}' if until else ''}.csv"
