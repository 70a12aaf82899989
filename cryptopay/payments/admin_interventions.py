"""Cancelling and marking an invoice in the admin: two pages that ask for a reason."""

from collections.abc import Callable, Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from cryptopay.payments import interventions, machine
from cryptopay.payments.errors import PaymentError
from cryptopay.payments.interventions import LONGEST_REASON
from cryptopay.payments.models import Intervention, Invoice
from cryptopay.payments.quotes import asked
from ledger.errors import LedgerError
from ledger.readonly import ReadOnlyAdmin, url_of

Status = Invoice.Status

MAY_CANCEL, MAY_MARK = "payments.cancel_invoice", "payments.mark_invoice"


class ReasonForm(forms.Form):
    """Why."""

    reason = forms.CharField(
        max_length=LONGEST_REASON,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Stands with the invoice for good.",
    )


class MarkForm(ReasonForm):
    """As what, and why."""

    status = forms.ChoiceField(widget=UnfoldAdminSelectWidget(), label="It is")
    field_order = ["status", "reason"]

    def __init__(self, invoice: Invoice, *args: Any) -> None:
        super().__init__(*args)
        self.fields["status"].choices = [(to.value, to.label) for to in markable(invoice)]  # type: ignore[attr-defined]


def markable(invoice: Invoice) -> Sequence[Status]:
    """What a person may say of it now."""
    return [to for to in (Status.SETTLED, Status.INVALID) if invoice.status in machine.BY_HAND[to]]


class ByHand(ReadOnlyAdmin):
    """The two pages. Whoever may not, or comes too late, has no button."""

    actions_detail = ["cancel_page", "mark_page"]

    def has_cancel_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        invoice = self.get_object(request, str(object_id))
        may = invoice is not None and request.user.has_perm(MAY_CANCEL, invoice)
        return may and invoice.status in machine.BY_HAND[Status.CANCELLED]

    def has_mark_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        invoice = self.get_object(request, str(object_id))
        return invoice is not None and request.user.has_perm(MAY_MARK, invoice) and bool(markable(invoice))

    @action(description="Cancel", url_path="cancel", icon="block", permissions=["cancel"])
    def cancel_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask the payer no more."""
        invoice = self._invoice(request, object_id, MAY_CANCEL)
        form = ReasonForm(request.POST or None)

        def cancel(by: str) -> Intervention:
            return interventions.cancel(invoice.pk, invoice.book, reason=form.cleaned_data["reason"], by=by)

        return self._asked(request, invoice, form, "Cancel", cancel)

    @action(description="Mark", url_path="mark", icon="how_to_reg", permissions=["mark"])
    def mark_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say that it is settled or invalid."""
        invoice = self._invoice(request, object_id, MAY_MARK)
        form = MarkForm(invoice, request.POST or None)

        def mark(by: str) -> Intervention:
            said = form.cleaned_data
            return interventions.mark(invoice.pk, invoice.book, Status(said["status"]), reason=said["reason"], by=by)

        return self._asked(request, invoice, form, "Mark", mark)

    def _invoice(self, request: HttpRequest, object_id: str, permission: str) -> Invoice:
        invoice: Invoice | None = self.get_object(request, object_id)
        if invoice is None or not request.user.has_perm(permission, invoice):
            raise PermissionDenied
        return invoice

    def _asked(
        self, request: HttpRequest, invoice: Invoice, form: ReasonForm, word: str, act: Callable[[str], Intervention]
    ) -> HttpResponse:
        if request.method == "POST" and form.is_valid():
            try:
                done = act(request.user.get_username())
            except (PaymentError, LedgerError) as refused:
                text = str(refused)
                form.add_error(None, f"{text[:1].upper()}{text[1:]}.")
            else:
                messages.success(request, f"It is {done.get_status_display().lower()}.")
                return HttpResponseRedirect(url_of(invoice))
        context = {"title": f"{word} an invoice", "word": word, "invoice": invoice, "form": form}
        context |= {"invoice_url": url_of(invoice), "asked": asked(invoice.amount, invoice.currency)}
        return TemplateResponse(request, "payments/by_hand.html", self.admin_site.each_context(request) | context)
