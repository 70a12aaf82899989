"""Proposals: what one person asked and a second one approves or refuses."""

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from ledger import proposals
from ledger.admin.asking import MAY_DECIDE
from ledger.admin.entering import drawn_legs, second_person, sentence
from ledger.asking import same_person
from ledger.errors import LedgerError
from ledger.journal import Leg
from ledger.models import Account, Decision, JournalEntry, PeriodReview, Posting, Proposal
from ledger.readonly import ReadOnlyAdmin, label, moment, url_of
from ledger.spans import day_of

COLOURS = {Decision.Verdict.APPROVED: "success", Decision.Verdict.REFUSED: "danger"}


class DecisionForm(forms.Form):
    reason = forms.CharField(
        max_length=300,
        required=False,
        widget=UnfoldAdminTextInputWidget(),
        help_text="A refusal says why; an approval may.",
    )


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("waiting", "Waiting"), *Decision.Verdict.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "waiting":
            return proposals.waiting(queryset)
        return queryset.filter(decision__verdict=self.value()) if self.value() else queryset


@admin.register(Proposal)
class ProposalAdmin(ReadOnlyAdmin):
    list_display = ["what", "state", "asked_by", "asked", "reason", "book"]
    list_filter = [StateFilter, "kind", "book"]
    list_select_related = ["book", "decision"]
    search_fields = ["asked_by", "reason", "contents__description"]
    search_help_text = "Description, reason, person"
    ordering = ["-id"]

    def get_urls(self) -> list[URLPattern]:
        decide = self.admin_site.admin_view(self.decide_view)
        own = [path("<path:object_id>/decide/", decide, name="ledger_proposal_decide")]
        return own + cast(list[URLPattern], super().get_urls())

    def get_queryset(self, request: HttpRequest) -> QuerySet[Proposal]:
        found: QuerySet[Proposal] = super().get_queryset(request).select_related("book", "decision")
        return found

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """What is asked, in words, and the buttons for whoever may decide."""
        if object_id is None or request.method != "GET":
            raise PermissionDenied
        proposal: Proposal | None = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request, proposal):
            raise PermissionDenied
        if proposal is None:
            gone: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return gone
        context = self.admin_site.each_context(request) | {"opts": self.opts, "original": proposal} | drawn(proposal)
        context |= {"form": DecisionForm(), "hindrance": self._hindrance(request, proposal)}
        return TemplateResponse(request, "ledger/proposal.html", context)

    def decide_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Approve, which carries it out, or refuse. What went wrong is told on the proposal's page."""
        proposal: Proposal | None = self.get_object(request, unquote(object_id))
        if request.method != "POST" or proposal is None or not request.user.has_perm(MAY_DECIDE, proposal):
            raise PermissionDenied
        form = DecisionForm(request.POST)
        verb = proposals.refuse if "refuse" in request.POST else proposals.approve
        try:
            reason = form.cleaned_data["reason"] if form.is_valid() else ""
            decision = verb(proposal, by=request.user.get_username(), reason=reason)
            messages.success(request, f"{decision.get_verdict_display()}.")
        except LedgerError as refused:
            messages.error(request, sentence(refused))
        return HttpResponseRedirect(url_of(proposal))

    def _hindrance(self, request: HttpRequest, proposal: Proposal) -> str:
        """Why this person cannot decide; empty if they can."""
        if not request.user.has_perm(MAY_DECIDE, proposal):
            return "It waits for an accountant or an approver to decide."
        if same_person(proposal.asked_by, request.user.get_username()):
            return "It waits for someone else: who asks does not decide."
        return ""

    @display(description="what", ordering="kind")
    def what(self, proposal: Proposal) -> str:
        return title(proposal)

    @display(description="state")
    def state(self, proposal: Proposal) -> SafeString:
        return state_label(proposal)

    @display(description="asked", ordering="asked_at")
    def asked(self, proposal: Proposal) -> SafeString | str:
        return moment(proposal.asked_at)


def title(proposal: Proposal) -> str:
    """ "Reversal: Rent for March", "Close the period through 31 Mar 2026" """
    words, asked = proposal.get_kind_display(), proposal.contents
    if "closed_through" not in asked:
        return f"{words}: {asked.get('description', '')}"
    through = day_of(asked["closed_through"] or "")
    return f"{words}, closed through {through:%-d %b %Y}" if through else f"{words}, everything open"


def state_label(proposal: Proposal) -> SafeString:
    decision = getattr(proposal, "decision", None)
    if decision is None:
        return label("Waiting for a second person", "warning")
    return label(decision.get_verdict_display(), COLOURS[decision.verdict])


def drawn(proposal: Proposal) -> dict[str, Any]:
    """What the page is drawn from."""
    asked, decision = proposal.contents, getattr(proposal, "decision", None)
    entry = _entry_concerned(proposal)
    legs = _mirrored(entry) if entry and proposal.kind == Proposal.Kind.REVERSAL else _asked_legs(proposal)
    return {
        "title": title(proposal),
        "proposal": proposal,
        "state": state_label(proposal),
        "decision": decision,
        "decided": moment(decision.decided_at) if decision else "",
        "written": url_of(JournalEntry(pk=decision.entry_id)) if decision and decision.entry_id else "",
        "asked": moment(proposal.asked_at),
        "effective": day_of((asked.get("effective_at") or "")[:10]),
        "entry_url": url_of(entry) if entry else "",
        "legs": drawn_legs(legs),
        "second_person": second_person(proposal.book, legs) if legs else "",
        "closed_before": day_of(asked.get("closed_before") or ""),
        "closed_through": day_of(asked.get("closed_through") or ""),
        "review": PeriodReview.objects.filter(book=proposal.book_id, pk=asked.get("review")).first(),
        "contents": asked,
    }


def _entry_concerned(proposal: Proposal) -> JournalEntry | None:
    """That it would reverse, or price."""
    if proposal.kind not in (Proposal.Kind.REVERSAL, Proposal.Kind.PRICE):
        return None
    return JournalEntry.objects.filter(book=proposal.book_id, pk=proposal.contents["entry"]).first()


def _mirrored(entry: JournalEntry) -> list[Leg]:
    postings = Posting.objects.filter(book=entry.book_id, entry=entry, layer=Posting.Layer.POSTED)
    return [Leg(row.account, row.credit, row.debit) for row in postings.select_related("account__asset")]


def _asked_legs(proposal: Proposal) -> list[Leg]:
    asked = proposal.contents.get("legs", [])
    accounts = Account.objects.filter(book=proposal.book_id).select_related("asset")
    found = accounts.in_bulk([leg["account"] for leg in asked])
    return [
        Leg(found[leg["account"]], int(leg["debit"]), int(leg["credit"])) for leg in asked if leg["account"] in found
    ]
