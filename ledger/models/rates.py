"""Recorded prices."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from ledger.appendonly import AppendOnly, AppendOnlyQuerySet
from ledger.models.accounts import Book
from ledger.money import plain

_LATEST_FIRST = ["asset_code", "currency", "-observed_at", "-id"]
_MANUAL = Q(origin="manual")
_PLATFORMS = Q(book=None)


class Rate(AppendOnly):
    """A recorded price: `price` units of `currency` for one whole unit of `asset_code`. `book` null: the platform's.

    A median keeps in `parts` what each source said, used or left out and why. `suspect` says why a rate may not price
    anything; it stays on record as every other.
    """

    class Origin(models.TextChoices):
        MEDIAN = "median", "Median of several sources"
        RECORDED = "recorded", "Recorded"
        MANUAL = "manual", "Set by hand"

    book = models.ForeignKey(Book, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    asset_code = models.CharField(max_length=16)
    currency = models.CharField(max_length=3)
    price = models.DecimalField(max_digits=38, decimal_places=18)
    source = models.CharField(max_length=200)
    origin = models.CharField(max_length=8, choices=Origin, db_default=Origin.RECORDED)
    observed_at = models.DateTimeField()
    valid_until = models.DateTimeField(null=True)
    """It prices nothing afterwards. Null: RATE_MAX_AGE_SECONDS after it was observed."""
    suspect = models.CharField(max_length=200, db_default="", blank=True)
    by = models.CharField(max_length=150, db_default="", blank=True)
    reason = models.CharField(max_length=300, db_default="", blank=True)
    parts = models.JSONField(null=True)
    recorded_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = AppendOnlyQuerySet["Rate"].as_manager()

    class Meta(AppendOnly.Meta):
        constraints = [
            # NaN and infinity sort above every number, so the upper bound refuses them.
            models.CheckConstraint(condition=Q(price__gt=0, price__lt=10**20), name="rate_positive"),
            models.CheckConstraint(
                condition=Q(valid_until=None) | Q(valid_until__gte=F("observed_at")), name="rate_ends_after_it_began"
            ),
            models.CheckConstraint(
                condition=~_MANUAL | Q(valid_until__isnull=False) & ~Q(by=""), name="rate_by_hand_is_signed"
            ),
            models.CheckConstraint(
                condition=~Q(origin="median") | _PLATFORMS & Q(parts__isnull=False), name="rate_median_tells_its_parts"
            ),
        ]
        # Each row is in one of the first four: the latest of a book or of the platform, by hand or not.
        indexes = [
            models.Index(fields=["book", *_LATEST_FIRST], name="rate_own", condition=~_PLATFORMS & ~_MANUAL),
            models.Index(fields=["book", *_LATEST_FIRST], name="rate_own_by_hand", condition=~_PLATFORMS & _MANUAL),
            models.Index(fields=_LATEST_FIRST, name="rate_platforms", condition=_PLATFORMS & ~_MANUAL),
            models.Index(fields=_LATEST_FIRST, name="rate_platforms_by_hand", condition=_PLATFORMS & _MANUAL),
        ]

    def __str__(self) -> str:
        return f"1 {self.asset_code} = {plain(self.price)} {self.currency} ({self.source})"
