"""Fixtures for every test. Servers and nodes come from `cryptopay.devnet.pytest_plugin`."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.handlers.base import BaseHandler
from django.db import connection
from django.db.backends.signals import connection_created
from django.http import HttpRequest
from django.test import TransactionTestCase

from tests import database


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """The owner has made and migrated the test's database; from here on every connection is the application's."""
    connection.close()
    connection_created.connect(database.work_as_the_application)
    yield
    connection_created.disconnect(database.work_as_the_application)


@pytest.fixture(autouse=True, scope="session")
def _requests_come_to_the_web() -> Iterator[None]:
    """Through the test client and the live server alike: a view that forgets to name its book finds nothing."""
    answer = BaseHandler.get_response

    def answer_as_the_web(self: BaseHandler, request: HttpRequest) -> Any:
        with database.as_web():
            return answer(self, request)

    BaseHandler.get_response = answer_as_the_web  # type: ignore[method-assign]
    yield
    BaseHandler.get_response = answer  # type: ignore[method-assign]


@pytest.fixture(autouse=True, scope="session")
def _flush_permanent_tables() -> Iterator[None]:
    """Between committed tests the tables are emptied, past the triggers that forbid it to everyone else."""
    flush = TransactionTestCase._fixture_teardown

    def flush_past_the_guards(self: TransactionTestCase) -> None:
        with database.past_triggers():
            flush(self)

    TransactionTestCase._fixture_teardown = flush_past_the_guards  # type: ignore[method-assign]
    yield
    TransactionTestCase._fixture_teardown = flush  # type: ignore[method-assign]
