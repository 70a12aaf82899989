"""What the payment page may load, and who may show it inside a page of their own: origins the merchant named, no other.

It sets no cookie and needs none, so it works inside another site's page, where browsers withhold them.
"""

from collections.abc import Sequence

from csp.constants import NONE, SELF
from django.http import HttpRequest, HttpResponse


def guard(response: HttpResponse, origins: Sequence[str] = ()) -> None:
    """Stricter than the rest of the installation: own scripts, own styles, own answers, and nothing else."""
    policy = {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "object-src": None,
        "frame-ancestors": list(origins) or [NONE],
    }
    response._csp_replace = policy  # type: ignore[attr-defined]  # as django-csp's own decorators do
    # The older header knows no list of origins; browsers that know the newer one heed that alone.
    response.xframe_options_exempt = bool(origins)


def embedder(request: HttpRequest, origins: Sequence[str]) -> str:
    """The page around this one, as its script names it; empty: none, or none of the merchant's."""
    origin = request.GET.get("embed", "")
    return origin if origin in origins else ""


def comes_from_elsewhere(request: HttpRequest) -> bool:
    """Whether another site's page sent this form. Browsers say so themselves; where scripts ask, there is no browser.

    There is no session that such a form could abuse; it could only use up addresses.
    """
    return request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none")
