"""The search of every page: one row that answers is opened at once, several are listed by kind."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.html import strip_tags
from django.utils.safestring import SafeString
from unfold.dataclasses import SearchResult

from cryptopay.backoffice.needs.need import may_see, page
from cryptopay.backoffice.scoping import book_ids_where, permission_to
from cryptopay.backoffice.searching.lookups import KINDS, NEWEST, OF_AN_AMOUNT, Hit, Kind
from cryptopay.backoffice.searching.term import Term, read
from ledger.together import fetched

SHOWN = 20
"""Rows of a kind."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found of one kind; `more` rows are left out."""

    kind: Kind
    hits: Sequence[Hit]
    more: int = 0

    @property
    def lines(self) -> list[tuple[str, object, object]]:
        return [(page(hit.row), hit.title, hit.standing) for hit in self.hits]


def answer(request: HttpRequest) -> HttpResponse:
    """`q` as it was typed. `s` is what the command palette sends while somebody types."""
    palette = "s" in request.GET
    typed = request.GET.get("s" if palette else "q", "")
    term = read(typed)
    found = search(request, term) if term else []
    if palette:
        return _suggested(request, found)
    only = the_one(found)
    if only is not None:
        return HttpResponseRedirect(page(only.row))
    context: dict[str, Any] = {**admin.site.each_context(request), "title": "Search", "found": found}
    context |= {
        "typed": typed.strip(),
        "newest": NEWEST,
        "kinds": [kind for kind in KINDS if may_see(request, kind.model)],
    }
    return TemplateResponse(request, "backoffice/search.html", context)


def search(request: HttpRequest, term: Term) -> list[Found]:
    """By kind, of the person's books. By its amount only what nothing is named by."""
    return _among(KINDS, request, term) or (_among(OF_AN_AMOUNT, request, term) if term.amount else [])


def the_one(found: Sequence[Found]) -> Hit | None:
    """The row a person means: the only one of those that lead, or, if none does, the only one."""
    leading = [hit for each in found if each.kind.leads for hit in each.hits]
    every = leading or [hit for each in found for hit in each.hits]
    return every[0] if len(every) == 1 else None


def _among(kinds: Sequence[Kind], request: HttpRequest, term: Term) -> list[Found]:
    """Two statements, whatever the number of kinds: which rows, and those that are shown of them."""
    asked = [(kind, book_ids_where(request, permission_to("view", kind.model))) for kind in kinds]
    asked = [(kind, books) for kind, books in asked if may_see(request, kind.model)]
    keys = [sorted(found, reverse=True) for found in fetched(*(kind.keys(term, books) for kind, books in asked))]
    shown = [kind.rows(newest[:SHOWN], books) for (kind, books), newest in zip(asked, keys, strict=True)]
    return [
        Found(kind, [kind.hit(row) for row in rows], max(len(newest) - SHOWN, 0))
        for (kind, _), newest, rows in zip(asked, keys, fetched(*shown), strict=True)
        if rows
    ]


def _suggested(request: HttpRequest, found: Sequence[Found]) -> HttpResponse:
    results = [
        SearchResult(
            _plain(title),
            f"{each.kind.title}: {_plain(standing)}" if standing else each.kind.title,
            url,
            each.kind.icon,
        )
        for each in found
        for url, title, standing in each.lines
    ]
    listed = Paginator(results, max(len(results), 1))
    template = (
        "unfold/helpers/command_results.html" if "extended" in request.GET else "unfold/helpers/search_results.html"
    )
    context = {"page_obj": listed, "results": listed.page(1), "page_counter": 0, "execution_time": 0}
    return TemplateResponse(request, template, context, headers={"HX-Trigger": "search"})


def _plain(said: object) -> str:
    """The theme puts it into an attribute, where no markup may stand, not even ours."""
    return strip_tags(said) if isinstance(said, SafeString) else str(said)
