"""How each operation describes itself: its scope, the header of a POST, its examples, and how it refuses."""

import re
from http import HTTPStatus
from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent, force_instance
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from cryptopay.api import refusals
from cryptopay.api.authentication import ANY_KEY, PUBLIC
from cryptopay.api.errors import CONTENT_TYPE
from cryptopay.api.fields import Parameters, StrictSerializer


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
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    OpenApiParameter.HEADER,
    required=True,
    description="Any text of yours, e.g. a UUID. The same key again gives the same answer, for 24 hours.",
)
_FIRST_SENTENCE = re.compile(r"(.+?[^.])[.:](?:\s|$)", re.DOTALL)


class ScopedSchema(AutoSchema):
    """Says of each operation which scope its key needs, which header a POST needs, and all it may refuse with."""

    def get_summary(self) -> str:
        """The first sentence of what the operation does."""
        said = str(super().get_description() or "")
        found = _FIRST_SENTENCE.match(said)
        return " ".join((found[1] if found else said).split())

    def get_description(self) -> str:  # type: ignore[override]
        text: str = super().get_description() or ""
        return f"{text}\n\nScope: `{scope}`." if (scope := self._scope()) else text

    def get_auth(self) -> list[dict[str, list[str]]]:
        """With the scope as the role that is needed (OpenAPI 3.1, Security Requirement Object)."""
        scope = self._scope()
        roles = [scope] if scope and scope not in (PUBLIC, ANY_KEY) else []
        return [dict.fromkeys(asked, roles) for asked in super().get_auth()]

    def get_serializer_name(self, serializer: Any, direction: Literal["request", "response"]) -> str:
        return str(super().get_serializer_name(serializer, direction)).removesuffix("Schema")

    def get_tags(self) -> list[str]:
        return [self.path.split("/")[3]]

    def get_override_parameters(self) -> list[Any]:
        parameters = list(super().get_override_parameters())
        if self.method == "POST":
            parameters.append(IDEMPOTENCY_KEY)
        return parameters

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> dict[str, Any]:
        """What is read strictly takes no other names, and says so."""
        found: dict[str, Any] = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        return {**found, "additionalProperties": False} if isinstance(serializer, StrictSerializer) else found

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        for answer in bodies.values():
            answer["description"] = answer["description"] or "Done."
        return {**bodies, **{str(int(status)): self._refusal(status, codes) for status, codes in self._codes().items()}}

    def _refusal(self, status: HTTPStatus, codes: list[str]) -> dict[str, Any]:
        """Its codes, for people and for programs; what any operation may answer stands in one place."""
        answer = self._get_response_for_code(ProblemSchema, str(status), media_types=[CONTENT_TYPE])  # type: ignore[no-untyped-call]
        answer |= {"description": " ".join(f"`{code}`" for code in codes), "x-codes": codes}
        if codes != list(refusals.SHARED.get(status, ())):
            return dict(answer)
        name = status.phrase.title().replace(" ", "")
        shared = ResolvedComponent(name, ResolvedComponent.RESPONSE, answer, name)  # type: ignore[no-untyped-call]
        self.registry.register_on_missing(shared)
        return {"$ref": f"#/components/responses/{name}"}

    def _codes(self) -> refusals.Codes:
        if self.method == "GET":
            reader = getattr(self.view, "parameters", Parameters)()
        else:
            reader = force_instance(self.get_request_serializer()) if self.method in ("POST", "PATCH") else None  # type: ignore[no-untyped-call]
        return refusals.of(self.view, self.method, "{" in self.path, reader)

    def _scope(self) -> str | None:
        return getattr(self.view, "scopes", {}).get(self.method)
