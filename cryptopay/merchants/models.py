"""Who: people, merchants with their books, API keys, customers."""

import pgtrigger
from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from ulid import ULID

from cryptopay.merchants import payment_page
from ledger.models import Book
from ledger.tracking import tracked


def api_key_id() -> str:
    return f"ak_{ULID()}".lower()


def customer_id() -> str:
    return f"cus_{ULID()}".lower()


@tracked(
    *("username", "email", "first_name", "last_name", "is_active", "is_staff", "is_superuser"),
    secrets={"password changed": "password"},
)
class User(AbstractUser):
    """A person who signs in to the back office. What they may do follows from their memberships."""


@tracked("name", "live_book", "test_book", "payment_page_language", "contact", "shop_origins")
class Merchant(models.Model):
    """A business that takes payments. Its test money and its real money are kept in different books."""

    name = models.CharField(max_length=200)
    live_book = models.OneToOneField(Book, on_delete=models.PROTECT, related_name="live_merchant")
    test_book = models.OneToOneField(Book, on_delete=models.PROTECT, related_name="test_merchant")
    members = models.ManyToManyField(User, through="Membership", related_name="merchants")
    payment_page_language = models.CharField(
        max_length=8,
        blank=True,
        default="",
        choices=settings.LANGUAGES,
        help_text="For payers whose browser asks for no language that the page has.",
    )
    contact = models.CharField(
        max_length=200,
        blank=True,
        default="",
        validators=[payment_page.check_contact],
        help_text="Where payers ask about late, other and surplus payments: an e-mail address, or an https address.",
    )
    shop_origins = models.TextField(
        blank=True,
        default="",
        validators=[payment_page.check_origins],
        help_text="Web pages that may show the payment page inside themselves, one a line: https://shop.example. "
        "In test mode http://localhost:3000, too. Nobody else can.",
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(shop_origins="") | Q(shop_origins__regex=payment_page.ORIGINS), name="merchant_shop_origins"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def book(self, *, live: bool) -> Book:
        return self.live_book if live else self.test_book


@tracked("merchant", "user", "role")
class Membership(models.Model):
    """A person's role at a merchant."""

    class Role(models.TextChoices):
        OWNER = "owner", "Owner: everything, and names who decides over money"
        VIEWER = "viewer", "Viewer: reads invoices and payments"
        CASHIER = "cashier", "Cashier: opens invoices"
        ACCOUNTANT = "accountant", "Accountant: reads and keeps the books"
        APPROVER = "approver", "Approver: approves what others create"
        AUDITOR = "auditor", "Auditor: reads everything, changes nothing"
        ADMINISTRATOR = "administrator", "Administrator: people, keys and endpoints, no money"

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="memberships", db_index=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["merchant", "user", "role"], name="role_once")]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} at {self.merchant}"


@tracked("merchant", "email", "role", "invited_by", "expires_at", "ended_at")
class Invitation(models.Model):
    """A role offered to whoever reads mail at that address. Only the SHA-256 of the link's secret is stored."""

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="invitations", db_index=False)
    email = models.EmailField()
    role = models.CharField(max_length=16, choices=Membership.Role)
    secret_hash = models.BinaryField(unique=True, editable=False)
    invited_by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, editable=False, help_text="Accepted, withdrawn or replaced.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "email", "role"], condition=Q(ended_at=None), name="invited_once_to_a_role"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email} as {self.role} at {self.merchant}"


@tracked("merchant", "book", "label", "hint", "scopes", "live", "expires_at", "revoked_at", "rotated_at")
class ApiKey(models.Model):
    """A program's key. Only the SHA-256 of its 256-bit secret is stored; `hint` is what a person knows it by.

    Who made it and who revoked it stays on record: a person in the back office, or a program with another key.
    """

    class Scope(models.TextChoices):
        INVOICES_READ = "invoices:read"
        INVOICES_WRITE = "invoices:write"
        INVOICES_MARK = "invoices:mark"
        LEDGER_READ = "ledger:read"
        LEDGER_WRITE = "ledger:write"
        REPORTS_READ = "reports:read"
        KEYS_READ = "keys:read"
        KEYS_WRITE = "keys:write"
        CUSTOMERS_READ = "customers:read"
        CUSTOMERS_WRITE = "customers:write"
        ADDRESSES_READ = "addresses:read"
        ADDRESSES_WRITE = "addresses:write"
        WATCHES_READ = "watches:read"
        WATCHES_WRITE = "watches:write"
        CHAIN_EVENTS_READ = "chain-events:read"
        WEBHOOKS_READ = "webhooks:read"
        WEBHOOKS_WRITE = "webhooks:write"
        RATES_READ = "rates:read"
        RATES_WRITE = "rates:write"
        API_KEYS_READ = "api-keys:read"
        API_KEYS_WRITE = "api-keys:write"
        TEST_WRITE = "test:write"

    class State(models.TextChoices):
        ACTIVE = "active", "Active"
        EXPIRED = "expired", "Expired"
        REVOKED = "revoked", "Revoked"

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="api_keys")
    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False)
    public_id = models.CharField(max_length=32, unique=True, default=api_key_id, editable=False)
    label = models.CharField(max_length=100)
    hint = models.CharField(max_length=20, editable=False)
    secret_hash = models.BinaryField(unique=True, editable=False)
    scopes = models.JSONField(default=list)
    live = models.BooleanField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    rotated_at = models.DateTimeField(null=True, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)
    made_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="+", editable=False, db_index=False
    )
    made_with = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, related_name="+", editable=False, db_index=False
    )
    revoked_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="+", editable=False, db_index=False
    )
    revoked_with = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, related_name="+", editable=False, db_index=False
    )

    class Meta:
        verbose_name = "API key"
        indexes = [models.Index(fields=["book", "-id"], name="api_key_of_book")]
        triggers = [
            pgtrigger.Trigger(
                name="key_within_its_makers_role",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="""
                    IF NEW.made_by_id IS NOT NULL
                        AND jsonb_exists_any(NEW.scopes, ARRAY['ledger:write', 'invoices:mark', 'rates:write'])
                        AND NOT EXISTS (SELECT 1 FROM merchants_user WHERE id = NEW.made_by_id AND is_superuser)
                        AND NOT EXISTS (
                            SELECT 1 FROM merchants_membership WHERE merchant_id = NEW.merchant_id
                                AND user_id = NEW.made_by_id AND role IN ('owner', 'accountant'))
                    THEN
                        RAISE EXCEPTION 'who may not write into the books makes no key that does';
                    END IF;
                    RETURN NEW;
                """,
            )
        ]

    def __str__(self) -> str:
        return f"{self.label} ({self.hint})"

    @property
    def state(self) -> "ApiKey.State":
        """Now."""
        if self.revoked_at is not None:
            return self.State.REVOKED
        ended = self.expires_at is not None and self.expires_at <= timezone.now()
        return self.State.EXPIRED if ended else self.State.ACTIVE


class Customer(models.Model):
    """Somebody who pays a merchant. `external_ref` joins the merchant's own user system."""

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+", db_index=False)
    public_id = models.CharField(max_length=32, unique=True, default=customer_id, editable=False)
    external_ref = models.CharField(max_length=128)
    name = models.CharField(max_length=200, blank=True, default="")
    email = models.EmailField(blank=True, default="")
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book", "external_ref"], name="customer_once_a_book"),
            models.CheckConstraint(condition=~Q(external_ref=""), name="customer_has_a_reference"),
        ]
        indexes = [
            models.Index(fields=["book", "-id"], name="customer_newest"),
            models.Index(fields=["book", "email", "-id"], name="customer_by_email"),
        ]

    def __str__(self) -> str:
        return self.name or self.external_ref
