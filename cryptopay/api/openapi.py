"""How each operation describes itself: its scope, the header of a POST, and how it refuses."""

from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from cryptopay.api.errors import CONTENT_TYPE


class ErrorSchema(serializers.Serializer[Any]):
    """One thing that is wrong."""

    code = serializers.CharField()
    detail = serializers.CharField()
    pointer = serializers.CharField(required=False, allow_blank=True, help_text="JSON Pointer into the body.")
    parameter = serializers.CharField(required=False, help_text="Of the query string.")


class ProblemSchema(serializers.Serializer[Any]):
    """Every refusal and every fault: RFC 9457."""

    type = serializers.CharField(help_text="urn:cryptopay:problem: and the code.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="For people; may change.")
    code = serializers.CharField(help_text="For programs; stays.")
    errors = ErrorSchema(many=True)  # type: ignore[assignment]
    request_id = serializers.CharField(help_text="Tell us this when you ask us about it.")


IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    required=True,
    description="Any text of yours, e.g. a UUID. The same key again gives the same answer, for 24 hours.",
)


class ScopedSchema(AutoSchema):
    """Says of each operation which scope its key needs, which header a POST needs, and how it refuses."""

    def get_description(self) -> str:  # type: ignore[override]
        scope = getattr(self.view, "scopes", {}).get(self.method)
        text: str = super().get_description() or ""
        return f"{text}\n\nScope: `{scope}`." if scope else text

    def get_serializer_name(self, serializer: Any, direction: Literal["request", "response"]) -> str:
        return str(super().get_serializer_name(serializer, direction)).removesuffix("Schema")

    def get_tags(self) -> list[str]:
        return [self.path.split("/")[3]]

    def get_override_parameters(self) -> list[Any]:
        parameters = list(super().get_override_parameters())
        if self.method == "POST":
            parameters.append(IDEMPOTENCY_KEY)
        return parameters

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        problem = self._get_response_for_code(ProblemSchema, "default", media_types=[CONTENT_TYPE])  # type: ignore[no-untyped-call]
        return {**bodies, "default": {**problem, "description": "A refusal or a fault."}}
