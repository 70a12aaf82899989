"""The journal: every fact of the books, one row a story, and the story with its legs on a page of its own."""

from collections import defaultdict
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet, prefetch_related_objects
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.views import ChangeList

from ledger import evidence
from ledger.admin.entering import EnteringDesk
from ledger.admin.filters import AssetFilter, PricingFilter, StandingFilter
from ledger.admin.pricing import PricingDesk, said, unpriced
from ledger.admin.story import postings_of, story
from ledger.evidence import Fact
from ledger.journal import Standing, story_heads
from ledger.models import Asset, Block, JournalEntry, Posting
from ledger.readonly import ReadOnlyAdmin, amount, code, label, made_once, moment, page_of, period, table, url_of

STANDING_COLOURS = {
    Standing.VALIDATED: "success",
    Standing.UNCONFIRMED: "warning",
    Standing.DROPPED: "default",
    Standing.REVERSED: "danger",
}
REFERENCES = {"order": "Order", "invoice": "Invoice", "customer": "Customer", "txid": "Transaction"}


class JournalPage(ChangeList):
    """Fetches the postings of all entries of a page at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        entries: list[JournalEntry] = list(self.result_list)  # type: ignore[has-type]  # the theme is untyped
        prefetch_related_objects(entries, postings_of(entries))
        self.result_list = entries


@admin.register(JournalEntry)
class JournalEntryAdmin(EnteringDesk, PricingDesk, ReadOnlyAdmin):
    """One row a story: what was seen, with whether it is validated. What resolved it stands on its page."""

    actions_detail = [*EnteringDesk.actions_detail, "price_page"]
    list_display = ["date", "description", "reference", "amounts", "standing", "book"]
    sortable_by = ("date",)
    list_filter = [StandingFilter, PricingFilter, AssetFilter, period("effective_at"), "book"]
    list_select_related = ["book"]
    search_help_text = "Entry, order, invoice, customer, transaction id"
    ordering = ["-effective_at", "-id"]
    fields = [
        *("description", "standing", "amounts", "date", "recorded", "book", "rate_used", "references"),
        *("written", "behind", "sealed", "legs_table"),
    ]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[JournalEntry]:
        return story_heads(super().get_queryset(request))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Whatever entry of a story is asked for, its page is the story's."""
        if object_id.isdecimal():
            ways = JournalEntry.objects.filter(pk=object_id).values_list("ref__ref", "ref", "pk")
            object_id = next((str(found) for found in ways.first() or () if found), object_id)
        found = super().get_object(request, object_id, from_field)
        if found is not None:
            story(found)
        return found

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        return JournalPage

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
    @made_once
    def rate_used(self, entry: JournalEntry) -> SafeString | str:
        steps = story(entry)
        if prices := said(entry.book, steps):
            return next(iter(prices.values()))[0]
        rates = [step.rate for step in steps if step.rate]
        if not rates:
            return unpriced(entry.book, (leg.asset for step in steps for leg in step.postings.all()))
        return format_html("{}, observed {}", str(rates[-1]), moment(rates[-1].observed_at))

    @display(description="refers to")
    def references(self, entry: JournalEntry) -> SafeString | str:
        """What the entry says of itself, so that the books explain themselves."""
        rows = [(title, entry.meta[name]) for name, title in REFERENCES.items() if entry.meta.get(name)]
        return format_html_join("", "<div>{}: <code class='code'>{}</code></div>", rows) or "–"

    @display(description="written by")
    def written(self, entry: JournalEntry) -> SafeString:
        return format_html_join("", "<div>{}</div>", ((author(step),) for step in story(entry)))

    @display(description="what stands behind it")
    @made_once
    def behind(self, entry: JournalEntry) -> SafeString:
        steps = story(entry)
        facts = evidence.behind(steps)
        told = [fact for step in steps for fact in facts[step.pk]]
        return fact_lines(list(dict.fromkeys(told))) or format_html("{}", "Nothing outside the books")

    @display(description="sealed")
    @made_once
    def sealed(self, entry: JournalEntry) -> str:
        block = Block.objects.filter(book=entry.book_id, node=entry.node, from_xid__lte=entry.xid).order_by("-from_xid")
        found = block.filter(upto_xid__gt=entry.xid).first()
        return f"In block {found.number} of the journal’s chain" if found else "Not yet"

    @display(description="postings")
    @made_once
    def legs_table(self, entry: JournalEntry) -> SafeString:
        """The story's entries in order, each with its debits and credits."""
        return format_html_join("", "{}", ((self._step(step),) for step in story(entry)))

    def _step(self, entry: JournalEntry) -> SafeString:
        rows = [
            (
                page_of(posting.account, f"{posting.account.name} – {posting.account.code}"),
                _explained(posting, posting.debit) if posting.debit else "",
                _explained(posting, posting.credit) if posting.credit else "",
                posting.get_layer_display(),
            )
            for posting in entry.postings.all()
        ]
        legs = table(["Account", "Debit", "Credit", "Layer"], rows, "No postings.")
        title = entry.description if entry.ref_id else f"{entry.get_kind_display()}: {entry.description}"
        return format_html("<h3>{}</h3><p>{}</p>{}", title, moment(entry.effective_at), legs)


def _explained(posting: Posting, base_units: int) -> SafeString | str:
    """The amount, with the way to what the account's balance was made of then; pending amounts are in no balance."""
    text = amount(base_units, posting.asset)
    if posting.layer != Posting.Layer.POSTED:
        return text
    url = f"{url_of(posting.account, 'explain')}?through={posting.account_seq}"
    return format_html('<a href="{}" title="Explain the balance behind it">{}</a>', url, text)


def author(entry: JournalEntry) -> str:
    """Who wrote it and why; the program names what it was told by."""
    who = entry.meta.get("by")
    if not who:
        return f"{entry.get_kind_display()} by the program, from {entry.source}"
    approval = f", approved by {entry.meta['approved_by']}" if entry.meta.get("approved_by") else ""
    return f"{entry.get_kind_display()} by {who}{approval}: {entry.meta.get('reason', '')}"


def fact_lines(facts: list[Fact]) -> SafeString:
    """One line a fact, with a link where it has a page."""
    return format_html_join("", "<div class='fact'><span>{}</span> {}</div>", ((f.title, _fact(f)) for f in facts))


def _fact(fact: Fact) -> SafeString | str:
    text = code(fact.text) if fact.whole else fact.text
    return format_html('<a class="link" href="{}">{}</a>', fact.url, text) if fact.url else text
