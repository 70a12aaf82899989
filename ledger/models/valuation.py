"""What coins cost: prices of entries, how cost is counted, and what follows from the journal: movements, lots, gains.

Values and costs are integers of minor units (cents) of the book's currency. Quantities are base units, debits less
credits: what is owned is above zero, what is owed below. `EntryPrice` and `CostMethod` are said by people and stay;
`Movement`, `Lot`, `Taking`, `WaitingPool` and `ValuedUpTo` follow from the journal and are derived anew where it is
written earlier than they reach. `PostedGain` names the entries that were posted from them, and stays.

References without a constraint are to rows that are never deleted, found in their book by whoever writes.

A pool is what is counted together: all asset accounts of an asset (`account` null), or one other account. What income,
expenses and equity cost is what their entries were worth: they gain nothing.
"""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models import Func, Q
from django.db.models.functions import Now

from ledger.appendonly import AppendOnly, AppendOnlyQuerySet
from ledger.models.accounts import Account, Asset, Book
from ledger.models.journal import JournalEntry
from ledger.models.periods import Proposal
from ledger.models.transactions import TransactionIdField
from ledger.money import BaseUnitsField, plain
from ledger.tracking import tracked


class _CurrentTransaction(Func):
    function = "pg_current_xact_id"
    output_field = TransactionIdField()


class _CurrentNode(Func):
    function = "ledger_node"
    output_field = models.IntegerField()


class EntryPrice(AppendOnly):
    """What a person says one whole unit of an asset was worth in an entry: instead of a rate. The newest counts."""

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False)
    entry = models.ForeignKey(
        JournalEntry, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="+", db_index=False)
    price = models.DecimalField(max_digits=38, decimal_places=18)
    reason = models.CharField(max_length=300)
    by = models.CharField(max_length=150)
    approved_by = models.CharField(max_length=150, blank=True, default="")
    proposal = models.OneToOneField(Proposal, null=True, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField(db_default=Now(), editable=False)
    node = models.IntegerField(db_default=_CurrentNode(), editable=False)
    xid = TransactionIdField(db_default=_CurrentTransaction(), editable=False)

    objects = AppendOnlyQuerySet["EntryPrice"].as_manager()

    class Meta(AppendOnly.Meta):
        constraints = [
            models.CheckConstraint(condition=Q(price__gt=0, price__lt=10**20), name="entry_price_positive"),
            models.CheckConstraint(condition=~Q(reason="") & ~Q(by=""), name="entry_price_is_signed"),
        ]
        indexes = [
            models.Index(fields=["book", "entry", "asset", "-id"], name="entry_price_newest"),
            models.Index(fields=["book", "node", "xid"], name="entry_price_by_transaction"),
        ]

    def __str__(self) -> str:
        return f"{plain(self.price)} a unit"


@tracked("book", "method", "from_day", "reason", "by")
class CostMethod(AppendOnly):
    """How the cost of what leaves is counted from a day (UTC) on. The newest row whose day has come counts.

    No row: first in, first out. What is owed is always counted by the average, account by account.
    """

    class Method(models.TextChoices):
        FIFO = "fifo", "First in, first out"
        AVERAGE = "average", "Weighted average"

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False)
    method = models.CharField(max_length=8, choices=Method)
    from_day = models.DateField()
    reason = models.CharField(max_length=300)
    by = models.CharField(max_length=150)
    recorded_at = models.DateTimeField(db_default=Now(), editable=False)
    node = models.IntegerField(db_default=_CurrentNode(), editable=False)
    xid = TransactionIdField(db_default=_CurrentTransaction(), editable=False)

    objects = AppendOnlyQuerySet["CostMethod"].as_manager()

    class Meta(AppendOnly.Meta):
        constraints = [
            models.CheckConstraint(condition=~Q(reason="") & ~Q(by=""), name="cost_method_is_signed"),
            models.CheckConstraint(condition=Q(method__in=["fifo", "average"]), name="cost_method_is_known"),
        ]
        indexes = [models.Index(fields=["book", "-id"], name="cost_method_newest")]
        triggers = [
            *AppendOnly.Meta.triggers,
            pgtrigger.Trigger(
                name="open_days_only",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="""
                    IF ledger_open_from(NEW.book_id, NEW.from_day::timestamp AT TIME ZONE 'UTC')
                        > NEW.from_day::timestamp AT TIME ZONE 'UTC' THEN
                        RAISE EXCEPTION 'the books are closed on that date' USING ERRCODE = 'LG011';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.Method(self.method).label} from {self.from_day:%d %b %Y}"


class Movement(models.Model):
    """What an entry did to a pool, a line of its stock card; by `moved_at`, then entry.

    `value` is what the entry says it was worth, `cost` what it changes the pool's cost by; gain = cost - value.
    """

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False)
    asset = models.ForeignKey(Asset, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False)
    account = models.ForeignKey(
        Account, null=True, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    entry = models.ForeignKey(
        JournalEntry, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    moved_at = models.DateTimeField()
    quantity = BaseUnitsField()
    value = BaseUnitsField()
    cost = BaseUnitsField()
    gain = BaseUnitsField()
    quantity_after = BaseUnitsField()
    cost_after = BaseUnitsField()

    objects: ClassVar[models.Manager["Movement"]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["book", "asset", "account", "moved_at", "entry"],
                name="movement_once",
                nulls_distinct=False,
            ),
        ]
        indexes = [
            models.Index(fields=["book", "moved_at"], name="movement_by_date"),
            models.Index(fields=["book", "entry"], name="movement_of_entry"),
        ]

    def __str__(self) -> str:
        return f"{self.moved_at:%d %b %Y}"


class Lot(models.Model):
    """Coins that came in together at one cost, and what is left of them now. Only where cost is first in, first out."""

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False)
    asset = models.ForeignKey(Asset, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False)
    entry = models.ForeignKey(
        JournalEntry, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    """That brought them."""
    acquired_at = models.DateTimeField()
    """Before `opened_at` where a reversal gave them back."""
    opened_at = models.DateTimeField()
    quantity = BaseUnitsField()
    cost = BaseUnitsField()
    left_quantity = BaseUnitsField()
    left_cost = BaseUnitsField()

    objects: ClassVar[models.Manager["Lot"]] = models.Manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["book", "asset", "acquired_at", "id"], name="lot_oldest_open", condition=~Q(left_quantity=0)
            ),
            models.Index(fields=["book", "asset", "opened_at"], name="lot_by_date"),
            models.Index(fields=["book", "entry"], name="lot_of_entry"),
        ]

    def __str__(self) -> str:
        return f"Lot of {self.acquired_at:%d %b %Y}"


class Taking(models.Model):
    """What an entry took from a lot: its share of the lot's cost, and of what it was worth then (`value`)."""

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False)
    asset = models.ForeignKey(Asset, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False)
    lot = models.ForeignKey(
        Lot, on_delete=models.DO_NOTHING, related_name="takings", db_index=False, db_constraint=False
    )
    entry = models.ForeignKey(
        JournalEntry, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    moved_at = models.DateTimeField()
    quantity = BaseUnitsField()
    cost = BaseUnitsField()
    value = BaseUnitsField(null=True)  # type: ignore[misc]
    """Null: it did not leave; when the average began, lots became one heap."""

    objects: ClassVar[models.Manager["Taking"]] = models.Manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["book", "lot", "entry"], name="taking_once")]
        indexes = [
            models.Index(fields=["book", "asset", "moved_at"], name="taking_by_date"),
            models.Index(fields=["book", "entry"], name="taking_of_entry"),
        ]

    def __str__(self) -> str:
        return f"{self.moved_at:%d %b %Y}"


class WaitingPool(models.Model):
    """A pool that is not counted from this entry on, because nobody has said what it was worth."""

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False)
    asset = models.ForeignKey(Asset, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False)
    account = models.ForeignKey(
        Account, null=True, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    entry = models.ForeignKey(
        JournalEntry, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    since = models.DateTimeField()

    objects: ClassVar[models.Manager["WaitingPool"]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book", "asset", "account"], name="pool_waits_once", nulls_distinct=False)
        ]

    def __str__(self) -> str:
        return f"waits since {self.since:%d %b %Y}"


class ValuedUpTo(models.Model):
    """Of one database server's transactions, all below `upto_xid` have been looked at; and on which day last."""

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False)
    node = models.IntegerField()
    upto_xid = TransactionIdField()
    looked_on = models.DateField()

    objects: ClassVar[models.Manager["ValuedUpTo"]] = models.Manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["book", "node"], name="valued_once_a_server")]

    def __str__(self) -> str:
        return f"looked at on {self.looked_on:%d %b %Y}"


class PostedGain(AppendOnly):
    """A journal entry that realised a gain, or corrected one: of an entry that took coins (`movement`), or of a day.

    The sum of these for a movement or a day is its gain in `Movement`, once that is posted.
    """

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False)
    asset = models.ForeignKey(Asset, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False)
    held = models.BooleanField()
    """Of what is owned; else of what is owed."""
    day = models.DateField()
    movement = models.ForeignKey(
        JournalEntry, null=True, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    gain = BaseUnitsField()
    entry = models.ForeignKey(
        JournalEntry, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )

    objects = AppendOnlyQuerySet["PostedGain"].as_manager()

    class Meta(AppendOnly.Meta):
        constraints = [models.UniqueConstraint(fields=["book", "entry"], name="gain_once_an_entry")]
        indexes = [models.Index(fields=["book", "day"], name="gain_by_day")]

    def __str__(self) -> str:
        return f"Gain of {self.day:%d %b %Y}"
