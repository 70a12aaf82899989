"""One value asked of PostgreSQL by a statement that it has prepared, straight through libpq.

The driver finds a type for each value and waits for the answer in steps; of what a single entry costs its client, that
is half. Connection and errors stay Django's. In a transaction the statement takes the usual way, and so it does where
somebody watches: a log, a wrapper, a test that counts.
"""

from collections.abc import Collection, Sequence
from typing import Any
from weakref import WeakSet

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import Connection, OperationalError
from psycopg.errors import Error, InvalidSqlStatementName, error_from_result
from psycopg.pq import DiagnosticField, ExecStatus, Format
from psycopg.pq.abc import PGresult


class Prepared:
    """A SELECT of one value that is never null; its parameters are `%s`. A name stands for one statement for good.

    `texts` are the places of parameters that are text: sent with their length, for libpq would cut one at its first
    NUL, which PostgreSQL refuses.
    """

    def __init__(self, name: str, command: str, texts: Collection[int]) -> None:
        parts = command.split("%s")
        numbered = [f"${number}{part}" for number, part in enumerate(parts[1:], 1)]
        self._name, self._command, self._raw_command = name.encode(), command, "".join([parts[0], *numbered]).encode()
        self._formats = [Format.BINARY if place in texts else Format.TEXT for place in range(len(numbered))]
        self._known = WeakSet[Connection[Any]]()

    def value(self, values: Sequence[str | None]) -> str:
        """Each value as PostgreSQL reads it. Raises Django's errors."""
        database = connections[DEFAULT_DB_ALIAS]
        if database.queries_logged or database.execute_wrappers or not database.get_autocommit():
            with database.cursor() as cursor:
                cursor.execute(self._command, values)
                return str(cursor.fetchone()[0])
        with database.wrap_database_errors:
            return self._directly(_session(database), values)

    def _directly(self, session: Connection[Any], values: Sequence[str | None]) -> str:
        try:
            return self._asked(session, values)
        except InvalidSqlStatementName:  # behind a rollback the driver has the server forget all it had prepared
            self._known.discard(session)
            return self._asked(session, values)

    def _asked(self, session: Connection[Any], values: Sequence[str | None]) -> str:
        if session not in self._known:
            _require(session, session.pgconn.prepare(self._name, self._raw_command), ExecStatus.COMMAND_OK)
            self._known.add(session)
        sent: Any = [None if value is None else value.encode() for value in values]
        result = session.pgconn.exec_prepared(self._name, sent, self._formats)
        _require(session, result, ExecStatus.TUPLES_OK)
        return (result.get_value(0, 0) or b"").decode()


def _session(database: BaseDatabaseWrapper) -> Connection[Any]:
    """The driver's connection, as Django hands it to a cursor."""
    database.validate_thread_sharing()
    database.close_if_health_check_failed()
    database.ensure_connection()
    session: Connection[Any] = database.connection
    return session


def _require(session: Connection[Any], result: PGresult, status: ExecStatus) -> None:
    if result.status == status:
        return
    if result.error_field(DiagnosticField.SQLSTATE) is None:  # not the server's word: it is gone
        raise OperationalError(result.get_error_message(session.info.encoding))
    refusal: Error = error_from_result(result, session.info.encoding)
    raise refusal
