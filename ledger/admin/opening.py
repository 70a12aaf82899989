"""Accounts of an accountant's own: opened under a branch of the chart, closed when nothing is on them."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from ledger import chart
from ledger.admin.asking import MAY_ASK, books_where, chosen
from ledger.admin.entering import sentence
from ledger.admin.naming import asset_names, assets_of
from ledger.errors import LedgerError
from ledger.models import Account, Book
from ledger.readonly import url_of


class AccountForm(forms.Form):
    code = forms.CharField(
        max_length=200,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Lower-case words parted by colons, under a branch of the chart: expense:rent:berlin.",
    )
    name = forms.CharField(max_length=200, widget=UnfoldAdminTextInputWidget())
    asset = forms.TypedChoiceField(coerce=int, widget=UnfoldAdminSelectWidget())

    def __init__(self, *given: Any, book: Book, **named: Any) -> None:
        super().__init__(*given, **named)
        self.assets = {asset.pk: asset for asset in assets_of(book.pk)}
        names = asset_names(self.assets.values())
        self.fields["asset"].choices = sorted(names.items(), key=lambda item: item[1])  # type: ignore[attr-defined]


class OpeningDesk:
    """The pages, for the accounts' class; whoever keeps a book opens and closes its accounts."""

    admin_site: AdminSite
    actions_list = ["open_page"]

    def has_open_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return bool(request.user.has_perm(MAY_ASK)) and bool(books_where(self, request, MAY_ASK))

    @action(description="Open an account", url_path="open", icon="add", permissions=["open"])
    def open_page(self, request: HttpRequest) -> HttpResponse:
        """The form; an account that is there already is simply shown."""
        books = books_where(self, request, MAY_ASK)
        book = chosen(books, (request.POST if request.method == "POST" else request.GET).get("book"))
        if book is None:
            raise PermissionDenied
        form = AccountForm(request.POST or None, book=book)
        if request.method == "POST" and form.is_valid():
            said = form.cleaned_data
            try:
                account = chart.add_account(book.pk, said["code"], said["name"], form.assets[said["asset"]])
                return HttpResponseRedirect(url_of(account))
            except LedgerError as refused:
                form.add_error("code", sentence(refused))
        context = {"title": "Open an account", "books": books, "book": book, "form": form}
        return TemplateResponse(request, "ledger/opening.html", self.admin_site.each_context(request) | context)

    def toggle_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Close the account, or reopen it."""
        account: Account | None = self.get_object(request, object_id)  # type: ignore[attr-defined]
        if request.method != "POST" or account is None or not request.user.has_perm(MAY_ASK, account):
            raise PermissionDenied
        verb = chart.close_account if account.closed_at is None else chart.reopen_account
        try:
            verb(account)
            messages.success(request, "Closed." if account.closed_at else "Open again.")
        except LedgerError as refused:
            messages.error(request, sentence(refused))
        return HttpResponseRedirect(url_of(account))
