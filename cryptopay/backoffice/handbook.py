"""The handbook: the pages of `docs/`, as they stand, read in the back office; each page of it leads to its chapter."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify
from markdown_it import MarkdownIt
from markdown_it.token import Token

PAGES = (
    "accountant",
    "valuation",
    "merchant",
    "integrator",
    "events",
    "keys",
    "finality",
    "rounding",
    "reconciliation",
)
"""For those who work here; what is for operators and engineers alone stays in the repository."""
CHAPTERS: Mapping[str, str] = {
    "ledger_account_explain": "accountant#why-is-this-balance-what-it-is",
    "ledger_account": "accountant#accounts",
    "ledger_journalentry_enter": "accountant#entries-by-hand",
    "ledger_journalentry": "accountant#journal-and-ledger",
    "ledger_proposal": "accountant#entries-by-hand",
    "ledger_periodchange": "accountant#closing-the-month",
    "closing": "accountant#closing-the-month",
    "import": "accountant#import",
    "reconciliation": "accountant#reconciliation",
    "monthend_case": "accountant#reconciliation",
    "ledger_book": "accountant#entries-by-hand",
    "ledger_rate": "accountant#accounts",
    "rates_now": "accountant#accounts",
    "report": "accountant#reports",
    "exports": "accountant#reports",
    "payments_unassignedreceipt": "accountant#accounts",
    "payments_invoice": "accountant#a-sale-entry-by-entry",
    "keys_": "keys",
    "webhooks_": "integrator",
    "merchants_": "merchant#your-team",
    "changes": "merchant#who-changed-what",
}
"""Beginning of an address's name -> page and section; the first that fits."""
_DOCS: Path = settings.BASE_DIR / "docs"
_ELSEWHERE = re.compile(r"^([a-z]+)\.md(#.*)?$")
_PICTURE = re.compile(r"^images/([a-z-]+)\.png$")


@dataclass(frozen=True, slots=True)
class Rendered:
    """A page; `sections` are the anchors and titles of its parts."""

    title: str
    html: SafeString
    sections: Sequence[tuple[str, str]]


def chapter(request: HttpRequest) -> str:
    """Where somebody who does not understand this page reads on."""
    match = request.resolver_match
    name = match.url_name or "" if match else ""
    page, _, section = next((to for begin, to in CHAPTERS.items() if name.startswith(begin)), PAGES[0]).partition("#")
    return reverse("admin:handbook", args=[page]) + (f"#{section}" if section else "")


def page(request: HttpRequest, name: str) -> HttpResponse:
    """One page of the handbook."""
    if name not in PAGES:
        raise Http404
    read = rendered(name)
    context: dict[str, Any] = {**admin.site.each_context(request), "title": read.title, "page": read}
    context["others"] = [(reverse("admin:handbook", args=[each]), rendered(each).title) for each in PAGES]
    return TemplateResponse(request, "backoffice/handbook.html", context)


def picture(request: HttpRequest, name: str) -> HttpResponse:
    """A picture of the handbook."""
    found = _DOCS / "images" / f"{name}.png"
    if not found.is_file():
        raise Http404
    return HttpResponse(found.read_bytes(), content_type="image/png")


@lru_cache
def rendered(name: str) -> Rendered:
    """Read once: the pages are part of the program. Markup in them is shown as text."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = reader.parse((_DOCS / f"{name}.md").read_text())
    headings = [
        (token, tokens[place + 1].content) for place, token in enumerate(tokens) if token.type == "heading_open"
    ]
    for heading, words in headings:
        heading.attrSet("id", slugify(words))
    for token in tokens:
        for part in token.children or []:
            _lead(part)
    title = next(words for heading, words in headings if heading.tag == "h1")
    body = tokens[3:] if tokens[0].type == "heading_open" else tokens
    html = mark_safe(reader.renderer.render(body, reader.options, {}))  # noqa: S308 - of our own files, markup off
    sections = [(slugify(words), words) for heading, words in headings if heading.tag == "h2"]
    return Rendered(title, html, sections)


def _lead(part: Token) -> None:
    """Links between pages lead to pages here, or, to those that are not here, nowhere."""
    if part.type == "image" and (found := _PICTURE.match(str(part.attrGet("src")))):
        part.attrSet("src", reverse("admin:handbook_picture", args=[found[1]]))
    if part.type != "link_open" or not (other := _ELSEWHERE.match(str(part.attrGet("href")))):
        return
    if other[1] in PAGES:
        part.attrSet("href", reverse("admin:handbook", args=[other[1]]) + (other[2] or ""))
    else:
        del part.attrs["href"]
