"""Cases in the back office: what differed, where, what became of it, and the form that says what it was."""

from typing import Any, cast
from uuid import uuid4

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from cryptopay.monthend import cases
from cryptopay.monthend.errors import MonthEndError
from cryptopay.monthend.models import Case, CaseStep, Package
from cryptopay.monthend.sending import download
from ledger.admin.asking import MAY_ASK, ReasonForm
from ledger.admin.periods import PeriodChangeAdmin
from ledger.admin.proposals import state_label as proposal_state
from ledger.errors import LedgerError
from ledger.models import PeriodChange
from ledger.money import BadAmount, parse_typed, to_text
from ledger.readonly import ReadOnlyAdmin, amount, code, label, moment, page_of, table, url_of
from monitor.chains import CHAINS
from monitor.reconciliations import AddressDifference

SHOWN = 200
TAKE_BACK = "take_back"


class ExplanationForm(ReasonForm):
    """What a part of the difference was."""

    kind = forms.ChoiceField(
        label="It was",
        choices=[(kind.value, kind.label) for kind in cases.EXPLANATIONS],
        widget=UnfoldAdminSelectWidget(),
    )
    units = forms.CharField(label="Amount", max_length=100, widget=UnfoldAdminTextInputWidget())
    account = forms.CharField(
        label="To the account",
        max_length=200,
        required=False,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Left empty: in transit for a wallet of your own, network fees for a fee.",
    )
    field_order = ["kind", "units", "account", "reason"]


class OpenFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("open", "Open"), ("closed", "Closed")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        closed = Exists(
            CaseStep.objects.filter(book=OuterRef("book"), case=OuterRef("pk"), kind__in=["gone", "resolved"])
        )
        match self.value():
            case "open":
                return queryset.filter(~closed)
            case "closed":
                return queryset.filter(closed)
        return queryset


@admin.register(Case)
class CaseAdmin(ReadOnlyAdmin):
    list_display = ["what", "difference", "state", "opened", "book"]
    list_filter = [OpenFilter, "book"]
    list_select_related = ["book", "asset", "run"]
    ordering = ["-id"]

    def get_urls(self) -> list[URLPattern]:
        explain = self.admin_site.admin_view(self.explain_view)
        own = [path("<path:object_id>/explain/", explain, name="monthend_case_explain")]
        return own + cast(list[URLPattern], super().get_urls())

    def get_queryset(self, request: HttpRequest) -> QuerySet[Case]:
        closing = CaseStep.objects.filter(
            book=OuterRef("book"), case=OuterRef("pk"), kind__in=["gone", "resolved"]
        ).values("kind")[:1]
        found: QuerySet[Case] = super().get_queryset(request).annotate(closed_as=closing)
        return found.select_related("book", "asset", "run")

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The case and, for whoever may ask, the forms."""
        if object_id is None or request.method != "GET":
            raise PermissionDenied
        case = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request, case):
            raise PermissionDenied
        if case is None:
            gone: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return gone
        return self._drawn(request, case, None)

    def explain_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Book what a part of it was, or put that before a second person."""
        case = self.get_object(request, unquote(object_id))
        if request.method != "POST" or case is None or not request.user.has_perm(MAY_ASK, case):
            raise PermissionDenied
        form = (ReasonForm if TAKE_BACK in request.POST else ExplanationForm)(request.POST)
        if form.is_valid():
            try:
                step = _said(request, case, form.cleaned_data)
            except (MonthEndError, LedgerError, BadAmount) as refused:
                form.add_error(None, f"{str(refused)[:1].upper()}{str(refused)[1:]}.")
            else:
                waits = "It waits for a second person to approve it." if step.proposal_id else "Written into the books."
                messages.success(request, waits)
                return HttpResponseRedirect(url_of(case))
        return self._drawn(request, case, form)

    def _drawn(self, request: HttpRequest, case: Case, form: forms.Form | None) -> HttpResponse:
        now, steps = cases.standing(case), list(case.steps.select_related("proposal__decision").order_by("pk"))
        may = request.user.has_perm(MAY_ASK, case) and bool(now.left)
        whole = may and now.left == now.in_suspense
        shown = {"units": to_text(abs(now.left), case.asset.decimals), "token": uuid4().hex}
        context = {
            **self.admin_site.each_context(request),
            "title": f"{CHAINS[case.run.chain_code].title}: {case.asset} differs",
            "opts": self.opts,
            "case": case,
            "state": state_label(case),
            "run": case.run,
            "figures": _figures(case),
            "standing": now,
            "left": amount(abs(now.left), case.asset),
            "is_open": getattr(case, "closed_as", None) is None,
            "steps": table(
                ["What", "Amount", "Who", "When", "Why"], [_step(case, step) for step in steps], "Nothing yet."
            ),
            "addresses": _addresses(case, steps),
            "explaining": form if isinstance(form, ExplanationForm) else may and ExplanationForm(initial=shown),
            "taking_back": None if isinstance(form, ExplanationForm) else form or (whole and ReasonForm(initial=shown)),
        }
        return TemplateResponse(request, "monthend/case.html", context)

    @display(description="what", ordering="id")
    def what(self, case: Case) -> str:
        return f"{case.asset} on {CHAINS[case.run.chain_code].title}"

    @display(description="difference")
    def difference(self, case: Case) -> SafeString | str:
        return amount(case.run.difference, case.asset)

    @display(description="state")
    def state(self, case: Case) -> SafeString:
        return state_label(case)

    @display(description="opened", ordering="id")
    def opened(self, case: Case) -> SafeString | str:
        return moment(case.opened_at)


def state_label(case: Case) -> SafeString:
    """Of a case from the list above, which knows how it was closed."""
    closed_as = getattr(case, "closed_as", None)
    if closed_as is None:
        return label("Open", "danger")
    return label("Resolved" if closed_as == CaseStep.Kind.RESOLVED else "Gone by itself", "success")


def _said(request: HttpRequest, case: Case, said: dict[str, Any]) -> CaseStep:
    named = {"reason": said["reason"], "by": request.user.get_username(), "token": said["token"]}
    if TAKE_BACK in request.POST:
        return cases.take_back(case, **named)
    units = parse_typed(said["units"], case.asset).base_units
    return cases.explain(case, CaseStep.Kind(said["kind"]), units, account=said["account"].strip(), **named)


def _figures(case: Case) -> list[tuple[str, SafeString | str]]:
    run = case.run
    return [
        ("The node says", amount(run.node_base_units, case.asset)),
        ("Custody in the books", amount(run.custody_base_units, case.asset)),
        ("On its way", amount(run.on_its_way_base_units, case.asset)),
        ("Difference", amount(run.difference, case.asset)),
    ]


def _step(case: Case, step: CaseStep) -> tuple[object, ...]:
    what: SafeString | str = str(step.get_kind_display())
    if step.entry_id:
        what = page_of_entry(step.entry_id, what)
    elif step.proposal is not None:
        what = format_html("<span>{} {}</span>", page_of(step.proposal, what), proposal_state(step.proposal))
    shown = amount(step.base_units, case.asset) if step.base_units else "–"
    return what, shown, step.by or "CryptoPay", moment(step.at), step.reason or "–"


def page_of_entry(entry_id: int, text: str) -> SafeString:
    """A link to an entry of which only the id is at hand."""
    return format_html(
        '<a class="link" href="{}">{}</a>', reverse("admin:ledger_journalentry_change", args=[entry_id]), text
    )


def _addresses(case: Case, steps: list[CaseStep]) -> SafeString:
    runs = [step.run_id for step in steps if step.kind == CaseStep.Kind.FOUND]
    found = AddressDifference.objects.filter(book=case.book_id, reconciliation__in=runs).order_by("pk")[:SHOWN]
    rows = [
        (
            code(row.address),
            amount(row.node_base_units, case.asset),
            amount(row.books_base_units, case.asset),
            amount(row.difference, case.asset),
        )
        for row in found
    ]
    empty = "No address differs from the deposits to it: look for entries on the custody account that no chain told of."
    return table(["Address", "The node says", "The books say", "Difference"], rows, empty)


admin.site.unregister(PeriodChange)


@admin.register(PeriodChange)
class PeriodAdmin(PeriodChangeAdmin):
    """Periods, each with the package an auditor is given."""

    list_display = ["closed", "package_link", "asked_by", "approved_by", "reason", "since", "book"]
    fields = ["closed", "reason", "asked_by", "approved_by", "since", "book", "reviewed", "package_table"]
    readonly_fields = fields
    actions_list = ["close_page", "ask_page"]

    def get_urls(self) -> list[URLPattern]:
        download = self.admin_site.admin_view(self.package_view)
        own = [path("<path:object_id>/package/", download, name="ledger_periodchange_package")]
        return own + cast(list[URLPattern], super().get_urls())

    def get_queryset(self, request: HttpRequest) -> QuerySet[PeriodChange]:
        found: QuerySet[PeriodChange] = super().get_queryset(request).select_related("book", "package", "review")
        return found

    @action(description="Close the month", url_path="close", icon="task_alt")
    def close_page(self, request: HttpRequest) -> HttpResponse:
        """To the page that knows what is left to do."""
        return HttpResponseRedirect(reverse("admin:closing"))

    def package_view(self, request: HttpRequest, object_id: str) -> StreamingHttpResponse:
        """The zip."""
        change = self.get_object(request, unquote(object_id))
        package = getattr(change, "package", None)
        if package is None or not self.has_view_permission(request, change):
            raise PermissionDenied
        return download(package)

    @display(description="package")
    def package_link(self, change: PeriodChange) -> SafeString | str:
        if getattr(change, "package", None) is None:
            return "Being made" if change.review_id else "–"
        url = reverse("admin:ledger_periodchange_package", args=[change.pk])
        return format_html('<a class="link" href="{}" download>Download</a>', url)

    @display(description="reviewed")
    def reviewed(self, change: PeriodChange) -> str:
        """By whom, and what they said of what was not at zero."""
        if change.review is None:
            return "–"
        said = change.review.findings.get("explanation", "")
        return f"Looked at by {change.review.looked_by}" + (f": {said}" if said else "")

    @display(description="package")
    def package_table(self, change: PeriodChange) -> SafeString | str:
        package: Package | None = getattr(change, "package", None)
        if package is None:
            return "Being made" if change.review_id else "–"
        rows = [
            ("File", self.package_link(change)),
            ("Size", f"{package.size:,} bytes"),
            ("SHA-256", code(package.sha256)),
            ("Signed with the key (Ed25519)", code(package.public_key)),
            ("Made", moment(package.made_at)),
        ]
        return table(["", ""], rows, "")
