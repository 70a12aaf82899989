"""What happened, entry by entry, each with its legs."""

from django.db import models
from django.db.models import ExpressionWrapper, F, Q

from ledger.appendonly import AppendOnly, AppendOnlyQuerySet
from ledger.models.accounts import Account, Asset, Book
from ledger.models.rates import Rate
from ledger.models.transactions import TransactionIdField
from ledger.money import BaseUnitsField, to_text

VERBS = "cryptopay_verbs"
"""The role that the SQL verbs work as. It alone may write entries, postings and balances, and the verbs prove all they
write before they write it."""


def _told_by(name: str) -> models.TextField[str | None, str | None]:
    """A reference in `meta` as a column that the verbs write: an index on the JSON itself is no use under row-level
    security."""
    return models.TextField(null=True, editable=False, help_text=f"What meta says under {name}.")


def _index_of(column: str) -> models.Index:
    """Only entries that have it: others pay nothing for it. Ascending, as all of them: read backwards for the newest,
    they fill at their end."""
    condition = Q((f"{column}__isnull", False))
    return models.Index(fields=["book", column, "recorded_at", "id"], condition=condition, name=f"entry_by_{column}")


class JournalEntry(AppendOnly):
    """One fact of the books. Chain facts are pending when seen and resolved by a further entry, never edited.

    `node` and `xid` are the database server and the transaction that wrote it: what is sealed is found by them.
    """

    class Kind(models.IntegerChoices):
        POST = 1, "Posted"
        PENDING = 2, "Seen"
        SETTLE = 3, "Validated"
        VOID = 4, "Dropped"
        REVERSE = 5, "Reversed"

    book = models.ForeignKey(
        Book, on_delete=models.PROTECT, related_name="entries", db_index=False, db_constraint=False
    )  # its legs' accounts are of a book
    idem = models.CharField(max_length=300)
    idem_hash = models.BinaryField()
    kind = models.SmallIntegerField(choices=Kind)
    ref = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="resolutions", db_index=False, db_constraint=False
    )  # what a settle, void or reverse entry resolves, in its own book
    legs = models.IntegerField()
    effective_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    rate = models.ForeignKey(
        Rate, null=True, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )  # of its book or the platform: more than a foreign key could say
    source = models.CharField(max_length=64)
    description = models.CharField(max_length=300)
    meta = models.JSONField(default=dict)
    txid = _told_by("txid")
    invoice_ref = _told_by("invoice")
    order_ref = _told_by("order")
    node = models.IntegerField(default=0, editable=False)
    xid = TransactionIdField(default=0, editable=False)

    objects = AppendOnlyQuerySet["JournalEntry"].as_manager()

    class Meta(AppendOnly.Meta):
        verbose_name_plural = "journal"
        constraints = [
            models.UniqueConstraint(fields=["book", "idem"], name="entry_once"),
            models.UniqueConstraint(fields=["book", "id"], name="entry_of_postings"),
            models.UniqueConstraint(  # settled or void once, and reversed once
                F("book"),
                F("ref"),
                ExpressionWrapper(Q(kind=5), output_field=models.BooleanField()),
                condition=Q(ref__isnull=False),
                name="entry_resolved_once",
            ),
        ]
        indexes = [
            models.Index(fields=["book", "effective_at", "id"], name="entry_newest"),
            models.Index(fields=["book", "recorded_at", "id"], name="entry_recorded"),
            models.Index(fields=["book", "source", "recorded_at", "id"], name="entry_of_source"),
            *(_index_of(column) for column in ("txid", "invoice_ref", "order_ref")),
            models.Index(fields=["book", "node", "xid"], name="entry_by_transaction"),
            models.Index(  # few: what takes back, what waits for a price; by one condition, which each write reads anew
                fields=["book", "effective_at", "id"],
                condition=Q(kind__gt=3) | Q(rate=None, kind__in=[1, 3]),
                name="entry_to_look_at",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.description}, {self.effective_at:%d %b %Y}"


class Posting(AppendOnly):
    """One debit or one credit. `balance_after` is the running balance in that layer, `account_seq` counts 1, 2, 3..."""

    class Layer(models.IntegerChoices):
        POSTED = 0, "Posted"
        PENDING_IN = 1, "Pending in"
        PENDING_OUT = 2, "Pending out"

    # Entry, account and asset are of the book: the verbs find them there, where foreign keys would look, and lock,
    # twice a leg. None of those rows is ever deleted.
    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    entry = models.ForeignKey(
        JournalEntry, on_delete=models.PROTECT, related_name="postings", db_index=False, db_constraint=False
    )
    leg = models.IntegerField()
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="postings", db_index=False, db_constraint=False
    )
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    layer = models.SmallIntegerField(choices=Layer)
    debit = BaseUnitsField(default=0)
    credit = BaseUnitsField(default=0)
    balance_after = BaseUnitsField()
    account_seq = models.BigIntegerField()
    effective_at = models.DateTimeField()

    objects = AppendOnlyQuerySet["Posting"].as_manager()

    class Meta(AppendOnly.Meta):
        constraints = [
            models.UniqueConstraint(fields=["book", "entry", "leg"], name="posting_once_a_leg"),
            models.UniqueConstraint(fields=["book", "account", "account_seq"], name="posting_seq"),
        ]
        indexes = [
            models.Index(fields=["book", "account", "effective_at"], condition=Q(layer=0), name="posting_by_date")
        ]

    def __str__(self) -> str:
        side, base_units = ("Dr", self.debit) if self.debit else ("Cr", self.credit)
        return f"{side} {self.account.name} {to_text(base_units, self.asset.decimals)} {self.asset}"
