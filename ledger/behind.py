"""Statements that PostgreSQL works on while Python reckons on: sent, and their answers read later.

On the same connection and in the same transaction, in order. Whoever asks the connection something else waits for them.
"""

import select
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from functools import partial
from typing import Any, TypeAlias

from django.db import connection
from django.db.backends.utils import CursorWrapper
from psycopg import Error
from psycopg.pq.abc import PGconn

Statement: TypeAlias = tuple[str, Sequence[Any]]
End: TypeAlias = Callable[[list[CursorWrapper]], object]
"""Gets a cursor a statement, and reads the answers."""
Guard: TypeAlias = Callable[[], AbstractContextManager[Any]]


def _nothing(_: list[CursorWrapper]) -> None:
    """Of an answer nothing is asked."""


class _Behind:
    """Pieces of work in a row, in libpq's pipeline mode.

    A large statement is more than a socket takes at once, and a server at work on the one before it takes none: so a
    thread sends them. Until all is sent, nobody else speaks on the connection.
    """

    def __init__(self) -> None:
        connection.inc_thread_sharing()
        self._owner = threading.get_ident()
        self._pipeline = ExitStack()
        self._sender = ThreadPoolExecutor(max_workers=1, thread_name_prefix="behind")
        self._sent: list[Future[None]] = []
        self._ends: list[tuple[Guard, Callable[[], object]]] = []

    def run(self, statements: Sequence[Statement], end: End, guard: Guard) -> None:
        if not self._ends:
            self._pipeline.enter_context(connection.connection.pipeline())
        cursors = [connection.cursor() for _ in statements]
        self._ends.append((guard, partial(end, cursors)))
        self._sent.append(self._sender.submit(self._send, cursors, statements, connection.connection.pgconn))

    def wait(self) -> None:
        """Raises the first failure; what was begun behind that is not done."""
        ends, self._ends = self._ends, []
        if ends:
            with ExitStack() as guards:
                for guard in dict.fromkeys(guard for guard, _ in ends):
                    guards.enter_context(guard())
                with connection.wrap_database_errors:
                    self._until_sent()
                    self._pipeline.close()
            for guard, end in ends:
                with guard():
                    end()

    def close(self) -> None:
        """What was begun and not waited for is of no interest any more: something else has failed."""
        self._ends = []
        with suppress(Exception):
            self._until_sent()
        with suppress(Error):
            self._pipeline.close()
        self._sender.shutdown()
        connection.dec_thread_sharing()

    def before(self, execute: Callable[..., Any], *statement: Any) -> Any:
        """An `execute_wrapper`: what others say comes after what was begun."""
        if threading.get_ident() == self._owner:
            self.wait()
        return execute(*statement)

    def _send(self, cursors: Sequence[CursorWrapper], statements: Sequence[Statement], session: PGconn) -> None:
        if any(earlier.done() and earlier.exception() for earlier in self._sent):
            return
        _execute(cursors, statements)
        _push(session)

    def _until_sent(self) -> None:
        sent, self._sent = self._sent, []
        for one in sent:
            one.exception()
        for one in sent:
            one.result()


def _push(session: PGconn) -> None:
    """All of it, to the server, which may be waiting for us to take the answers to statements before it."""
    while session.flush():
        ready, _, _ = select.select([session.socket], [session.socket], [])
        if ready:
            session.consume_input()


_behind: ContextVar[_Behind | None] = ContextVar("behind", default=None)


@contextmanager
def behind() -> Iterator[None]:
    """Inside, what is `run` is only begun. It is ended, and its failure raised, by the next other statement or at the
    end.

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
        work.close()


def is_on() -> bool:
    """Whether what is run is only begun."""
    return _behind.get() is not None


def run(statements: Sequence[Statement], end: End = _nothing, guard: Guard = nullcontext) -> None:
    """Begin these statements. `guard` is around whatever may fail. Outside `behind` all is done at once."""
    work = _behind.get()
    if work is not None:
        work.run(statements, end, guard)
        return
    with guard():
        end(at_once(statements))


def at_once(statements: Sequence[Statement]) -> list[CursorWrapper]:
    """Execute them now, whatever is going on; a cursor a statement."""
    cursors = [connection.cursor() for _ in statements]
    _execute(cursors, statements)
    return cursors


def _execute(cursors: Sequence[CursorWrapper], statements: Sequence[Statement]) -> None:
    for cursor, (statement, values) in zip(cursors, statements, strict=True):
        cursor.execute(statement, values)
