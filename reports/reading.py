"""All of a report as of one moment, however long it takes to read, and nothing but its book."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from ledger import tenancy


def as_of_one_moment() -> None:
    """From here to the end of the transaction. Say it before the first question; inside a savepoint, where it is too
    late for that, each statement sees its own moment."""
    if connection.in_atomic_block and not connection.savepoint_ids:
        _hold("REPEATABLE READ")


@contextmanager
def one_moment(book_id: int) -> Iterator[None]:
    """A transaction of its own that sees this book as it is now."""
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost:
            _hold("REPEATABLE READ")
        with tenancy.book(book_id):
            yield


def _hold(level: str) -> None:
    with connection.cursor() as sql:
        sql.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
