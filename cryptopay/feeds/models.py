"""How each source stands, and what it said last. What priced something is kept for good, by the ledger."""

from django.db import models
from django.db.models import Q


class Feed(models.Model):
    """One source: when it answered, since when it fails, when it is asked again."""

    name = models.CharField(max_length=32, primary_key=True)
    next_at = models.DateTimeField(db_index=True)
    answered_at = models.DateTimeField(null=True, editable=False)
    failing_since = models.DateTimeField(null=True, editable=False)
    failures = models.PositiveIntegerField(default=0, editable=False)
    """In a row."""
    failure = models.CharField(max_length=300, default="", blank=True, editable=False)
    left_out_since = models.DateTimeField(null=True, editable=False)
    left_out_by = models.CharField(max_length=150, default="", blank=True, editable=False)
    """A person who does not trust it; its prices take no part until one lets it in again."""

    class Meta:
        verbose_name = "price source"

    def __str__(self) -> str:
        from cryptopay.feeds.sources import SOURCES

        return SOURCES[self.name].title if self.name in SOURCES else self.name


class Heard(models.Model):
    """A source's latest word on a pair: a price, or why there is none."""

    source = models.CharField(max_length=32)
    asset_code = models.CharField(max_length=16)
    currency = models.CharField(max_length=3)
    price = models.DecimalField(max_digits=38, decimal_places=18, null=True)
    refused = models.CharField(max_length=200, default="")
    observed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["asset_code", "currency", "source"], name="heard_once"),
            models.CheckConstraint(condition=Q(price=None) ^ Q(refused=""), name="heard_price_or_refusal"),
            models.CheckConstraint(
                condition=Q(price=None) | Q(price__gt=0, price__lt=10**20), name="heard_price_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source}: {self.asset_code}/{self.currency}"
