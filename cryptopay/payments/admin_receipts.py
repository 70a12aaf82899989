"""Receipts of nobody knows whom, in the admin: what a payer wrote, and the page on which a person says whose it is."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from unfold.decorators import action, display
from unfold.views import ChangeList
from unfold.widgets import UnfoldAdminTextInputWidget

from cryptopay.merchants.errors import ReferenceRefused
from cryptopay.payments import sharing
from cryptopay.payments.errors import PaymentError
from cryptopay.payments.models import Payment, UnassignedReceipt
from ledger.admin.asking import MAY_ASK, leads_on
from ledger.admin.entering import sentence
from ledger.errors import LedgerError
from ledger.models import JournalEntry, Proposal
from ledger.readonly import ReadOnlyAdmin, amount, code, label, moment, page_of, period, url_of

_COLOURS = {"seen": "warning", "confirmed": "danger", "dropped": "default", "reversed": "default"}


class AssignForm(forms.Form):
    """Whose it is, and how one knows."""

    whose = forms.CharField(
        max_length=128,
        widget=UnfoldAdminTextInputWidget(),
        help_text="A customer's reference, or an invoice's number (inv_…) for its customer. Invoices stay as they are.",
    )
    reason = forms.CharField(
        max_length=300, widget=UnfoldAdminTextInputWidget(), help_text="Stands in the books for good."
    )


class ReceiptsPage(ChangeList):
    """Reads what became of all receipts of a page at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        receipts: list[UnassignedReceipt] = list(self.result_list)  # type: ignore[has-type]  # the theme is untyped
        known = sharing.assignments(receipts)
        for receipt in receipts:
            vars(receipt)["assignment"] = known.get(receipt.pk)
        self.result_list = receipts


@admin.register(UnassignedReceipt)
class UnassignedReceiptAdmin(ReadOnlyAdmin):
    list_display = ["seen", "coins", "memo", "sender", "standing", "account_name", "book"]
    list_display_links = ["seen"]
    sortable_by = ("seen",)
    list_filter = ["state", period("seen_at"), "book"]
    list_select_related = ["book", "asset", "deposit", "account__watched"]
    search_help_text = "The whole transaction id, memo or sender"
    ordering = ["-id"]
    actions_detail = ["assign_page"]
    fields = ["seen", "coins", "memo", "sender", "transaction", "account_name", "standing", "books", "book"]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[UnassignedReceipt]:
        found: QuerySet[UnassignedReceipt] = super().get_queryset(request).select_related(*self.list_select_related)
        return found

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        return ReceiptsPage

    def has_assign_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        receipt = self.get_object(request, str(object_id))
        is_open = receipt is not None and receipt.state == Payment.State.CONFIRMED
        return is_open and request.user.has_perm(MAY_ASK, receipt) and sharing.assignment(receipt) is None

    @action(description="Assign", url_path="assign", icon="assignment_ind", permissions=["assign"])
    def assign_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks whose it is and why, and writes it or puts it before a second person."""
        receipt: UnassignedReceipt = self.get_object(request, object_id)
        form = AssignForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            said = form.cleaned_data
            try:
                by = request.user.get_username()
                return leads_on(request, sharing.assign(receipt, said["whose"], reason=said["reason"], by=by))
            except (PaymentError, ReferenceRefused) as refused:
                text = str(refused)
                form.add_error("whose", f"{text[:1].upper()}{text[1:]}.")
            except LedgerError as refused:
                form.add_error(None, sentence(refused))
        context = {
            "title": "Assign a receipt",
            "receipt": receipt,
            "receipt_url": url_of(receipt),
            "coins": amount(receipt.base_units, receipt.asset),
            "form": form,
        }
        return TemplateResponse(request, "payments/assign.html", self.admin_site.each_context(request) | context)

    @display(description="seen", ordering="id")
    def seen(self, receipt: UnassignedReceipt) -> SafeString | str:
        return moment(receipt.seen_at)

    @display(description="amount")
    def coins(self, receipt: UnassignedReceipt) -> SafeString | str:
        return amount(receipt.base_units, receipt.asset)

    @display(description="memo")
    def memo(self, receipt: UnassignedReceipt) -> str:
        return receipt.deposit.memo or "None"

    @display(description="sender")
    def sender(self, receipt: UnassignedReceipt) -> SafeString | str:
        return code(receipt.deposit.sender)

    @display(description="transaction")
    def transaction(self, receipt: UnassignedReceipt) -> SafeString | str:
        return code(receipt.deposit.txid)

    @display(description="account")
    def account_name(self, receipt: UnassignedReceipt) -> str:
        return str(receipt.account)

    @display(description="state")
    def standing(self, receipt: UnassignedReceipt) -> SafeString:
        if receipt.state != Payment.State.CONFIRMED:
            return label(receipt.get_state_display(), _COLOURS[receipt.state])
        known = _assignment(receipt)
        if known is None:
            return label("Nobody's yet", "danger")
        return label("Assigned", "success") if isinstance(known, JournalEntry) else label("To be approved", "warning")

    @display(description="books")
    def books(self, receipt: UnassignedReceipt) -> Any:
        known = _assignment(receipt)
        return page_of(known, "What was written of it") if known else page_of(receipt.pending_entry, "Journal")


def _assignment(receipt: UnassignedReceipt) -> JournalEntry | Proposal | None:
    known = vars(receipt)
    if "assignment" not in known:
        known["assignment"] = sharing.assignment(receipt)
    found: JournalEntry | Proposal | None = known["assignment"]
    return found
