"""How the admin shows the rows that only the program writes: read-only pages, amounts, times and small tables."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import date
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.paginator import InfinitePaginator

from ledger.money import Unit, to_text

READABLE_DECIMALS = 8


class ReadOnlyAdmin(ModelAdmin):  # type: ignore[misc]  # the theme is untyped
    """Rows that only the program writes: no one adds, changes or deletes, not superusers. Lists count no table.

    One that grows without end says in `sortable_by` which columns an index has in order.
    """

    actions: list[str] | None = None
    list_per_page = 50
    paginator = InfinitePaginator
    show_full_result_count = False
    list_fullwidth = True
    list_filter_sheet = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


_Shown = Callable[[Any, Any], SafeString | str]


def made_once(made: _Shown) -> _Shown:
    """A field that asks the database: its text is kept on the row, for the theme reads each field of a page several
    times."""

    @wraps(made)
    def kept(page: Any, row: Any) -> SafeString | str:
        known = vars(row).setdefault("shown_fields", {})
        if made.__name__ not in known:
            known[made.__name__] = made(page, row)
        text: SafeString | str = known[made.__name__]
        return text

    return kept


def amount(base_units: int | None, unit: Unit) -> SafeString | str:
    """The exact amount with its asset."""
    if base_units is None:
        return "–"
    text = readable(base_units, unit.decimals)
    return format_html('<span class="amount">{} <abbr>{}</abbr></span>', text, unit.code)


def readable(base_units: int, decimals: int) -> str:
    """Exact; zeros are left out only below 8 decimals."""
    text, spare = to_text(base_units, decimals), decimals - READABLE_DECIMALS
    return text[:-spare] + text[-spare:].rstrip("0") if spare > 0 else text


def moment(at: datetime | None) -> SafeString | str:
    """A time as people write it, UTC."""
    if at is None:
        return "–"
    return format_html('<time datetime="{}" title="{} UTC">{}</time>', at.isoformat(), at, date(at, "j M Y, H:i"))


def url_of(row: Model, page: str = "change") -> str:
    """The address of a row's page in the admin."""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{page}", args=[row.pk])


def page_of(row: Model, text: object = "") -> SafeString:
    """A link to the row's page in the admin."""
    return format_html('<a class="link" href="{}">{}</a>', url_of(row), text or row)


def code(text: str) -> SafeString | str:
    """A txid, hash or address: copied whole, broken anywhere."""
    return format_html('<code class="code">{}</code>', text) if text else "–"


def in_words(text: str) -> SafeString:
    """A sentence in a small table: it is broken, and not cut off."""
    return format_html('<span class="words">{}</span>', text)


def label(text: str, colour: str) -> SafeString:
    """A coloured word; the theme's colours are success, info, warning, danger and default."""
    return render_to_string("unfold/helpers/label.html", {"text": text, "type": colour})


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> SafeString:
    """Rows as a small table; `empty` says in plain words that there are none. Cells are escaped unless marked safe."""
    lines = [list(row) for row in rows]
    of_amounts = [any(_is_amount(cell) for cell in column) for column in zip(*lines, strict=True)] if lines else []
    named = list(zip(headings, of_amounts, strict=bool(lines)))
    rows_named = [list(zip(headings, line, strict=True)) for line in lines]
    return render_to_string("ledger/table.html", {"headings": named, "rows": rows_named, "empty": empty})


def _is_amount(cell: object) -> bool:
    return isinstance(cell, SafeString) and 'class="amount"' in cell


class Period(admin.SimpleListFilter):
    """Which days; a child names the `field`."""

    title = "date"
    parameter_name = "period"
    field: ClassVar[str]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("today", "Today"),
            ("week", "Past 7 days"),
            ("month", "This month"),
            ("last-month", "Last month"),
            ("year", "This year"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        begin, end = self._bounds(self.value() or "")
        if begin is not None:
            queryset = queryset.filter(**{f"{self.field}__gte": begin})
        return queryset.filter(**{f"{self.field}__lt": end}) if end else queryset

    def _bounds(self, value: str) -> tuple[datetime | None, datetime | None]:
        today = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
        month = today.replace(day=1)
        last_month = (month - timedelta(days=1)).replace(day=1)
        return {
            "today": (today, None),
            "week": (today - timedelta(days=6), None),
            "month": (month, None),
            "last-month": (last_month, month),
            "year": (today.replace(month=1, day=1), None),
        }.get(value, (None, None))


def period(field: str) -> type[Period]:
    """The filter over that field of the list's rows."""
    return type("Period", (Period,), {"field": field})
