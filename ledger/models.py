"""The books: accounts, journal, postings, balances, rates, blocks, periods.

The tenant is `Book`; it stands first in every key. Amounts are integers of base units in numeric(78,0). No row is ever
updated but a `Balance` and an `AccountDay`, and those only by the SQL functions in `sql/`.
"""

from decimal import Decimal

import pgtrigger
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F, Func, Q
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Collate, Lower, Now, Trim
from django.db.models.lookups import Exact

from ledger.appendonly import AppendOnly, AppendOnlyQuerySet, never_deleted
from ledger.money import BaseUnitsField, TotalField, plain, to_text

NAN = Func(template="'NaN'::numeric", output_field=models.DecimalField())
"""NaN sorts above every number and equals itself, so it would balance; numeric(78,0) itself refuses infinity."""


class TransactionIdField(models.Field[int, int]):
    """A PostgreSQL transaction's 64-bit id (xid8), as `int`. It never wraps around."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        return "xid8"

    def from_db_value(self, value: str | None, *_: object) -> int | None:
        return None if value is None else int(value)

    def get_prep_value(self, value: int | None) -> str | None:
        return None if value is None else str(value)


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
            models.CheckConstraint(
                condition=Q(pending_in__gte=0, pending_out__gte=0)
                & ~(Q(posted=NAN) | Q(pending_in=NAN) | Q(pending_out=NAN)),
                name="ledger_balance_pending",
            ),
            models.CheckConstraint(
                condition=Q(floor__isnull=True) | Q(posted__gte=F("floor") + F("pending_out")),
                name="ledger_balance_floor",
            ),
        ]
        triggers = [never_deleted()]

    def __str__(self) -> str:
        return f"{to_text(self.posted, self.account.asset.decimals)} {self.account.asset}"


class AccountDay(models.Model):
    """What was posted to an account on one day (UTC). Sums of days are the balance as of any date, back-dated or not.

    Invariant: equal to the sums of the account's posted legs of that day. Written by the SQL functions alone.
    """

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="days", db_index=False, db_constraint=False
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


def _told_by(name: str) -> models.GeneratedField:
    """A reference in `meta` as a column: an index on the JSON itself is no use under row-level security."""
    return models.GeneratedField(
        expression=KeyTextTransform(name, "meta"), output_field=models.TextField(null=True), db_persist=True
    )


def _index_of(column: str) -> models.Index:
    """Only entries that have it: others pay nothing for it."""
    condition = Q((f"{column}__isnull", False))
    return models.Index(fields=["book", column, "-recorded_at", "-id"], condition=condition, name=f"entry_by_{column}")


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
    )  # what a settle, void or reverse entry resolves; with its book: migration 0002
    legs = models.IntegerField()
    effective_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    rate = models.ForeignKey(Rate, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
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
            models.UniqueConstraint(fields=["book", "ref"], condition=Q(kind__in=[3, 4]), name="entry_resolved_once"),
            models.UniqueConstraint(fields=["book", "ref"], condition=Q(kind=5), name="entry_reversed_once"),
            models.CheckConstraint(
                condition=Q(legs__gte=2)
                & (Q(kind__in=[1, 2], ref__isnull=True) | Q(kind__in=[3, 4, 5], ref__isnull=False)),
                name="entry_ref_by_kind",
            ),
        ]
        indexes = [
            models.Index(fields=["book", "-effective_at", "-id"], name="entry_newest"),
            models.Index(fields=["book", "-recorded_at", "-id"], name="entry_recorded"),
            models.Index(fields=["book", "source", "-recorded_at", "-id"], name="entry_of_source"),
            models.Index(fields=["book", "ref"], condition=Q(kind=4), name="entry_voided"),
            *(_index_of(column) for column in ("txid", "invoice_ref", "order_ref")),
            models.Index(fields=["book", "node", "xid"], name="entry_by_transaction"),
        ]
        triggers = [
            *AppendOnly.Meta.triggers,
            pgtrigger.Trigger(
                name="open_and_stamped",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="""
                    IF (NEW.effective_at AT TIME ZONE 'UTC')::date < (clock_timestamp() AT TIME ZONE 'UTC')::date THEN
                        IF NEW.effective_at < ledger_open_from(NEW.book_id, NEW.effective_at) THEN
                            RAISE EXCEPTION 'the books are closed on that date' USING ERRCODE = 'LG011';
                        END IF;
                    END IF;
                    NEW.recorded_at := clock_timestamp();
                    NEW.node := coalesce(nullif(current_setting('ledger.node', true), ''), '0');
                    NEW.xid := pg_current_xact_id();
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="has_all_legs",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                timing=pgtrigger.Deferred,
                func="""
                    IF NEW.legs <> (
                        SELECT count(*) FROM ledger_posting WHERE book_id = NEW.book_id AND entry_id = NEW.id
                    ) THEN
                        RAISE EXCEPTION 'entry % has not all of its legs', NEW.id USING ERRCODE = 'LG001';
                    END IF;
                    RETURN NULL;
                """,
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

    # Entry, account and asset are of the book: a trigger looks at all legs of a statement at once, where foreign keys
    # would look, and lock, twice a leg. None of those rows is ever deleted.
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
        triggers = [
            *AppendOnly.Meta.triggers,
            pgtrigger.Trigger(
                name="debits_equal_credits",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                referencing=pgtrigger.Referencing(new="added"),  # type: ignore[no-untyped-call]
                declare=[("wrong", "record")],
                func="""
                    SELECT side.*, e.id IS NOT NULL AS of_an_entry INTO wrong
                    FROM (
                        SELECT added.book_id, added.entry_id, sum(added.debit) = sum(added.credit) AS balanced,
                               bool_and(a.asset_id IS NOT DISTINCT FROM added.asset_id) AS known,
                               bool_and(added.layer BETWEEN 0 AND 2 AND added.balance_after <> 'NaN'
                                   AND NOT ledger_bad_leg(added.debit, added.credit)) AS good,
                               min(added.leg) AS first, max(added.leg) AS last,
                               min(added.effective_at) AS earliest, max(added.effective_at) AS latest
                        FROM added
                        LEFT JOIN ledger_account a ON a.book_id = added.book_id AND a.id = added.account_id
                        GROUP BY added.book_id, added.entry_id, added.asset_id, added.layer = 0
                    ) side
                    LEFT JOIN ledger_journalentry e ON e.book_id = side.book_id AND e.id = side.entry_id
                    WHERE NOT side.good OR NOT side.balanced OR NOT side.known OR e.id IS NULL
                        OR side.first < 1 OR side.last > e.legs
                        OR side.earliest <> e.effective_at OR side.latest <> e.effective_at
                    LIMIT 1;
                    IF NOT FOUND THEN
                        RETURN NULL;
                    ELSIF NOT wrong.good THEN
                        RAISE EXCEPTION 'a leg is one positive debit or one positive credit' USING ERRCODE = 'LG002';
                    ELSIF NOT wrong.known OR NOT wrong.of_an_entry THEN
                        RAISE EXCEPTION 'a leg has an entry and an account of its book' USING ERRCODE = '23503';
                    ELSIF NOT wrong.balanced THEN
                        RAISE EXCEPTION 'debits and credits differ' USING ERRCODE = 'LG001';
                    END IF;
                    RAISE EXCEPTION 'an entry keeps the legs it was written with' USING ERRCODE = 'LG001';
                """,
            ),
        ]

    def __str__(self) -> str:
        side, base_units = ("Dr", self.debit) if self.debit else ("Cr", self.credit)
        return f"{side} {self.account.name} {to_text(base_units, self.asset.decimals)} {self.asset}"


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


class PeriodChange(AppendOnly):
    """From here on nothing may be effective on `closed_through` or before; null: everything is open again.

    The newest row of a book counts. Two people stand behind each, with a reason.
    """

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="periods", db_index=False)
    closed_through = models.DateField(null=True)
    reason = models.CharField(max_length=300)
    asked_by = models.CharField(max_length=150)
    approved_by = models.CharField(max_length=150)
    recorded_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = AppendOnlyQuerySet["PeriodChange"].as_manager()

    class Meta(AppendOnly.Meta):
        constraints = [
            models.CheckConstraint(
                condition=~Q(Exact(Lower(Trim("asked_by")), Lower(Trim("approved_by")))), name="period_second_person"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="period_has_a_reason"),
        ]
        indexes = [models.Index(fields=["book", "-id"], name="period_newest")]
        triggers = [
            *AppendOnly.Meta.triggers,
            # It waits for all who are writing into the book: ledger_open_from takes the same lock, shared.
            pgtrigger.Trigger(
                name="alone",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="""
                    PERFORM pg_advisory_xact_lock(7263, NEW.book_id::integer);
                    NEW.recorded_at := clock_timestamp();  -- behind the lock: what it waited for was recorded before
                    IF NEW.closed_through >= (now() AT TIME ZONE 'UTC')::date THEN
                        RAISE EXCEPTION 'a day is closed when it is over' USING ERRCODE = 'LG014';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"closed through {self.closed_through:%d %b %Y}" if self.closed_through else "open"


class Proposal(AppendOnly):
    """What one person asks and another must approve: a manual entry, a reversal, closing or reopening a period.

    `contents` is the verb's arguments in JSON, amounts as text. It has no effect before its `Decision`.
    """

    class Kind(models.TextChoices):
        ENTRY = "entry", "Manual entry"
        REVERSAL = "reversal", "Reversal"
        CLOSE = "close", "Close the period"
        REOPEN = "reopen", "Reopen the period"

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="proposals", db_index=False)
    kind = models.CharField(max_length=16, choices=Kind)
    contents = models.JSONField()
    reason = models.CharField(max_length=300)
    asked_by = models.CharField(max_length=150)
    asked_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = AppendOnlyQuerySet["Proposal"].as_manager()

    class Meta(AppendOnly.Meta):
        constraints = [
            models.UniqueConstraint(fields=["book", "id"], name="proposal_of_decision"),
            models.CheckConstraint(condition=~Q(reason=""), name="proposal_has_a_reason"),
        ]
        indexes = [models.Index(fields=["book", "-id"], name="proposal_newest")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, asked by {self.asked_by}"


class Decision(AppendOnly):
    """The second person's word on a proposal, once. An approval is written in the commit that carries it out."""

    class Verdict(models.TextChoices):
        APPROVED = "approved", "Approved"
        REFUSED = "refused", "Refused"

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False)
    proposal = models.OneToOneField(Proposal, on_delete=models.PROTECT, related_name="decision")
    verdict = models.CharField(max_length=16, choices=Verdict)
    reason = models.CharField(max_length=300, blank=True)
    decided_by = models.CharField(max_length=150)
    decided_at = models.DateTimeField(db_default=Now(), editable=False)
    entry = models.ForeignKey(
        JournalEntry, null=True, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )  # what an approval wrote; with its book: migration 0002

    objects = AppendOnlyQuerySet["Decision"].as_manager()

    class Meta(AppendOnly.Meta):
        constraints = [models.UniqueConstraint(fields=["book", "proposal"], name="decision_once")]
        triggers = [
            *AppendOnly.Meta.triggers,
            pgtrigger.Trigger(
                name="second_person",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="""
                    IF EXISTS (
                        SELECT 1 FROM ledger_proposal
                        WHERE book_id = NEW.book_id AND id = NEW.proposal_id
                            AND lower(trim(asked_by)) = lower(trim(NEW.decided_by))
                    ) THEN
                        RAISE EXCEPTION 'who asks does not decide' USING ERRCODE = 'LG012';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_verdict_display()} by {self.decided_by}"
