"""Fresh keys and books. Private keys exist in tests alone, made by an independent library."""

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bip_utils import Bip32KeyNetVersions, Bip32Slip10Secp256k1, Monero

from keys.formats.accounts import neutral_version
from keys.importing import import_credential
from keys.models import MasterKey
from ledger.models import Book
from monitor.chains import CHAINS, Chain

BITCOIN = CHAINS["bitcoin-regtest"]
_XPRV = "0488ade4"


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


@pytest.fixture(scope="session")
def new_credential(new_key: Callable[..., str]) -> Callable[[Chain], str]:
    """What a merchant gives for this chain, at random. A new family has a line of its own here."""

    def make(chain: Chain) -> str:
        match chain.family:
            case "monero":
                wallet = Monero.FromSeed(secrets.token_bytes(32))
                return f"{wallet.PrimaryAddress()}\n{wallet.PrivateViewKey().Raw().ToHex()}"
            case "antelope":
                return "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz12345") for _ in range(12))
        return new_key(chain.derivation_path, neutral_version(chain).hex())

    return make


@pytest.fixture
def new_book() -> Callable[[], Book]:
    return lambda: Book.objects.create(name="Alice's", currency="EUR", is_test=True)


@pytest.fixture
def new_master_key(new_book: Callable[[], Book], new_key: Callable[..., str]) -> Callable[[], MasterKey]:
    return lambda: import_credential(new_book(), BITCOIN, new_key(), "Alice's device")
