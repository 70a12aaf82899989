"""The page on which an accountant says what a coin was worth in an entry that has no rate, or was written by hand."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminSelectWidget

from ledger import manual, pricing, rates
from ledger.admin.asking import MAY_ASK, ReasonForm, leads_on
from ledger.admin.entering import drawn_legs, sentence
from ledger.admin.story import story
from ledger.errors import LedgerError
from ledger.journal import Leg
from ledger.models import Asset, Book, EntryPrice, JournalEntry, Posting, Proposal
from ledger.money import plain
from ledger.readonly import url_of

_KINDS = (JournalEntry.Kind.POST, JournalEntry.Kind.SETTLE)


class PriceForm(ReasonForm):
    """Of one whole unit, in the book's currency."""

    asset = forms.ModelChoiceField(
        queryset=Asset.objects.none(), empty_label=None, widget=UnfoldAdminSelectWidget(), label="Coin"
    )
    price = forms.DecimalField(
        max_digits=rates.STORED_DIGITS, decimal_places=18, min_value=Decimal(0), widget=UnfoldAdminDecimalFieldWidget()
    )
    field_order = ["asset", "price", "reason"]

    def __init__(self, *given: Any, entry: JournalEntry, **named: Any) -> None:
        super().__init__(*given, **named)
        self.fields["asset"].queryset = pricing.assets_of(entry)  # type: ignore[attr-defined]
        self.fields["price"].help_text = f"What one whole coin was worth, in {entry.book.currency}."


class PricingDesk:
    """The page, for the journal's class; whoever may ask sees its button where there is something to price."""

    admin_site: AdminSite

    def has_price_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        head = self.get_object(request, str(object_id))  # type: ignore[attr-defined]
        return head is not None and request.user.has_perm(MAY_ASK, head) and priceable(head) is not None

    @action(description="Price by hand", url_path="price", icon="sell", permissions=["price"])
    def price_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks for the price and why, and keeps it or puts it before a second person."""
        head: JournalEntry = self.get_object(request, object_id)  # type: ignore[attr-defined]
        entry = priceable(head)
        assert entry is not None  # noqa: S101 - the permission has looked
        form = PriceForm(request.POST or None, entry=entry, initial={"token": uuid4().hex})
        if request.method == "POST" and form.is_valid():
            try:
                return _leads_on(request, head, _price(request, entry, form.cleaned_data))
            except LedgerError as refused:
                form.add_error(None, sentence(refused))
        postings = entry.postings.filter(book=entry.book_id, layer=Posting.Layer.POSTED).order_by("leg")
        context = {
            "title": "Price an entry",
            "entry": entry,
            "entry_url": url_of(head),
            "form": form,
            "legs": drawn_legs(
                [Leg(row.account, row.debit, row.credit) for row in postings.select_related("account__asset")]
            ),
            "said": said(entry.book, [entry]).get(entry.pk, []),
        }
        return TemplateResponse(request, "ledger/price.html", self.admin_site.each_context(request) | context)


def priceable(head: JournalEntry) -> JournalEntry | None:
    """The entry of a story whose coins a person may price; None where a rate does, or nothing is validated."""
    for step in story(head):
        if step.kind in _KINDS and step.source not in manual.DERIVED:
            by_hand = step.source == manual.SOURCE
            return step if (step.rate_id is None or by_hand) and pricing.assets_of(step).exists() else None
    return None


def said(book: Book, entries: Sequence[JournalEntry]) -> dict[int, list[str]]:
    """What persons said the coins of these entries of one book were worth, by the entries' ids, newest first."""
    prices = EntryPrice.objects.filter(book=book, entry__in=entries).select_related("asset").order_by("entry", "-pk")
    found: dict[int, list[str]] = {}
    for one in prices if entries else ():
        approval = f", approved by {one.approved_by}" if one.approved_by else ""
        words = f"1 {one.asset} = {plain(one.price)} {book.currency}, by {one.by}{approval}: {one.reason}"
        found.setdefault(one.entry_id, []).append(words)
    return found


def unpriced(book: Book, assets: Iterable[Asset]) -> str:
    """What is said of an entry that carries no rate: money of the book's own currency needs none."""
    is_money = all((asset.chain, asset.contract) == ("", book.currency) for asset in assets)
    return f"None needed: it is in {book.currency}" if is_money else "Not priced"


def _price(request: HttpRequest, entry: JournalEntry, asked: dict[str, Any]) -> EntryPrice | Proposal:
    by = request.user.get_username()
    return pricing.price(entry, asked["asset"], asked["price"], reason=asked["reason"], by=by)


def _leads_on(request: HttpRequest, head: JournalEntry, outcome: EntryPrice | Proposal) -> HttpResponseRedirect:
    if isinstance(outcome, Proposal):
        return leads_on(request, outcome)
    messages.success(request, "Priced. What its coins cost is counted anew within a minute.")
    return HttpResponseRedirect(url_of(head))
