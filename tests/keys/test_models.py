from collections.abc import Callable
from pathlib import Path

import pytest
from django.apps import apps
from django.core import serializers
from django.db import IntegrityError, connection, transaction

import keys
from keys.errors import SealedKeyUnreadable
from keys.formats import base58
from keys.importing import import_credential
from keys.issuing import issue_address
from keys.models import Address, AddressAlarm, FreeIndex, MasterKey
from ledger.appendonly import RowIsPermanent
from ledger.models import Book
from monitor.chains import CHAINS
from tests.database import as_owner

BITCOIN = CHAINS["bitcoin-regtest"]

pytestmark = pytest.mark.django_db


def _refused(sql: str, *values: object) -> str:
    with pytest.raises(IntegrityError) as refusal, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, values)
    return str(refusal.value)


@pytest.mark.parametrize(
    "change",
    [
        "sealed_key = sealed_key || 'x'::bytea",
        "fingerprint = fingerprint || 'x'::bytea",
        "key_version = 2",
        "chain = 'bitcoin'",
        "book_id = book_id + 1",
        "path = 'm/0'",
        "next_index = next_index - 1",
    ],
)
def test_a_stored_key_is_never_changed(change: str, new_master_key: Callable[[], MasterKey]) -> None:
    master_key = new_master_key()
    issue_address(master_key.book_id, BITCOIN)
    assert "never" in _refused(f"UPDATE keys_masterkey SET {change} WHERE id = %s", master_key.pk)  # noqa: S608
    assert "never" in _refused("DELETE FROM keys_masterkey WHERE id = %s", master_key.pk)


def test_an_issued_address_is_never_changed(new_master_key: Callable[[], MasterKey]) -> None:
    address = issue_address(new_master_key().book_id, BITCOIN)
    with as_owner():
        for sql in ("UPDATE keys_address SET text = 'x' WHERE id = %s", "DELETE FROM keys_address WHERE id = %s"):
            assert "permanent" in _refused(sql, address.pk)
        connection.check_constraints()
        assert "permanent" in _refused("TRUNCATE keys_address CASCADE")
    for attempt in (address.save, address.delete, Address.objects.all().delete, Address.objects.none().update):
        with pytest.raises(RowIsPermanent):
            attempt()


def test_one_active_key_a_book_and_chain(new_book: Callable[[], Book], new_key: Callable[..., str]) -> None:
    book = new_book()
    retired = import_credential(book, BITCOIN, new_key(), "first")
    import_credential(book, BITCOIN, new_key(), "second")
    assert "one_active_key_a_chain" in _refused("UPDATE keys_masterkey SET active = true WHERE id = %s", retired.pk)


def test_no_address_stands_under_another_tenant_or_chain_than_its_key(
    new_master_key: Callable[[], MasterKey], new_book: Callable[[], Book]
) -> None:
    master_key = new_master_key()
    for book, chain in ((new_book(), BITCOIN.code), (master_key.book, "litecoin-regtest")):
        stray = Address(book=book, chain=chain, master_key=master_key, index=0, text="x", destination=b"x" * 22)
        with pytest.raises(IntegrityError, match="address_agrees_with_key"), transaction.atomic():
            stray.save()


def test_a_free_index_stays_what_it_is_and_with_its_key(new_master_key: Callable[[], MasterKey]) -> None:
    master_key, other = new_master_key(), new_master_key()
    issue_address(master_key.book_id, BITCOIN)
    assert "never" in _refused("UPDATE keys_freeindex SET index = 0 WHERE master_key_id = %s", master_key.pk)
    for book, index, reason in (
        (other.book_id, 99, "free_index_agrees_with_key"),
        (master_key.book_id, 1, "free_once_a_key"),
        (master_key.book_id, -1, "check"),
    ):
        insert = "INSERT INTO keys_freeindex (book_id, chain, master_key_id, index) VALUES (%s, %s, %s, %s)"
        assert reason in _refused(insert, book, BITCOIN.code, master_key.pk, index)


def test_a_swapped_ciphertext_is_noticed(new_book: Callable[[], Book], new_key: Callable[..., str]) -> None:
    """Both keys are of one book and chain, so the ciphertext opens; the fingerprint still gives it away."""
    book = new_book()
    first, second = (import_credential(book, BITCOIN, new_key(), label) for label in ("first", "second"))
    first.sealed_key = second.sealed_key
    with pytest.raises(SealedKeyUnreadable, match="not the one"):
        first.credential()


def raw_rows() -> bytes:
    """Every byte of every row of this room's tables, as the database stores them."""
    with connection.cursor() as cursor:
        raw = b""
        for model in apps.get_app_config("keys").get_models():
            cursor.execute(f"SELECT * FROM {model._meta.db_table}")  # noqa: S608
            for row in cursor.fetchall():
                raw += b"|".join(
                    v if isinstance(v, bytes) else bytes(v) if isinstance(v, memoryview) else str(v).encode()
                    for v in row
                )
    return raw


def test_threat_33_neither_half_of_the_attack_is_stored_or_exported(
    new_book: Callable[[], Book], new_key: Callable[..., str]
) -> None:
    """Against `test_threat_33_parent_key_from_xpub_and_child_key`: rows and dumps hold no key and no chain code."""
    text = new_key()
    master_key = import_credential(new_book(), BITCOIN, text, "x")
    address = issue_address(master_key.book_id, BITCOIN)
    dump = serializers.serialize("json", [master_key, address]).encode() + repr((master_key, address)).encode()
    rows = raw_rows()
    assert address.text.encode() in rows, "the search itself works"
    key, payload = master_key.credential().key, base58.decode(text)
    for secret in (payload, payload[4:], key.public_key, key.public_key[1:], key.chain_code, text.encode()):
        for form in (secret, secret.hex().encode(), secret.hex().upper().encode(), base58.encode(secret).encode()):
            assert form not in rows
            assert form not in dump


def test_threat_33_no_private_key_has_a_place_here() -> None:
    """No column can hold one. BIP32 uses the class for a public number; what `create_master_key` makes is not kept."""
    columns = {
        field.column
        for model in (MasterKey, FreeIndex, Address, AddressAlarm)
        for field in model._meta.get_fields()
        if field.concrete
    }
    assert not {column for column in columns if "private" in column or "secret" in column or "seed" in column}
    users = [path.name for path in Path(keys.__file__).parent.rglob("*.py") if "PrivateKey" in path.read_text()]
    assert sorted(users) == ["bip32.py", "mnemonics.py"]
