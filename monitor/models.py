"""What the monitor knows of the chains: how far it read, what it watches, what arrived, and the events it tells."""

from datetime import datetime

import pgtrigger
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from ulid import ULID

import monitor.reconciliations
import monitor.tokens  # noqa: F401 - subjects of their own, whose models are ours
from ledger.appendonly import AppendOnly, AppendOnlyQuerySet
from ledger.money import BaseUnitsField
from ledger.tracking import tracked
from monitor.chains import CHAINS, Chain


def watch_id() -> str:
    return f"wat_{ULID()}".lower()


class Cursor(models.Model):
    """How far a chain has been read: the last block taken in. One row a chain; its row lock serialises the follower."""

    chain_code = models.CharField(max_length=32, unique=True)
    height = models.BigIntegerField(null=True)
    """Null until the node answered for the first time; reading starts at its tip then."""
    hash = models.CharField(max_length=66, default="", blank=True)
    node_height = models.BigIntegerField(null=True)
    final_height = models.BigIntegerField(null=True)
    checked_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    failure = models.CharField(max_length=300, default="", blank=True)
    """In the node's own words: for those who run it. What everybody may know is `failure_code`."""
    failure_code = models.CharField(max_length=40, default="", blank=True)
    halted_at = models.DateTimeField(null=True)
    second_failing_since = models.DateTimeField(null=True)
    second_failure = models.CharField(max_length=300, default="", blank=True)
    """The second node's, where large deposits need two: they are held meanwhile, and reading goes on."""
    retired_at = models.DateTimeField(null=True)
    """Switched off for good by a person: nothing waits for this chain any more. A node that is set again undoes it."""

    class Meta:
        verbose_name = "chain"

    def __str__(self) -> str:
        return self.chain.title

    @property
    def chain(self) -> Chain:
        return CHAINS[self.chain_code]

    @property
    def caught_up_at(self) -> datetime | None:
        """When the chain was last known to be read up to the node's tip; None while it is behind or was never read."""
        return self.checked_at if self.height is not None and self.height == self.node_height else None

    def settles(self, moment: datetime) -> bool:
        """All that happened up to then is known, or, the chain being retired, will not be asked for."""
        return self.retired_at is not None or (self.caught_up_at is not None and self.caught_up_at >= moment)


class ReadBlock(models.Model):
    """A block of the active chain as we read it, kept for the chain's reorg limit so that a fork's root is found."""

    chain_code = models.CharField(max_length=32)
    height = models.BigIntegerField()
    hash = models.CharField(max_length=66)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["chain_code", "height"], name="block_once_a_height")]

    def __str__(self) -> str:
        return f"{self.chain_code} {self.height} {self.hash}"


class WatchedAddress(models.Model):
    """A destination a book wants to hear of. Its own are watched for good: one once shown may be paid years later."""

    book = models.ForeignKey("ledger.Book", on_delete=models.PROTECT, related_name="+", db_index=False)
    chain_code = models.CharField(max_length=32)
    address = models.CharField(max_length=128)
    destination = models.BinaryField()
    least_confirmations = models.PositiveIntegerField(default=0)
    own = models.BooleanField(db_default=True)
    """Given to payers, and so watched for good; else somebody's who asked to hear of it, until they end it."""
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "watched addresses"
        constraints = [
            models.UniqueConstraint(fields=["book", "chain_code", "destination"], name="watched_once_a_book"),
            models.CheckConstraint(condition=Q(own=False) | Q(ended_at__isnull=True), name="own_address_for_good"),
        ]
        indexes = [
            models.Index(fields=["chain_code", "destination"], name="watched_by_destination"),
            models.Index(fields=["book", "-id"], name="watched_newest"),
            # A range of blocks and no tree: it costs an insert next to nothing.
            BrinIndex(fields=["created_at"], name="watched_lately", autosummarize=True),
        ]

    def __str__(self) -> str:
        return self.address

    @property
    def chain(self) -> Chain:
        return CHAINS[self.chain_code]


class Deposit(models.Model):
    """Coins the chain shows at a watched address. `key` is what the chain makes unique; amounts in base units.

    `state` moves seen -> confirmed, seen -> dropped, confirmed -> orphaned, and from dropped or orphaned back to seen,
    when the transaction is found again. Each move is a `ChainEvent` in the same commit.
    """

    class State(models.TextChoices):
        SEEN = "seen", "Seen"
        CONFIRMED = "confirmed", "Confirmed"
        DROPPED = "dropped", "Dropped"
        ORPHANED = "orphaned", "Orphaned"

    book = models.ForeignKey("ledger.Book", on_delete=models.PROTECT, related_name="+", db_index=False)
    watched = models.ForeignKey(WatchedAddress, on_delete=models.PROTECT, related_name="deposits")
    chain_code = models.CharField(max_length=32)
    key = models.CharField(max_length=140)
    txid = models.CharField(max_length=66)
    contract = models.CharField(max_length=64, default="", blank=True)
    base_units = BaseUnitsField()
    sender = models.CharField(max_length=64, default="", blank=True)
    memo = models.CharField(max_length=256, default="", blank=True)
    """What the payer wrote, for people: hostile text, and not what routes the deposit (`watched.destination`)."""
    state = models.CharField(max_length=10, choices=State, default=State.SEEN)
    appearance = models.PositiveIntegerField(default=1)
    """Counts how often it was seen anew; makes each appearance's journal entry its own fact."""
    block_height = models.BigIntegerField(null=True)
    block_hash = models.CharField(max_length=66, default="", blank=True)
    block_time = models.DateTimeField(null=True)
    required_confirmations = models.PositiveIntegerField(null=True)
    """Depth at which it counts; null where the chain itself says what is final."""
    agreed_hash = models.CharField(max_length=66, default="", blank=True)
    """Of the block in which the second node has it, too. Another `block_hash` than this: no agreement yet."""
    held_since = models.DateTimeField(null=True)
    held_because = models.CharField(max_length=100, default="", blank=True)
    """It would count by its depth, but needs two nodes, and they do not agree."""
    seen_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book", "chain_code", "key"], name="deposit_once"),
            models.CheckConstraint(condition=Q(base_units__gt=0), name="deposit_positive"),
            models.CheckConstraint(
                condition=~Q(state="confirmed") | Q(block_height__isnull=False), name="deposit_confirmed_in_a_block"
            ),
        ]
        indexes = [
            models.Index(fields=["chain_code", "block_height"], condition=Q(state="seen"), name="deposit_waiting"),
            models.Index(fields=["chain_code", "block_height", "state"], name="deposit_by_block"),
            models.Index(fields=["book", "txid"], name="deposit_by_txid"),
            models.Index(fields=["book", "-id"], name="deposit_newest"),
            models.Index(fields=["id"], condition=Q(held_since__isnull=False), name="deposit_held"),  # few
        ]
        triggers = [pgtrigger.Protect(name="deposit_is_kept", operation=pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.txid} ({self.get_state_display()})"

    @property
    def chain(self) -> Chain:
        return CHAINS[self.chain_code]


class ChainEvent(AppendOnly):
    """What happened to a deposit. Ids grow in commit order within a chain, so a reader resumes after the last one."""

    class Kind(models.TextChoices):
        SEEN = "seen", "Seen"
        CONFIRMED = "confirmed", "Confirmed"
        DROPPED = "dropped", "Dropped"
        REORGED = "reorged", "Reorged"

    book = models.ForeignKey("ledger.Book", on_delete=models.PROTECT, related_name="+", db_index=False)
    chain_code = models.CharField(max_length=32)
    deposit = models.ForeignKey(Deposit, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=10, choices=Kind)
    appearance = models.PositiveIntegerField()
    block_height = models.BigIntegerField(null=True)
    block_hash = models.CharField(max_length=66, default="", blank=True)
    happened_at = models.DateTimeField()
    """Time of the block, or of the observation where there is none."""

    objects = AppendOnlyQuerySet["ChainEvent"].as_manager()

    class Meta(AppendOnly.Meta):
        indexes = [models.Index(fields=["chain_code", "id"], name="event_in_order")]

    def __str__(self) -> str:
        return f"{self.kind} {self.deposit_id}"


class WatchedTransaction(models.Model):
    """A transaction a book wants to hear of, whoever it pays. Nothing of it is booked.

    `state` moves as a deposit's does, from awaited on; each move is a `TransactionEvent` in the same commit.
    """

    class State(models.TextChoices):
        AWAITED = "awaited", "Awaited"
        SEEN = "seen", "Seen"
        CONFIRMED = "confirmed", "Confirmed"
        DROPPED = "dropped", "Dropped"
        ORPHANED = "orphaned", "Orphaned"

    book = models.ForeignKey("ledger.Book", on_delete=models.PROTECT, related_name="+", db_index=False)
    chain_code = models.CharField(max_length=32)
    txid = models.CharField(max_length=66)
    state = models.CharField(max_length=10, choices=State, default=State.AWAITED)
    appearance = models.PositiveIntegerField(default=0)
    """Counts how often it was seen anew."""
    block_height = models.BigIntegerField(null=True)
    block_hash = models.CharField(max_length=66, default="", blank=True)
    block_time = models.DateTimeField(null=True)
    required_confirmations = models.PositiveIntegerField(null=True)
    """Depth at which it counts; null where the chain itself says what is final."""
    looked_for = models.BooleanField(default=False)
    """The node was asked once whether it waits there already; from then on the mempool's newcomers tell."""
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["book", "chain_code", "txid"],
                condition=Q(ended_at__isnull=True),
                name="transaction_watched_once",
            ),
            models.CheckConstraint(
                condition=~Q(state="confirmed") | Q(block_height__isnull=False), name="watched_confirmed_in_a_block"
            ),
        ]
        indexes = [
            models.Index(
                fields=["chain_code", "txid"],
                condition=Q(ended_at__isnull=True) & ~Q(state="confirmed"),
                name="transaction_open",
            ),
            models.Index(
                fields=["chain_code", "block_height"],
                condition=Q(ended_at__isnull=True, block_height__isnull=False),
                name="transaction_by_block",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.txid} ({self.get_state_display()})"

    @property
    def chain(self) -> Chain:
        return CHAINS[self.chain_code]


class TransactionEvent(AppendOnly):
    """What happened to a watched transaction. Ids grow in commit order within a chain, as a `ChainEvent`'s do."""

    book = models.ForeignKey("ledger.Book", on_delete=models.PROTECT, related_name="+", db_index=False)
    chain_code = models.CharField(max_length=32)
    transaction = models.ForeignKey(WatchedTransaction, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=10, choices=ChainEvent.Kind)
    appearance = models.PositiveIntegerField()
    block_height = models.BigIntegerField(null=True)
    block_hash = models.CharField(max_length=66, default="", blank=True)
    happened_at = models.DateTimeField()
    """Time of the block, or of the observation where there is none."""

    objects = AppendOnlyQuerySet["TransactionEvent"].as_manager()

    class Meta(AppendOnly.Meta):
        indexes = [models.Index(fields=["chain_code", "id"], name="transaction_event_in_order")]

    def __str__(self) -> str:
        return f"{self.kind} {self.transaction_id}"


class Watch(models.Model):
    """A program asked to hear of an address or of a transaction, until it ends the watch."""

    book = models.ForeignKey("ledger.Book", on_delete=models.PROTECT, related_name="+", db_index=False)
    public_id = models.CharField(max_length=32, unique=True, default=watch_id, editable=False)
    chain_code = models.CharField(max_length=32)
    address = models.ForeignKey(WatchedAddress, null=True, on_delete=models.PROTECT, related_name="watches")
    transaction = models.OneToOneField(WatchedTransaction, null=True, on_delete=models.PROTECT, related_name="watch")
    confirmations = models.PositiveIntegerField(default=0, help_text="Asked beyond the chain's own policy.")
    since_height = models.BigIntegerField(null=True)
    """Blocks from here on are read again for it."""
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "watches"
        constraints = [
            models.CheckConstraint(
                condition=Q(address__isnull=True) ^ Q(transaction__isnull=True), name="watch_of_one_thing"
            ),
            models.UniqueConstraint(
                fields=["address"], condition=Q(ended_at__isnull=True), name="watch_open_once_an_address"
            ),
        ]
        indexes = [models.Index(fields=["book", "-id"], name="watch_newest")]

    def __str__(self) -> str:
        return self.public_id

    @property
    def chain(self) -> Chain:
        return CHAINS[self.chain_code]


class ParkedTransaction(models.Model):
    """A transaction that could not be read or taken in, set aside for a person; its chain is read on. Nobody's book's.

    It may have paid us. `monitor.backfill` reads its block again, for instance after an update; or a person dismisses
    it and says why.
    """

    class State(models.TextChoices):
        OPEN = "open", "Open"
        READ = "read", "Read since"
        DISMISSED = "dismissed", "Dismissed"
        ORPHANED = "orphaned", "Taken back by the chain"

    chain_code = models.CharField(max_length=32)
    height = models.BigIntegerField()
    hash = models.CharField(max_length=66)
    txid = models.CharField("transaction", max_length=100)
    reason = models.CharField(max_length=300)
    raw = models.BinaryField(default=bytes)
    """As the node gave it, where that was short; else empty."""
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    parked_at = models.DateTimeField(db_default=Now(), editable=False)
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.CharField(max_length=150, default="", blank=True)
    resolved_because = models.CharField(max_length=300, default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["chain_code", "hash", "txid"], name="parked_once_a_block"),
            models.CheckConstraint(
                condition=~Q(state="dismissed") | ~Q(resolved_by="") & ~Q(resolved_because=""),
                name="parked_dismissed_by_somebody",
            ),
        ]
        indexes = [models.Index(fields=["chain_code", "height"], condition=Q(state="open"), name="parked_open")]
        triggers = [pgtrigger.Protect(name="parked_is_kept", operation=pgtrigger.Delete)]

    def __str__(self) -> str:
        return self.txid


class Backfill(models.Model):
    """Blocks that are to be read again, worked off in slices: for addresses that are watched later than they were paid.

    Those from `next_height` to `last_height` are still to be read, in this order and without a gap.
    """

    chain_code = models.CharField("chain", max_length=32)
    first_height = models.BigIntegerField("from")
    last_height = models.BigIntegerField("to", null=True)
    """Null: to where the chain has been read when the work begins, which no height known now can say."""
    next_height = models.BigIntegerField()
    hash = models.CharField(max_length=66, default="", blank=True)
    """Of the block below `next_height`, which must be the next one's parent; empty before the first."""
    asked_for = models.CharField(max_length=200, default="", blank=True)
    found = models.PositiveIntegerField(default=0)
    asked_at = models.DateTimeField(db_default=Now(), editable=False)
    worked_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    failure = models.CharField(max_length=300, default="", blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    first_height__gte=0,
                    first_height__lte=F("next_height"),
                    next_height__lte=F("last_height") + 1,
                ),
                name="backfill_within_its_range",
            ),
            models.CheckConstraint(
                condition=Q(finished_at__isnull=True) | Q(next_height=F("last_height") + 1),
                name="backfill_finished_when_read",
            ),
        ]
        indexes = [
            models.Index(
                fields=["chain_code", "worked_at"], condition=Q(finished_at__isnull=True), name="backfill_open"
            )
        ]

    def __str__(self) -> str:
        return f"{self.chain_code} {self.first_height} – {self.last_height}"


@tracked("chain_code", "up_to_base_units", "confirmations")
class ConfirmationTier(models.Model):
    """What the operator asks in the place of the chain's own tiers: so deep for a deposit up to that size."""

    chain_code = models.CharField("chain", max_length=32)
    up_to_base_units = BaseUnitsField(null=True, blank=True)  # type: ignore[misc]  # the one that may be null
    """Null: of any size."""
    confirmations = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["chain_code", "up_to_base_units"], nulls_distinct=False, name="tier_once_an_amount"
            ),
            models.CheckConstraint(condition=Q(confirmations__gte=1), name="tier_of_one_confirmation_at_least"),
        ]

    def __str__(self) -> str:
        return f"{self.chain_code}: {self.confirmations} confirmations"


class QueueLook(models.Model):
    """What was seen of a chain's fee queue, one row a chain. Advice alone: nothing is booked by it."""

    chain_code = models.CharField(max_length=32, unique=True)
    queue = models.JSONField(default=dict)
    """`connectors.fees.Queue`."""
    looked_at = models.DateTimeField(null=True)
    busy_until = models.DateTimeField(null=True)
    """A worker asks the node, and has so long; it holds no lock meanwhile."""
    failure = models.CharField(max_length=300, default="", blank=True)
    """Why the newest look found nothing out; empty: it did."""

    def __str__(self) -> str:
        return self.chain.title

    @property
    def chain(self) -> Chain:
        return CHAINS[self.chain_code]


class Expectation(models.Model):
    """What is to be expected of an unconfirmed deposit, as the queue was at `as_of`. Others have no row."""

    book = models.ForeignKey("ledger.Book", on_delete=models.PROTECT, related_name="+", db_index=False)
    deposit = models.OneToOneField(Deposit, on_delete=models.PROTECT, related_name="expectation")
    state = models.CharField(max_length=12)
    reason = models.CharField(max_length=20, default="", blank=True)
    mined_low = models.PositiveIntegerField(null=True)
    """Blocks until it is in one, at least and at most; null: nobody can say, or it will not be."""
    mined_high = models.PositiveIntegerField(null=True)
    fee_rate = BaseUnitsField()
    """As the chain's connector counts them: base units per 1,000 virtual bytes, or wei per gas."""
    replaceable = models.BooleanField(null=True)
    replaced_by = models.CharField(max_length=66, default="", blank=True)
    spends = models.JSONField(default=list)
    as_of = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.deposit_id}: {self.state}"
