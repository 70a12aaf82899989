"""Who may do what in the database, put right after every `migrate`: logins, grants, row-level security.

Everything is read off the models and the catalogue, so a new table is never forgotten:

    a table with a book     shows and takes the rows of the books named in `app.book` (see `tenancy`), its owner held
                            to it, too. Rows of no book are the platform's: all see them, "all" alone writes them.
                            The worker's login is of those who see every book
    an append-only model    the application may SELECT and INSERT; UPDATE, DELETE and TRUNCATE are not granted
    any other model         SELECT, INSERT, UPDATE, DELETE
    what is no model        nothing, until its migration says so; but every sequence's next number
    every trigger           fires: the library's way to have one ignored, by a setting of the session, is closed

What is as it should be is left alone: no lock is taken on a table in use.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.management.base import CommandError
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from psycopg import errors, sql

from ledger.appendonly import AppendOnly
from ledger.models import Book
from ledger.tenancy import EVERY_BOOK

APPLICATION = "cryptopay_app"
"""Holds the grants; the worker's and the web's logins are its members."""

KEEPERS = "cryptopay_every_book"
"""Its members, the worker's login, see every book, whatever `app.book` says: what planning folds away costs no row."""

_PERMANENT = frozenset({"SELECT", "INSERT"})
_ORDINARY = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})

# Sub-selects, so that the setting is read once a statement and not once a row. "all" is no number: it names no list.
_NAMED = """(
    (SELECT current_setting('app.book', true)) = 'all'
    OR {column} = ANY (
        (SELECT string_to_array(nullif(current_setting('app.book', true), 'all'), ',')::bigint[])::bigint[]
    )
)"""
_POLICIES = {
    "books": "FOR ALL USING {named} WITH CHECK {named}",
    "platform": "FOR SELECT USING ({column} IS NULL)",
    "keepers": f"FOR ALL TO {KEEPERS} USING (true) WITH CHECK (true)",
}

_TABLES = """
SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity,
       (SELECT a.attnotnull FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'book_id'),
       ARRAY(SELECT x.privilege_type FROM aclexplode(c.relacl) x WHERE x.grantee = %(group)s::regrole),
       ARRAY(SELECT p.polname || ' ' || coalesce(obj_description(p.oid, 'pg_policy'), '')
             FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = ANY (%(policies)s))
FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
"""
_SEQUENCES = """
SELECT c.relname FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid
WHERE c.relnamespace = current_schema()::regnamespace AND NOT has_sequence_privilege(%(group)s, s.seqrelid, 'USAGE')
"""
_IGNORING = "SELECT prosrc FROM pg_proc WHERE oid = '_pgtrigger_should_ignore(name)'::regprocedure"
_NEVER_IGNORED = "SELECT false"
"""In plain SQL it is also inlined; the library's own asks for the setting, and catches an error, at each call."""


@dataclass(frozen=True, slots=True)
class Table:
    """What the catalogue says of one."""

    name: str
    forced: bool
    column: str
    """That names the book; empty: it is nobody's."""
    of_the_platform: bool
    """Rows may be of no book."""
    granted: frozenset[str]
    policies: frozenset[str]


def make_logins(sender: AppConfig, using: str, **_: Any) -> None:
    """Before migrating: the group, and the logins of WORKER_DATABASE_URL and WEB_DATABASE_URL, where they are missing.

    Raises `CommandError` with the fix if this login may not create roles.
    """
    connection = connections[using]
    try:
        with connection.cursor() as cursor:
            _make_role(cursor, APPLICATION, "NOLOGIN")
            _make_role(cursor, KEEPERS, "NOLOGIN")
            for login in settings.LOGINS:
                _make_login(connection, cursor, login)
    except Exception as error:
        if not isinstance(error.__cause__, errors.InsufficientPrivilege):
            raise
        raise CommandError(f"{error}\nFix: run the SQL of docs/operator.md, Logins, as a superuser.") from error


def put_right(sender: AppConfig, using: str, **about: Any) -> None:
    """After migrating. Emptying all tables (`flush`) says the same signal, without a plan, and changes no table."""
    if "plan" in about:
        apply(using)


def apply(using: str = "default") -> None:
    """Policies and grants on every table that is as it should not be; each in one step, so that none is ever open."""
    with connections[using].cursor() as cursor:
        for step in [step for step in _steps(cursor) if step]:
            with transaction.atomic(using):
                for statement in step:
                    cursor.execute(statement)


def _make_role(cursor: CursorWrapper, name: str, *options: str, password: str = "") -> None:
    cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name])
    if cursor.fetchone() is None:
        words = sql.SQL("CREATE ROLE {} {}").format(sql.Identifier(name), sql.SQL(" ".join(options)))
        cursor.execute(words + sql.SQL(" PASSWORD {}").format(password) if password else words)


def _make_login(connection: BaseDatabaseWrapper, cursor: CursorWrapper, login: str) -> None:
    wanted = settings.LOGINS[login]
    name, password = wanted["USER"], wanted["PASSWORD"]
    if password:  # hashed here, so that no log of statements has it
        password = connection.connection.pgconn.encrypt_password(
            password.encode(), name.encode(), b"scram-sha-256"
        ).decode()
    _make_role(cursor, name, "LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE", password=password)
    _make_member(cursor, name, APPLICATION)
    if login == "worker":
        _make_member(cursor, name, KEEPERS)
        _begin_with_every_book(cursor, name)


def _make_member(cursor: CursorWrapper, name: str, group: str) -> None:
    cursor.execute("SELECT pg_has_role(%s, %s, 'USAGE')", [name, group])
    if not cursor.fetchone()[0]:
        cursor.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(group), sql.Identifier(name)))


def _begin_with_every_book(cursor: CursorWrapper, name: str) -> None:
    known = "SELECT 1 FROM pg_roles WHERE rolname = %s AND %s = ANY (rolconfig)"
    cursor.execute(known, [name, f"app.book={EVERY_BOOK}"])
    if cursor.fetchone() is None:
        cursor.execute(sql.SQL("ALTER ROLE {} SET app.book = {}").format(sql.Identifier(name), EVERY_BOOK))


def _steps(cursor: CursorWrapper) -> Iterator[list[sql.Composable]]:
    group = sql.Identifier(APPLICATION)
    cursor.execute("SELECT current_schema(), has_schema_privilege(%s, current_schema(), 'USAGE')", [APPLICATION])
    schema, open_to_it = cursor.fetchone()
    if not open_to_it:
        yield [sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(sql.Identifier(schema), group)]
    wanted = _wanted_grants()
    for table in _tables(cursor):
        yield [*_walls(table), *_grants(table, wanted.get(table.name, table.granted))]
    cursor.execute(_IGNORING)
    if cursor.fetchone()[0] != _NEVER_IGNORED:
        words = sql.SQL("CREATE OR REPLACE FUNCTION _pgtrigger_should_ignore(trigger_name name) RETURNS boolean {}")
        yield [words.format(sql.SQL(f"LANGUAGE sql IMMUTABLE AS $${_NEVER_IGNORED}$$"))]
    cursor.execute(_SEQUENCES, {"group": APPLICATION})
    for (name,) in cursor.fetchall():
        yield [sql.SQL("GRANT USAGE ON SEQUENCE {} TO {}").format(sql.Identifier(name), group)]


def _tables(cursor: CursorWrapper) -> list[Table]:
    cursor.execute(_TABLES, {"group": APPLICATION, "policies": list(_POLICIES)})
    return [
        Table(
            name,
            forced,
            "id" if name == Book._meta.db_table else "book_id" if required is not None else "",
            required is False,
            frozenset(granted),
            frozenset(policies),
        )
        for name, forced, required, granted, policies in cursor.fetchall()
    ]


def _wanted_grants() -> dict[str, frozenset[str]]:
    """By table. Of Django's own record of migrations the application reads."""
    models = [model for model in apps.get_models(include_auto_created=True) if model._meta.managed]
    wanted = {m._meta.db_table: _PERMANENT if issubclass(m, AppendOnly) else _ORDINARY for m in models}
    return {**wanted, "django_migrations": frozenset({"SELECT"})}


def _grants(table: Table, wanted: frozenset[str]) -> Iterator[sql.Composable]:
    if table.granted != wanted:
        name, group = sql.Identifier(table.name), sql.Identifier(APPLICATION)
        yield sql.SQL("REVOKE ALL ON {} FROM {}").format(name, group)
        yield sql.SQL("GRANT {} ON {} TO {}").format(sql.SQL(", ".join(sorted(wanted))), name, group)


def _walls(table: Table) -> Iterator[sql.Composable]:
    """Row-level security of a table with a book. A policy's comment tells whether it is the one of this version."""
    if not table.column:
        return
    name = sql.Identifier(table.name)
    if not table.forced:
        yield sql.SQL("ALTER TABLE {} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY").format(name)
    for policy, text in _POLICIES.items():
        if policy == "platform" and not table.of_the_platform:
            continue
        rule = text.format(named=_NAMED, column="{column}").format(column=table.column)
        version = hashlib.sha256(rule.encode()).hexdigest()[:16]
        if f"{policy} {version}" not in table.policies:
            yield sql.SQL("DROP POLICY IF EXISTS {} ON {}").format(sql.Identifier(policy), name)
            yield sql.SQL("CREATE POLICY {} ON {} {}").format(sql.Identifier(policy), name, sql.SQL(rule))
            yield sql.SQL("COMMENT ON POLICY {} ON {} IS {}").format(sql.Identifier(policy), name, version)
