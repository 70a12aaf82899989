"""What merchants are told: endpoints, events (the outbox), deliveries and every attempt at one."""

from django.db import models
from django.db.models import Func, Q
from django.db.models.functions import Now
from django.utils import timezone
from ulid import ULID

from ledger.appendonly import AppendOnly, AppendOnlyQuerySet
from ledger.models import Book
from ledger.models.transactions import TransactionIdField
from ledger.tracking import tracked

OF_EVERY_PAYMENT = (
    *("invoice.created", "invoice.processing", "invoice.settled"),
    *("payment.detected", "payment.confirmed", "chain.seen", "chain.confirmed"),
)
"""Types of events that every payment has, or nearly."""


def endpoint_id() -> str:
    return f"we_{ULID()}".lower()


def event_id() -> str:
    return f"evt_{ULID()}".lower()


def delivery_id() -> str:
    return f"dlv_{ULID()}".lower()


@tracked(*("book", "url", "event_types", "disabled_at", "disabled_reason"), secrets={"secret changed": "sealed_secret"})
class Endpoint(models.Model):
    """A URL of the merchant's that hears of events. Its secret signs what we send (Standard Webhooks, symmetric).

    After a rotation the former secret signs beside the new one until `former_secret_until`.
    """

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False)
    public_id = models.CharField(max_length=32, unique=True, default=endpoint_id, editable=False)
    url = models.CharField("URL", max_length=500)
    sealed_secret = models.BinaryField(editable=False)
    sealed_former_secret = models.BinaryField(null=True, editable=False)
    former_secret_until = models.DateTimeField(null=True, editable=False)
    event_types = models.JSONField(default=list, blank=True, help_text="Empty: all.")
    disabled_at = models.DateTimeField(null=True, blank=True)
    disabled_reason = models.CharField(max_length=200, default="", blank=True)
    slow_since = models.DateTimeField(
        null=True, editable=False, help_text="Its answers take so long that it is sent one at a time."
    )
    failing_since = models.DateTimeField(null=True, editable=False, help_text="Nothing was delivered since then.")
    failures = models.PositiveIntegerField(default=0, editable=False, help_text="Attempts since then.")
    given_up_at = models.DateTimeField(null=True, editable=False, help_text="We disabled it ourselves; see `failing`.")
    owners_told_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        indexes = [
            models.Index(fields=["book", "-id"], name="endpoint_of_book"),
            models.Index(
                fields=["id"],
                condition=Q(given_up_at__isnull=False, owners_told_at__isnull=True),
                name="endpoint_to_tell_of",
            ),
        ]

    def __str__(self) -> str:
        return self.url


class Event(AppendOnly):
    """One thing that happened, in the same commit as the money. `sequence` counts per subject (an invoice) from 1.

    `node` and `xid` are the database server and the transaction that told of it; or a later transaction, if that one
    told of the same subject before. So once all up to `xid` have ended, no event appears before this one any more, and
    in the order of `node`, `xid` and id each subject's events are in sequence (`catching_up`).
    """

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False)
    public_id = models.CharField(max_length=32, default=event_id, editable=False)
    type = models.CharField(max_length=64)
    subject = models.CharField(max_length=64)
    sequence = models.PositiveIntegerField()
    payload = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    node = models.IntegerField(db_default=Func(function="ledger_node"), editable=False)
    xid = TransactionIdField(db_default=Func(function="pg_current_xact_id"), editable=False)

    objects = AppendOnlyQuerySet["Event"].as_manager()

    class Meta(AppendOnly.Meta):
        constraints = [
            models.UniqueConstraint(fields=["public_id"], name="event_id_once"),
            models.UniqueConstraint(fields=["book", "subject", "sequence"], name="event_in_sequence"),
        ]
        indexes = [
            models.Index(fields=["book", "node", "xid", "id"], name="event_as_told"),
            # A type that every payment tells of is never far in the index above; to keep it in one more would cost each
            # payment. The others are found here, however rare they are.
            models.Index(
                fields=["book", "type", "node", "xid", "id"],
                condition=~Q(type__in=OF_EVERY_PAYMENT),
                name="event_of_rare_type",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.subject}"


class Delivery(models.Model):
    """One event on its way to one endpoint. Delivered at least once, in sequence per subject.

    While `claimed_until` lies ahead, somebody is sending it; a claim that ran out was a crash: it is due again.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Given up"

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False)
    public_id = models.CharField(max_length=32, default=delivery_id, editable=False)
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="deliveries")
    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="deliveries", db_index=False)
    subject = models.CharField(max_length=64)
    sequence = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Of the present round; redelivery begins anew.")
    next_attempt_at = models.DateTimeField(db_default=Now())
    claimed_until = models.DateTimeField(null=True, editable=False)
    by_hand = models.BooleanField(
        default=False, help_text="Asked for again: outside the order, and nothing waits for it."
    )

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["public_id"], name="delivery_id_once"),
            models.UniqueConstraint(fields=["endpoint", "event"], name="delivery_once"),
        ]
        indexes = [
            models.Index(fields=["endpoint", "next_attempt_at"], condition=Q(state="waiting"), name="delivery_due"),
            models.Index(
                fields=["endpoint", "subject", "sequence"], condition=Q(state="waiting"), name="delivery_in_sequence"
            ),
            models.Index(
                fields=["claimed_until"],
                condition=Q(state="waiting", claimed_until__isnull=False),
                name="delivery_flying",
            ),
            models.Index(fields=["book", "-id"], name="delivery_of_book"),
            models.Index(fields=["endpoint", "id"], condition=Q(state="failed"), name="delivery_failed"),
        ]

    def __str__(self) -> str:
        return f"{self.event} to {self.endpoint}"


class Attempt(AppendOnly):
    """One try: what was answered and how long it took. Kept whatever the outcome."""

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False)
    delivery = models.ForeignKey(Delivery, on_delete=models.PROTECT, related_name="log")
    at = models.DateTimeField(db_default=Now(), editable=False)
    status = models.PositiveSmallIntegerField(null=True)
    answer = models.CharField(max_length=500, default="", blank=True)
    error = models.CharField(max_length=200, default="", blank=True)
    milliseconds = models.PositiveIntegerField()

    objects = AppendOnlyQuerySet["Attempt"].as_manager()

    class Meta(AppendOnly.Meta):
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.status or self.error} after {self.milliseconds} ms"


class Lease(models.Model):
    """Who delivers now, and until when; see `lease`."""

    name = models.CharField(max_length=32, primary_key=True)
    holder = models.UUIDField()
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} until {self.until}"
