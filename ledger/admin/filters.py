"""What the lists of the books are narrowed by."""

from typing import Any

from django.contrib import admin
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, F, Lookup, OuterRef, QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpRequest

from ledger import clearing, periods, waiting
from ledger.journal import Standing
from ledger.models import Account, Asset, JournalEntry, Posting

Kind = JournalEntry.Kind
ROOTS = ["assets:", "liabilities:", "equity:", "income:", "expense:"]


class StandingFilter(admin.SimpleListFilter):
    title = "standing"
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(Standing.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """What is rare is looked for where it is told, and not in the whole journal."""
        match self.value():
            case Standing.UNCONFIRMED:
                return waiting.unconfirmed(queryset)
            case Standing.DROPPED | Standing.REVERSED as taken_back:
                kind = Kind.VOID if taken_back == Standing.DROPPED else Kind.REVERSE
                heads = JournalEntry.objects.filter(kind=kind).values(head=Coalesce("ref__ref", "ref"))
                return _few(queryset, heads)
            case Standing.VALIDATED:
                return queryset.filter(standing=Standing.VALIDATED)
        return queryset


def _few(rows: QuerySet[Any], heads: QuerySet[Any]) -> QuerySet[Any]:
    """Rows whose ids those are, sought out before the list is put in order: else each row is held against them."""
    return rows.filter(_AnyOf(F("pk"), ArraySubquery(heads)))


class _AnyOf(Lookup[Any]):
    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        (of, params), (array, more) = self.process_lhs(compiler, connection), self.process_rhs(compiler, connection)
        return f"{of} = ANY ({array})", (*params, *more)


class AssetFilter(admin.SimpleListFilter):
    title = "asset"
    parameter_name = "asset"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(asset.pk), f"{asset.code} on {asset.chain}") for asset in Asset.objects.order_by("code", "chain")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value() or ""
        if not chosen.isdecimal():
            return queryset
        if queryset.model is Account:
            return queryset.filter(asset=int(chosen))
        postings = Posting.objects.filter(book=OuterRef("book"), entry=OuterRef("pk"), asset=int(chosen))
        return queryset.filter(Exists(postings))


class BranchFilter(admin.SimpleListFilter):
    """Accounts whose code begins so; any branch of the chart may be asked for, the roots are offered."""

    title = "branch"
    parameter_name = "branch"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        asked = request.GET.get(self.parameter_name, "")
        offered = [*ROOTS, asked] if asked and asked not in ROOTS else ROOTS
        return [(prefix, prefix.rstrip(":").replace(":", " – ").capitalize()) for prefix in offered]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(code__startswith=self.value()) if self.value() else queryset


class ZeroFilter(admin.SimpleListFilter):
    title = "balance"
    parameter_name = "zero"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("hide", "Not zero")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        nothing = {"balance__posted": 0, "balance__pending_in": 0, "balance__pending_out": 0}
        return queryset.exclude(**nothing) if self.value() == "hide" else queryset


class PricingFilter(admin.SimpleListFilter):
    title = "rate"
    parameter_name = "pricing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("none", "Without a rate")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Of a story that began as seen, the entry that validated it is the one that should have a rate."""
        if self.value() != "none":
            return queryset
        heads = periods.unpriced(JournalEntry.objects.all()).values(head=Coalesce("ref", "pk"))
        return _few(queryset, heads)


class ClearingFilter(admin.SimpleListFilter):
    title = "clearing"
    parameter_name = "clearing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "To be cleared")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return clearing.open_ones(queryset) if self.value() == "open" else queryset
