"""Fixtures for every test. Servers and nodes come from `cryptopay.devnet.pytest_plugin`."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.handlers.base import BaseHandler
from django.db import connection
from django.db.backends.signals import connection_created
from django.http import HttpRequest
from django.test import TransactionTestCase
from pytest_django import DjangoDbBlocker

from cryptopay.payments import events
from cryptopay.webhooks import outbox
from tests import database, told_events


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With several processes the long stories come first, so that nobody waits for the last of them alone."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: "journeys" not in item.path.parts)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The owner has made and migrated the test's database; from here on every connection is the application's.

    After a test that commits, the database holds again what the migrations put there.
    """
    with django_db_blocker.unblock():
        migrated = database.contents()
    connection.close()
    connection_created.connect(database.work_as_the_application)
    tear_down = TransactionTestCase._fixture_teardown
    TransactionTestCase._fixture_teardown = lambda _: database.restore(migrated)  # type: ignore[method-assign]
    yield
    TransactionTestCase._fixture_teardown = tear_down  # type: ignore[method-assign]
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
def _events_are_as_described() -> Iterator[None]:
    """Whatever a test makes the payments tell: its data has all that its schema names, and nothing else."""
    enqueue = outbox.enqueue

    def enqueue_checked(book_id: int, type: str, subject: str, data: Any, *rest: Any) -> outbox.Told:  # noqa: A002
        told_events.check_data(type, data)
        return enqueue(book_id, type, subject, data, *rest)

    events.outbox = SimpleNamespace(enqueue=enqueue_checked)  # type: ignore[assignment]
    yield
    events.outbox = outbox
