"""Fixtures for every test. Servers and nodes come from `cryptopay.devnet.pytest_plugin`."""

from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import TransactionTestCase


@pytest.fixture(autouse=True, scope="session")
def _flush_permanent_tables() -> Iterator[None]:
    """Between committed tests the tables are emptied, past the triggers that forbid it to everyone else."""
    flush = TransactionTestCase._fixture_teardown

    def flush_past_the_guards(self: TransactionTestCase) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
        try:
            flush(self)
        finally:
            with connection.cursor() as cursor:
                cursor.execute("SET session_replication_role = origin")

    TransactionTestCase._fixture_teardown = flush_past_the_guards  # type: ignore[method-assign]
    yield
    TransactionTestCase._fixture_teardown = flush  # type: ignore[method-assign]
