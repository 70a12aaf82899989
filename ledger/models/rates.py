"""Recorded prices."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from ledger.appendonly import AppendOnly, AppendOnlyQuerySet
from ledger.models.accounts import Book
from ledger.money import plain


class Rate(AppendOnly):
    """A recorded price: `price` units of `currency` for one whole unit of `asset_code`. `book` null: the platform's."""

    book = models.ForeignKey(Book, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    asset_code = models.CharField(max_length=16)
    currency = models.CharField(max_length=3)
    price = models.DecimalField(max_digits=38, decimal_places=18)
    source = models.CharField(max_length=64)
    observed_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = AppendOnlyQuerySet["Rate"].as_manager()

    class Meta(AppendOnly.Meta):
        # NaN and infinity sort above every number, so the upper bound refuses them.
        constraints = [models.CheckConstraint(condition=Q(price__gt=0, price__lt=10**20), name="rate_positive")]
        indexes = [models.Index(fields=["asset_code", "currency", "-observed_at"], name="rate_newest")]

    def __str__(self) -> str:
        return f"1 {self.asset_code} = {plain(self.price)} {self.currency} ({self.source})"
