"""Close the month: a page with the four steps, what each still needs, and the form that asks for it."""

from datetime import date
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from cryptopay.backoffice.scoping import own_books
from cryptopay.monthend import closing
from cryptopay.monthend.models import Package
from ledger import periods, proposals, spans
from ledger.admin.asking import MAY_ASK, ReasonForm, chosen, leads_on
from ledger.admin.entering import sentence
from ledger.admin.proposals import title
from ledger.errors import LedgerError
from ledger.models import Book, Proposal
from ledger.readonly import label, url_of

READS_PERIODS = "ledger.view_periodchange"


class CloseForm(ReasonForm):
    """The person's own word."""

    looked = forms.BooleanField(
        label="I have looked at the trial balance", required=False, widget=UnfoldBooleanSwitchWidget()
    )
    explanation = forms.CharField(
        label="Why suspense or coins in transit are not at zero",
        max_length=1000,
        required=False,
        widget=UnfoldAdminTextInputWidget(),
    )
    field_order = ["looked", "explanation", "reason"]


def page(request: HttpRequest) -> HttpResponse:
    """How closing stands, for whoever reads the books; who may ask, asks here."""
    books = own_books(request, READS_PERIODS)
    asked = request.POST if request.method == "POST" else request.GET
    book = chosen(books, asked.get("book"))
    if not request.user.has_perm(READS_PERIODS) or book is None:
        raise PermissionDenied
    through = spans.day_of(asked.get("through", "")) or closing.month_end(spans.today())
    form = CloseForm(request.POST if request.method == "POST" else None, initial={"token": uuid4().hex})
    if request.method == "POST":
        if not request.user.has_perm(MAY_ASK, book):
            raise PermissionDenied
        if form.is_valid():
            try:
                return leads_on(request, _ask(request, book, through, form.cleaned_data))
            except LedgerError as refused:
                form.add_error(None, sentence(refused))
    context = admin.site.each_context(request) | {"title": "Close the month", "books": books, "book": book}
    return TemplateResponse(request, "backoffice/closing.html", context | _drawn(request, book, through, form))


def _ask(request: HttpRequest, book: Book, through: date, said: dict[str, Any]) -> Proposal:
    return closing.ask(
        book,
        through,
        reason=said["reason"],
        by=request.user.get_username(),
        looked=said["looked"],
        explanation=said["explanation"],
    )


def _drawn(request: HttpRequest, book: Book, through: date, form: CloseForm) -> dict[str, Any]:
    loose = periods.loose_ends(book, through)
    found = closing.steps(book, through, loose)
    ready = all(step.is_done for step in found)
    if not found[-1].explainable:
        del form.fields["explanation"]
    waiting = proposals.waiting(Proposal.objects.filter(book=book, kind=Proposal.Kind.CLOSE)).order_by("pk")
    closed_through = periods.closed_through(book.pk)
    is_closed = closed_through is not None and through <= closed_through
    may_ask = ready and not is_closed and not waiting.exists() and request.user.has_perm(MAY_ASK, book)
    return {
        "through": through,
        "today": spans.today(),
        "closed_through": closed_through,
        "steps": [(step, label("Done", "success") if step.is_done else label("To do", "warning")) for step in found],
        "loose": loose,
        "ready": ready,
        "trial_balance": f"{reverse('admin:report', args=['trial-balance'])}?book={book.pk}&until={through}",
        "waiting": [(url_of(row), title(row), row.asked_by) for row in waiting],
        "form": form if may_ask and through < spans.today() else None,
        "is_past": through < spans.today(),
        "is_closed": is_closed,
        "package": _package(book, through) if is_closed else "",
        "refused": form.non_field_errors() if form.is_bound else [],
    }


def _package(book: Book, through: date) -> str:
    """Where the newest package of that day is fetched; empty: there is none."""
    made = Package.objects.filter(book=book, through=through).order_by("-pk").values_list("change", flat=True).first()
    return reverse("admin:ledger_periodchange_package", args=[made]) if made else ""
