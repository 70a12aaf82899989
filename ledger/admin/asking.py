"""What the desks share at which people ask and decide: in which books they may, the form for a reason, the answer.

Asking takes `ledger.add_proposal`, deciding `ledger.add_decision`, each in the book concerned.
"""

from typing import Any, Protocol

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponseRedirect
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from ledger.models import Account, Book, JournalEntry, Proposal
from ledger.readonly import url_of

MAY_ASK = "ledger.add_proposal"
MAY_DECIDE = "ledger.add_decision"


class Page(Protocol):
    """A page's class: it knows its site."""

    admin_site: AdminSite


class DateInput(UnfoldAdminTextInputWidget):
    """The browser's own date picker: it needs no script."""

    input_type = "date"


class ReasonForm(forms.Form):
    """Why. It stands in the books for good."""

    reason = forms.CharField(
        max_length=300, widget=UnfoldAdminTextInputWidget(), help_text="Stands in the books for good."
    )
    token = forms.CharField(max_length=64, widget=forms.HiddenInput)
    """Names this one wish, so that a form sent twice is one."""


class BookForm(forms.Form):
    """Which of the person's books."""

    book = forms.ModelChoiceField(queryset=Book.objects.none(), empty_label=None, widget=UnfoldAdminSelectWidget())

    def __init__(self, *given: Any, books: list[Book], **named: Any) -> None:
        super().__init__(*given, **named)
        self.fields["book"].queryset = Book.objects.filter(pk__in=[book.pk for book in books])  # type: ignore[attr-defined]


def books_where(page: Page, request: HttpRequest, permission: str) -> list[Book]:
    """The books this person sees and has the permission in, by name."""
    seen = page.admin_site._registry[Book].get_queryset(request).order_by("name", "is_test", "pk")
    return [book for book in seen if request.user.has_perm(permission, book)]


def chosen(books: list[Book], asked: str | None) -> Book | None:
    """The book asked for by its id, if it is one of these; none was asked: one that is kept, real money before test
    money, else the first.
    """
    if asked is not None:
        return next((book for book in books if str(book.pk) == asked), None)
    if len(books) <= 1:
        return next(iter(books), None)
    kept = Exists(Account.objects.filter(book=OuterRef("pk")))
    ids = [book.pk for book in books]
    found = Book.objects.filter(kept, pk__in=ids).order_by("is_test", "name", "pk").values_list("pk", flat=True).first()
    return next((book for book in books if book.pk == found), books[0])


def leads_on(request: HttpRequest, outcome: JournalEntry | Proposal) -> HttpResponseRedirect:
    """To what came of it: an entry in the books, or a proposal that waits for somebody else."""
    if isinstance(outcome, JournalEntry):
        messages.success(request, "Written into the books.")
    else:
        messages.info(request, "Nothing is written yet: it waits for a second person to approve it.")
    return HttpResponseRedirect(url_of(outcome))
