"""What prices what now, as a person asks it: each coin in each currency, by which rate, how old, and if not, why not.

Beside it how the public sources stand. An operator may leave one out, and let it in again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from cryptopay.backoffice.scoping import books_where, permission_to
from cryptopay.feeds import medians, needed
from cryptopay.feeds.agreeing import Agreement, Part
from cryptopay.feeds.models import Feed
from cryptopay.feeds.sources import SOURCES
from ledger import rates
from ledger.models import Book, Rate
from ledger.money import plain
from ledger.pairs import Pair
from ledger.readonly import url_of

MAY_SET = "ledger.add_rate"


@dataclass(frozen=True, slots=True)
class Priced:
    """One pair, and what there is to price it."""

    pair: Pair
    rate: Rate | None
    refusal: str
    parts: Sequence[Part]

    @property
    def price(self) -> str:
        return plain(self.rate.price) if self.rate else ""

    @property
    def whose(self) -> str:
        return "" if self.rate is None else "Platform" if self.rate.book_id is None else "Your own"

    @property
    def url(self) -> str:
        return url_of(self.rate) if self.rate else ""

    @property
    def used(self) -> int:
        return sum(part.used for part in self.parts)


@dataclass(frozen=True, slots=True)
class Standing:
    """One source of RATE_SOURCES."""

    name: str
    title: str
    feed: Feed | None

    @property
    def state(self) -> str:
        if self.feed is None:
            return "not asked yet"
        if self.feed.left_out_since:
            return "left out"
        return "failing" if self.feed.failures else "answers"


def page(request: HttpRequest) -> HttpResponse:
    """For one of the person's books; an operator without any sees the platform's rates."""
    if not admin.site._registry[Rate].has_view_permission(request):
        raise PermissionDenied
    books = list(books_where(request, permission_to("view", Rate)).order_by("name", "is_test", "pk"))
    asked = request.GET.get("book")
    book = next((book for book in books if str(book.pk) == asked), books[0] if books else None)
    now = timezone.now()
    context = {
        **admin.site.each_context(request),
        "title": "Rates",
        "books": books,
        "book": book,
        "rows": priced(book, now),
        "sources": standings(),
        "may_set": request.user.has_perm(MAY_SET),
        "is_operator": _is_operator(request),
    }
    return TemplateResponse(request, "backoffice/rates.html", context)


@require_http_methods(["POST"])
def leave_out(request: HttpRequest, name: str) -> HttpResponse:
    """Leave a source out, or let it in again: for the operator, who signs with the name."""
    if not _is_operator(request) or name not in SOURCES:
        raise PermissionDenied
    out = "in" not in request.POST
    Feed.objects.get_or_create(name=name, defaults={"next_at": timezone.now()})
    Feed.objects.filter(name=name).update(
        left_out_since=timezone.now() if out else None, left_out_by=request.user.get_username() if out else ""
    )
    return HttpResponseRedirect(reverse("admin:rates_now"))


def priced(book: Book | None, now: datetime) -> list[Priced]:
    """Every needed pair, what is refused first."""
    pairs = needed.pairs()
    firsts = rates.in_line(book.pk if book else None, pairs, now)
    agreed = medians.agreements(pairs, now)
    rows = [_priced(one, firsts.get(one.pair), now) for one in agreed]
    return sorted(rows, key=lambda row: (not row.refusal, row.pair))


def standings() -> list[Standing]:
    """How each source in use stands."""
    feeds = {feed.name: feed for feed in Feed.objects.all()}
    return [Standing(name, SOURCES[name].title, feeds.get(name)) for name in settings.RATE_SOURCES]


def _priced(agreed: Agreement, rate: Rate | None, now: datetime) -> Priced:
    refusal = rates.refused(rate, now) if rate else None
    why = f"{refusal}." if refusal else "" if rate else "no rate is known."
    why = why[:1].upper() + why[1:]
    if why and agreed.parts and agreed.why:
        why = f"{why} Now {agreed.why}."
    return Priced(agreed.pair, rate, why, agreed.parts)


def _is_operator(request: HttpRequest) -> bool:
    user: Any = request.user
    return bool(user.is_active and user.is_superuser)
