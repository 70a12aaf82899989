"""Periods: through which day a book is closed, who closed or reopened it and why, and where reopening is asked.

Closing is asked on a page of the back office, which knows the chains.
"""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from ledger import periods, proposals
from ledger.admin.asking import MAY_ASK, DateInput, ReasonForm, books_where, chosen, leads_on
from ledger.admin.entering import sentence
from ledger.admin.proposals import title
from ledger.errors import LedgerError
from ledger.models import Book, PeriodChange, Proposal
from ledger.readonly import ReadOnlyAdmin, moment, url_of


class ReopenForm(ReasonForm):
    through = forms.DateField(
        label="Stay closed through",
        required=False,
        widget=DateInput(),
        help_text="An earlier day, UTC; left empty, everything is open again.",
    )
    field_order = ["through", "reason"]


@admin.register(PeriodChange)
class PeriodChangeAdmin(ReadOnlyAdmin):
    list_display = ["closed", "asked_by", "approved_by", "reason", "since", "book"]
    list_filter = ["book"]
    list_select_related = ["book"]
    ordering = ["-id"]
    fields = ["closed", "reason", "asked_by", "approved_by", "since", "book"]
    readonly_fields = fields
    actions_list = ["ask_page"]

    def has_ask_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return bool(books_where(self, request, MAY_ASK))

    @action(description="Reopen", url_path="ask", icon="event_busy", permissions=["ask"])
    def ask_page(self, request: HttpRequest) -> HttpResponse:
        """How a book stands, and the form that asks for reopening; it becomes a proposal."""
        books = books_where(self, request, MAY_ASK)
        asked = request.POST if request.method == "POST" else request.GET
        book = chosen(books, asked.get("book"))
        if book is None:
            raise PermissionDenied
        form = _form(request, book)
        if request.method == "POST" and form.is_valid():
            said, by = form.cleaned_data, request.user.get_username()
            try:
                asking = periods.ask_to_reopen(book, said["through"], reason=said["reason"], by=by)
                return leads_on(request, asking)
            except LedgerError as refused:
                form.add_error(None, sentence(refused))
        context = self.admin_site.each_context(request) | {"books": books, "book": book, "reopen": form}
        return TemplateResponse(request, "ledger/period.html", context | _state(book))

    @display(description="closed through")
    def closed(self, change: PeriodChange) -> str:
        return f"{change.closed_through:%-d %b %Y}" if change.closed_through else "Everything open"

    @display(description="since")
    def since(self, change: PeriodChange) -> SafeString | str:
        return moment(change.recorded_at)


def _form(request: HttpRequest, book: Book) -> ReopenForm:
    closed = periods.closed_through(book.pk)
    earlier = closed and closed.replace(day=1) - timedelta(days=1)
    sent = request.POST if request.method == "POST" else None
    return ReopenForm(sent, auto_id="reopen_%s", initial={"through": earlier, "token": uuid4().hex})


def _state(book: Book) -> dict[str, Any]:
    """The present state, and what is asked already."""
    waiting = proposals.waiting(Proposal.objects.filter(book=book, kind__in=["close", "reopen"]))
    return {
        "title": "Reopen a period",
        "closed_through": periods.closed_through(book.pk),
        "waiting": [(url_of(row), title(row), row.asked_by) for row in waiting.order_by("pk")],
    }
