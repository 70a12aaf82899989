"""Whose rows a transaction sees: the second wall between tenants, behind each query's own filter by book.

The database shows and takes rows of the books named in the setting `app.book` alone: "7", "7,8", or "all"; unset, none.
The worker's login begins with "all". The web's begins with nothing and says here whose request it serves. Policies and
grants are in `roles`.

It is SET LOCAL and nothing else: it ends with the transaction, so PgBouncer in transaction mode may stand between, and
Citus hands it on to its nodes. A constraint that waits for the commit is checked under what is set then.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.db import connection, transaction

EVERY_BOOK = "all"


@contextmanager
def book(book_id: int) -> Iterator[None]:
    """One book's rows, in a transaction of its own or a savepoint of the one that is open."""
    with books([book_id]):
        yield


@contextmanager
def books(book_ids: Iterable[int]) -> Iterator[None]:
    """The rows of these books; of none, no row."""
    with _scope(_listed(book_ids)):
        yield


@contextmanager
def every_book() -> Iterator[None]:
    """All rows: for those who keep the installation."""
    with _scope(EVERY_BOOK):
        yield


def confine(book_id: int) -> None:
    """From here to the end of the transaction, one book's rows alone.

    Raises `TransactionManagementError` where no transaction is open: the setting would be gone at once.
    """
    _say(_listed([book_id]))


def naming(book_ids: Iterable[int]) -> str:
    """The statement itself, for a transaction on another connection than Django's."""
    return _statement(_listed(book_ids))


@contextmanager
def _scope(wanted: str) -> Iterator[None]:
    """A transaction takes the setting along when it ends, a savepoint when it is rolled back, but not when released."""
    inner = connection.in_atomic_block
    before = _said() if inner else ""
    with transaction.atomic():
        _say(wanted)
        yield
        if inner and not connection.needs_rollback:
            _say(before)


def _listed(book_ids: Iterable[int]) -> str:
    return ",".join(str(int(book_id)) for book_id in book_ids)


def _statement(wanted: str) -> str:
    return f"SET LOCAL app.book = '{wanted}'"


def _say(wanted: str) -> None:
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("a book is named inside a transaction")
    with connection.cursor() as sql:
        sql.execute(_statement(wanted))


def _said() -> str:
    with connection.cursor() as sql:
        sql.execute("SELECT coalesce(current_setting('app.book', true), '')")
        return str(sql.fetchone()[0])
