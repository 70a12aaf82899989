"""A merchant's terms in the admin: spread, tolerance and time to pay, a book each."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.decorators import display

from cryptopay.payments.models import Terms

_PER_CENT = 100


class TermsForm(forms.ModelForm[Terms]):
    """Shares are asked as the API has them."""

    class Meta:
        model = Terms
        fields = ["book", "spread", "tolerance", "expires_in_seconds"]


@admin.register(Terms)
class TermsAdmin(ModelAdmin):
    form = TermsForm
    list_display = ["book", "spread_words", "tolerance_words", "time_words"]
    list_select_related = ["book"]
    ordering = ["book__name", "book"]
    fields = ["book", "spread", "tolerance", "expires_in_seconds"]
    actions = None

    def get_readonly_fields(self, request: HttpRequest, obj: Terms | None = None) -> list[str]:
        return ["book"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description="spread", ordering="spread")
    def spread_words(self, terms: Terms) -> str:
        return _per_cent(terms.spread)

    @display(description="tolerance", ordering="tolerance")
    def tolerance_words(self, terms: Terms) -> str:
        return _per_cent(terms.tolerance)

    @display(description="time to pay", ordering="expires_in_seconds")
    def time_words(self, terms: Terms) -> str:
        minutes, seconds = divmod(terms.expires_in_seconds, 60)
        hours, minutes = divmod(minutes, 60)
        parts = ((hours, "h"), (minutes, "min"), (seconds, "s"))
        return " ".join(f"{count} {unit}" for count, unit in parts if count)


def _per_cent(share: Decimal) -> str:
    return f"{share * _PER_CENT:.2f} %"
