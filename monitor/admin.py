"""What the chains show, in the admin. All of it is read-only; deposits name the confirmations they wait for."""

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.decorators import display

import monitor.admin_tokens  # noqa: F401 - its page registers itself
from ledger.money import Unit
from ledger.readonly import ReadOnlyAdmin, amount, code, label, made_once, moment, period, table
from monitor import lookout, wording
from monitor.admin_chains import ChainFilter
from monitor.chains import NativeAsset
from monitor.confirmations import confirmations
from monitor.expectation import Expected
from monitor.models import Cursor, Deposit, Watch, WatchedAddress
from monitor.tokens import Token

STATE_COLOURS = {"seen": "warning", "confirmed": "success", "dropped": "default", "orphaned": "danger"}


def depth(deposit: Deposit) -> str:
    """How deep it lies and how deep it must: "2 of 6 confirmations". Needs `cursor_height` from `with_depth`."""
    reached = confirmations(deposit, Cursor(height=vars(deposit)["cursor_height"]))
    held = f"; held: {deposit.held_because}" if deposit.held_since is not None else ""
    if deposit.required_confirmations is None:
        waits = deposit.state == Deposit.State.SEEN and not held
        return f"{reached} confirmations{', not final yet' if waits else ''}{held}"
    return f"{min(reached, deposit.required_confirmations)} of {deposit.required_confirmations} confirmations{held}"


def with_depth(deposits: QuerySet[Deposit]) -> QuerySet[Deposit]:
    """Each with the height its chain was read to, and with its token, if it is of one."""
    cursors = Cursor.objects.filter(chain_code=OuterRef("chain_code"))
    token = Token.objects.filter(chain_code=OuterRef("chain_code"), contract=OuterRef("contract"))
    return deposits.annotate(
        cursor_height=Subquery(cursors.values("height")[:1]),
        token_code=Subquery(token.values("code")[:1]),
        token_decimals=Subquery(token.values("decimals")[:1]),
    )


@admin.register(Deposit)
class DepositAdmin(ReadOnlyAdmin):
    list_display = ["seen", "transaction", "coins", "state_label", "depth", "chain_title", "book"]
    sortable_by = ("seen",)
    list_filter = ["state", ChainFilter, period("seen_at"), "book"]
    list_select_related = ["book", "watched"]
    search_help_text = "Transaction id or address"
    ordering = ["-id"]
    fields = [
        *("coins", "state_label", "depth", "expected", "fee", "chain_title", "transaction", "address", "block", "seen"),
        *("book", "history"),
    ]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Deposit]:
        return with_depth(super().get_queryset(request))

    @display(description="seen", ordering="id")
    def seen(self, deposit: Deposit) -> SafeString | str:
        return moment(deposit.seen_at)

    @display(description="transaction")
    def transaction(self, deposit: Deposit) -> SafeString | str:
        return code(deposit.txid)

    @display(description="amount", ordering="base_units")
    def coins(self, deposit: Deposit) -> SafeString | str:
        return amount(deposit.base_units, unit_of(deposit))

    @display(description="state", ordering="state")
    def state_label(self, deposit: Deposit) -> SafeString:
        return label(deposit.get_state_display(), STATE_COLOURS[deposit.state])

    @display(description="depth")
    def depth(self, deposit: Deposit) -> str:
        return depth(deposit)

    @display(description="expected")
    @made_once
    def expected(self, deposit: Deposit) -> str:
        return wording.outlook(self._expected(deposit)) or "–"

    @display(description="fee")
    @made_once
    def fee(self, deposit: Deposit) -> str:
        return wording.bid(self._expected(deposit))

    def _expected(self, deposit: Deposit) -> Expected:
        return lookout.expected(deposit, Cursor.objects.filter(chain_code=deposit.chain_code).first())

    @display(description="chain", ordering="chain_code")
    def chain_title(self, deposit: Deposit) -> str:
        return deposit.chain.title

    @display(description="address")
    def address(self, deposit: Deposit) -> SafeString | str:
        return code(deposit.watched.address)

    @display(description="block")
    def block(self, deposit: Deposit) -> SafeString | str:
        return (
            code(f"{deposit.block_height} {deposit.block_hash}") if deposit.block_height is not None else "In no block"
        )

    @display(description="history")
    @made_once
    def history(self, deposit: Deposit) -> SafeString:
        rows = [(moment(event.happened_at), event.get_kind_display()) for event in deposit.events.order_by("pk")]
        return table(["Date", "What happened"], rows, "Nothing happened to it yet.")


def unit_of(deposit: Deposit) -> Unit:
    """What the deposit is counted in. Needs the token from `with_depth`; one that nobody let in has no name here."""
    if not deposit.contract:
        return deposit.chain.native
    known = vars(deposit)
    return NativeAsset(known["token_code"] or f"units of {deposit.contract}", known["token_decimals"] or 0)


@admin.register(WatchedAddress)
class WatchedAddressAdmin(ReadOnlyAdmin):
    list_display = ["address_text", "chain_title", "watched_since", "book"]
    sortable_by = ("watched_since",)
    list_filter = [ChainFilter, "book"]
    list_select_related = ["book"]
    search_help_text = "The whole address"
    ordering = ["-id"]
    fields = ["address_text", "chain_title", "watched_since", "book"]
    readonly_fields = fields

    @display(description="address")
    def address_text(self, watched: WatchedAddress) -> SafeString | str:
        return code(watched.address)

    @display(description="chain", ordering="chain_code")
    def chain_title(self, watched: WatchedAddress) -> str:
        return watched.chain.title

    @display(description="watched since", ordering="id")
    def watched_since(self, watched: WatchedAddress) -> SafeString | str:
        return moment(watched.created_at)


WATCH_COLOURS = {"awaited": "default", **STATE_COLOURS}


class OpenFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Open"), ("no", "Ended")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(ended_at__isnull=self.value() == "yes") if self.value() else queryset


@admin.register(Watch)
class WatchAdmin(ReadOnlyAdmin):
    """What programs asked to hear of: anybody's addresses and transactions, which no book has."""

    list_display = ["target", "kind", "chain_title", "standing", "since", "book"]
    sortable_by = ("since",)
    list_filter = [OpenFilter, ChainFilter, period("created_at"), "book"]
    list_select_related = ["book", "address", "transaction"]
    search_help_text = "The whole address, transaction id or id of the watch"
    ordering = ["-id"]
    fields = [
        *("target", "kind", "chain_title", "standing", "block", "confirmations", "since_height", "since", "ended"),
        *("notes", "public_id", "book"),
    ]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Watch]:
        found: QuerySet[Watch] = super().get_queryset(request).select_related(*self.list_select_related)
        return found

    @display(description="watched")
    def target(self, watch: Watch) -> SafeString | str:
        return code(watch.transaction.txid if watch.transaction else watch.address.address if watch.address else "")

    @display(description="kind")
    def kind(self, watch: Watch) -> str:
        return "Transaction" if watch.transaction else "Address"

    @display(description="chain", ordering="chain_code")
    def chain_title(self, watch: Watch) -> str:
        return watch.chain.title

    @display(description="state")
    def standing(self, watch: Watch) -> SafeString:
        if watch.ended_at is not None:
            return label("Ended", "default")
        if watch.transaction is None:
            return label("Watching", "info")
        return label(watch.transaction.get_state_display(), WATCH_COLOURS[watch.transaction.state])

    @display(description="block")
    def block(self, watch: Watch) -> SafeString | str:
        row = watch.transaction
        return code(f"{row.block_height} {row.block_hash}") if row and row.block_height is not None else "–"

    @display(description="since", ordering="id")
    def since(self, watch: Watch) -> SafeString | str:
        return moment(watch.created_at)

    @display(description="ended", ordering="ended_at")
    def ended(self, watch: Watch) -> SafeString | str:
        return moment(watch.ended_at)

    @display(description="metadata")
    def notes(self, watch: Watch) -> SafeString:
        return table(["Name", "Value"], sorted(watch.metadata.items()), "None.")
