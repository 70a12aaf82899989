"""The OpenAPI 3.1 description at `/api/schema`, and the page at `/api/docs` that shows it without another host."""

from typing import Any

from csp.decorators import csp_update
from django.utils.decorators import method_decorator
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema describes the header."""

    target_class = "cryptopay.api.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key: `sk_test_...` for test money, `sk_live_...` for real money.",
        }


class Schema(SpectacularJSONAPIView):
    """`/api/schema`"""

    schema = None
    metadata_class = None


@method_decorator(csp_update({"style-src": ["'self'", "'unsafe-inline'"]}), name="dispatch")
class Docs(SpectacularSwaggerSplitView):
    """`/api/docs`. The page sets styles from its script; it runs no inline script."""

    schema = None
    metadata_class = None
    url_name = "schema"
