import hmac
import secrets
from collections.abc import Callable

import pytest
from bip_utils import Bip32Slip10Secp256k1, P2WPKHAddrEncoder
from django.db import IntegrityError, transaction

from keys.errors import CredentialInUse, InvalidExtendedKey
from keys.formats import base58
from keys.importing import first_addresses, import_credential
from keys.issuing import issue_address
from keys.models import MasterKey
from ledger.models import Book
from monitor.chains import CHAINS

BITCOIN, LITECOIN = CHAINS["bitcoin-regtest"], CHAINS["litecoin-regtest"]
TPUB, VPUB = "043587cf", "045f1cf6"

pytestmark = pytest.mark.django_db


def test_a_key_is_stored_sealed_and_shows_its_first_addresses(
    new_book: Callable[[], Book], new_account: Callable[..., Bip32Slip10Secp256k1]
) -> None:
    account = new_account("m/84'/1'/7'")
    text = account.PublicKey().ToExtended()
    master_key = import_credential(new_book(), BITCOIN, f"  {text}\r\n", "Ledger Nano")
    wallet = [account.DerivePath(f"0/{index}").PublicKey().KeyObject() for index in range(3)]
    assert first_addresses(master_key) == [P2WPKHAddrEncoder.EncodeKey(key, hrp="bcrt") for key in wallet]
    assert (master_key.path, master_key.active, master_key.next_index) == ("m/84'/1'/7'", True, 0)


def test_a_key_of_unusual_depth_does_not_claim_a_path(
    new_book: Callable[[], Book], new_key: Callable[..., str]
) -> None:
    """Electrum's own seeds: m/0'."""
    assert import_credential(new_book(), BITCOIN, new_key("m/0'", VPUB), "Electrum").path == "m/0'"
    assert import_credential(new_book(), BITCOIN, new_key("m/1'/2'/3'/4'"), "?").path == "m/…/…/…/4'"


@pytest.mark.parametrize("path", ["m", "m/84'/1'/0'/0", "m/84'/1'/0", "m/0"])
def test_a_key_that_is_not_an_accounts_is_refused(
    path: str, new_book: Callable[[], Book], new_key: Callable[..., str]
) -> None:
    with pytest.raises(InvalidExtendedKey, match="m/84'/1'/0'"):
        import_credential(new_book(), BITCOIN, new_key(path), "x")
    assert not MasterKey.objects.exists()


def test_another_books_key_is_refused_in_any_writing_and_on_any_chain(
    new_book: Callable[[], Book], new_account: Callable[..., Bip32Slip10Secp256k1]
) -> None:
    account = new_account()
    text = account.PublicKey().ToExtended()
    alice, bob = new_book(), new_book()
    import_credential(alice, BITCOIN, text, "x")
    as_vpub = base58.encode(bytes.fromhex(VPUB) + base58.decode(text)[4:])
    for chain in (BITCOIN, LITECOIN):
        for writing in (text, as_vpub):
            with pytest.raises(CredentialInUse, match="already in use"):
                import_credential(bob, chain, writing, "x")
    assert import_credential(alice, LITECOIN, as_vpub, "test networks share a coin type").book == alice
    assert not MasterKey.objects.filter(book=bob).exists()


def test_the_database_itself_refuses_another_books_key(
    new_master_key: Callable[[], MasterKey], new_book: Callable[[], Book]
) -> None:
    stolen = new_master_key()
    stolen.pk, stolen.book, stolen._state.adding = None, new_book(), True
    with pytest.raises(IntegrityError, match="another book"), transaction.atomic():
        stolen.save(force_insert=True)


def test_a_new_key_retires_the_one_before_and_an_old_one_goes_on_where_it_stopped(
    new_book: Callable[[], Book], new_key: Callable[..., str]
) -> None:
    book, first_text = new_book(), new_key()
    first = import_credential(book, BITCOIN, first_text, "first")
    issue_address(book.pk, BITCOIN)
    second = import_credential(book, BITCOIN, new_key(), "second")
    assert issue_address(book.pk, BITCOIN).master_key == second
    again = import_credential(book, BITCOIN, first_text, "ignored")
    assert (again.pk, again.label) == (first.pk, "first")
    address = issue_address(book.pk, BITCOIN)
    assert (address.master_key, address.index) == (first, 1)
    assert MasterKey.objects.get(book=book, active=True) == first


def test_importing_the_active_key_again_changes_nothing(
    new_book: Callable[[], Book], new_key: Callable[..., str]
) -> None:
    book, text = new_book(), new_key()
    first = import_credential(book, BITCOIN, text, "x")
    again = import_credential(book, BITCOIN, text, "x")
    assert (again.pk, again.active, again.next_index) == (first.pk, True, 0)


def test_threat_33_parent_key_from_xpub_and_child_key(
    new_book: Callable[[], Book], new_account: Callable[..., Bip32Slip10Secp256k1]
) -> None:
    """The attack of BIP32, "Implications": parent = child - IL. It works: neither half may leave, see test_models."""
    account = new_account()
    external = account.ChildKey(0)
    index = secrets.randbelow(2**31)
    leaked_child = int.from_bytes(external.ChildKey(index).PrivateKey().Raw().ToBytes(), "big")

    public, chain_code = external.PublicKey().RawCompressed().ToBytes(), external.ChainCode().ToBytes()
    left = hmac.digest(chain_code, public + index.to_bytes(4, "big"), "sha512")[:32]
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    parent = (leaked_child - int.from_bytes(left, "big")) % order
    assert parent == int.from_bytes(external.PrivateKey().Raw().ToBytes(), "big")

    # One step further up it ends: an account key is hardened, so the same sum gives nothing of the level above it.
    text = account.PublicKey().ToExtended()
    assert import_credential(new_book(), BITCOIN, text, "x").credential().key.child_number >= 2**31
    with pytest.raises(InvalidExtendedKey):
        import_credential(new_book(), BITCOIN, external.PublicKey().ToExtended(), "x")
