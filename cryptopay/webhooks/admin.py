"""Endpoints and what was delivered to them. An endpoint's secret is shown once, when it is made or rotated."""

import json
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import date
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from cryptopay.merchants.secrecy import shown_once
from cryptopay.webhooks import endpoints, outbox
from cryptopay.webhooks.errors import WebhooksError
from cryptopay.webhooks.fates import fates
from cryptopay.webhooks.models import Attempt, Delivery, Endpoint
from ledger.readonly import ReadOnlyAdmin, in_words, label, made_once, moment, page_of, table

STATE_COLOURS = {"waiting": "warning", "delivered": "success", "failed": "danger"}
LATEST = 20
SENT_AGAIN = timedelta(days=30)
MEANWHILE = (
    "Enabled. What was given up can be sent again from here (Send again what was given up). What happened while it was "
    "disabled was not kept for it: your program reads that with GET /events?after= and the last event it knows."
)
VERIFY = "Your program verifies our signatures with it (Standard Webhooks)."


class NewEndpointForm(forms.ModelForm[Endpoint]):
    """Everything wrong with a URL is said beside it."""

    event_types = forms.CharField(
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="One a line, such as invoice.settled. Empty: all.",
    )

    class Meta:
        model = Endpoint
        fields = ["book", "url"]

    def clean_event_types(self) -> list[str]:
        return str(self.cleaned_data["event_types"]).split()

    def clean(self) -> dict[str, Any] | None:
        """Creates it, so that a refusal stands in the form; the page's transaction takes it back if all else fails."""
        cleaned = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                self.made, self.secret = endpoints.create(cleaned["book"].pk, cleaned["url"], cleaned["event_types"])
            except WebhooksError as error:
                self.add_error(None, forms.ValidationError(str(error), code=error.code))
        return cleaned


@admin.register(Endpoint)
class EndpointAdmin(ModelAdmin):
    list_display = ["url", "told_of", "state", "created", "book"]
    list_filter = ["book"]
    list_select_related = ["book"]
    search_fields = ["url"]
    ordering = ["-id"]
    fields = ["url", "told_of", "state", "slow", "created", "latest", "book", "public_id"]
    actions = ["rotate", "disable", "enable", "send_again"]

    def get_form(self, request: HttpRequest, obj: Endpoint | None = None, change: bool = False, **options: Any) -> Any:
        if obj is None:
            options["form"] = NewEndpointForm
        return super().get_form(request, obj, change=change, **options)

    def get_fields(self, request: HttpRequest, obj: Endpoint | None = None) -> list[str]:
        return list(self.fields) if obj else ["book", "url", "event_types"]

    def get_readonly_fields(self, request: HttpRequest, obj: Endpoint | None = None) -> list[str]:
        return list(self.fields) if obj else []

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_keep_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("webhooks.change_endpoint")

    def save_model(self, request: HttpRequest, obj: Endpoint, form: Any, change: bool) -> None:
        obj.__dict__.update(form.made.__dict__)
        vars(request)["new_secret"] = form.secret

    def response_add(self, request: HttpRequest, obj: Endpoint, post_url_continue: str | None = None) -> HttpResponse:
        return shown_once(self, request, vars(request)["new_secret"], f"Secret of {obj.url}", VERIFY)

    @admin.action(description="Make a new secret", permissions=["keep"])
    def rotate(self, request: HttpRequest, chosen: QuerySet[Endpoint]) -> HttpResponse | None:
        if chosen.count() != 1:
            self.message_user(request, "Choose one endpoint: its new secret is shown once.", messages.WARNING)
            return None
        endpoint = chosen.get()
        return shown_once(self, request, endpoints.rotate(endpoint), f"New secret of {endpoint}", VERIFY)

    @admin.action(description="Disable", permissions=["keep"])
    def disable(self, request: HttpRequest, chosen: QuerySet[Endpoint]) -> None:
        for endpoint in chosen:
            endpoints.disable(endpoint, f"by {request.user}")

    @admin.action(description="Enable", permissions=["keep"])
    def enable(self, request: HttpRequest, chosen: QuerySet[Endpoint]) -> None:
        for endpoint in chosen:
            endpoints.enable(endpoint)
        self.message_user(request, MEANWHILE, messages.WARNING)

    @admin.action(description="Send again what was given up", permissions=["keep"])
    def send_again(self, request: HttpRequest, chosen: QuerySet[Endpoint]) -> None:
        for endpoint in chosen:
            try:
                begun = outbox.redeliver_failed(endpoint, timezone.now() - SENT_AGAIN)
            except WebhooksError as error:
                self.message_user(request, f"{endpoint}: {error}", messages.ERROR)
                continue
            self.message_user(request, f"{endpoint}: {begun} webhooks begin again, the oldest first.")

    @display(description="hears of")
    def told_of(self, endpoint: Endpoint) -> str:
        return ", ".join(endpoint.event_types) or "Everything"

    @display(description="state")
    def state(self, endpoint: Endpoint) -> SafeString:
        if endpoint.disabled_at is None and endpoint.failing_since:
            return label(f"Failing since {date(endpoint.failing_since, 'j M Y, H:i')} UTC", "warning")
        if endpoint.disabled_at is None:
            return label("Active", "success")
        return label(f"Disabled {endpoint.disabled_reason}", "danger")

    @display(description="answers")
    def slow(self, endpoint: Endpoint) -> str:
        if endpoint.slow_since is None:
            return "In time"
        since = date(endpoint.slow_since, "j M Y, H:i")
        return f"Too slow since {since} UTC: so that others need not wait, it is sent one webhook at a time"

    @display(description="latest deliveries")
    @made_once
    def latest(self, endpoint: Endpoint) -> SafeString:
        newest = list(endpoint.deliveries.select_related("event", "endpoint").order_by("-event")[:LATEST])
        became = fates(newest)
        rows = [
            (moment(each.event.created_at), page_of(each, each.event.type), each.subject, in_words(became[each.pk]))
            for each in newest
        ]
        return table(["Date", "Event", "About", "What became of it"], rows, "Nothing was told here yet.")

    @display(description="since", ordering="created_at")
    def created(self, endpoint: Endpoint) -> SafeString | str:
        return moment(endpoint.created_at)


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ["event_type", "subject", "endpoint", "state_label", "attempts", "last_answer", "next_attempt"]
    sortable_by = ()
    list_filter = ["state", "endpoint"]
    search_help_text = "Invoice or event id"
    ordering = ["-id"]
    fields = ["event_type", "subject", "endpoint", "state_label", "fate", "tries", "payload"]
    readonly_fields = fields
    actions = ["send_again"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        newest = Attempt.objects.filter(delivery=OuterRef("pk")).order_by("-pk")
        found: QuerySet[Delivery] = super().get_queryset(request).select_related("event", "endpoint")
        return found.annotate(
            last_status=Subquery(newest.values("status")[:1]), last_error=Subquery(newest.values("error")[:1])
        )

    def has_redeliver_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("webhooks.change_delivery")

    @admin.action(description="Send again", permissions=["redeliver"])
    def send_again(self, request: HttpRequest, chosen: QuerySet[Delivery]) -> None:
        for delivery in chosen:
            try:
                outbox.redeliver(delivery)
            except WebhooksError as error:
                self.message_user(request, f"{delivery}: {error}", messages.ERROR)

    @display(description="event", ordering="event__type")
    def event_type(self, delivery: Delivery) -> str:
        return delivery.event.type

    @display(description="state", ordering="state")
    def state_label(self, delivery: Delivery) -> SafeString:
        return label(delivery.get_state_display(), STATE_COLOURS[delivery.state])

    @display(description="what became of it")
    @made_once
    def fate(self, delivery: Delivery) -> str:
        return fates([delivery])[delivery.pk]

    @display(description="last answer")
    def last_answer(self, delivery: Delivery) -> str:
        known = vars(delivery)
        if known["last_status"] is None and not known["last_error"]:
            return "Not tried yet"
        return known["last_error"] or f"HTTP {known['last_status']}"

    @display(description="next try", ordering="next_attempt_at")
    def next_attempt(self, delivery: Delivery) -> SafeString | str:
        return moment(delivery.next_attempt_at) if delivery.state == Delivery.State.WAITING else "–"

    @display(description="tries")
    @made_once
    def tries(self, delivery: Delivery) -> SafeString:
        rows = [
            (
                moment(attempt.at),
                attempt.error or f"HTTP {attempt.status}",
                f"{attempt.milliseconds} ms",
                attempt.answer,
            )
            for attempt in delivery.log.order_by("-pk")
        ]
        return table(["Date", "Answer", "Took", "Body"], rows, "Not tried yet.")

    @display(description="what is sent")
    def payload(self, delivery: Delivery) -> SafeString:
        text = json.dumps(delivery.event.payload, indent=2, ensure_ascii=False)
        return format_html('<pre class="code">{}</pre>', text)
