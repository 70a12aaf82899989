"""Books: their currency, through when they are closed, and above what a second person must approve."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import display

from ledger.admin.costing import CostingDesk
from ledger.models import Book, PeriodChange


class LimitForm(forms.ModelForm[Book]):
    """Nothing else of a book changes."""

    class Meta:
        model = Book
        fields = ["second_person_above"]

    def clean_second_person_above(self) -> Decimal:
        limit: Decimal = self.cleaned_data["second_person_above"]
        if limit < 0:
            raise forms.ValidationError("0 or more: at 0 every entry by hand needs a second person.")
        return limit


@admin.register(Book)
class BookAdmin(CostingDesk, ModelAdmin):
    form = LimitForm
    list_display = ["name", "mode", "currency", "limit", "closed"]
    list_filter = ["is_test"]
    search_fields = ["name"]
    ordering = ["name", "is_test"]
    fields = ["name", "mode", "currency", "closed", "second_person_above"]
    readonly_fields = ["name", "mode", "currency", "closed"]
    actions = None
    actions_detail = ["method_page"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Book]:
        newest = PeriodChange.objects.filter(book=OuterRef("pk")).order_by("-pk").values("closed_through")[:1]
        found: QuerySet[Book] = super().get_queryset(request).annotate(closed_through=Subquery(newest))
        return found

    def get_fields(self, request: HttpRequest, obj: Book | None = None) -> list[str]:
        """Who may not change the limit reads it as money, and not as a number of the form."""
        if self.has_change_permission(request, obj):
            return [*self.fields]
        return [*self.readonly_fields, "limit"]

    def get_readonly_fields(self, request: HttpRequest, obj: Book | None = None) -> list[str]:
        return (
            self.get_fields(request, obj) if not self.has_change_permission(request, obj) else [*self.readonly_fields]
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description="money", ordering="is_test")
    def mode(self, book: Book) -> str:
        return "Test" if book.is_test else "Real"

    @display(description="second person above", ordering="second_person_above")
    def limit(self, book: Book) -> SafeString:
        limit = f"{book.second_person_above:,.2f}"
        return format_html('<span class="amount">{} <abbr>{}</abbr></span>', limit, book.currency)

    @display(description="closed through")
    def closed(self, book: Book) -> str:
        through = vars(book)["closed_through"]
        return f"{through:%-d %b %Y}" if through else "Nothing closed"
