"""Accounts: the chart as a tree, the flat list, and an account's statement and explanation."""

from collections.abc import Callable
from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from ledger.admin import explanation, naming, statement, tree
from ledger.admin.asking import MAY_ASK, books_where
from ledger.admin.filters import AssetFilter, BranchFilter, ClearingFilter, ZeroFilter
from ledger.admin.opening import OpeningDesk
from ledger.models import Account
from ledger.readonly import ReadOnlyAdmin, amount, url_of

OFFERED = 30
"""How many accounts are offered while somebody types."""


@admin.register(Account)
class AccountAdmin(OpeningDesk, ReadOnlyAdmin):
    list_display = ["name", "code", "kind", "validated", "pending_in", "pending_out", "book"]
    list_filter = [BranchFilter, ZeroFilter, ClearingFilter, "kind", AssetFilter, "book"]
    search_fields = ["code", "name"]
    search_help_text = "Account or customer"
    ordering = ["book", "code", "asset"]

    def get_urls(self) -> list[URLPattern]:
        pages: list[tuple[str, Callable[..., HttpResponse], str]] = [
            ("tree/", self.tree_view, "tree"),
            ("offered/", self.offered_view, "offered"),
            ("<path:object_id>/explain/", self.explain_view, "explain"),
            ("<path:object_id>/toggle/", self.toggle_view, "toggle"),
        ]
        own = [path(way, self.admin_site.admin_view(view), name=f"ledger_account_{name}") for way, view, name in pages]
        return own + cast(list[URLPattern], super().get_urls())

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        found: QuerySet[Account] = super().get_queryset(request).select_related("book", "asset", "balance")
        return found

    def tree_view(self, request: HttpRequest) -> HttpResponse:
        """The chart of one book."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        books = books_where(self, request, "ledger.view_account")
        context = self.admin_site.each_context(request) | tree.page(books, request.GET)
        context["may_open"] = self.has_open_permission(request)
        return TemplateResponse(request, "ledger/tree.html", context)

    def offered_view(self, request: HttpRequest) -> JsonResponse:
        """Accounts of a book whose code or name holds what is typed, by the names that forms read back."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        book, term = request.GET.get("book", ""), request.GET.get("q", "")
        found = self.get_queryset(request).filter(book=int(book) if book.isdecimal() else None, closed_at=None)
        offered, _ = self.get_search_results(request, found, term)
        return JsonResponse({"offered": naming.names_of(offered.order_by("code", "asset")[:OFFERED])})

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """An account's page is its statement."""
        return self._account_page(request, object_id, statement.answer)

    def explain_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What a balance is made of."""
        return self._account_page(request, object_id, explanation.answer)

    def _account_page(self, request: HttpRequest, object_id: str | None, answer: Any) -> HttpResponse:
        if object_id is None or request.method != "GET":
            raise PermissionDenied
        account = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request, account):
            raise PermissionDenied
        if account is None:
            gone: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return gone
        context = self.admin_site.each_context(request) | {"opts": self.opts, "original": account}
        context["keeps"] = request.user.has_perm(MAY_ASK, account)
        return cast(HttpResponse, answer(request, account, context))

    @display(description="validated", ordering="balance__posted")
    def validated(self, account: Account) -> SafeString:
        url = url_of(account, "explain")
        return format_html('<a href="{}">{}</a>', url, amount(account.balance.posted, account.asset))

    @display(description="not yet received", ordering="balance__pending_in")
    def pending_in(self, account: Account) -> SafeString | str:
        return amount(account.balance.pending_in, account.asset)

    @display(description="promised", ordering="balance__pending_out")
    def pending_out(self, account: Account) -> SafeString | str:
        return amount(account.balance.pending_out, account.asset)
