"""The books: accounts, journal, postings, balances, rates.

The tenant is `Book`; it stands first in every key. Amounts are integers of base units in numeric(78,0). No row is ever
updated but a `Balance`, and that only by the SQL functions in `sql/`.
"""

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from ledger.appendonly import AppendOnly, AppendOnlyQuerySet
from ledger.money import LARGEST_BASE_UNITS as MOST
from ledger.money import BaseUnitsField, plain, to_text


class Book(models.Model):
    """One merchant's books, test and live apart. The tenant of everything."""

    name = models.CharField(max_length=200)
    currency = models.CharField(max_length=3, default="EUR", help_text="The currency the accounts are valued in.")
    is_test = models.BooleanField(default=True, help_text="Test books hold development coins, never real money.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return f"{self.name} (test)" if self.is_test else self.name


class Asset(models.Model):
    """A coin or token on one chain. `decimals` is pinned here, never read from a node."""

    code = models.CharField(max_length=16)
    chain = models.CharField(max_length=32)
    contract = models.CharField(max_length=64, default="", blank=True)
    decimals = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["chain", "contract"], name="asset_once_a_chain")]

    def __str__(self) -> str:
        return self.code


class Account(models.Model):
    """A ledger account: one asset, one kind, a code an accountant knows. People are users, members or customers."""

    class Kind(models.TextChoices):
        ASSET = "A", "Asset"
        LIABILITY = "L", "Liability"
        EQUITY = "E", "Equity"
        INCOME = "I", "Income"
        EXPENSE = "X", "Expense"

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="accounts", db_index=False)
    code = models.CharField(max_length=200)
    name = models.CharField(max_length=200)
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=1, choices=Kind)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book", "code", "asset"], name="account_once_a_book"),
            models.UniqueConstraint(fields=["book", "id", "asset"], name="account_asset_of_postings"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="fixed_nature",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__book__df=pgtrigger.F("new__book"))
                | pgtrigger.Q(old__asset__df=pgtrigger.F("new__asset"))
                | pgtrigger.Q(old__kind__df=pgtrigger.F("new__kind")),
                func="RAISE EXCEPTION 'an account keeps its book, asset and kind' USING ERRCODE = '23001';",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.asset})"


class Balance(models.Model):
    """What an account holds, in base units, in its normal direction (debit for assets and expenses, else credit).

    `posted` is validated; `pending_in` and `pending_out` are seen and not yet validated. Invariants: equal to the sums
    of the account's postings; posted - pending_out >= floor. Written by the SQL functions alone.
    """

    account = models.OneToOneField(Account, on_delete=models.PROTECT, related_name="balance")
    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False)
    posted = BaseUnitsField(default=0)
    pending_in = BaseUnitsField(default=0)
    pending_out = BaseUnitsField(default=0)
    floor = BaseUnitsField(null=True)  # type: ignore[misc]  # the one that may be null
    seq = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book", "account"], name="balance_once_an_account"),
            models.CheckConstraint(condition=Q(pending_in__gte=0), name="ledger_balance_pending_in"),
            models.CheckConstraint(condition=Q(pending_out__gte=0), name="ledger_balance_pending_out"),
            models.CheckConstraint(
                condition=Q(floor__isnull=True) | Q(posted__gte=F("floor") + F("pending_out")),
                name="ledger_balance_floor",
            ),
            # NaN sorts above every number and equals itself: without an upper bound it would balance.
            models.CheckConstraint(
                condition=Q(posted__lte=MOST, pending_in__lte=MOST, pending_out__lte=MOST),
                name="ledger_balance_is_a_number",
            ),
        ]

    def __str__(self) -> str:
        return f"{to_text(self.posted, self.account.asset.decimals)} {self.account.asset}"


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


class JournalEntry(AppendOnly):
    """One fact of the books. Chain facts are pending when seen and resolved by a further entry, never edited."""

    class Kind(models.IntegerChoices):
        POST = 1, "Posted"
        PENDING = 2, "Seen"
        SETTLE = 3, "Validated"
        VOID = 4, "Dropped"
        REVERSE = 5, "Reversed"

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="entries", db_index=False)
    idem = models.CharField(max_length=300)
    idem_hash = models.BinaryField()
    kind = models.PositiveSmallIntegerField(choices=Kind)
    ref = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="resolutions", db_index=False
    )  # what a settle, void or reverse entry resolves
    legs = models.PositiveSmallIntegerField()
    effective_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    rate = models.ForeignKey(Rate, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    source = models.CharField(max_length=64)
    description = models.CharField(max_length=300)
    meta = models.JSONField(default=dict)

    objects = AppendOnlyQuerySet["JournalEntry"].as_manager()

    class Meta(AppendOnly.Meta):
        verbose_name_plural = "journal"
        constraints = [
            models.UniqueConstraint(fields=["book", "idem"], name="entry_once"),
            models.UniqueConstraint(fields=["book", "id"], name="entry_of_postings"),
            models.UniqueConstraint(fields=["book", "ref"], condition=Q(kind__in=[3, 4]), name="entry_resolved_once"),
            models.UniqueConstraint(fields=["book", "ref"], condition=Q(kind=5), name="entry_reversed_once"),
            models.CheckConstraint(
                condition=Q(kind__in=[1, 2], ref__isnull=True) | Q(kind__in=[3, 4, 5], ref__isnull=False),
                name="entry_ref_by_kind",
            ),
            models.CheckConstraint(condition=Q(legs__gte=2), name="entry_two_legs"),
        ]
        indexes = [models.Index(fields=["book", "-effective_at", "-id"], name="entry_newest")]
        triggers = [
            *AppendOnly.Meta.triggers,
            pgtrigger.Trigger(
                name="debits_equal_credits",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                timing=pgtrigger.Deferred,
                func="PERFORM ledger_check_entry(NEW.book_id, NEW.id); RETURN NULL;",
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

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False)
    entry = models.ForeignKey(JournalEntry, on_delete=models.PROTECT, related_name="postings", db_index=False)
    leg = models.PositiveSmallIntegerField()
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="postings", db_index=False)
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="+", db_index=False)
    layer = models.PositiveSmallIntegerField(choices=Layer)
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
            models.CheckConstraint(
                condition=Q(debit__gt=0, credit=0) | Q(debit=0, credit__gt=0), name="posting_debit_or_credit"
            ),
            models.CheckConstraint(
                condition=Q(debit__lte=MOST, credit__lte=MOST, balance_after__lte=MOST), name="posting_is_a_number"
            ),
            models.CheckConstraint(condition=Q(layer__in=[0, 1, 2]), name="posting_layer"),
        ]
        triggers = [
            *AppendOnly.Meta.triggers,
            pgtrigger.Trigger(
                name="no_late_leg",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                referencing=pgtrigger.Referencing(new="added"),  # type: ignore[no-untyped-call]
                func="""
                    IF EXISTS (
                        SELECT 1 FROM added
                        JOIN ledger_journalentry e ON e.book_id = added.book_id AND e.id = added.entry_id
                        WHERE added.leg NOT BETWEEN 1 AND e.legs
                    ) THEN
                        RAISE EXCEPTION 'an entry keeps the legs it was written with' USING ERRCODE = 'LG001';
                    END IF;
                    RETURN NULL;
                """,
            ),
        ]

    def __str__(self) -> str:
        side, base_units = ("Dr", self.debit) if self.debit else ("Cr", self.credit)
        return f"{side} {self.account.name} {to_text(base_units, self.asset.decimals)} {self.asset}"
