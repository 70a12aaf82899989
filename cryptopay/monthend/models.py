"""What the month's end keeps: cases of differences, and period packages."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from ledger.appendonly import AppendOnly, AppendOnlyQuerySet
from ledger.models import Asset, Book, JournalEntry, PeriodChange, Proposal
from ledger.money import BaseUnitsField
from monitor.reconciliations import Reconciliation


class Case(AppendOnly):
    """A node's balance of our addresses and the books differed in one asset: somebody must say why.

    Its history is its steps. It is open until a step closes it.
    """

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False)
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="+", db_index=False)
    run = models.OneToOneField(Reconciliation, on_delete=models.PROTECT, related_name="case")
    opened_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = AppendOnlyQuerySet["Case"].as_manager()

    class Meta(AppendOnly.Meta):
        indexes = [models.Index(fields=["book", "-id"], name="case_newest")]
        verbose_name = "reconciliation case"

    def __str__(self) -> str:
        return f"{self.asset}, {self.opened_at:%-d %b %Y}"


class CaseStep(AppendOnly):
    """What happened to a case. Base units are signed as differences are: negative, coins are missing on chain."""

    class Kind(models.TextChoices):
        FOUND = "found", "Found"
        SUSPENSE = "suspense", "Taken to suspense"
        OWN_WALLET = "own_wallet", "Moved to a wallet of our own"
        NETWORK_FEE = "network_fee", "Network fee"
        OUTSIDE = "outside", "Sold, paid or received outside"
        ERROR = "error", "An error: taken back"
        GONE = "gone", "The difference is gone"
        RESOLVED = "resolved", "Resolved"

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="steps")
    kind = models.CharField(max_length=16, choices=Kind)
    base_units = BaseUnitsField(default=0)
    reason = models.CharField(max_length=300, blank=True)
    by = models.CharField(max_length=150, blank=True)
    """Empty: the program itself."""
    run = models.ForeignKey(Reconciliation, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    entry = models.ForeignKey(
        JournalEntry, null=True, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    proposal = models.ForeignKey(Proposal, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField(db_default=Now(), editable=False)

    objects = AppendOnlyQuerySet["CaseStep"].as_manager()

    class Meta(AppendOnly.Meta):
        constraints = [
            models.CheckConstraint(
                condition=~Q(kind__in=["own_wallet", "network_fee", "outside", "error"])
                | (~Q(by="") & ~Q(reason="") & (Q(entry__isnull=False) ^ Q(proposal__isnull=False))),
                name="explained_by_somebody",
            ),
            models.UniqueConstraint(
                fields=["case"], condition=Q(kind__in=["gone", "resolved"]), name="case_closed_once"
            ),
            models.UniqueConstraint(fields=["run"], condition=Q(kind="suspense"), name="suspense_once_a_run"),
        ]
        indexes = [models.Index(fields=["book", "case", "id"], name="case_step_in_order")]

    def __str__(self) -> str:
        return str(self.get_kind_display())


class Package(AppendOnly):
    """What an auditor is given of a closed period: one zip, made once, signed; its bytes are its parts in order."""

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False)
    change = models.OneToOneField(PeriodChange, on_delete=models.PROTECT, related_name="package")
    through = models.DateField()
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    public_key = models.CharField(max_length=64)
    """Ed25519, in hex: of the key that signed the manifest."""
    manifest = models.TextField()
    """As it was signed."""
    made_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = AppendOnlyQuerySet["Package"].as_manager()

    class Meta(AppendOnly.Meta):
        verbose_name = "period package"
        constraints = [
            models.CheckConstraint(condition=Q(sha256__regex=r"^[0-9a-f]{64}$"), name="package_has_its_hash"),
        ]
        indexes = [models.Index(fields=["book", "-id"], name="package_newest")]

    def __str__(self) -> str:
        return f"{self.book}, through {self.through:%-d %b %Y}"


class PackagePart(AppendOnly):
    """Some of a package's bytes: so many that one row is never a burden."""

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False)
    package = models.ForeignKey(Package, on_delete=models.PROTECT, related_name="parts", db_index=False)
    number = models.PositiveIntegerField()
    content = models.BinaryField()

    objects = AppendOnlyQuerySet["PackagePart"].as_manager()

    class Meta(AppendOnly.Meta):
        constraints = [models.UniqueConstraint(fields=["book", "package", "number"], name="package_part_once")]

    def __str__(self) -> str:
        return f"part {self.number}"


class ImportColumns(models.Model):
    """Which column of a bank's or exchange's file is which of ours, as it was said the last time."""

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=16)
    columns = models.JSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["book", "kind"], name="import_columns_once_a_kind")]

    def __str__(self) -> str:
        return self.kind
