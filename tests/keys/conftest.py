"""Fresh keys and books. Private keys exist in tests alone, made by an independent library."""

import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bip_utils import Bip32KeyNetVersions, Bip32Slip10Secp256k1
from django.db import connection

from keys.importing import import_extended_key
from keys.models import MasterKey
from ledger.models import Book
from monitor.chains import CHAINS

BITCOIN = CHAINS["bitcoin-regtest"]
_XPUB, _XPRV = "0488b21e", "0488ade4"


@pytest.fixture(scope="session")
def bip32() -> dict[str, list[Any]]:
    """The BIP's own test vectors."""
    vectors: dict[str, list[Any]] = json.loads((Path(__file__).parent / "bip32_vectors.json").read_text())
    return vectors


@pytest.fixture(scope="session")
def new_account() -> Callable[..., Bip32Slip10Secp256k1]:
    """A random account, private key included; `version` says how its public key is written."""

    def make(path: str = "m/84'/1'/0'", version: str = "043587cf") -> Bip32Slip10Secp256k1:
        versions = Bip32KeyNetVersions(bytes.fromhex(version), bytes.fromhex(_XPRV))
        return Bip32Slip10Secp256k1.FromSeed(secrets.token_bytes(32), versions).DerivePath(path)

    return make


@pytest.fixture(scope="session")
def new_key(new_account: Callable[..., Bip32Slip10Secp256k1]) -> Callable[..., str]:
    """The extended public key of a random account, as text."""
    return lambda *options: str(new_account(*options).PublicKey().ToExtended())


@pytest.fixture
def new_book() -> Callable[[], Book]:
    return lambda: Book.objects.create(name="Alice's", currency="EUR", is_test=True)


@pytest.fixture
def new_master_key(new_book: Callable[[], Book], new_key: Callable[..., str]) -> Callable[[], MasterKey]:
    return lambda: import_extended_key(new_book(), BITCOIN, new_key(), "Alice's device")


@pytest.fixture
def committing(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """For what only commits can show. Removes the rows afterwards as a superuser may: with the guards off."""
    with django_db_blocker.unblock():
        yield
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            cursor.execute("TRUNCATE keys_addressalarm, keys_address, keys_masterkey, ledger_book CASCADE")
            cursor.execute("SET session_replication_role = DEFAULT")
        connection.close()
