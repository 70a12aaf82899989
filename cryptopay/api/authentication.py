"""Who asks: one API key, in one header. What it may: the scope each view declares for each method."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from cryptopay.api.errors import Problem
from cryptopay.merchants import api_keys
from cryptopay.merchants.models import ApiKey

if TYPE_CHECKING:
    from rest_framework.views import APIView  # which itself imports this module, named in the settings

PUBLIC: Final = "public"
"""A view that declares this for a method answers without a key."""
ANY_KEY: Final = "any key"
"""A view that declares this for a method answers to every valid key, whatever its scopes."""

_SCHEME = "bearer"


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer sk_...`. `request.auth` is the key; a program has no user."""

    def authenticate(self, request: Request) -> tuple[None, ApiKey] | None:
        scheme, _, secret = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if not scheme:
            return None
        key = api_keys.authenticate(secret.strip()) if scheme.lower() == _SCHEME else None
        if key is None:
            raise _refusal(api_keys.why_ended(secret.strip()) if scheme.lower() == _SCHEME else None)
        return None, key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="CryptoPay"'


def _refusal(ended: str | None) -> exceptions.AuthenticationFailed:
    """Said clearly to whoever has the secret; of what never was a key, nothing is told."""
    words = {"revoked": "was revoked", "expired": "has expired"}.get(ended or "", "is not valid")
    return exceptions.AuthenticationFailed(f"This API key {words}.", f"api_key_{ended or 'invalid'}")


class HasScope(BasePermission):
    """The key has the scope that `view.scopes` names for the method. A method without an entry is refused."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        scopes: Mapping[str, str] = getattr(view, "scopes", {})
        method = "GET" if request.method == "HEAD" else request.method or ""
        if method not in view.allowed_methods:
            raise exceptions.MethodNotAllowed(method)
        needed = scopes.get(method)
        if needed == PUBLIC:
            return True
        key: ApiKey | None = request.auth  # type: ignore[assignment]  # the stubs think of DRF's own tokens
        if key is None:
            raise exceptions.NotAuthenticated("Send an API key: Authorization: Bearer sk_...", "api_key_missing")
        if needed is None or (needed != ANY_KEY and needed not in key.scopes):
            raise Problem(403, "scope_missing", f"This API key lacks the scope {needed or 'for this method'}.")
        return True
