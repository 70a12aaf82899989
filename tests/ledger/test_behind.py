"""PostgreSQL works while Python goes on; nothing else changes: order, failures, transactions."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial

import psycopg
import pytest
from django.db import DatabaseError, ProgrammingError, connection, transaction
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
        for _ in range(3):  # while the first waits, the server takes no more of the others than a socket holds
            run([(question, [LARGE])], lambda said: answers.append(said[0].fetchone()))
        assert not answers
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 28 AND NOT granted"
        until(lambda: other.execute(waiting).fetchone() == (1,))  # so it was sent whole
        other.execute("SELECT pg_advisory_unlock(28)")
        assert asked("SELECT 1").fetchone() == (1,)
    assert [length for _, length in answers] == 3 * [len(LARGE)]


def test_what_is_said_next_comes_after_it() -> None:
    asked("CREATE TEMPORARY TABLE said (word text) ON COMMIT DROP")
    ended: list[str] = []
    with behind.behind():
        run([("INSERT INTO said VALUES (%s)", ["first"])], lambda _: ended.append("first"))
        run([("INSERT INTO said VALUES (%s)", ["second"])], lambda _: ended.append("second"))
        assert ended == []
        assert asked("SELECT array_agg(word) FROM said").fetchone() == (["first", "second"],)
        assert ended == ["first", "second"]


@pytest.mark.parametrize("around", [nullcontext, behind.behind])
def test_each_of_several_statements_has_its_answer(around: Callable[[], AbstractContextManager[None]]) -> None:
    answers: list[object] = []
    with around():
        run(
            [("SELECT %s::integer", [6]), ("SELECT %s::integer", [7])],
            lambda said: answers.extend(cursor.fetchone() for cursor in said),
        )
    assert answers == [(6,), (7,)]


@pytest.mark.parametrize("next_step", ["another piece of work", "a statement", "the end"])
def test_its_failure_is_raised_by_what_waits_for_it(next_step: str) -> None:
    ended: list[object] = []

    def fail() -> None:
        with transaction.atomic(), behind.behind():
            run([("SELECT 1 / 0", [])], ended.append)
            if next_step == "another piece of work":
                run([("SELECT 1", [])], ended.append)
            if next_step == "a statement":
                asked("SELECT 1")

    with pytest.raises(DatabaseError, match="division by zero"):
        fail()
    assert not ended
    assert goes_on()


def test_each_failure_passes_its_own_guard() -> None:
    """Also where another piece of work was begun before it, with a guard of its own."""
    passed: list[str] = []

    @contextmanager
    def guard(name: str) -> Iterator[None]:
        try:
            yield
        except DatabaseError:
            passed.append(name)
            raise

    def fail() -> None:
        with transaction.atomic(), behind.behind():
            run([("SELECT 1", [])], guard=partial(guard, "first"))
            run([("SELECT 1 / 0", [])], guard=partial(guard, "second"))

    with pytest.raises(DatabaseError, match="division by zero"):
        fail()
    assert "second" in passed


def test_what_cannot_be_sent_fails_and_leaves_the_connection_usable() -> None:
    ended: list[object] = []

    def fail() -> None:
        with transaction.atomic(), behind.behind():
            run([("SELECT %s", [object()])], ended.append)
            run([("SELECT 1", [])], ended.append)

    with pytest.raises(ProgrammingError, match="cannot adapt"):
        fail()
    assert not ended
    assert goes_on()


def test_a_failure_of_the_caller_takes_what_was_begun_along() -> None:
    asked("CREATE TEMPORARY TABLE said (word text) ON COMMIT DROP")

    def fail(question: str) -> None:
        with transaction.atomic(), behind.behind():
            run([(question, [])])
            raise ZeroDivisionError

    for question in ("INSERT INTO said SELECT 'lost' FROM pg_sleep(0.2)", "SELECT 1 / 0"):
        with pytest.raises(ZeroDivisionError):
            fail(question)
    assert asked("SELECT count(*) FROM said").fetchone() == (0,)
    assert goes_on()
