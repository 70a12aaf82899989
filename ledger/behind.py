"""Statements that PostgreSQL works on while Python reckons on: sent, and their answers read later.

On the same connection and in the same transaction, in order. Whoever uses the connection next waits for them.
"""

import select
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from functools import partial
from typing import Any, TypeVar

from django.db import connection
from psycopg import Error
from psycopg.pq.abc import PGconn

_T = TypeVar("_T")
_Guard = Callable[[], AbstractContextManager[Any]]


class _Behind:
    """One piece of work at a time, in libpq's pipeline mode."""

    def __init__(self) -> None:
        self._pipeline = ExitStack()
        self._end: Callable[[], None] | None = None
        self._guard: _Guard = nullcontext
        self._is_beginning = False

    def run(self, begin: Callable[[], _T], end: Callable[[_T], None], guard: _Guard) -> None:
        self.wait()
        self._is_beginning = True
        try:
            self._pipeline.enter_context(connection.connection.pipeline())
            sent = begin()
            _push(connection.connection.pgconn)
        except BaseException:
            self.abandon()
            raise
        finally:
            self._is_beginning = False
        self._end, self._guard = partial(end, sent), guard

    def wait(self) -> None:
        end, self._end = self._end, None
        if end is not None:
            with self._guard():
                with connection.wrap_database_errors:
                    self._pipeline.close()
                end()

    def abandon(self) -> None:
        """What was begun is of no interest any more: something else has failed."""
        self._end = None
        with suppress(Error):
            self._pipeline.close()

    def before(self, execute: Callable[..., Any], *statement: Any) -> Any:
        """An `execute_wrapper`: what others say comes after what was begun."""
        if not self._is_beginning:
            self.wait()
        return execute(*statement)


def _push(session: PGconn) -> None:
    """All of it, to the server: a large statement is more than a socket takes at once."""
    while session.flush():
        select.select([], [session.socket], [])


_behind: ContextVar[_Behind | None] = ContextVar("behind", default=None)


@contextmanager
def behind() -> Iterator[None]:
    """Inside, what is `run` is only begun. It is ended, and its failure raised, by the next statement or at the end.

    Put it into a transaction: what fails ends that.
    """
    work = _Behind()
    token = _behind.set(work)
    try:
        with connection.execute_wrapper(work.before):
            yield
            work.wait()
    finally:
        _behind.reset(token)
        work.abandon()


def is_on() -> bool:
    """Whether what is run is only begun."""
    return _behind.get() is not None


def run(begin: Callable[[], _T], end: Callable[[_T], None], guard: _Guard = nullcontext) -> None:
    """`begin` executes statements and reads no answer; `end` gets what it returned, its cursors, and reads them.

    `guard` is around whatever may fail. Outside `behind` all is done at once.
    """
    work = _behind.get()
    if work is not None:
        work.run(begin, end, guard)
    else:
        with guard():
            end(begin())
