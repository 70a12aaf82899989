"""An address for a user and a chain: one, for good, whoever asks at the same moment."""

import threading
from collections.abc import Callable

import pytest
from django.db import IntegrityError, connection, transaction

from keys.errors import NoMasterKey
from keys.formats.accounts import neutral_version
from keys.importing import import_credential
from keys.issuing import address_for, issue_address, verified
from keys.models import Address, MasterKey
from ledger.models import Book
from monitor.chains import CHAINS

BITCOIN, ETHEREUM = CHAINS["bitcoin-regtest"], CHAINS["ethereum-dev"]
CALLERS = 50


@pytest.mark.django_db
def test_a_user_keeps_an_address_and_shares_it_with_nobody(
    new_book: Callable[[], Book], new_key: Callable[..., str]
) -> None:
    book = new_book()
    for chain in (BITCOIN, ETHEREUM):
        import_credential(book, chain, new_key(chain.derivation_path, neutral_version(chain).hex()), "x")
    asked = [
        (chain.code, user, address_for(book.pk, chain, user).pk)
        for _ in range(2)
        for chain in (BITCOIN, ETHEREUM)
        for user in ("anna", "Anna", "anna ", "ben")
    ]
    assert len(set(asked)) == len({pk for _, _, pk in asked}) == 8
    invoice = issue_address(book.pk, BITCOIN)
    assert invoice.user_reference == ""
    assert invoice.pk not in {pk for _, _, pk in asked}
    anna = address_for(book.pk, BITCOIN, "anna")
    assert (anna.user_reference, verified(anna)) == ("anna", anna.text)


@pytest.mark.django_db
def test_users_of_two_books_are_two(new_master_key: Callable[[], MasterKey]) -> None:
    one, other = (address_for(new_master_key().book_id, BITCOIN, "anna") for _ in range(2))
    assert one.text != other.text


@pytest.mark.django_db(transaction=True)
def test_50_callers_at_once_get_one_address(new_master_key: Callable[[], MasterKey]) -> None:
    book_id = new_master_key().book_id
    start, got, errors = threading.Barrier(CALLERS, timeout=60), [], []

    def ask() -> None:
        try:
            start.wait()
            got.append(address_for(book_id, BITCOIN, "anna").pk)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert errors == []
    assert (len(got), len(set(got))) == (CALLERS, 1)
    assert Address.objects.filter(book_id=book_id).count() == 1


@pytest.mark.django_db
def test_a_new_key_gives_a_new_address_and_the_old_key_the_old_one(
    new_book: Callable[[], Book], new_key: Callable[..., str]
) -> None:
    """The wallet behind the former key may be lost: nobody is told to pay there any more."""
    book, former = new_book(), new_key()
    import_credential(book, BITCOIN, former, "first")
    first = address_for(book.pk, BITCOIN, "anna")
    second_key = import_credential(book, BITCOIN, new_key(), "second")
    second = address_for(book.pk, BITCOIN, "anna")
    assert (second.master_key, second.user_reference) == (second_key, "anna")
    import_credential(book, BITCOIN, former, "first")
    assert address_for(book.pk, BITCOIN, "anna").pk == first.pk
    assert verified(second) == second.text, "it stays the user's"


@pytest.mark.django_db
def test_a_rolled_back_address_is_nobodys(new_master_key: Callable[[], MasterKey]) -> None:
    book_id = new_master_key().book_id
    with transaction.atomic():
        lost = address_for(book_id, BITCOIN, "anna")
        transaction.set_rollback(True)
    assert address_for(book_id, BITCOIN, "ben").index > lost.index or not Address.objects.filter(pk=lost.pk).exists()
    assert address_for(book_id, BITCOIN, "anna").user_reference == "anna"


@pytest.mark.django_db
def test_the_database_itself_gives_a_user_one_address_a_key(new_master_key: Callable[[], MasterKey]) -> None:
    address = address_for(new_master_key().book_id, BITCOIN, "anna")
    with pytest.raises(IntegrityError, match="one_address_a_user"), transaction.atomic():
        issue_address(address.book_id, BITCOIN, "anna")


@pytest.mark.django_db
def test_what_cannot_be_asked(new_book: Callable[[], Book], new_master_key: Callable[[], MasterKey]) -> None:
    book_id, without = new_master_key().book_id, new_book().pk
    with pytest.raises(ValueError, match="reference"), transaction.atomic():
        address_for(book_id, BITCOIN, "")
    with pytest.raises(NoMasterKey), transaction.atomic():
        address_for(without, BITCOIN, "anna")
