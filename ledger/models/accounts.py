"""Whose books, in which assets, on which accounts, and what these hold."""

from decimal import Decimal

import pgtrigger
from django.db import models
from django.db.models import F
from django.db.models.functions import Collate, Now

from ledger.appendonly import never_deleted
from ledger.money import BaseUnitsField, TotalField, to_text
from ledger.tracking import tracked


@tracked("name", "currency", "is_test", "second_person_above")
class Book(models.Model):
    """One merchant's books, test and live apart. The tenant of everything."""

    name = models.CharField(max_length=200)
    currency = models.CharField(max_length=3, default="EUR", help_text="The currency the accounts are valued in.")
    is_test = models.BooleanField(default=True, help_text="Test books hold development coins, never real money.")
    second_person_above = models.DecimalField(
        max_digits=20,
        decimal_places=2,
        default=Decimal(1000),
        help_text="Manual entries worth more, in the book's currency, or without a price need a second person.",
    )
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
    floor = BaseUnitsField(null=True, editable=False)  # type: ignore[misc]  # kept in the balance, too, for its check
    clears_within_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="A clearing account: it must reach zero within this many days."
    )
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book", "code", "asset"], name="account_once_a_book"),
            models.UniqueConstraint(fields=["book", "id"], name="account_of_book"),
        ]
        # In bytes, so that a branch's codes stand together whatever the database's language.
        indexes = [models.Index(F("book"), Collate("code", "C"), F("id"), name="account_by_code")]
        triggers = [
            never_deleted(),
            pgtrigger.Trigger(
                name="fixed_nature",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__book__df=pgtrigger.F("new__book"))
                | pgtrigger.Q(old__code__df=pgtrigger.F("new__code"))
                | pgtrigger.Q(old__asset__df=pgtrigger.F("new__asset"))
                | pgtrigger.Q(old__kind__df=pgtrigger.F("new__kind"))
                | pgtrigger.Q(old__floor__df=pgtrigger.F("new__floor")),
                func="RAISE EXCEPTION 'an account keeps its book, code, asset, kind and floor'"
                " USING ERRCODE = '23001';",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.asset})"


class Balance(models.Model):
    """What an account holds, in base units, in its normal direction (debit for assets and expenses, else credit).

    `posted` is validated; `pending_in` and `pending_out` are seen and not yet validated. Invariants: equal to the sums
    of the account's postings; posted - pending_out >= floor. Moved by the SQL functions alone.

    `day_debit` and `day_credit` are what was posted on the newest day so far, so that most entries write no
    `AccountDay`: a newer day takes their place, and they go there. Read both as `Day`. `asset`, `debit_normal`,
    `closed` and `floor` say what the account says: a verb reads this row alone. A trigger makes it with its account.
    The check of the floor, and the foreign key to an account of the same book: migration 0002.
    """

    account = models.OneToOneField(Account, on_delete=models.PROTECT, related_name="balance", db_constraint=False)
    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    debit_normal = models.BooleanField()
    closed = models.BooleanField()
    posted = BaseUnitsField(default=0)
    pending_in = BaseUnitsField(default=0)
    pending_out = BaseUnitsField(default=0)
    floor = BaseUnitsField(null=True)  # type: ignore[misc]  # the one that may be null
    seq = models.BigIntegerField(default=0)
    day = models.DateField(null=True)
    """Null until something is posted; never of the future."""
    day_debit = TotalField(default=0)
    day_credit = TotalField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book", "account"], name="balance_once_an_account"),
        ]
        triggers = [never_deleted()]

    def __str__(self) -> str:
        return f"{to_text(self.posted, self.account.asset.decimals)} {self.account.asset}"


class AccountDay(models.Model):
    """What was posted on a day (UTC) that the balance does not keep. Written by the SQL functions alone."""

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    day = models.DateField()
    debit = TotalField(default=0)
    credit = TotalField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book", "account", "day"], name="account_day_once"),
        ]
        triggers = [never_deleted()]

    def __str__(self) -> str:
        return f"{self.day:%d %b %Y}"


class Day(models.Model):
    """What was posted to an account on a day (UTC): one row, or two, of `AccountDay` and `Balance`. A view.

    Sums of days are the balance as of any date, back-dated or not. Invariant: equal to the sums of the account's posted
    legs of that day.
    """

    book = models.ForeignKey(Book, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False)
    account = models.ForeignKey(Account, on_delete=models.DO_NOTHING, related_name="days", db_constraint=False)
    day = models.DateField()
    debit = TotalField()
    credit = TotalField()

    class Meta:
        managed = False
        db_table = "ledger_day"

    def __str__(self) -> str:
        return f"{self.day:%d %b %Y}"
