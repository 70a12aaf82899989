"""Who a test is to the database: the worker, in a request the web. What only the owner may do is done `as_owner`."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from psycopg.pq import TransactionStatus

_IN_A_REQUEST: ContextVar[bool] = ContextVar("in_a_request", default=False)
_SMALL_BYTES = 10 * 8192
"""Up to which PostgreSQL plans a table never analysed as if it had that size: what deleting leaves changes no plan."""
_BEGINS_WITH = {"owner": "all", "worker": "all", "web": ""}
"""Books."""


def work_as_the_application(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """What a new connection begins with: it came as the owner, who made the database."""
    _become(connection, "web" if _IN_A_REQUEST.get() else "worker")


@contextmanager
def as_web() -> Iterator[None]:
    """As a request begins in the web process: its login, and no book named."""
    token = _IN_A_REQUEST.set(True)
    try:
        with _as("web"):
            yield
    finally:
        _IN_A_REQUEST.reset(token)


@contextmanager
def as_owner() -> Iterator[None]:
    """As the superuser who owns the tables: past grants and row-level security, and free to switch triggers off."""
    connection.ensure_connection()
    with _as("owner"):
        yield


@contextmanager
def past_triggers() -> Iterator[None]:
    """As an intruder with the owner's rights: no trigger and no foreign key stands in the way."""
    with as_owner():
        connection.connection.execute("SET session_replication_role = replica")
        try:
            yield
        finally:
            if _goes_on(connection):
                connection.connection.execute("SET session_replication_role = origin")


def contents() -> dict[str, bytes]:
    """Every table, and its rows as COPY writes them. Asked by the owner."""
    with connection.cursor() as cursor:
        return {table: _copied(cursor, table) for table in connection.introspection.django_table_names(True)}


def restore(rows: dict[str, bytes]) -> None:
    """The tables as they were, past the triggers that forbid it to everyone else; waits for who is writing still.

    Deleting a few rows takes a tenth of the time that cutting off every table and its indexes does.
    """
    tables = ", ".join(map(connection.ops.quote_name, rows))
    with past_triggers(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"LOCK {tables}")
        cursor.execute("SELECT max(pg_relation_size(name::regclass)) FROM unnest(%s::text[]) name", [list(rows)])
        grown = cursor.fetchone()[0] >= _SMALL_BYTES
        cursor.execute(f"TRUNCATE {tables}" if grown else ";".join(map('DELETE FROM "{}"'.format, rows)))
        for table, made in rows.items():
            if made:
                with cursor.copy(f'COPY "{table}" FROM STDIN') as copy:
                    copy.write(made)


def urls_of_this_database() -> dict[str, str]:
    """For another process on it, which comes by a login of its own: the settings of the three."""
    names = ("DATABASE_URL", "WORKER_DATABASE_URL", "WEB_DATABASE_URL")
    path = f"/{connection.settings_dict['NAME']}"
    return {name: urlsplit(os.environ[name])._replace(path=path).geturl() for name in names}


def _copied(cursor: CursorWrapper, table: str) -> bytes:
    with cursor.copy(f'COPY "{table}" TO STDOUT') as copy:
        return b"".join(map(bytes, copy))


@contextmanager
def _as(login: str) -> Iterator[None]:
    """And then again who it was before; a worker, if there was no connection yet."""
    before = "worker", "all"
    if connection.connection is not None and _goes_on(connection):
        question = "SELECT current_setting('role'), coalesce(current_setting('app.book', true), '')"
        before = connection.connection.execute(question).fetchone()
        _become(connection, login)
    try:
        yield
    finally:
        _become(connection, *before)


def _become(to: BaseDatabaseWrapper, login: str, book: str | None = None) -> None:
    """Beside Django: tests count its statements, and those that ask for no database must not touch it."""
    if to.connection is None or not _goes_on(to):
        return
    role = "none" if login == "owner" else settings.LOGINS[login]["USER"] if login in settings.LOGINS else login
    book = _BEGINS_WITH[login] if book is None else book
    to.connection.execute(f"SET ROLE {role}; SET app.book = '{book}'", prepare=False)


def _goes_on(of: BaseDatabaseWrapper) -> bool:
    """After an error, the rollback that must follow restores what was set."""
    return of.connection.info.transaction_status in (TransactionStatus.IDLE, TransactionStatus.INTRANS)
