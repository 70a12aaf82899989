"""A secret that a person gets to see exactly once: in the answer to their request, and stored nowhere on the way."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse


def shown_once(page: Any, request: HttpRequest, secret: str, title: str, explanation: str) -> HttpResponse:
    """Not a redirect with a message: messages wait in cookies or sessions. `page` is the admin page it came from."""
    options = page.model._meta
    context = {
        **page.admin_site.each_context(request),
        "title": title,
        "explanation": explanation,
        "secret": secret,
        "back": reverse(f"admin:{options.app_label}_{options.model_name}_changelist"),
    }
    return TemplateResponse(request, "merchants/secret.html", context, headers={"Cache-Control": "no-store"})
