"""Entries by hand: a new one, or one that takes another back. Nothing is ever changed."""

from typing import Any
from uuid import uuid4

from django import forms
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextInputWidget

from ledger import manual, spans
from ledger.admin import legs, naming
from ledger.admin.asking import MAY_ASK, DateInput, ReasonForm, books_where, chosen, leads_on
from ledger.admin.story import story
from ledger.errors import LedgerError
from ledger.journal import Leg
from ledger.models import Account, Book, JournalEntry
from ledger.readonly import amount, url_of

OFFERED = 200
"""Accounts offered at once; while somebody types, the page asks for more."""
MORE_ROWS = 4


class EntryForm(ReasonForm):
    """What an entry says beside its legs."""

    day = forms.DateField(label="Date", widget=DateInput(), help_text="The day it is effective on, UTC.")
    description = forms.CharField(max_length=300, widget=UnfoldAdminTextInputWidget())
    field_order = ["day", "description", "reason"]

    def clean_day(self) -> Any:
        if self.cleaned_data["day"] > spans.today():
            raise forms.ValidationError("The books know nothing of the future.")
        return self.cleaned_data["day"]


class EnteringDesk:
    """The two pages, for the journal's class; whoever may ask sees their buttons."""

    admin_site: AdminSite
    actions_list = ["enter_page"]
    actions_detail = ["reverse_page"]

    def has_enter_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return bool(request.user.has_perm(MAY_ASK)) and bool(books_where(self, request, MAY_ASK))

    def has_reverse_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        head = self.get_object(request, str(object_id))  # type: ignore[attr-defined]
        return head is not None and request.user.has_perm(MAY_ASK, head) and reversible(head) is not None

    @action(description="New entry", url_path="enter", icon="add", permissions=["enter"])
    def enter_page(self, request: HttpRequest) -> HttpResponse:
        """The form; "check" shows what the legs come to, "enter" writes them or puts them before a second person."""
        books = books_where(self, request, MAY_ASK)
        asked = request.POST if request.method == "POST" else request.GET
        book = chosen(books, asked.get("book"))
        if book is None:
            raise PermissionDenied
        if request.method != "POST":
            form = EntryForm(initial={"day": spans.today(), "token": uuid4().hex})
            return self._drawn(request, books, book, form, legs.typed(request.POST), [])
        form = EntryForm(request.POST)
        rows = legs.typed(request.POST, more=MORE_ROWS if "more" in request.POST else 0)
        read = legs.read(book.pk, rows)
        if "enter" in request.POST and form.is_valid() and not any(row.errors for row in rows):
            try:
                return leads_on(request, _enter(request, book, read, form.cleaned_data))
            except LedgerError as refused:
                form.add_error(None, sentence(refused))
        return self._drawn(request, books, book, form, rows, read)

    @action(description="Reverse", url_path="reverse", icon="undo", permissions=["reverse"])
    def reverse_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks why, shows what would be written, and writes it or puts it before a second person."""
        head: JournalEntry = self.get_object(request, object_id)  # type: ignore[attr-defined]
        entry = reversible(head)
        assert entry is not None  # noqa: S101 - the permission has looked
        form = ReasonForm(request.POST or None, initial={"token": uuid4().hex})
        if request.method == "POST" and form.is_valid():
            said = form.cleaned_data
            by = request.user.get_username()
            try:
                return leads_on(request, manual.reverse(entry, reason=said["reason"], by=by, idem=said["token"]))
            except LedgerError as refused:
                form.add_error(None, sentence(refused))
        posted = [
            Leg(row.account, debit=row.credit, credit=row.debit)
            for row in entry.postings.filter(book=entry.book_id, layer=0).select_related("account__asset")
        ]
        context = {
            "title": "Reverse an entry",
            "entry": entry,
            "entry_url": url_of(head),
            "form": form,
            "legs": drawn_legs(posted),
            "second_person": second_person(entry.book, posted),
            "by_hand": entry.source == manual.SOURCE,
        }
        return TemplateResponse(request, "ledger/reverse.html", self.admin_site.each_context(request) | context)

    def _drawn(
        self,
        request: HttpRequest,
        books: list[Book],
        book: Book,
        form: EntryForm,
        rows: list[legs.TypedLeg],
        read: list[Leg],
    ) -> HttpResponse:
        sides = legs.sides(read)
        names = naming.asset_names(naming.assets_of(book.pk))
        offered = Account.objects.filter(book=book, closed_at=None).select_related("asset").order_by("code", "asset")
        context = {
            "title": "New entry",
            "books": books,
            "book": book,
            "form": form,
            "rows": rows,
            "sides": [
                (
                    names[asset.pk],
                    amount(side.debit, asset),
                    amount(side.credit, asset),
                    amount(abs(side.difference), asset) if side.difference else "",
                    "credit" if side.difference > 0 else "debit",
                )
                for asset, side in sides.items()
            ],
            "balanced": bool(sides) and not any(side.difference for side in sides.values()),
            "second_person": second_person(book, read) if read else "",
            "offered": naming.names_of(offered[:OFFERED]),
        }
        return TemplateResponse(request, "ledger/entering.html", self.admin_site.each_context(request) | context)


def _enter(request: HttpRequest, book: Book, read: list[Leg], said: dict[str, Any]) -> Any:
    return manual.enter(
        book,
        read,
        effective_at=spans.begin_of(said["day"]),
        description=said["description"],
        reason=said["reason"],
        by=request.user.get_username(),
        idem=said["token"],
    )


def reversible(head: JournalEntry) -> JournalEntry | None:
    """The entry of a story that a reversal would take back; None where nothing is posted, or it is taken back."""
    kinds = JournalEntry.Kind
    if head.source in manual.DERIVED:
        return None
    steps = story(head)
    if any(step.kind == kinds.REVERSE for step in steps[1:]):
        return None
    posted = [step for step in steps if step.kind in (kinds.POST, kinds.SETTLE)]
    return posted[0] if posted else None


def second_person(book: Book, entry: list[Leg]) -> str:
    """Why another person must approve these legs; empty where none must."""
    if not manual.needs_second_person(book, entry):
        return ""
    worth = manual.worth(book, entry)
    limit = f"{book.second_person_above:,.2f} {book.currency}"
    if worth is None:
        return f"No current rate says what this is worth in {book.currency}, so it might be more than {limit}."
    return f"It moves {worth:,.2f} {book.currency}, more than this book’s {limit}."


def drawn_legs(entry: list[Leg]) -> list[tuple[object, ...]]:
    """Rows of (account's page, name, code, debit, credit)."""
    return [
        (
            url_of(leg.account),
            leg.account.name,
            leg.account.code,
            amount(leg.debit, leg.account.asset) if leg.debit else "",
            amount(leg.credit, leg.account.asset) if leg.credit else "",
        )
        for leg in entry
    ]


def sentence(refused: LedgerError) -> str:
    """The ledger's reason as a sentence."""
    text = str(refused)
    return f"{text[:1].upper()}{text[1:]}."
