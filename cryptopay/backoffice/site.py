"""The admin site. Each room registers its pages on plain `admin.site`; what holds for all of them is said here."""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from allauth.account.decorators import secure_admin_login
from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.decorators import csp_update
from django.db.models import Model
from django.db.models.base import ModelBase
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, URLResolver, path
from unfold.admin import ModelAdmin
from unfold.sites import UnfoldAdminSite

from cryptopay.backoffice import changes, exports, feequeues, handbook, pricing, reconciliation, reporting
from cryptopay.backoffice.scoping import scoped, within_own_books
from cryptopay.backoffice.searching import page as searching
from cryptopay.merchants import second_factor

THEME_POLICY = {
    # Alpine, which opens the theme's menus and filters, evaluates the expressions in its attributes.
    "script-src": [SELF, UNSAFE_EVAL],
    # The one sheet that the theme's htmx writes into a page, by its hash.
    "style-src": [SELF, "'sha256-bsV5JivYxvGywDAZ22EZJKBFip65Ng9xoJVLbBg7bdo='"],
    # The theme sizes bars and menus in style attributes; whole inline style sheets stay refused.
    "style-src-attr": [UNSAFE_INLINE],
}
"""What the theme needs beyond the installation's policy. The rest of the installation does without."""


class BackofficeSite(UnfoldAdminSite):  # type: ignore[misc]  # the theme is untyped
    """The back office: for staff alone, each member sees their own books, and pages load nothing but our own files."""

    site_header = site_title = "CryptoPay"
    index_title = "Today"
    index_template = "backoffice/today.html"
    enable_nav_sidebar = True

    def register(
        self,
        model_or_iterable: type[Model] | Iterable[type[Model]],
        admin_class: type[Any] | None = None,
        **options: Any,
    ) -> None:
        """Registers, limited to the books of whoever looks."""
        models = [model_or_iterable] if isinstance(model_or_iterable, ModelBase) else model_or_iterable
        page: type[Any] = admin_class or ModelAdmin
        super().register(models, scoped(page), **options)

    def extra_urls(self) -> list[URLPattern]:
        from cryptopay.backoffice import (  # it uses what `ledger.admin` shares, which registers on this site
            closing,
            importing,
        )

        return [
            path("changes/", self.admin_view(changes.page), name="changes"),
            path("closing/", self.admin_view(closing.page), name="closing"),
            path("import/", self.admin_view(importing.page), name="import"),
            path("fee-queues/", self.admin_view(feequeues.page), name="fee_queues"),
            path("handbook/<slug:name>/", self.admin_view(handbook.page), name="handbook"),
            path("handbook/images/<slug:name>.png", self.admin_view(handbook.picture), name="handbook_picture"),
            path("rates/", self.admin_view(pricing.page), name="rates_now"),
            path("rates/sources/<slug:name>/", self.admin_view(pricing.leave_out), name="rate_source"),
            path("reconciliation/", self.admin_view(reconciliation.page), name="reconciliation"),
            path("exports/", self.admin_view(exports.page), name="exports"),
            path("reports/", self.admin_view(reporting.overview), name="reports"),
            path("reports/<slug:name>/", self.admin_view(reporting.report), name="report"),
        ]

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """Without the shortcut that looks any object up by its id alone."""
        return [url for url in super().get_urls() if getattr(url, "name", "") != "view_on_site"]

    def extra_context(self, context: dict[str, Any], request: HttpRequest) -> dict[str, Any]:
        """The theme would write its colours into the page; ours stand in `style.css`. Every page has its chapter."""
        return {**context, "colors": None, "help_link": handbook.chapter(request)}

    def admin_view(self, view: Callable[..., HttpResponse], cacheable: bool = False) -> Callable[..., HttpResponse]:
        checked: Callable[..., HttpResponse] = csp_update(THEME_POLICY)(super().admin_view(view, cacheable))
        return with_second_factor(within_own_books(checked))

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The theme's own would keep what one person found in a cache, and look for the names of tables."""
        return searching.answer(request)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """No form here, for strangers or for those who are in: Django's own asks for no second factor."""
        if request.user.is_authenticated and not request.user.is_staff:
            return redirect("people_home")
        answer: HttpResponse = secure_admin_login(lambda request: redirect("admin:index"))(request)
        return answer

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Where every person changes theirs."""
        return redirect("account_change_password")


def with_second_factor(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Whoever owes a second factor is sent to where it is shown or made."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        detour = second_factor.detour(request) if request.user.is_authenticated else None
        return detour or view(request, *args, **kwargs)

    return guarded
