"""Reports that are made in the background, and their files."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from ulid import ULID

from ledger.models import Book


def export_id() -> str:
    return f"exp_{ULID()}".lower()


class Export(models.Model):
    """A report that somebody asked for as a file: what, how far it is, and until when the file is kept.

    Only who asked for it sees it: `asked_by` names a person or an API key ("user:7", "key:key_...").
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Being made"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    UNFINISHED: ClassVar[tuple[str, ...]] = (State.WAITING, State.RUNNING)

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False)
    public_id = models.CharField(max_length=32, unique=True, default=export_id, editable=False)
    asked_by = models.CharField(max_length=100)
    asked_by_name = models.CharField(max_length=200)
    report = models.CharField(max_length=64)
    form = models.CharField(max_length=16)
    parameters = models.JSONField(default=dict)
    file_name = models.CharField(max_length=200)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    rows = models.PositiveBigIntegerField(default=0)
    """Read so far."""
    size_bytes = models.PositiveBigIntegerField(default=0)
    error_code = models.CharField(max_length=64, default="", blank=True)
    error = models.CharField(max_length=300, default="", blank=True)
    asked_at = models.DateTimeField(db_default=Now(), editable=False)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(state="failed") | ~Q(error_code=""), name="export_failed_for_a_reason"),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "running"]) | Q(finished_at__isnull=False, expires_at__isnull=False),
                name="export_finished_expires",
            ),
        ]
        indexes = [
            models.Index(fields=["book", "asked_by", "-id"], name="export_newest"),
            models.Index(fields=["id"], condition=Q(state__in=["waiting", "running"]), name="export_unfinished"),
            models.Index(F("expires_at"), condition=Q(expires_at__isnull=False), name="export_expiring"),
        ]

    def __str__(self) -> str:
        return self.file_name

    @property
    def is_finished(self) -> bool:
        return self.state not in self.UNFINISHED


class ExportPiece(models.Model):
    """A piece of an export's file, in order. In the database, so that whoever may read it is said in one place, and web
    and worker need no folder together."""

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False)
    export = models.ForeignKey(Export, on_delete=models.CASCADE, related_name="pieces", db_index=False)
    number = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["export", "number"], name="export_piece_once")]

    def __str__(self) -> str:
        return f"{self.export_id}: {self.number}"
