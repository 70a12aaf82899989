"""The scope: what a block of Python may see, and what it leaves behind."""

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.transaction import TransactionManagementError

from ledger import tenancy
from ledger.models import Account, Book
from tests.database import as_web
from tests.ledger.conftest import Shop

pytestmark = pytest.mark.django_db


def _seen() -> set[int]:
    return set(Account.objects.values_list("book_id", flat=True))


@pytest.fixture
def both(open_shop: "type[Shop]") -> tuple[int, int]:
    """The books of two shops, each with accounts."""
    return open_shop("Alice").book.pk, open_shop("Charlie").book.pk


def test_the_worker_begins_with_every_book(both: tuple[int, int]) -> None:
    assert _seen() == set(both)


def test_the_web_begins_with_none_and_sees_what_it_names(both: tuple[int, int]) -> None:
    alice, charlie = both
    with as_web():
        assert _seen() == set()
        with tenancy.book(alice):
            assert _seen() == {alice}
            with tenancy.books([alice, charlie]):
                assert _seen() == {alice, charlie}
            with tenancy.books([]):
                assert _seen() == set()
            assert _seen() == {alice}
        assert _seen() == set()
        with tenancy.every_book():
            assert _seen() == set(both)


def test_a_scope_left_by_an_error_gives_back_what_was_before(both: tuple[int, int]) -> None:
    alice, charlie = both
    with as_web(), tenancy.book(alice):
        with pytest.raises(ValueError, match="a fault"), tenancy.book(charlie):
            raise ValueError("a fault")
        assert _seen() == {alice}
        with pytest.raises(IntegrityError), transaction.atomic(), tenancy.book(charlie):
            Account.objects.filter(book=charlie).update(kind="?", asset=None)
        assert _seen() == {alice}


@pytest.mark.django_db(transaction=True)
def test_a_scope_ends_with_its_transaction(open_shop: "type[Shop]") -> None:
    alice = open_shop("Alice").book.pk
    with as_web():
        with tenancy.book(alice):
            assert connection.in_atomic_block
            assert _seen() == {alice}
        assert not connection.in_atomic_block
        assert _seen() == set()
        with pytest.raises(ValueError, match="undone"), tenancy.book(alice):
            raise ValueError("undone" * Book.objects.filter(pk=alice).update(name="Mallory"))
        with transaction.atomic():
            tenancy.confine(alice)
            assert _seen() == {alice}
        assert _seen() == set()
    assert Book.objects.get(pk=alice).name == "Alice"


@pytest.mark.django_db(transaction=True)
def test_a_book_is_named_inside_a_transaction(open_shop: "type[Shop]") -> None:
    with pytest.raises(TransactionManagementError):
        tenancy.confine(open_shop().book.pk)


@pytest.mark.parametrize("forged", ["1'; RESET ROLE; --", "all", "1,2"])
def test_a_book_is_a_number(forged: str) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        tenancy.naming([forged])  # type: ignore[list-item]


def test_what_is_neither_number_nor_all_shows_nothing(both: tuple[int, int]) -> None:
    with as_web(), transaction.atomic(), connection.cursor() as sql:
        sql.execute("SET LOCAL app.book = 'ALL'")
        with pytest.raises(DatabaseError), transaction.atomic():
            Account.objects.first()
        sql.execute("SET LOCAL app.book = ''")
        assert _seen() == set()
