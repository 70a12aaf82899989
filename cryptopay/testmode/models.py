"""What test mode did."""

from django.db import models
from django.db.models.functions import Now

from cryptopay.merchants.models import ApiKey
from ledger.appendonly import AppendOnly, AppendOnlyQuerySet
from ledger.models import Book


class Act(AppendOnly):
    """Something done on a development chain for a book: so that payments can be taken back, and mining is bounded."""

    class Kind(models.TextChoices):
        PAY = "pay", "Paid"
        MINE = "mine", "Mined"
        DOUBLE_SPEND = "double_spend", "Double-spent"
        REORG = "reorg", "Reorganised"

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False)
    api_key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=16, choices=Kind)
    chain_code = models.CharField(max_length=32)
    subject = models.CharField(max_length=32, default="")
    """The invoice or the address that was paid."""
    txid = models.CharField(max_length=66, default="")
    blocks = models.PositiveSmallIntegerField(default=0)
    """How many were mined."""
    made_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = AppendOnlyQuerySet["Act"].as_manager()

    class Meta(AppendOnly.Meta):
        indexes = [
            models.Index(fields=["book", "subject", "-id"], name="act_by_subject"),
            models.Index(fields=["book", "chain_code", "made_at"], name="act_lately"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} on {self.chain_code}"
