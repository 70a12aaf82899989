"""What two people decide: periods closed and reopened, entries by hand."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now, Trim
from django.db.models.lookups import Exact

from ledger.appendonly import AppendOnly, AppendOnlyQuerySet
from ledger.models.accounts import Book
from ledger.models.journal import JournalEntry


class PeriodReview(AppendOnly):
    """What was found, and by whom it was looked at, before the books were closed through a day. A closing names one."""

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False)
    through = models.DateField()
    findings = models.JSONField()
    """By the name of each check, what it found: of whoever checks, for the ledger knows no chains."""
    looked_by = models.CharField(max_length=150)
    looked_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = AppendOnlyQuerySet["PeriodReview"].as_manager()

    class Meta(AppendOnly.Meta):
        constraints = [
            models.UniqueConstraint(fields=["book", "id"], name="review_of_closing"),
            models.CheckConstraint(condition=~Q(looked_by=""), name="review_by_somebody"),
        ]

    def __str__(self) -> str:
        return f"through {self.through:%d %b %Y}, looked at by {self.looked_by}"


class PeriodChange(AppendOnly):
    """From here on nothing may be effective on `closed_through` or before; null: everything is open again.

    The newest row of a book counts. Two people stand behind each, with a reason. Whatever closes further names the
    review of that very day.
    """

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="periods", db_index=False)
    closed_through = models.DateField(null=True)
    reason = models.CharField(max_length=300)
    asked_by = models.CharField(max_length=150)
    approved_by = models.CharField(max_length=150)
    review = models.ForeignKey(PeriodReview, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    recorded_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = AppendOnlyQuerySet["PeriodChange"].as_manager()

    class Meta(AppendOnly.Meta):
        verbose_name_plural = "periods"
        constraints = [
            models.CheckConstraint(
                condition=~Q(Exact(Lower(Trim("asked_by")), Lower(Trim("approved_by")))), name="period_second_person"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="period_has_a_reason"),
        ]
        indexes = [models.Index(fields=["book", "-id"], name="period_newest")]
        triggers = [
            *AppendOnly.Meta.triggers,
            # It waits for all who are writing into the book: ledger_open_from takes the same lock, shared.
            pgtrigger.Trigger(
                name="alone",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="""
                    PERFORM pg_advisory_xact_lock(7263, NEW.book_id::integer);
                    NEW.recorded_at := clock_timestamp();  -- behind the lock: what it waited for was recorded before
                    IF NEW.closed_through >= (now() AT TIME ZONE 'UTC')::date THEN
                        RAISE EXCEPTION 'a day is closed when it is over' USING ERRCODE = 'LG014';
                    END IF;
                    IF NEW.closed_through > coalesce((
                        SELECT closed_through FROM ledger_periodchange
                        WHERE book_id = NEW.book_id ORDER BY id DESC LIMIT 1
                    ), '-infinity') AND NOT EXISTS (
                        SELECT FROM ledger_periodreview
                        WHERE book_id = NEW.book_id AND id = NEW.review_id AND through = NEW.closed_through
                    ) THEN
                        RAISE EXCEPTION 'what closes names the review of that day' USING ERRCODE = 'LG016';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"closed through {self.closed_through:%d %b %Y}" if self.closed_through else "open"


class Proposal(AppendOnly):
    """What one person asks and another must approve: a manual entry, a reversal, closing or reopening a period.

    `contents` is the verb's arguments in JSON, amounts as text. It has no effect before its `Decision`.
    """

    class Kind(models.TextChoices):
        ENTRY = "entry", "Manual entry"
        REVERSAL = "reversal", "Reversal"
        CLOSE = "close", "Close the period"
        REOPEN = "reopen", "Reopen the period"
        PRICE = "price", "Price of an entry"

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="proposals", db_index=False)
    kind = models.CharField(max_length=16, choices=Kind)
    contents = models.JSONField()
    reason = models.CharField(max_length=300)
    asked_by = models.CharField(max_length=150)
    asked_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = AppendOnlyQuerySet["Proposal"].as_manager()

    class Meta(AppendOnly.Meta):
        verbose_name_plural = "approvals"
        constraints = [
            models.UniqueConstraint(fields=["book", "id"], name="proposal_of_decision"),
            models.CheckConstraint(condition=~Q(reason=""), name="proposal_has_a_reason"),
        ]
        indexes = [models.Index(fields=["book", "-id"], name="proposal_newest")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, asked by {self.asked_by}"


class Decision(AppendOnly):
    """The second person's word on a proposal, once. An approval is written in the commit that carries it out."""

    class Verdict(models.TextChoices):
        APPROVED = "approved", "Approved"
        REFUSED = "refused", "Refused"

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False)
    proposal = models.OneToOneField(Proposal, on_delete=models.PROTECT, related_name="decision")
    verdict = models.CharField(max_length=16, choices=Verdict)
    reason = models.CharField(max_length=300, blank=True)
    decided_by = models.CharField(max_length=150)
    decided_at = models.DateTimeField(db_default=Now(), editable=False)
    entry = models.ForeignKey(
        JournalEntry, null=True, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )  # what an approval wrote; with its book: migration 0002

    objects = AppendOnlyQuerySet["Decision"].as_manager()

    class Meta(AppendOnly.Meta):
        constraints = [models.UniqueConstraint(fields=["book", "proposal"], name="decision_once")]
        triggers = [
            *AppendOnly.Meta.triggers,
            pgtrigger.Trigger(
                name="second_person",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="""
                    IF EXISTS (
                        SELECT 1 FROM ledger_proposal
                        WHERE book_id = NEW.book_id AND id = NEW.proposal_id
                            AND lower(trim(asked_by)) = lower(trim(NEW.decided_by))
                    ) THEN
                        RAISE EXCEPTION 'who asks does not decide' USING ERRCODE = 'LG012';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_verdict_display()} by {self.decided_by}"
