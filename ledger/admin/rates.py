"""Prices and assets: facts that everyone may read. A person may set a price until a time, and says why."""

import re
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import uuid4

from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from ledger import rate_files, rates
from ledger.admin.asking import ReasonForm, books_where
from ledger.admin.entering import sentence
from ledger.errors import RateInvalid
from ledger.models import Asset, Book, Rate
from ledger.money import plain
from ledger.pairs import Pair
from ledger.readonly import ReadOnlyAdmin, label, moment, period, table, url_of

MAY_SET = "ledger.add_rate"
EVERY_MERCHANT = "platform"
_HOLDS = {
    "900": "15 minutes",
    "3600": "an hour",
    "21600": "6 hours",
    "86400": "a day",
    "604800": "a week",
    "2592000": "30 days",
    "31536000": "a year",
    "1": "no longer: end what was set before",
}
"""Seconds, and how a person says them."""
_ORIGINS = {
    Rate.Origin.MEDIAN: ("Median", "default"),
    Rate.Origin.RECORDED: ("Recorded", "default"),
    Rate.Origin.MANUAL: ("By hand", "warning"),
}


def _whole(pattern: re.Pattern[str]) -> str:
    """A form's field is content with a part."""
    return rf"\A(?:{pattern.pattern})\Z"


class RateForm(ReasonForm):
    """A price, for whom, how long and why."""

    whose = forms.ChoiceField(label="For", widget=UnfoldAdminSelectWidget())
    asset = forms.RegexField(
        _whole(rate_files.ASSET_CODE),
        widget=UnfoldAdminTextInputWidget(),
        help_text="The code of a coin or token: BTC.",
    )
    currency = forms.RegexField(
        _whole(rate_files.CURRENCY), widget=UnfoldAdminTextInputWidget(), help_text="Three capitals: EUR."
    )
    price = forms.CharField(
        max_length=60,
        widget=UnfoldAdminTextInputWidget({"inputmode": "decimal"}),
        help_text="Of one whole coin, with a decimal point.",
    )
    holds = forms.ChoiceField(label="Holds for", choices=_HOLDS.items(), widget=UnfoldAdminSelectWidget())
    confirmed = forms.BooleanField(label="I have checked the price", required=False)
    field_order = ["whose", "asset", "currency", "price", "holds", "reason", "confirmed"]

    def __init__(self, *given: Any, books: list[Book], every_merchant: bool, **named: Any) -> None:
        super().__init__(*given, **named)
        everyone = [(EVERY_MERCHANT, "Every merchant")] if every_merchant else []
        choices = everyone + [(str(book.pk), str(book)) for book in books]
        self.fields["whose"].choices = choices  # type: ignore[attr-defined]

    def clean_price(self) -> Decimal:
        try:
            price = Decimal(self.cleaned_data["price"].strip())
            rates.check_price(price)
        except InvalidOperation:
            raise forms.ValidationError("This is not a number.") from None
        except RateInvalid as error:
            raise forms.ValidationError(sentence(error)) from None
        return price

    def clean(self) -> dict[str, Any]:
        """A price far from what prices now is taken if one says that one has checked it."""
        said: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors and not said.get("confirmed"):
            far = far_off(self.book_id, Pair(said["asset"], said["currency"]), said["price"])
            if far:
                self.add_error("confirmed", far)
        return said

    @property
    def book_id(self) -> int | None:
        whose = self.cleaned_data["whose"]
        return None if whose == EVERY_MERCHANT else int(whose)


def far_off(book_id: int | None, pair: Pair, price: Decimal) -> str:
    """What to ask a person who sets this price; empty: it is near to what prices now, or nothing does."""
    first = rates.in_line(book_id, [pair], timezone.now()).get(pair)
    if first is None:
        return ""
    low, high = sorted((price, first.price))
    percent = (high - low) * 100 / low
    if percent <= settings.RATE_JUMP_PERCENT:
        return ""
    return f"This is {percent:,.0f}% away from {first}. Tick the box if you mean it."


@admin.register(Rate)
class RateAdmin(ReadOnlyAdmin):
    list_display = ["asset_code", "price_text", "standing", "source", "observed", "of_book"]
    list_filter = ["origin", period("observed_at")]
    list_select_related = ["book"]
    search_fields = ["=asset_code", "=currency"]
    search_help_text = "An asset's code, a currency, or both: BTC EUR"
    ordering = ["-id"]
    fields = [
        *("asset_code", "price_text", "standing", "source", "observed", "until", "of_book", "by", "reason"),
        "parts_table",
    ]
    readonly_fields = fields
    actions_list = ["set_page"]

    @staticmethod
    def in_books(books: QuerySet[Any]) -> Q:
        """The platform's own rates price everyone's entries."""
        return Q(book__in=books) | Q(book=None)

    def has_set_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return request.user.has_perm(MAY_SET) and bool(books_where(self, request, MAY_SET) or _is_operator(request))

    @action(description="Set a rate", url_path="set", icon="edit", permissions=["set"])
    def set_page(self, request: HttpRequest) -> HttpResponse:
        """The form; a price far from what prices now is asked about once more."""
        if not self.has_set_permission(request):
            raise PermissionDenied
        initial = {name: request.GET.get(name, "") for name in ("asset", "currency", "price")}
        form = RateForm(
            request.POST or None,
            books=books_where(self, request, MAY_SET),
            every_merchant=_is_operator(request),
            initial={**initial, "token": uuid4().hex},
        )
        if request.method == "POST" and form.is_valid():
            return HttpResponseRedirect(url_of(_set(form, request.user.get_username())))
        if "confirmed" not in form.errors:
            del form.fields["confirmed"]
        context = {**self.admin_site.each_context(request), "title": "Set a rate", "form": form}
        return TemplateResponse(request, "ledger/rate.html", context)

    @display(description="price of one", ordering="price")
    def price_text(self, rate: Rate) -> SafeString:
        return format_html('<span class="amount">{} <abbr>{}</abbr></span>', plain(rate.price), rate.currency)

    @display(description="standing")
    def standing(self, rate: Rate) -> SafeString | str:
        if rate.suspect:
            return format_html("{} {}", label("Prices nothing", "danger"), rate.suspect)
        return label(*_ORIGINS[Rate.Origin(rate.origin)])

    @display(description="observed", ordering="observed_at")
    def observed(self, rate: Rate) -> SafeString | str:
        return moment(rate.observed_at)

    @display(description="holds until")
    def until(self, rate: Rate) -> SafeString | str:
        ages = timedelta(seconds=settings.RATE_MAX_AGE_SECONDS)
        return moment(rate.valid_until or rate.observed_at + ages)

    @display(description="book")
    def of_book(self, rate: Rate) -> str:
        return str(rate.book) if rate.book else "Platform"

    @display(description="made of")
    def parts_table(self, rate: Rate) -> SafeString:
        lines = [
            (part["source"], part["price"] or "–", moment(parse_datetime(part["observed_at"])), part["why"] or "Used")
            for part in rate.parts or ()
        ]
        return table(["Source", "Price", "Observed", ""], lines, "It stands alone: no sources were put together.")


def _is_operator(request: HttpRequest) -> bool:
    return bool(request.user.is_active and request.user.is_superuser)


def _set(form: RateForm, by: str) -> Rate:
    said, now = form.cleaned_data, timezone.now()
    return rates.record(
        said["asset"],
        said["currency"],
        said["price"],
        "set by hand",
        now,
        form.book_id,
        valid_until=now + timedelta(seconds=int(said["holds"])),
        by=by,
        reason=said["reason"],
        confirmed=True,
    )


@admin.register(Asset)
class AssetAdmin(ReadOnlyAdmin):
    """Coins and tokens are facts everyone may read."""

    list_display = ["code", "chain", "decimals", "contract"]
    search_fields = ["code"]
    ordering = ["code", "chain"]
    fields = ["code", "chain", "decimals", "contract"]

    @staticmethod
    def in_books(books: QuerySet[Any]) -> Q:
        return Q()
