"""Which view keys the monitor is given, and that it is given none instead of some."""

from collections.abc import Callable

import pytest
from bip_utils import Monero
from django.db import DatabaseError

from cryptopay.payments import viewing as handing_over
from keys import viewing
from keys.importing import import_credential
from keys.models import MasterKey
from ledger.models import Book
from monitor import viewing as asked
from monitor.chains import CHAINS
from monitor.viewing import ViewKeysUnreadable

pytestmark = pytest.mark.django_db

MONERO, REGTEST = CHAINS["monero"], CHAINS["monero-regtest"]


def _give(book: Book, seed: bytes, chain_code: str = "monero-regtest") -> bytes:
    """The private view key that was given."""
    account = Monero.FromSeed(seed)
    view_key: bytes = account.PrivateViewKey().Raw().ToBytes()
    import_credential(book, CHAINS[chain_code], f"{account.PrimaryAddress()}\n{view_key.hex()}", "Feather")
    return view_key


def test_every_books_keys_are_there_retired_ones_too(
    new_book: Callable[[], Book], new_master_key: Callable[[], MasterKey]
) -> None:
    new_master_key()  # of Bitcoin
    alice, bob = new_book(), new_book()
    keys = {_give(alice, b"1" * 32), _give(alice, b"2" * 32), _give(bob, b"3" * 32)}
    live = _give(bob, b"4" * 32, "monero")
    assert MasterKey.objects.filter(chain=REGTEST.code, active=True).count() == 2
    assert set(viewing.view_keys(REGTEST)) == set(asked.view_keys(REGTEST)) == keys
    assert viewing.view_keys(MONERO) == [live]


def test_where_one_cannot_be_read_none_is_given(new_book: Callable[[], Book], monkeypatch: pytest.MonkeyPatch) -> None:
    """A block read with some of the keys would be a block in which payments were missed."""
    secret = _give(new_book(), b"1" * 32)

    def away(_: object) -> list[bytes]:
        raise DatabaseError(secret.hex())

    monkeypatch.setattr(viewing, "view_keys", away)
    with pytest.raises(ViewKeysUnreadable) as caught:
        handing_over.view_keys(REGTEST)
    assert secret.hex() not in str(caught.value)
    assert not caught.value.permanent
