"""The one table the API owns: answers kept for replays."""

from django.db import models
from django.db.models.functions import Now

from cryptopay.merchants.models import ApiKey


class IdempotencyKey(models.Model):
    """The answer to a POST, kept for 24 hours. Scope: one API key, so that no tenant sees another's answer.

    Without an answer only inside the transaction that is working it out; see `idempotency`.
    """

    api_key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, related_name="+", db_index=False)
    key = models.CharField(max_length=255)
    request_hash = models.BinaryField()
    status = models.PositiveSmallIntegerField(default=0, db_default=0)
    sealed_answer = models.BinaryField(default=b"", db_default=b"")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["api_key", "key"], name="idempotency_key_once")]
        indexes = [models.Index(fields=["created_at"], name="idempotency_key_age")]

    def __str__(self) -> str:
        return self.key
