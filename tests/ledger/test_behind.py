"""PostgreSQL works while Python goes on; nothing else changes: order, failures, transactions."""

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction
from django.db.backends.utils import CursorWrapper

from ledger import behind
from ledger.behind import run
from tests.database import urls_of_this_database
from tests.workers import until

pytestmark = pytest.mark.django_db

LARGE = "x" * 3_000_000
"""More than a socket takes at once."""


def asked(question: str, *values: object) -> CursorWrapper:
    cursor = connection.cursor()
    cursor.execute(question, list(values))
    return cursor


def goes_on() -> bool:
    """The transaction around it does, in the usual mode."""
    return asked("SELECT 1").fetchone() == (1,) and not connection.connection.pgconn.pipeline_status


def test_it_is_worked_on_meanwhile() -> None:
    """It waits for a lock of another connection's, so that nobody could have answered it before we went on."""
    answers: list[tuple[object, ...]] = []
    question = "SELECT pg_advisory_xact_lock(28), length(%s)"
    with psycopg.connect(urls_of_this_database()["DATABASE_URL"], autocommit=True) as other, behind.behind():
        other.execute("SELECT pg_advisory_lock(28)")
        run(lambda: asked(question, LARGE), lambda sent: answers.append(sent.fetchone()))
        assert not answers
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 28 AND NOT granted"
        until(lambda: other.execute(waiting).fetchone() == (1,))  # so it was sent whole
        other.execute("SELECT pg_advisory_unlock(28)")
        assert asked("SELECT 1").fetchone() == (1,)
    assert [length for _, length in answers] == [len(LARGE)]


def test_what_is_said_next_comes_after_it() -> None:
    asked("CREATE TEMPORARY TABLE said (word text) ON COMMIT DROP")
    ended: list[str] = []
    with behind.behind():
        run(lambda: asked("INSERT INTO said VALUES ('first')"), lambda _: ended.append("first"))
        run(lambda: asked("INSERT INTO said VALUES ('second')"), lambda _: ended.append("second"))
        assert ended == ["first"]
        assert asked("SELECT array_agg(word) FROM said").fetchone() == (["first", "second"],)
        assert ended == ["first", "second"]


def test_without_it_all_is_done_at_once() -> None:
    answers: list[object] = []
    run(lambda: asked("SELECT 7"), lambda sent: answers.append(sent.fetchone()))
    assert answers == [(7,)]


@pytest.mark.parametrize("next_step", ["another piece of work", "a statement", "the end"])
def test_its_failure_is_raised_by_what_comes_next(next_step: str) -> None:
    ended: list[object] = []

    def fail() -> None:
        with transaction.atomic(), behind.behind():
            run(lambda: asked("SELECT 1 / 0"), ended.append)
            if next_step == "another piece of work":
                run(lambda: asked("SELECT 1"), ended.append)
            if next_step == "a statement":
                asked("SELECT 1")

    with pytest.raises(DatabaseError, match="division by zero"):
        fail()
    assert not ended
    assert goes_on()


def test_what_fails_to_begin_leaves_the_connection_usable() -> None:
    def nonsense() -> CursorWrapper:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), transaction.atomic(), behind.behind():
        run(nonsense, lambda _: None)
    assert goes_on()


def test_a_failure_of_the_caller_takes_what_was_begun_along() -> None:
    asked("CREATE TEMPORARY TABLE said (word text) ON COMMIT DROP")

    def fail(question: str) -> None:
        with transaction.atomic(), behind.behind():
            run(lambda: asked(question), lambda _: None)
            raise ZeroDivisionError

    for question in ("INSERT INTO said SELECT 'lost' FROM pg_sleep(0.2)", "SELECT 1 / 0"):
        with pytest.raises(ZeroDivisionError):
            fail(question)
    assert asked("SELECT count(*) FROM said").fetchone() == (0,)
    assert goes_on()
