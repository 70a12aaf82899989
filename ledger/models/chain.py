"""The chain of hashes that seals the journal."""

from django.db import models
from django.db.models import Q

from ledger.appendonly import AppendOnly, AppendOnlyQuerySet
from ledger.models.accounts import Book
from ledger.models.transactions import TransactionIdField


class Block(AppendOnly):
    """A link of a book's SHA-256 chain: the entries one server wrote in transactions `from_xid` <= xid < `upto_xid`.

    `hash` covers `previous` and every other column; `ledger.sealing` tells the text that is hashed.
    """

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False)
    number = models.BigIntegerField()
    node = models.IntegerField()
    from_xid = TransactionIdField()
    upto_xid = TransactionIdField()
    entries = models.IntegerField()
    previous = models.BinaryField()
    hash = models.BinaryField()
    sealed_at = models.DateTimeField()

    objects = AppendOnlyQuerySet["Block"].as_manager()

    class Meta(AppendOnly.Meta):
        constraints = [
            models.UniqueConstraint(fields=["book", "number"], name="block_once"),
            models.UniqueConstraint(fields=["book", "node", "from_xid"], name="block_follows_one"),
            models.CheckConstraint(condition=Q(entries__gt=0), name="block_has_entries"),
        ]

    def __str__(self) -> str:
        return f"Block {self.number}"
