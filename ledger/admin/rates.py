"""Prices and assets: facts that everyone may read."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from ledger.models import Asset, Rate
from ledger.money import plain
from ledger.readonly import ReadOnlyAdmin, moment, period


@admin.register(Rate)
class RateAdmin(ReadOnlyAdmin):
    list_display = ["asset_code", "price_text", "source", "observed", "of_book"]
    list_filter = ["asset_code", "currency", "source", period("observed_at")]
    list_select_related = ["book"]
    search_fields = ["asset_code", "currency", "source"]
    ordering = ["-observed_at", "-id"]
    fields = ["asset_code", "price_text", "source", "observed", "of_book"]
    readonly_fields = fields

    @staticmethod
    def in_books(books: QuerySet[Any]) -> Q:
        """The platform's own rates price everyone's entries."""
        return Q(book__in=books) | Q(book=None)

    @display(description="price of one", ordering="price")
    def price_text(self, rate: Rate) -> SafeString:
        return format_html('<span class="amount">{} <abbr>{}</abbr></span>', plain(rate.price), rate.currency)

    @display(description="observed", ordering="observed_at")
    def observed(self, rate: Rate) -> SafeString | str:
        return moment(rate.observed_at)

    @display(description="book")
    def of_book(self, rate: Rate) -> str:
        return str(rate.book) if rate.book else "Platform"


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
