"""The books in the admin: the journal, the accounts with what they hold, the rates. All of it is read-only."""

from collections import defaultdict
from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet, TextField, prefetch_related_objects
from django.db.models.functions import Cast
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.views import ChangeList

from ledger.journal import Standing, story_heads
from ledger.models import Account, Asset, JournalEntry, Posting, Rate
from ledger.money import plain
from ledger.readonly import ReadOnlyAdmin, amount, label, moment, period, table

STATEMENT_LINES = 100
STANDING_COLOURS = {
    Standing.VALIDATED: "success",
    Standing.UNCONFIRMED: "warning",
    Standing.DROPPED: "default",
    Standing.REVERSED: "danger",
}
REFERENCES = {"order": "Order", "invoice": "Invoice", "customer": "Customer", "txid": "Transaction"}


def _postings_of(entries: list[JournalEntry]) -> Prefetch[Any]:
    """Names the books, which lead the index of postings."""
    of_books = Posting.objects.filter(book__in={entry.book_id for entry in entries})
    return Prefetch("postings", of_books.select_related("account", "asset").order_by("leg"))


class JournalPage(ChangeList):
    """Fetches the postings of all entries of a page at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        entries: list[JournalEntry] = list(self.result_list)  # type: ignore[has-type]  # the theme is untyped
        prefetch_related_objects(entries, _postings_of(entries))
        self.result_list = entries


class StandingFilter(admin.SimpleListFilter):
    title = "standing"
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(Standing.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(standing=self.value()) if self.value() else queryset


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


@admin.register(JournalEntry)
class JournalEntryAdmin(ReadOnlyAdmin):
    """One row a story: what was seen, with whether it is validated. What resolved it stands on its page."""

    list_display = ["date", "description", "reference", "amounts", "standing", "book"]
    list_filter = [StandingFilter, AssetFilter, period("effective_at"), "book"]
    list_select_related = ["book"]
    search_fields = ["description"]
    search_help_text = "Order, invoice, customer, transaction id"
    ordering = ["-effective_at", "-id"]
    fields = ["description", "standing", "amounts", "date", "recorded", "book", "rate_used", "references", "legs_table"]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[JournalEntry]:
        return story_heads(super().get_queryset(request))

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        return JournalPage

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[JournalEntry], search_term: str
    ) -> tuple[QuerySet[JournalEntry], bool]:
        """Every word must stand in the description or in one of the references."""
        found = queryset.annotate(references_text=Cast("meta", TextField()))
        for word in search_term.split():
            found = found.filter(Q(description__icontains=word) | Q(references_text__icontains=word))
        return found, False

    @display(description="date", ordering="effective_at")
    def date(self, entry: JournalEntry) -> SafeString | str:
        return moment(entry.effective_at)

    @display(description="recorded")
    def recorded(self, entry: JournalEntry) -> SafeString | str:
        return moment(entry.recorded_at)

    @display(description="for")
    def reference(self, entry: JournalEntry) -> str:
        named = [entry.meta.get("order") or entry.meta.get("invoice"), entry.meta.get("customer")]
        return ", ".join(str(name) for name in named if name) or "–"

    @display(description="amount")
    def amounts(self, entry: JournalEntry) -> SafeString:
        """The debits, which equal the credits, a line an asset."""
        moved: dict[Asset, int] = defaultdict(int)
        for posting in entry.postings.all():
            moved[posting.asset] += posting.debit
        return format_html_join("", "<div>{}</div>", ((amount(moved[asset], asset),) for asset in moved))

    @display(description="standing")
    def standing(self, entry: JournalEntry) -> SafeString:
        standing = Standing(vars(entry)["standing"])
        return label(str(standing.label), STANDING_COLOURS[standing])

    @display(description="rate")
    def rate_used(self, entry: JournalEntry) -> str:
        rates = [str(step.rate) for step in self._story(entry) if step.rate]
        return rates[-1] if rates else "Not priced"

    @display(description="refers to")
    def references(self, entry: JournalEntry) -> SafeString | str:
        """What the entry says of itself, so that the books explain themselves."""
        rows = [(title, entry.meta[name]) for name, title in REFERENCES.items() if entry.meta.get(name)]
        return format_html_join("", "<div>{}: <code class='code'>{}</code></div>", rows) or "–"

    @display(description="postings")
    def legs_table(self, entry: JournalEntry) -> SafeString:
        """The story's entries in order, each with its debits and credits."""
        return format_html_join("", "{}", ((self._step(step),) for step in self._story(entry)))

    def _step(self, entry: JournalEntry) -> SafeString:
        rows = [
            (
                f"{posting.account.name} – {posting.account.code}",
                amount(posting.debit, posting.asset) if posting.debit else "",
                amount(posting.credit, posting.asset) if posting.credit else "",
                posting.get_layer_display(),
            )
            for posting in entry.postings.all()
        ]
        legs = table(["Account", "Debit", "Credit", "Layer"], rows, "No postings.")
        title = entry.description if entry.ref_id else f"{entry.get_kind_display()}: {entry.description}"
        return format_html("<h3>{}</h3><p>{}</p>{}", title, moment(entry.effective_at), legs)

    def _story(self, head: JournalEntry) -> list[JournalEntry]:
        known = vars(head)
        if "story" not in known:
            in_book = JournalEntry.objects.filter(book=head.book_id).select_related("rate")
            steps = list(in_book.filter(Q(pk=head.pk) | Q(ref=head.pk) | Q(ref__ref=head.pk)).order_by("pk"))
            prefetch_related_objects(steps, _postings_of(steps))
            known["story"] = steps
        return list(known["story"])


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    list_display = ["name", "code", "kind", "validated", "pending_in", "pending_out", "book"]
    list_filter = ["kind", AssetFilter, "book"]
    search_fields = ["code", "name"]
    search_help_text = "Account or customer"
    ordering = ["book", "code", "asset"]
    fields = ["name", "code", "kind", "book", "validated", "pending_in", "pending_out", "statement"]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        found: QuerySet[Account] = super().get_queryset(request).select_related("book", "asset", "balance")
        return found

    @display(description="validated", ordering="balance__posted")
    def validated(self, account: Account) -> SafeString | str:
        return amount(account.balance.posted, account.asset)

    @display(description="not yet received", ordering="balance__pending_in")
    def pending_in(self, account: Account) -> SafeString | str:
        return amount(account.balance.pending_in, account.asset)

    @display(description="promised", ordering="balance__pending_out")
    def pending_out(self, account: Account) -> SafeString | str:
        return amount(account.balance.pending_out, account.asset)

    @display(description="newest postings")
    def statement(self, account: Account) -> SafeString:
        """The newest postings, newest first, with the running balance of each layer."""
        postings = Posting.objects.filter(book=account.book_id, account=account).select_related("entry")
        rows = [
            (
                moment(posting.effective_at),
                posting.entry.description,
                amount(posting.debit, account.asset) if posting.debit else "",
                amount(posting.credit, account.asset) if posting.credit else "",
                amount(posting.balance_after, account.asset),
                posting.get_layer_display(),
            )
            for posting in postings.order_by("-account_seq")[:STATEMENT_LINES]
        ]
        headings = ["Date", "Description", "Debit", "Credit", "Balance after", "Layer"]
        return table(headings, rows, "Nothing has been posted to this account yet.")


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
