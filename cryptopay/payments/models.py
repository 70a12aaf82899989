"""What the merchant asks (invoice), how it may be paid (payment method), and what arrived (payment).

Beside them what is asked of CryptoPay without an invoice: an address for a customer, and what arrived there (credit).
"""

from decimal import Decimal

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from ulid import ULID

from cryptopay.merchants.models import Customer
from keys.models import Address, MasterKey
from ledger.appendonly import AppendOnly, AppendOnlyQuerySet
from ledger.models import Asset, Book, JournalEntry, Rate
from ledger.money import BaseUnitsField
from ledger.tracking import tracked
from monitor.chains import CHAINS, Chain
from monitor.models import Deposit, WatchedAddress

LARGE = 1000
"""Invoices over so much, in whatever currency, are few: they are found by an index of their own."""


def invoice_id() -> str:
    return f"inv_{ULID()}".lower()


def payment_id() -> str:
    return f"pay_{ULID()}".lower()


def customer_address_id() -> str:
    return f"adr_{ULID()}".lower()


def notice_id() -> str:
    return f"cev_{ULID()}".lower()


@tracked("book", "spread", "tolerance", "expires_in_seconds")
class Terms(models.Model):
    """What a merchant asks of payers in a book, where an invoice says nothing else. A change counts for new quotes."""

    book = models.OneToOneField(Book, on_delete=models.PROTECT, related_name="+")
    spread = models.DecimalField(
        max_digits=5,
        decimal_places=4,
        default=Decimal(0),
        help_text="Share by which coins are priced below their rate: 0.01 asks about one per cent more of them.",
    )
    tolerance = models.DecimalField(
        max_digits=5,
        decimal_places=4,
        default=Decimal(0),
        help_text="Share of an invoice's amount that may be missing.",
    )
    expires_in_seconds = models.PositiveIntegerField(
        default=900, help_text="How long a payer has, and a price is kept: 60 to 2,592,000 seconds."
    )

    class Meta:
        verbose_name_plural = "terms"
        constraints = [
            models.CheckConstraint(condition=Q(spread__gte=0, spread__lte=Decimal("0.5")), name="terms_spread"),
            models.CheckConstraint(condition=Q(tolerance__gte=0, tolerance__lt=1), name="terms_tolerance"),
            models.CheckConstraint(
                condition=Q(expires_in_seconds__gte=60, expires_in_seconds__lte=30 * 24 * 3600), name="terms_expiry"
            ),
        ]

    def __str__(self) -> str:
        return f"Terms of {self.book}"


class Invoice(models.Model):
    """A merchant asks for `amount` of `currency`, coin or fiat. Status and exception say where it stands."""

    class Status(models.TextChoices):
        NEW = "new", "New"
        PROCESSING = "processing", "Processing"
        SETTLED = "settled", "Settled"
        EXPIRED = "expired", "Expired"
        INVALID = "invalid", "Invalid"
        CANCELLED = "cancelled", "Cancelled"

    class Exceptional(models.TextChoices):
        NONE = "none", "None"
        PAID_PARTIAL = "paid_partial", "Paid in part"
        PAID_OVER = "paid_over", "Overpaid"
        PAID_LATE = "paid_late", "Paid late"
        PAID_OTHER = "paid_other", "Paid in another coin"
        MARKED = "marked", "Marked by hand"

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False)
    public_id = models.CharField(max_length=32, default=invoice_id, editable=False)
    customer = models.ForeignKey(
        Customer, null=True, blank=True, on_delete=models.PROTECT, related_name="invoices", db_index=False
    )
    order_id = models.CharField(max_length=100, blank=True, default="")
    description = models.CharField(max_length=300, blank=True, default="")
    amount = models.DecimalField(max_digits=96, decimal_places=18)
    currency = models.CharField(max_length=16)
    tolerance = models.DecimalField(
        max_digits=5, decimal_places=4, default=Decimal(0), help_text="Share of the amount that may be missing."
    )
    least_confirmations = models.PositiveSmallIntegerField(
        default=0, help_text="Asked beyond the chain's own policy; where a chain finalises blocks, that decides alone."
    )
    status = models.CharField(max_length=12, choices=Status, default=Status.NEW)
    exception = models.CharField(max_length=12, choices=Exceptional, default=Exceptional.NONE)
    settlements = models.PositiveIntegerField(default=0)
    """How often it was settled; more than once only after a reorg took a payment back."""
    tax_totals = models.JSONField(null=True, editable=False)
    """By tax rate in per cent ("19"): net and tax, exact decimals in the invoice's currency. None: it has no lines."""
    return_url = models.URLField(max_length=500, blank=True, default="")
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField()
    monitored_until = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["public_id"], name="invoice_id_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="invoice_positive"),
            models.CheckConstraint(condition=Q(tolerance__gte=0, tolerance__lt=1), name="invoice_tolerance"),
        ]
        permissions = [("cancel_invoice", "Can cancel invoice"), ("mark_invoice", "Can mark invoice")]
        indexes = [
            models.Index(fields=["book", "-id"], name="invoice_newest"),
            models.Index(fields=["book", "status", "-id"], name="invoice_by_status"),
            models.Index(fields=["book", "order_id"], name="invoice_by_order"),
            models.Index(fields=["customer", "-id"], name="invoice_by_customer"),
            models.Index(fields=["expires_at"], condition=Q(status="new"), name="invoice_expiring"),
            models.Index(fields=["monitored_until"], condition=Q(status="processing"), name="invoice_monitored"),
            models.Index(fields=["book", "-id"], condition=Q(amount__gte=LARGE), name="invoice_large"),
        ]

    def __str__(self) -> str:
        return self.order_id or self.public_id

    @property
    def ended_by_hand(self) -> bool:
        """Cancelled or marked: what arrives from then on moves it no more."""
        return self.status == self.Status.CANCELLED or self.exception == self.Exceptional.MARKED

    @property
    def settled_by_hand(self) -> bool:
        """What is sold then follows from what is received, not from what was due."""
        return self.status == self.Status.SETTLED and self.exception == self.Exceptional.MARKED


class InvoiceLine(AppendOnly):
    """One thing that is asked for: its net amount for the whole line, and the tax on it, in the invoice's currency.

    All nets and taxes of an invoice are its amount, exactly. A discount is a line below zero.
    """

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False)
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="lines", db_index=False)
    position = models.PositiveSmallIntegerField()
    description = models.CharField(max_length=200)
    quantity = models.DecimalField(max_digits=15, decimal_places=4, default=Decimal(1))
    net = models.DecimalField(max_digits=96, decimal_places=18)
    tax_rate = models.DecimalField(max_digits=7, decimal_places=4, help_text="Per cent.")
    tax = models.DecimalField(max_digits=96, decimal_places=18)

    objects = AppendOnlyQuerySet["InvoiceLine"].as_manager()

    class Meta(AppendOnly.Meta):
        constraints = [
            models.UniqueConstraint(fields=["invoice", "position"], name="line_in_its_place"),
            models.CheckConstraint(condition=Q(tax_rate__gte=0, tax_rate__lte=100), name="line_tax_rate"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="line_quantity_positive"),
            models.CheckConstraint(
                condition=Q(net__gte=0, tax__gte=0) | Q(net__lte=0, tax__lte=0), name="line_tax_goes_with_net"
            ),
        ]

    def __str__(self) -> str:
        return self.description


class Intervention(AppendOnly):
    """An invoice was cancelled, or marked settled or invalid, by a person or a program: who, when, why. For good."""

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False)
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="interventions")
    status_before = models.CharField(max_length=12, choices=Invoice.Status)
    status = models.CharField(max_length=12, choices=Invoice.Status)
    reason = models.CharField(max_length=300)
    by = models.CharField(max_length=150)
    made_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = AppendOnlyQuerySet["Intervention"].as_manager()

    class Meta(AppendOnly.Meta):
        constraints = [
            models.CheckConstraint(condition=~Q(reason="") & ~Q(by=""), name="intervention_has_reason_and_name"),
            models.CheckConstraint(
                condition=Q(status__in=["settled", "invalid", "cancelled"]) & ~Q(status=F("status_before")),
                name="intervention_ends_the_invoice",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_status_display()} by {self.by}"


class PaymentMethod(AppendOnly):
    """One way to pay an invoice: an address of its own and a due amount fixed by a recorded rate when it was chosen.

    This quote is never changed: the row is permanent.
    """

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False)
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="methods")
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="+", db_index=False)
    address = models.OneToOneField(Address, on_delete=models.PROTECT, related_name="payment_method")
    watched = models.OneToOneField(WatchedAddress, on_delete=models.PROTECT, related_name="payment_method")
    due_base_units = BaseUnitsField()
    rate = models.ForeignKey(Rate, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    spread = models.DecimalField(
        max_digits=5, decimal_places=4, default=Decimal(0), db_default=Decimal(0), help_text="As the terms had it then."
    )
    chosen_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = AppendOnlyQuerySet["PaymentMethod"].as_manager()

    class Meta(AppendOnly.Meta):
        constraints = [
            models.UniqueConstraint(fields=["book", "invoice", "asset"], name="method_once_an_invoice"),
            models.CheckConstraint(condition=Q(due_base_units__gt=0), name="method_due_positive"),
            models.CheckConstraint(condition=Q(spread__gte=0, spread__lt=1), name="method_spread"),
        ]

    def __str__(self) -> str:
        return f"{self.asset} for {self.invoice}"

    @property
    def chain(self) -> Chain:
        return CHAINS[self.asset.chain]


class Payment(models.Model):
    """What arrived for an invoice: one deposit. Its journal entry is pending until the chain confirms it.

    It counts towards the invoice if `asset` is what its method asks for; any other coin is the customer's all the same.
    """

    class State(models.TextChoices):
        SEEN = "seen", "Not yet received"
        CONFIRMED = "confirmed", "Received"
        DROPPED = "dropped", "Dropped"
        REVERSED = "reversed", "Taken back"

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False)
    public_id = models.CharField(max_length=32, default=payment_id, editable=False)
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="payments")
    method = models.ForeignKey(PaymentMethod, on_delete=models.PROTECT, related_name="payments")
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="+", db_index=False)
    deposit = models.OneToOneField(Deposit, on_delete=models.PROTECT, related_name="payment")
    base_units = BaseUnitsField()
    state = models.CharField(max_length=10, choices=State, default=State.SEEN)
    late = models.BooleanField(default=False, help_text="Seen after the invoice expired, or was cancelled or marked.")
    accepted = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Late, and counted all the same: it was there when the invoice was marked settled.",
    )
    pending_entry = models.ForeignKey(JournalEntry, on_delete=models.PROTECT, related_name="+", db_index=False)
    settled_entry = models.ForeignKey(
        JournalEntry, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    seen_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["public_id"], name="payment_id_once"),
            models.CheckConstraint(condition=Q(late=True) | Q(accepted=False), name="payment_accepted_late"),
        ]
        indexes = [
            models.Index(fields=["book", "-id"], name="payment_newest"),
            models.Index(fields=["book", "asset", "-id"], name="payment_by_asset"),
            models.Index(fields=["book", "seen_at"], name="payment_by_time"),
            models.Index(fields=["book", "-id"], condition=~Q(state="confirmed"), name="payment_unconfirmed"),
        ]

    def __str__(self) -> str:
        return self.public_id


class CustomerAddress(models.Model):
    """An address of a customer's own, without an invoice: what arrives there is theirs. Given for good."""

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False)
    public_id = models.CharField(max_length=32, unique=True, default=customer_address_id, editable=False)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="addresses")
    chain_code = models.CharField(max_length=32)
    address = models.OneToOneField(Address, on_delete=models.PROTECT, related_name="customer_address")
    watched = models.OneToOneField(WatchedAddress, on_delete=models.PROTECT, related_name="customer_address")
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name_plural = "customers' addresses"
        indexes = [models.Index(fields=["book", "-id"], name="customer_address_newest")]

    def __str__(self) -> str:
        return f"Address of {self.customer}"

    @property
    def chain(self) -> Chain:
        return CHAINS[self.chain_code]


class Credit(models.Model):
    """What arrived at a customer's address: one deposit. Its journal entry is pending until the chain confirms it."""

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False)
    address = models.ForeignKey(CustomerAddress, on_delete=models.PROTECT, related_name="credits")
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="+")
    deposit = models.OneToOneField(Deposit, on_delete=models.PROTECT, related_name="credit")
    base_units = BaseUnitsField()
    state = models.CharField(max_length=10, choices=Payment.State, default=Payment.State.SEEN)
    pending_entry = models.ForeignKey(JournalEntry, on_delete=models.PROTECT, related_name="+", db_index=False)
    settled_entry = models.ForeignKey(
        JournalEntry, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    seen_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return f"{self.asset} for {self.address_id}"


class SharedAccount(models.Model):
    """A merchant's account on a chain whose payers share one, told apart by memo. What comes without a known memo is
    watched for here, from the moment its name was imported.
    """

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False)
    chain_code = models.CharField(max_length=32)
    master_key = models.OneToOneField(MasterKey, on_delete=models.PROTECT, related_name="shared_account")
    watched = models.OneToOneField(WatchedAddress, on_delete=models.PROTECT, related_name="shared_account")

    def __str__(self) -> str:
        return self.watched.address


class UnassignedReceipt(models.Model):
    """What arrived at a shared account with no memo or a wrong one: one deposit. The books hold it in suspense until a
    person finds out whose it is.
    """

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False)
    account = models.ForeignKey(SharedAccount, on_delete=models.PROTECT, related_name="receipts")
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="+")
    deposit = models.OneToOneField(Deposit, on_delete=models.PROTECT, related_name="unassigned")
    base_units = BaseUnitsField()
    state = models.CharField(max_length=10, choices=Payment.State, default=Payment.State.SEEN)
    pending_entry = models.ForeignKey(JournalEntry, on_delete=models.PROTECT, related_name="+", db_index=False)
    settled_entry = models.ForeignKey(
        JournalEntry, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    assigned_as = models.CharField(max_length=80, default="", blank=True)
    """Key of the entry that says whose it is, as it was asked last; a second person may have refused it."""
    seen_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        indexes = [models.Index(fields=["book", "-id"], name="unassigned_newest")]

    def __str__(self) -> str:
        return f"{self.asset} at {self.account}"


class ChainNotice(AppendOnly):
    """What a program was told of an address or a transaction it asked for (`subject`), word for word, kept for good.

    A book's ids grow in commit order, on all its chains together, so a reader resumes after the last one.
    """

    class Kind(models.TextChoices):
        SEEN = "seen", "Seen"
        CONFIRMED = "confirmed", "Confirmed"
        DROPPED = "dropped", "Dropped"
        REVERSED = "reversed", "Reversed"

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False)
    public_id = models.CharField(max_length=32, unique=True, default=notice_id, editable=False)
    chain_code = models.CharField(max_length=32)
    kind = models.CharField(max_length=10, choices=Kind)
    subject = models.CharField(max_length=32)
    sequence = models.PositiveIntegerField()
    txid = models.CharField(max_length=66)
    address = models.CharField(max_length=128, default="", blank=True)
    payload = models.JSONField()
    told_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = AppendOnlyQuerySet["ChainNotice"].as_manager()

    class Meta(AppendOnly.Meta):
        verbose_name = "chain event"
        constraints = [models.UniqueConstraint(fields=["book", "subject", "sequence"], name="notice_in_sequence")]
        indexes = [
            models.Index(fields=["book", "id"], name="notice_in_order"),
            models.Index(fields=["book", "address", "id"], name="notice_by_address"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class IntakePosition(models.Model):
    """The last chain event taken in, one row a chain. It moves in the same commit as what the event caused."""

    chain_code = models.CharField(max_length=32, unique=True)
    last_event_id = models.BigIntegerField(default=0)
    last_transaction_event_id = models.BigIntegerField(default=0)
    failing_since = models.DateTimeField(null=True)
    failure = models.CharField(max_length=300, default="", blank=True)

    def __str__(self) -> str:
        return f"{self.chain_code}: {self.last_event_id}"
