"""What nodes said our addresses hold, against what the books said then: kept for good, whatever came of it.

Written by whoever knows both (the books are no business of the monitor's); read by pages and reports.
"""

from collections.abc import Iterable

from django.db import models
from django.db.models import F, Q, QuerySet

from ledger.appendonly import AppendOnly, AppendOnlyQuerySet
from ledger.money import BaseUnitsField
from monitor.connectors.holdings import Way


class Reconciliation(AppendOnly):
    """One asset of one book at one block, in base units.

    Invariant: difference = node - (custody + on its way). Zero: every coin that the books tell of is there.
    """

    book = models.ForeignKey("ledger.Book", on_delete=models.PROTECT, related_name="+", db_index=False)
    asset = models.ForeignKey("ledger.Asset", on_delete=models.PROTECT, related_name="+", db_index=False)
    chain_code = models.CharField(max_length=32)
    height = models.BigIntegerField()
    block_hash = models.CharField(max_length=66)
    asked_at = models.DateTimeField()
    way = models.CharField(max_length=16, choices=[(way.value, way.value) for way in Way])
    addresses = models.PositiveIntegerField()
    node_base_units = BaseUnitsField()
    custody_base_units = BaseUnitsField()
    """What the custody account held; of a chain that shows receipts alone, what its receipts brought there."""
    on_its_way_base_units = BaseUnitsField()
    """On chain by that block and not yet in the books, less what the books had already of later blocks."""
    difference = BaseUnitsField()

    objects = AppendOnlyQuerySet["Reconciliation"].as_manager()

    class Meta(AppendOnly.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(difference=F("node_base_units") - F("custody_base_units") - F("on_its_way_base_units")),
                name="reconciliation_adds_up",
            ),
        ]
        indexes = [
            models.Index(fields=["book", "asset", "-id"], name="reconciliation_newest"),
            models.Index(fields=["book", "-id"], name="reconciliation_of_book"),
        ]

    def __str__(self) -> str:
        return f"{self.asset}, block {self.height}"


class AddressDifference(AppendOnly):
    """An address at which a node showed something else than the deposits to it and what was explained since."""

    book = models.ForeignKey("ledger.Book", on_delete=models.PROTECT, related_name="+", db_index=False)
    reconciliation = models.ForeignKey(Reconciliation, on_delete=models.PROTECT, related_name="addresses_that_differ")
    place = models.BinaryField()
    address = models.CharField(max_length=128)
    node_base_units = BaseUnitsField()
    books_base_units = BaseUnitsField()
    difference = BaseUnitsField()

    objects = AppendOnlyQuerySet["AddressDifference"].as_manager()

    class Meta(AppendOnly.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(difference=F("node_base_units") - F("books_base_units")), name="address_difference_adds_up"
            ),
        ]
        indexes = [models.Index(fields=["book", "reconciliation"], name="address_difference_of_run")]

    def __str__(self) -> str:
        return self.address


class ReconciliationAttempt(models.Model):
    """When a chain's node was last asked, and why that failed, if it did. One row a chain; nobody's book's."""

    chain_code = models.CharField(max_length=32, unique=True)
    attempted_at = models.DateTimeField()
    succeeded_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    failure = models.CharField(max_length=300, default="", blank=True)
    """In the node's own words: for those who run it."""
    failure_code = models.CharField(max_length=40, default="", blank=True)

    def __str__(self) -> str:
        return self.chain_code


def newest(book_ids: Iterable[int]) -> QuerySet[Reconciliation]:
    """The last one of each book and asset."""
    of_books = Reconciliation.objects.filter(book_id__in=list(book_ids))
    return of_books.order_by("book_id", "asset_id", "-id").distinct("book_id", "asset_id")
