"""The page on which an accountant chooses how the cost of what leaves is counted: from a day on, with a reason."""

from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminSelectWidget

from ledger import lots, periods, pricing, spans
from ledger.admin.asking import DateInput, ReasonForm
from ledger.admin.entering import sentence
from ledger.errors import LedgerError
from ledger.models import Book, CostMethod

MAY_SEE, MAY_CHOOSE = "ledger.view_costmethod", "ledger.add_costmethod"


class MethodForm(ReasonForm):
    """Which, and from which day on."""

    method = forms.ChoiceField(choices=CostMethod.Method.choices, widget=UnfoldAdminSelectWidget())
    from_day = forms.DateField(
        label="From",
        widget=DateInput(),
        help_text="A day (UTC) of an open period. What left since then is counted anew, and gains are corrected.",
    )
    field_order = ["method", "from_day", "reason"]


class CostingDesk:
    """The page, for the books' class."""

    admin_site: AdminSite

    def has_method_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        book = self.get_object(request, str(object_id))  # type: ignore[attr-defined]
        return book is not None and request.user.has_perm(MAY_SEE, book)

    @action(description="Cost method", url_path="cost-method", icon="layers", permissions=["method"])
    def method_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """How cost is counted, since when and why; and the form that chooses, for whoever may."""
        book: Book = self.get_object(request, object_id)  # type: ignore[attr-defined]
        may_choose = request.user.has_perm(MAY_CHOOSE, book)
        if request.method == "POST" and not may_choose:
            raise PermissionDenied
        form = MethodForm(request.POST or None, initial={"token": uuid4().hex, "from_day": spans.today()})
        if request.method == "POST" and form.is_valid():
            try:
                return _chosen(request, book, form.cleaned_data)
            except LedgerError as refused:
                form.add_error(None, sentence(refused))
        context = self.admin_site.each_context(request) | _state(book) | {"form": form if may_choose else None}
        return TemplateResponse(request, "ledger/cost_method.html", context)


def _state(book: Book) -> dict[str, Any]:
    rows = list(CostMethod.objects.filter(book=book).order_by("-pk"))
    return {
        "title": "Cost method",
        "book": book,
        "book_url": reverse("admin:ledger_book_change", args=[book.pk]),
        "now": lots.method_of(rows, spans.today()).label,
        "closed_through": periods.closed_through(book.pk),
        "rows": rows,
    }


def _chosen(request: HttpRequest, book: Book, asked: dict[str, Any]) -> HttpResponseRedirect:
    row = pricing.choose_method(
        book,
        CostMethod.Method(asked["method"]),
        asked["from_day"],
        reason=asked["reason"],
        by=request.user.get_username(),
    )
    messages.success(request, f"{row}. Costs and gains are counted anew within a minute.")
    return HttpResponseRedirect(request.path)
