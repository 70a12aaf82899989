"""Invoices and payments in the admin. All of it is read-only."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.views import ChangeList

import cryptopay.payments.admin_receipts
import cryptopay.payments.admin_terms  # noqa: F401 - so does this one
from cryptopay.payments import quotes, representation
from cryptopay.payments.admin_interventions import ByHand
from cryptopay.payments.models import LARGE, ChainNotice, CustomerAddress, IntakePosition, Invoice, Payment
from cryptopay.payments.status import InvoiceState, MethodState, PaymentState, depth, payment_states, state_of
from cryptopay.webhooks.fates import NOBODY, fates
from cryptopay.webhooks.models import Event
from keys.issuing import verified_many
from ledger.models import JournalEntry
from ledger.money import plain
from ledger.readonly import ReadOnlyAdmin, amount, code, in_words, label, made_once, moment, page_of, period, table
from monitor.admin_chains import ChainFilter
from monitor.chains import CHAINS
from monitor.wording import bid, outlook

STATUS_COLOURS = {
    "new": "info",
    "processing": "warning",
    "settled": "success",
    "expired": "default",
    "invalid": "danger",
    "cancelled": "default",
    "paid_partial": "warning",
    "paid_over": "info",
    "paid_late": "warning",
    "paid_other": "warning",
    "marked": "info",
}
STATE_COLOURS = {"seen": "warning", "confirmed": "success", "dropped": "default", "reversed": "danger"}
SHOWN = 50
"""Rows of a small table: the newest."""


class SizeFilter(admin.SimpleListFilter):
    """Large ones, whatever their currency; they have an index of their own."""

    title = "amount"
    parameter_name = "size"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(LARGE), f"{LARGE:,} and more")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(amount__gte=LARGE) if self.value() == str(LARGE) else queryset


class WaitingFilter(admin.SimpleListFilter):
    """Payments that no chain of ours keeps waiting so long by itself."""

    title = "unconfirmed"
    parameter_name = "waiting"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("day", "Over a day")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() != "day":
            return queryset
        return queryset.filter(state=Payment.State.SEEN, seen_at__lt=timezone.now() - timedelta(days=1))


@admin.register(Invoice)
class InvoiceAdmin(ByHand):
    list_display = ["number", "asked", "standing", "customer_name", "created", "book"]
    sortable_by = ("number", "standing", "created")
    list_filter = ["status", "exception", SizeFilter, period("created_at"), "book"]
    list_select_related = ["customer", "book"]
    search_help_text = "Invoice, order, customer, address, transaction id"
    ordering = ["-id"]
    fields = [
        *("number", "asked", "standing", "customer_name", "description", "created", "expires", "book"),
        *("lines_table", "methods_table", "payments_table", "books_table", "by_hand_table", "events_table"),
    ]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invoice]:
        found: QuerySet[Invoice] = super().get_queryset(request).select_related(*self.list_select_related)
        return found

    def get_fields(self, request: HttpRequest, obj: Invoice | None = None) -> list[str]:
        """What the books say of it, for those who read the books."""
        reads = request.user.has_perm("ledger.view_journalentry", obj)
        return [name for name in self.fields if reads or name != "books_table"]

    @display(description="invoice", ordering="id")
    def number(self, invoice: Invoice) -> SafeString:
        if not invoice.order_id:
            return format_html("<span>{}</span>", invoice.public_id)
        return format_html('<span title="{}">{}</span>', invoice.public_id, invoice.order_id)

    @display(description="amount")
    def asked(self, invoice: Invoice) -> SafeString:
        return _money(invoice.amount, invoice)

    @display(description="status", ordering="status")
    def standing(self, invoice: Invoice) -> SafeString:
        words = invoice.get_status_display()
        if invoice.exception == Invoice.Exceptional.NONE:
            return label(words, STATUS_COLOURS[invoice.status])
        special = f"{words}, {invoice.get_exception_display().lower()}"
        return label(special, STATUS_COLOURS[invoice.exception])

    @display(description="customer", ordering="customer__external_ref")
    def customer_name(self, invoice: Invoice) -> str:
        return str(invoice.customer) if invoice.customer else "Guest"

    @display(description="created", ordering="id")
    def created(self, invoice: Invoice) -> SafeString | str:
        return moment(invoice.created_at)

    @display(description="to be paid until", ordering="expires_at")
    def expires(self, invoice: Invoice) -> SafeString | str:
        return moment(invoice.expires_at)

    @display(description="ways to pay")
    @made_once
    def methods_table(self, invoice: Invoice) -> SafeString:
        rows = [
            (
                method.chain.title,
                *(amount(figure.base_units, method.asset) for figure in (method.due, method.paid, method.remaining)),
                _place(method.address) if method.address else "Withheld: does not follow from its key",
                _rate(method),
            )
            for method in self._state(invoice).methods
        ]
        headings = ["Chain", "Due", "Paid", "Remaining", "Address", "Rate"]
        return table(headings, rows, "The payer has not chosen a coin yet.")

    @display(description="what is asked for")
    @made_once
    def lines_table(self, invoice: Invoice) -> SafeString:
        rows = [
            (
                line.description,
                plain(line.quantity),
                *(_money(each, invoice) for each in (line.net, line.tax)),
                f"{plain(line.tax_rate)} %",
            )
            for line in self._state(invoice).lines
        ]
        return table(["Line", "Quantity", "Net", "Tax", "Rate"], rows, "One amount, without lines.")

    @display(description="done by hand")
    @made_once
    def by_hand_table(self, invoice: Invoice) -> SafeString:
        rows = [
            (moment(done.made_at), done.get_status_display(), done.reason, done.by, done.get_status_before_display())
            for done in self._state(invoice).interventions
        ]
        return table(["Date", "Now", "Reason", "By", "Before"], rows, "Nothing.")

    @display(description="what arrived")
    @made_once
    def payments_table(self, invoice: Invoice) -> SafeString:
        state = self._state(invoice)
        rows = [
            (
                moment(payment.seen_at),
                amount(payment.amount.base_units, payment.amount.asset),
                _words(payment.payment),
                depth(payment),
                outlook(payment.expected) or "–",
                page_of(payment.payment, code(payment.txid)),
            )
            for payment in state.payments
        ]
        return table(["Seen", "Amount", "State", "Depth", "Expected", "Transaction"], rows, "Nothing has arrived yet.")

    @display(description="in the books")
    @made_once
    def books_table(self, invoice: Invoice) -> SafeString:
        """What was written because of it, in order; each entry's page has its debits and credits."""
        entries = JournalEntry.objects.filter(book=invoice.book_id, invoice_ref=invoice.public_id)
        told = sorted(entries.order_by("recorded_at", "pk")[:SHOWN], key=_as_told)
        rows = [
            (moment(entry.effective_at), page_of(entry, entry.description), entry.get_kind_display()) for entry in told
        ]
        return table(["Date", "Entry", "What it did"], rows, "Nothing was booked for it yet.")

    @display(description="what the merchant was told")
    @made_once
    def events_table(self, invoice: Invoice) -> SafeString:
        told = Event.objects.filter(book=invoice.book_id, subject=invoice.public_id).order_by("sequence")
        events = list(told.prefetch_related("deliveries__endpoint"))
        became = fates([delivery for event in events for delivery in event.deliveries.all()])
        rows: list[tuple[object, ...]] = []
        for event in events:
            heard = [(each.endpoint.url, became[each.pk]) for each in event.deliveries.all()]
            rows += [
                (moment(event.created_at), event.type, in_words(where), in_words(words))
                for where, words in heard or [("–", NOBODY)]
            ]
        return table(["Date", "Event", "Endpoint", "What became of it"], rows, "Nothing yet.")

    def _state(self, invoice: Invoice) -> InvoiceState:
        known = vars(invoice)
        if "shown_state" not in known:
            known["shown_state"] = state_of(invoice)
        state: InvoiceState = known["shown_state"]
        return state


def _money(figure: Decimal, invoice: Invoice) -> SafeString:
    text = quotes.asked(figure, invoice.currency)
    return format_html('<span class="amount">{} <abbr>{}</abbr></span>', text, invoice.currency)


def _rate(method: MethodState) -> str:
    """As it was recorded, and what the merchant's spread left of it."""
    if method.rate is None or method.quoted_price is None:
        return "–"
    if not method.quote.spread:
        return str(method.rate)
    return f"{method.rate}, counted as {plain(method.quoted_price)}"


def _as_told(entry: JournalEntry) -> tuple[datetime, bool]:
    """What arrived before what was sold of it, which is written in the same moment."""
    return entry.effective_at, entry.kind == JournalEntry.Kind.POST


def _words(payment: Payment) -> str:
    words = str(payment.get_state_display())
    return f"{words}, late{' and accepted' if payment.accepted else ''}" if payment.late else words


class PaymentsPage(ChangeList):
    """Reads how all payments of a page stand at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        payments: list[Payment] = list(self.result_list)  # type: ignore[has-type]  # the theme is untyped
        for payment, state in zip(payments, payment_states(payments), strict=True):
            vars(payment)["shown_state"] = state
        self.result_list = payments


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin):
    list_display = ["seen", "invoice_link", "coins", "state_label", "depth", "expected", "customer_name", "book"]
    sortable_by = ("seen",)
    list_display_links = ["seen"]
    list_filter = ["state", WaitingFilter, "late", period("seen_at"), "book"]
    list_select_related = ["book", "invoice__customer", "asset", "deposit"]
    search_help_text = "Invoice, order, customer, address, transaction id"
    ordering = ["-id"]
    fields = [
        *("coins", "state_label", "depth", "expected", "fee", "seen", "invoice_link", "customer_name", "transaction"),
        *("entry_link", "late", "book", "public_id"),
    ]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Payment]:
        found: QuerySet[Payment] = super().get_queryset(request).select_related(*self.list_select_related)
        return found

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        return PaymentsPage

    @display(description="seen", ordering="seen_at")
    def seen(self, payment: Payment) -> SafeString | str:
        return moment(payment.seen_at)

    @display(description="invoice")
    def invoice_link(self, payment: Payment) -> SafeString:
        return page_of(payment.invoice)

    @display(description="amount", ordering="base_units")
    def coins(self, payment: Payment) -> SafeString | str:
        return amount(payment.base_units, payment.asset)

    @display(description="state", ordering="state")
    def state_label(self, payment: Payment) -> SafeString:
        return label(_words(payment), STATE_COLOURS[payment.state])

    @display(description="depth")
    def depth(self, payment: Payment) -> str:
        return depth(self._state(payment))

    @display(description="expected")
    def expected(self, payment: Payment) -> str:
        return outlook(self._state(payment).expected) or "–"

    @display(description="fee")
    def fee(self, payment: Payment) -> str:
        return bid(self._state(payment).expected)

    @display(description="customer")
    def customer_name(self, payment: Payment) -> str:
        return str(payment.invoice.customer) if payment.invoice.customer else "Guest"

    @display(description="transaction")
    def transaction(self, payment: Payment) -> SafeString | str:
        return code(payment.deposit.txid)

    def _state(self, payment: Payment) -> PaymentState:
        known = vars(payment)
        if "shown_state" not in known:
            known["shown_state"] = payment_states([payment])[0]
        state: PaymentState = known["shown_state"]
        return state

    @display(description="journal")
    def entry_link(self, payment: Payment) -> SafeString:
        return page_of(payment.pending_entry, payment.pending_entry.description)


@admin.register(IntakePosition)
class IntakeAdmin(ReadOnlyAdmin):
    """How far the journal has taken the chain's events in; the platform's own."""

    list_display = ["chain_code", "last_event_id"]
    fields = ["chain_code", "last_event_id"]
    ordering = ["chain_code"]


class CustomerAddressPage(ChangeList):
    """Verifies a page of addresses at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows: list[CustomerAddress] = list(self.result_list)  # type: ignore[has-type]  # the theme is untyped
        shown = verified_many(row.address for row in rows)
        for row in rows:
            vars(row)["shown"] = shown.get(row.address_id)
        self.result_list = rows


@admin.register(CustomerAddress)
class CustomerAddressAdmin(ReadOnlyAdmin):
    """Addresses given to customers without an invoice, and what came of each."""

    list_display = ["verified_text", "customer_name", "chain_title", "given", "book"]
    sortable_by = ("given",)
    list_filter = [ChainFilter, period("created_at"), "book"]
    list_select_related = ["customer", "address", "book"]
    search_help_text = "The whole address, the customer's reference, or the id"
    ordering = ["-id"]
    fields = [
        *("verified_text", "customer_name", "chain_title", "given", "book", "public_id", "notes"),
        *("credits_table", "told_table"),
    ]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[CustomerAddress]:
        found: QuerySet[CustomerAddress] = super().get_queryset(request).select_related(*self.list_select_related)
        return found

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        return CustomerAddressPage

    @display(description="address")
    def verified_text(self, row: CustomerAddress) -> SafeString | str:
        known = vars(row)
        if "shown" not in known:
            known["shown"] = verified_many([row.address]).get(row.address_id)
        return _place(known["shown"]) if known["shown"] else "Withheld: does not follow from its key"

    @display(description="customer", ordering="customer__external_ref")
    def customer_name(self, row: CustomerAddress) -> str:
        return row.customer.external_ref

    @display(description="chain", ordering="chain_code")
    def chain_title(self, row: CustomerAddress) -> str:
        return row.chain.title

    @display(description="given", ordering="id")
    def given(self, row: CustomerAddress) -> SafeString | str:
        return moment(row.created_at)

    @display(description="metadata")
    def notes(self, row: CustomerAddress) -> SafeString:
        return table(["Name", "Value"], sorted(row.metadata.items()), "None.")

    @display(description="what arrived")
    @made_once
    def credits_table(self, row: CustomerAddress) -> SafeString:
        newest = row.credits.select_related("asset", "deposit", "pending_entry").order_by("-pk")[:SHOWN]
        rows = [
            (
                moment(credit.seen_at),
                amount(credit.base_units, credit.asset),
                label(credit.get_state_display(), STATE_COLOURS[credit.state]),
                code(credit.deposit.txid),
                page_of(credit.pending_entry, "Journal"),
            )
            for credit in newest
        ]
        return table(["Seen", "Amount", "State", "Transaction", "Books"], rows, "Nothing has arrived yet.")

    @display(description="what was told")
    @made_once
    def told_table(self, row: CustomerAddress) -> SafeString:
        newest = ChainNotice.objects.filter(book=row.book_id, subject=row.public_id).order_by("-pk")[:SHOWN]
        rows = [(moment(notice.told_at), notice.get_kind_display(), code(notice.txid)) for notice in newest]
        return table(["Date", "Event", "Transaction"], rows, "Nothing yet.")


@admin.register(ChainNotice)
class ChainNoticeAdmin(ReadOnlyAdmin):
    """What programs were told of addresses and watches, in order."""

    list_display = ["told", "kind_label", "chain_title", "transaction", "coins", "book"]
    sortable_by = ("told",)
    list_filter = ["kind", ChainFilter, period("told_at"), "book"]
    list_select_related = ["book"]
    search_help_text = "The whole address, transaction id, or id of an address, a watch or an event"
    ordering = ["-id"]
    fields = [
        *("told", "kind_label", "chain_title", "transaction", "coins", "place", "subject", "sequence"),
        *("public_id", "book"),
    ]
    readonly_fields = fields

    @display(description="told", ordering="id")
    def told(self, notice: ChainNotice) -> SafeString | str:
        return moment(notice.told_at)

    @display(description="event", ordering="kind")
    def kind_label(self, notice: ChainNotice) -> SafeString:
        return label(notice.get_kind_display(), STATE_COLOURS[notice.kind])

    @display(description="chain", ordering="chain_code")
    def chain_title(self, notice: ChainNotice) -> str:
        return CHAINS[notice.chain_code].title

    @display(description="transaction")
    def transaction(self, notice: ChainNotice) -> SafeString | str:
        return code(notice.txid)

    @display(description="amount")
    def coins(self, notice: ChainNotice) -> SafeString | str:
        moved = notice.payload["amount"]
        if moved is None:
            return "–"
        text, unit = moved["amount"] or moved["base_units"], moved["asset"] or "base units"
        return format_html('<span class="amount">{} <abbr>{}</abbr></span>', text, unit)

    @display(description="address")
    def place(self, notice: ChainNotice) -> SafeString | str:
        return code(notice.address)


def _place(address: str) -> SafeString | str:
    """Where payers share an account, that and the memo apart."""
    place = representation.place(address)
    account = code(place["address"] or "")
    return format_html("{} memo {}", account, code(place["memo"])) if place["memo"] else account
