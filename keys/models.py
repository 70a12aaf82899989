"""What merchants give for their chains, and the addresses issued from it. No key that spends is ever stored here.

Every rule stands twice: in `importing` and `issuing` for people, in constraints and triggers for everyone else.
"""

import pgtrigger
from django.db import models
from django.db.models import Count, F, Q
from django.db.models.functions import Now

from keys import encryption
from keys.errors import InvalidCredential, SealedKeyUnreadable
from keys.formats import Credential, format_of
from keys.formats.extended import HARDENED
from ledger.appendonly import AppendOnly, AppendOnlyQuerySet
from ledger.tracking import tracked
from monitor.chains import CHAINS, Chain


def _refuse(what: str) -> str:
    return f"RAISE EXCEPTION '{what}' USING ERRCODE = '23001';"


@tracked("book", "chain", "label", "form", "path", "active")
class MasterKey(models.Model):
    """One credential for one chain, sealed: an extended public key, an account name, a view key.

    One is active for a book and chain at a time.

    A retired key stays: its addresses were given to payers and are verified against it for ever.
    """

    book = models.ForeignKey("ledger.Book", on_delete=models.PROTECT, related_name="+", db_index=False)
    chain = models.CharField(max_length=32)
    label = models.CharField(max_length=100, help_text="For people: which device or wallet holds the private key.")
    sealed_key = models.BinaryField()
    key_version = models.PositiveSmallIntegerField()
    fingerprint = models.BinaryField(max_length=32)
    """Recognises the key wherever it is imported again; see `fingerprint_of`."""
    form = models.CharField("address form", max_length=16)
    path = models.CharField("derivation path", max_length=100)
    next_index = models.BigIntegerField(default=0)
    """The first index not yet handed to the free ones (`FreeIndex`)."""
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = "public key"
        permissions = [("export_masterkey", "Can see an extended public key")]
        constraints = [
            models.UniqueConstraint(fields=["book", "chain"], condition=Q(active=True), name="one_active_key_a_chain"),
            models.UniqueConstraint(fields=["book", "chain", "fingerprint", "form"], name="key_once_a_chain"),
            models.UniqueConstraint(fields=["book", "chain", "id"], name="key_of_addresses"),
            models.CheckConstraint(condition=Q(next_index__range=(0, HARDENED)), name="index_not_hardened"),
        ]
        indexes = [models.Index(fields=["fingerprint"], name="key_in_any_book")]
        triggers = [
            pgtrigger.Trigger(
                name="key_of_one_book",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                # The lock lets two imports of one key at the same moment see each other.
                func="""
                    PERFORM pg_advisory_xact_lock(hashtextextended(encode(NEW.fingerprint, 'hex'), 0));
                    IF keys_held_by_another(NEW.fingerprint, NEW.book_id) THEN
                        RAISE EXCEPTION 'another book holds this key' USING ERRCODE = '23505';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="key_is_fixed",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange(
                    *("id", "book", "chain", "sealed_key", "key_version", "fingerprint", "form", "path", "created_at")
                ),
                func=_refuse("a stored key is never changed"),
            ),
            pgtrigger.Trigger(
                name="index_only_grows",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(new__next_index__lt=pgtrigger.F("old__next_index")),
                func=_refuse("an index is never given twice"),
            ),
            pgtrigger.Trigger(
                name="key_is_kept",
                when=pgtrigger.Before,
                operation=pgtrigger.Delete,
                func=_refuse("a stored key is never deleted"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label} ({self.chain})"

    @property
    def chain_row(self) -> Chain:
        return CHAINS[self.chain]

    @property
    def issued(self) -> int:
        """Addresses given out so far: one query."""
        free = Count("free_indexes")
        issued: int = MasterKey.objects.filter(pk=self.pk).values_list(F("next_index") - free, flat=True).get()
        return issued

    @property
    def short_fingerprint(self) -> str:
        """Tells keys apart on a page; says nothing about the key."""
        return bytes(self.fingerprint).hex()[:8]

    def credential(self) -> Credential:
        """What was imported, unsealed. Never show, log or export it. Raises `SealedKeyUnreadable`."""
        payload = encryption.unseal(
            bytes(self.sealed_key), book_id=self.book_id, chain=self.chain, version=self.key_version
        )
        try:
            credential = format_of(self.chain_row).restore(payload, self.chain_row)
        except InvalidCredential as error:
            raise SealedKeyUnreadable(f"The stored key cannot be used: {error}") from None
        if (fingerprint_of(credential), credential.form) != (bytes(self.fingerprint), self.form):
            raise SealedKeyUnreadable("The stored key is not the one that was imported under this row.")
        return credential


def fingerprint_of(credential: Credential) -> bytes:
    """The same for every writing of one credential."""
    return encryption.fingerprint(credential.identity)


class FreeIndex(models.Model):
    """An index handed out by its key and not yet used. Issuing deletes the row; a rollback of the caller restores it.

    Rows can be locked one by one, so payers of one merchant do not wait for each other as they would for the key's row.
    Those of a retired key stay for when it is active again.
    """

    book = models.ForeignKey("ledger.Book", on_delete=models.PROTECT, related_name="+", db_index=False)
    chain = models.CharField(max_length=32)
    master_key = models.ForeignKey(MasterKey, on_delete=models.PROTECT, related_name="free_indexes", db_index=False)
    index = models.PositiveIntegerField()

    class Meta:
        verbose_name_plural = "free indexes"
        constraints = [
            models.UniqueConstraint(fields=["master_key", "index"], name="free_once_a_key"),
            models.CheckConstraint(condition=Q(index__gte=0), name="free_index_not_hardened"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="free_index_is_fixed",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func=_refuse("a free index is never changed"),
            ),
        ]

    def __str__(self) -> str:
        return f"Free index {self.index} of key {self.master_key_id}"


class Address(AppendOnly):
    """One address given to payers, for ever. Shown only through `issuing.verified`."""

    book = models.ForeignKey("ledger.Book", on_delete=models.PROTECT, related_name="+", db_index=False)
    chain = models.CharField(max_length=32)
    master_key = models.ForeignKey(MasterKey, on_delete=models.PROTECT, related_name="addresses", db_index=False)
    index = models.PositiveIntegerField()
    text = models.CharField("address", max_length=100)
    destination = models.BinaryField()
    """What the chain carries: the output script, the 20 bytes of the EVM, b"account/memo", a public spend key."""
    user_reference = models.CharField("user", max_length=128, db_default="")
    """The integrator's own name of the user whose address it is for good; empty: it is no user's, but an invoice's."""
    issued_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = AppendOnlyQuerySet["Address"].as_manager()

    class Meta(AppendOnly.Meta):
        verbose_name_plural = "addresses"
        constraints = [
            models.UniqueConstraint(fields=["book", "chain", "text"], name="address_once_a_book"),
            models.UniqueConstraint(fields=["master_key", "index"], name="index_once_a_key"),
            models.UniqueConstraint(fields=["chain", "destination"], name="destination_once_a_chain"),
            models.UniqueConstraint(
                fields=["master_key", "user_reference"], condition=~Q(user_reference=""), name="one_address_a_user"
            ),
            models.CheckConstraint(condition=Q(index__gte=0), name="address_not_hardened"),
        ]
        indexes = [models.Index(fields=["book", "-id"], name="address_newest")]

    def __str__(self) -> str:
        return f"Address {self.index} of key {self.master_key_id}"

    @property
    def chain_row(self) -> Chain:
        return CHAINS[self.chain]


class AddressAlarm(AppendOnly):
    """An address failed its verification: someone changed the database, or a machine miscalculates. Nothing was shown.

    No foreign key is enforced: the alarm is written by a connection of its own, which may not see the row it is about.
    """

    book = models.ForeignKey(
        "ledger.Book", on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    master_key = models.ForeignKey(
        MasterKey, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    address = models.ForeignKey(
        Address, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False, null=True
    )
    """None: the address had not been stored yet."""
    found = models.TextField()
    found_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = AppendOnlyQuerySet["AddressAlarm"].as_manager()

    class Meta(AppendOnly.Meta):
        indexes = [models.Index("book", F("found_at").desc(), name="alarms_of_a_book")]

    def __str__(self) -> str:
        return self.found


class KeyExport(AppendOnly):
    """Somebody was shown an extended public key, and with it all that the merchant receives. Kept for ever."""

    book = models.ForeignKey("ledger.Book", on_delete=models.PROTECT, related_name="+", db_index=False)
    master_key = models.ForeignKey(MasterKey, on_delete=models.PROTECT, related_name="exports", db_index=False)
    exported_by = models.CharField("by", max_length=200)
    exported_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = AppendOnlyQuerySet["KeyExport"].as_manager()

    class Meta(AppendOnly.Meta):
        indexes = [models.Index("book", F("exported_at").desc(), name="exports_of_a_book")]

    def __str__(self) -> str:
        return f"Key {self.master_key_id}, shown to {self.exported_by}"
