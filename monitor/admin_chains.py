"""Chains and what their reading needs of people: halted ones, transactions set aside, blocks to be read again, and how
deep a deposit must lie. Everyone sees how far a chain was read; the rest is for those who run the installation.
"""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Count, F, Model, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.template.defaultfilters import pluralize
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget

from ledger.money import LARGEST_BASE_UNITS
from ledger.readonly import ReadOnlyAdmin, amount, code, label, moment
from monitor import backfill, follower, nodes, parking
from monitor.chains import CHAINS
from monitor.models import Backfill, ConfirmationTier, Cursor, Deposit, ParkedTransaction
from monitor.standing import State
from monitor.standing import standing as standing_of

_COLOURS = {
    State.READING: "success",
    State.CATCHING_UP: "info",
    State.FAILING: "danger",
    State.HALTED: "danger",
    State.OFF: "warning",
    State.RETIRED: "default",
}
_WORDS = {
    State.READING: "Reading",
    State.CATCHING_UP: "Catching up",
    State.FAILING: "Not read",
    State.HALTED: "Halted",
    State.OFF: "Switched off",
    State.RETIRED: "Retired",
}
PARKED_COLOURS = {"open": "danger", "read": "success", "dismissed": "default", "orphaned": "default"}


class ChainFilter(admin.SimpleListFilter):
    title = "chain"
    parameter_name = "chain"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(chain.code, chain.title) for chain in CHAINS.values()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(chain_code=self.value()) if self.value() else queryset


def standing(cursor: Cursor) -> tuple[str, str]:
    """A colour, and how reading goes, in words: "Not read since 5 May, 10:00: its node answers too slowly"."""
    now = standing_of(cursor)
    since = f" since {now.since:%-d %b, %H:%M}" if now.since else ""
    return _COLOURS[now.state], f"{_WORDS[now.state]}{since}{': ' if now.why else ''}{now.why}"


@admin.register(Cursor)
class ChainAdmin(ReadOnlyAdmin):
    """How far each chain was read. Heights are everyone's; what a node answered is for those who run it."""

    list_display = ["chain_title", "state", "height", "blocks_behind", "last_answer", "why", "waits"]
    ordering = ["chain_code"]
    readonly_fields = [
        *("chain_title", "state", "why", "height", "node_height", "final_height", "blocks_behind", "last_answer"),
        *("waits", "second_node", "failure", "second_failure"),
    ]
    actions = ["read_on"]

    @staticmethod
    def in_books(books: QuerySet[Any]) -> Q:
        return Q()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Cursor]:
        """Each with what waits for two nodes, for a person, or to be read again."""
        cursors: QuerySet[Cursor] = super().get_queryset(request)
        return cursors.annotate(
            held=_count(Deposit.objects.filter(held_since__isnull=False, state=Deposit.State.SEEN)),
            aside=_count(ParkedTransaction.objects.filter(state=ParkedTransaction.State.OPEN)),
            again=_count(Backfill.objects.filter(finished_at__isnull=True)),
        )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        own = ("failure", "second_failure", "second_node")
        return [name for name in self.readonly_fields if name not in own or request.user.is_superuser]

    def has_read_on_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    @admin.action(description="Read on after a halt", permissions=["read_on"])
    def read_on(self, request: HttpRequest, chosen: QuerySet[Cursor]) -> None:
        halted = [cursor.chain for cursor in chosen if cursor.halted_at is not None]
        for chain in halted:
            follower.resume(chain)
        told = ", ".join(map(str, halted))
        self.message_user(request, f"{told}: read on." if halted else "None of these is halted.", messages.INFO)

    @display(description="chain", ordering="chain_code")
    def chain_title(self, cursor: Cursor) -> str:
        return cursor.chain.title

    @display(description="state")
    def state(self, cursor: Cursor) -> SafeString:
        now = standing_of(cursor)
        return label(_WORDS[now.state], _COLOURS[now.state])

    @display(description="why")
    def why(self, cursor: Cursor) -> str:
        now = standing_of(cursor)
        since = f"Since {now.since:%-d %b, %H:%M}: " if now.since else ""
        person = "; a person must look" if now.state == State.HALTED else ""
        return f"{since}{now.why}{person}" or "–"

    @display(description="behind", ordering=F("node_height") - F("height"))
    def blocks_behind(self, cursor: Cursor) -> str:
        if cursor.height is None or cursor.node_height is None:
            return "–"
        return f"{max(0, cursor.node_height - cursor.height):,} blocks"

    @display(description="last answer", ordering="checked_at")
    def last_answer(self, cursor: Cursor) -> str:
        return f"{timesince(cursor.checked_at, timezone.now())} ago" if cursor.checked_at else "Never"

    @display(description="waits")
    def waits(self, cursor: Cursor) -> str:
        found = vars(cursor)
        said = [
            f"{found['held']} deposit{pluralize(found['held'])} held for two nodes" if found["held"] else "",
            f"{found['aside']} transaction{pluralize(found['aside'])} set aside" if found["aside"] else "",
            f"{found['again']} range{pluralize(found['again'])} to read again" if found["again"] else "",
        ]
        return ", ".join(filter(None, said)) or "–"

    @display(description="second node")
    def second_node(self, cursor: Cursor) -> str:
        above = nodes.agreement_above(cursor.chain)
        if above is None:
            return "None: one node suffices"
        since = cursor.second_failing_since
        return f"Does not answer since {since:%-d %b, %H:%M}" if since else f"Asked above {above:,} base units"


def _count(rows: QuerySet[Any]) -> Coalesce:
    """Of a chain's rows, beside its cursor."""
    of_chain = rows.filter(chain_code=OuterRef("chain_code")).order_by().values("chain_code")
    return Coalesce(Subquery(of_chain.annotate(rows=Count("pk")).values("rows")), 0)


@admin.register(ParkedTransaction)
class ParkedTransactionAdmin(ReadOnlyAdmin):
    """Set aside because they could not be read. Reading again takes in what can be read now; or a person dismisses."""

    list_display = ["transaction", "state_label", "chain_title", "height", "reason", "since"]
    list_filter = ["state", ChainFilter]
    search_fields = ["txid__exact"]
    search_help_text = "Transaction id"
    ordering = ["-id"]
    fields = [
        *("transaction", "state_label", "chain_title", "height", "block", "reason", "since", "contents"),
        *("resolved_because", "resolved_by", "resolved"),
    ]
    actions = ["read_again"]

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Only to dismiss it."""
        is_open = isinstance(obj, ParkedTransaction) and obj.state == ParkedTransaction.State.OPEN
        return bool(request.user.is_superuser) and is_open

    def get_readonly_fields(self, request: HttpRequest, obj: ParkedTransaction | None = None) -> list[str]:
        return [
            name for name in self.fields if name != "resolved_because" or not self.has_change_permission(request, obj)
        ]

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **options)
        if field is not None and db_field.name == "resolved_because":
            field.label, field.required = "Dismiss, because", True
            field.help_text = "Why nothing of it is to be taken in. Saving dismisses it for good."
        return field

    def save_model(self, request: HttpRequest, obj: ParkedTransaction, form: Any, change: bool) -> None:
        chosen = ParkedTransaction.objects.filter(pk=obj.pk)
        parking.dismiss(chosen, by=request.user.get_username(), because=obj.resolved_because)

    def has_read_again_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    @admin.action(description="Read again", permissions=["read_again"])
    def read_again(self, request: HttpRequest, chosen: QuerySet[ParkedTransaction]) -> None:
        blocks = {(row.chain_code, row.height) for row in chosen if row.state == ParkedTransaction.State.OPEN}
        for chain_code, height in sorted(blocks):
            backfill.request(CHAINS[chain_code], height, height, asked_for=f"set aside, {request.user}")
        self.message_user(request, f"{len(blocks)} blocks will be read again.", messages.INFO)

    @display(description="transaction")
    def transaction(self, row: ParkedTransaction) -> SafeString | str:
        return code(row.txid)

    @display(description="state", ordering="state")
    def state_label(self, row: ParkedTransaction) -> SafeString:
        return label(row.get_state_display(), PARKED_COLOURS[row.state])

    @display(description="chain", ordering="chain_code")
    def chain_title(self, row: ParkedTransaction) -> str:
        return CHAINS[row.chain_code].title

    @display(description="block")
    def block(self, row: ParkedTransaction) -> SafeString | str:
        return code(row.hash)

    @display(description="set aside", ordering="parked_at")
    def since(self, row: ParkedTransaction) -> SafeString | str:
        return moment(row.parked_at)

    @display(description="as the node gave it")
    def contents(self, row: ParkedTransaction) -> SafeString | str:
        return code(bytes(row.raw).hex())

    @display(description="resolved")
    def resolved(self, row: ParkedTransaction) -> SafeString | str:
        return moment(row.resolved_at)


class BackfillForm(forms.ModelForm[Backfill]):
    """A range of a chain that has a node."""

    class Meta:
        model = Backfill
        fields = ["chain_code", "first_height", "last_height", "asked_for"]
        labels = {"asked_for": "What for"}
        help_texts = {"last_height": "Empty: as far as the chain has been read."}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        offered = [(chain.code, chain.title) for chain in nodes.switched_on()]
        self.fields["chain_code"] = forms.ChoiceField(label="Chain", choices=offered, widget=UnfoldAdminSelectWidget)
        self.fields["last_height"].required = False

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        first, last = self.cleaned_data.get("first_height"), self.cleaned_data.get("last_height")
        if first is not None and (first < 0 or (last is not None and last < first)):
            raise ValidationError({"first_height": "From block 0 or later, to no earlier one."})
        return cleaned


@admin.register(Backfill)
class BackfillAdmin(ReadOnlyAdmin):
    """Blocks to be read again, and how far that is."""

    form = BackfillForm
    list_display = [
        "chain_title",
        "state_label",
        "progress",
        "first_height",
        "last_height",
        "found",
        "asked_for",
        "asked",
    ]
    list_filter = [ChainFilter]
    ordering = ["-id"]
    fields = [
        *("chain_title", "state_label", "progress", "first_height", "last_height", "found", "asked_for", "asked"),
        *("finished", "failure"),
    ]
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def get_fields(self, request: HttpRequest, obj: Backfill | None = None) -> list[str]:
        return self.fields if obj else list(BackfillForm.Meta.fields)

    def get_readonly_fields(self, request: HttpRequest, obj: Backfill | None = None) -> list[str]:
        return self.fields if obj else []

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Backfill:
        """By the one way in, which may find it asked for already."""
        super().save_form(request, form, change)
        asked = form.cleaned_data
        chain = CHAINS[asked["chain_code"]]
        return backfill.request(chain, asked["first_height"], asked["last_height"], asked_for=asked["asked_for"])

    def save_model(self, request: HttpRequest, obj: Backfill, form: Any, change: bool) -> None:
        """It is stored by then."""

    @display(description="chain", ordering="chain_code")
    def chain_title(self, row: Backfill) -> str:
        return CHAINS[row.chain_code].title

    @display(description="state")
    def state_label(self, row: Backfill) -> SafeString:
        if row.finished_at is not None:
            return label("Read", "success")
        if row.failing_since is not None:
            return label("Failing", "danger")
        return label("Reading" if row.worked_at else "Waiting", "info")

    @display(description="progress")
    def progress(self, row: Backfill) -> str:
        done = row.next_height - row.first_height
        of = f" of {row.last_height - row.first_height + 1:,}" if row.last_height is not None else ""
        return f"{done:,}{of} blocks"

    @display(description="asked", ordering="asked_at")
    def asked(self, row: Backfill) -> SafeString | str:
        return moment(row.asked_at)

    @display(description="finished")
    def finished(self, row: Backfill) -> SafeString | str:
        return moment(row.finished_at)


class ConfirmationTierForm(forms.ModelForm[ConfirmationTier]):
    """Never below the chain's floor, and only where depth decides."""

    up_to_base_units = forms.IntegerField(
        label="Up to, in base units",
        help_text="Of the chain's own coin, as satoshi or litoshi. Empty: any amount.",
        min_value=0,
        max_value=LARGEST_BASE_UNITS,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
    )

    class Meta:
        model = ConfirmationTier
        fields = ["chain_code", "up_to_base_units", "confirmations"]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        offered = [(chain.code, chain.title) for chain in CHAINS.values() if chain.confirmation_tiers]
        self.fields["chain_code"] = forms.ChoiceField(label="Chain", choices=offered, widget=UnfoldAdminSelectWidget)

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if not self.errors:
            chain = CHAINS[self.cleaned_data["chain_code"]]
            if self.cleaned_data["confirmations"] < chain.confirmations_floor:
                raise ValidationError({"confirmations": f"{chain} asks {chain.confirmations_floor} at least."})
        return cleaned

    def _get_validation_exclusions(self) -> set[str]:
        """The form's own bounds hold; the model's check of decimals knows no integers."""
        exclusions = super()._get_validation_exclusions()  # type: ignore[misc]  # the stubs leave it out
        return {*exclusions, "up_to_base_units"}


@admin.register(ConfirmationTier)
class ConfirmationTierAdmin(ModelAdmin):
    """How deep a deposit must lie, by its size, in the place of what the chain's row says. New deposits follow it."""

    form = ConfirmationTierForm
    list_display = ["chain_title", "up_to", "confirmations", "of_the_chain"]
    ordering = ["chain_code", F("up_to_base_units").asc(nulls_last=True)]
    actions: list[str] | None = None

    @display(description="chain", ordering="chain_code")
    def chain_title(self, row: ConfirmationTier) -> str:
        return CHAINS[row.chain_code].title

    @display(description="up to")
    def up_to(self, row: ConfirmationTier) -> SafeString | str:
        units = row.up_to_base_units
        return amount(units, CHAINS[row.chain_code].native) if units is not None else "Any amount"

    @display(description="without it")
    def of_the_chain(self, row: ConfirmationTier) -> str:
        tiers = CHAINS[row.chain_code].confirmation_tiers
        return ", ".join(str(tier.confirmations) for tier in tiers)
