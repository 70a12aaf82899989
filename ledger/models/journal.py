"""What happened, entry by entry, each with its legs."""

import pgtrigger
from django.db import models
from django.db.models import ExpressionWrapper, F, Q

from ledger.appendonly import AppendOnly, AppendOnlyQuerySet
from ledger.models.accounts import Account, Asset, Book
from ledger.models.rates import Rate
from ledger.models.transactions import TransactionIdField
from ledger.money import BaseUnitsField, to_text

VERBS = "cryptopay_verbs"
"""The role that the SQL verbs work as. They have proved all they write before they write it; who writes rows past them,
whoever that is, is held to the same by triggers."""
PAST_THE_VERBS = pgtrigger.Condition(f"current_user <> '{VERBS}'::text")


def _told_by(name: str) -> models.TextField[str | None, str | None]:
    """A reference in `meta` as a column: an index on the JSON itself is no use under row-level security. Whoever writes
    the entry writes what `meta` says, verbs and trigger alike."""
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
        ]
        triggers = [
            *AppendOnly.Meta.triggers,
            pgtrigger.Trigger(
                name="good_and_stamped",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                condition=PAST_THE_VERBS,
                func="""
                    IF NOT ledger_good_facts(NEW.effective_at, NEW.meta) OR NEW.legs < 2
                        OR NEW.kind NOT BETWEEN 1 AND 5 OR (NEW.kind <= 2) <> (NEW.ref_id IS NULL) THEN
                        RAISE EXCEPTION 'an entry of kind 1 to 5 has two legs, a date, an object of notes and refers to'
                            ' another if it resolves it' USING ERRCODE = '23514';
                    ELSIF NEW.effective_at < ledger_open_from(NEW.book_id, NEW.effective_at) THEN
                        RAISE EXCEPTION 'the books are closed on that date' USING ERRCODE = 'LG011';
                    ELSIF NEW.rate_id IS NOT NULL AND NOT ledger_is_rate_of(NEW.rate_id, NEW.book_id) THEN
                        RAISE EXCEPTION 'no rate % of this book or the platform', NEW.rate_id USING ERRCODE = '23503';
                    ELSIF NEW.ref_id IS NOT NULL AND NOT EXISTS (
                        SELECT 1 FROM ledger_journalentry WHERE book_id = NEW.book_id AND id = NEW.ref_id
                    ) THEN
                        RAISE EXCEPTION 'no entry % in this book', NEW.ref_id USING ERRCODE = '23503';
                    END IF;
                    NEW.txid := NEW.meta ->> 'txid';
                    NEW.invoice_ref := NEW.meta ->> 'invoice';
                    NEW.order_ref := NEW.meta ->> 'order';
                    NEW.recorded_at := clock_timestamp();
                    NEW.node := ledger_node();
                    NEW.xid := pg_current_xact_id();
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="has_all_legs",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                timing=pgtrigger.Deferred,
                condition=PAST_THE_VERBS,
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
                condition=PAST_THE_VERBS,
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
