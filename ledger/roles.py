"""Who may do what in the database, put right after every `migrate`: logins, grants, row-level security.

Everything is read off the models and the catalogue, so a new table is never forgotten:

    a table with a book     shows and takes the rows of the books named in `app.book` (see `tenancy`), its owner held
                            to it, too. Rows of no book are the platform's: all see them, "all" alone writes them.
                            The worker's login is of those who see every book
    what is never edited    append-only models and kept changes: the application may SELECT and INSERT; UPDATE, DELETE
                            and TRUNCATE are not granted
    what the verbs write    entries, postings, balances and days: the application may SELECT
    any other model         SELECT, INSERT, UPDATE, DELETE
    the verbs               the SQL functions that write entries work as a role of their own, which no login is a member
                            of and no row-level security holds: they ask first whose book it is
    what is no model        nothing, until its migration says so; but every sequence's next number
    every trigger           fires: the library's way to have one ignored, by a setting of the session, is closed

What is as it should be is left alone: no lock is taken on a table in use.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.management.base import CommandError
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.models import Model
from pghistory.models import Event
from psycopg import errors, sql

from ledger.appendonly import AppendOnly
from ledger.models import Account, AccountDay, Balance, Book, JournalEntry, PeriodChange, Posting, Rate
from ledger.models.journal import VERBS
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
    "verbs": f"FOR ALL TO {VERBS} USING (true) WITH CHECK (true)",
}
_WRITTEN_BY_THE_VERBS: dict[type[Model], frozenset[str]] = dict.fromkeys(
    (JournalEntry, Posting, Balance, AccountDay), frozenset({"SELECT"})
)
_OF_THE_VERBS: dict[type[Model], frozenset[str]] = {
    Account: frozenset({"SELECT"}),
    AccountDay: frozenset({"SELECT", "INSERT", "UPDATE"}),
    Balance: frozenset({"SELECT", "INSERT", "UPDATE"}),
    JournalEntry: _PERMANENT,
    PeriodChange: frozenset({"SELECT"}),
    Posting: _PERMANENT,
    Rate: frozenset({"SELECT"}),
}

_TABLES = """
SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity,
       (SELECT a.attnotnull FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'book_id'),
       ARRAY(SELECT x.grantee::regrole || ' ' || x.privilege_type FROM aclexplode(c.relacl) x
             WHERE x.grantee = ANY (%(groups)s::regrole[])),
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
    """Group and privilege, "cryptopay_app SELECT"."""
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
            _make_role(cursor, VERBS, "NOLOGIN")
            _let_own_verbs(cursor)
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


def _let_own_verbs(cursor: CursorWrapper) -> None:
    """Who migrates gives the functions to their role, and gains nothing by it."""
    cursor.execute("SELECT pg_has_role(%s, 'SET')", [VERBS])
    if not cursor.fetchone()[0]:
        cursor.execute(sql.SQL("GRANT {} TO CURRENT_USER WITH INHERIT FALSE").format(sql.Identifier(VERBS)))


def _begin_with_every_book(cursor: CursorWrapper, name: str) -> None:
    known = "SELECT 1 FROM pg_roles WHERE rolname = %s AND %s = ANY (rolconfig)"
    cursor.execute(known, [name, f"app.book={EVERY_BOOK}"])
    if cursor.fetchone() is None:
        cursor.execute(sql.SQL("ALTER ROLE {} SET app.book = {}").format(sql.Identifier(name), EVERY_BOOK))


def _steps(cursor: CursorWrapper) -> Iterator[list[sql.Composable]]:
    for group in (APPLICATION, VERBS):
        cursor.execute("SELECT current_schema(), has_schema_privilege(%s, current_schema(), 'USAGE')", [group])
        schema, open_to_it = cursor.fetchone()
        if not open_to_it:
            yield [sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(sql.Identifier(schema), sql.Identifier(group))]
    wanted = {group: grants() for group, grants in _WANTED.items()}
    for table in _tables(cursor):
        yield [*_walls(table, of_the_verbs=table.name in wanted[VERBS]), *_grants(table, wanted)]
    cursor.execute(_IGNORING)
    if cursor.fetchone()[0] != _NEVER_IGNORED:
        words = sql.SQL("CREATE OR REPLACE FUNCTION _pgtrigger_should_ignore(trigger_name name) RETURNS boolean {}")
        yield [words.format(sql.SQL(f"LANGUAGE sql IMMUTABLE AS $${_NEVER_IGNORED}$$"))]
    for group in (APPLICATION, VERBS):
        cursor.execute(_SEQUENCES, {"group": group})
        for (name,) in cursor.fetchall():
            words = sql.SQL("GRANT USAGE ON SEQUENCE {} TO {}")
            yield [words.format(sql.Identifier(name), sql.Identifier(group))]


def _tables(cursor: CursorWrapper) -> list[Table]:
    cursor.execute(_TABLES, {"groups": [APPLICATION, VERBS], "policies": list(_POLICIES)})
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


def _of_the_application() -> dict[str, frozenset[str]]:
    """By table. Of Django's own record of migrations the application reads."""
    models = [model for model in apps.get_models(include_auto_created=True) if model._meta.managed]
    wanted = {m: _PERMANENT if issubclass(m, AppendOnly | Event) else _ORDINARY for m in models} | _WRITTEN_BY_THE_VERBS
    return {**_by_table(wanted), "django_migrations": frozenset({"SELECT"})}


def _by_table(wanted: Mapping[type[Model], frozenset[str]]) -> dict[str, frozenset[str]]:
    return {model._meta.db_table: privileges for model, privileges in wanted.items()}


_WANTED: Mapping[str, Callable[[], dict[str, frozenset[str]]]] = {
    APPLICATION: _of_the_application,
    VERBS: lambda: _by_table(_OF_THE_VERBS),
}
"""What each group is granted; what is named nowhere stays as it is."""


def _grants(table: Table, wanted: Mapping[str, Mapping[str, frozenset[str]]]) -> Iterator[sql.Composable]:
    for group, of_group in wanted.items():
        granted = {said.split()[1] for said in table.granted if said.startswith(f"{group} ")}
        privileges = of_group.get(table.name, granted)
        if granted != privileges:
            name, grantee = sql.Identifier(table.name), sql.Identifier(group)
            yield sql.SQL("REVOKE ALL ON {} FROM {}").format(name, grantee)
            yield sql.SQL("GRANT {} ON {} TO {}").format(sql.SQL(", ".join(sorted(privileges))), name, grantee)


def _walls(table: Table, *, of_the_verbs: bool) -> Iterator[sql.Composable]:
    """Row-level security of a table with a book. A policy's comment tells whether it is the one of this version."""
    if not table.column:
        return
    name = sql.Identifier(table.name)
    if not table.forced:
        yield sql.SQL("ALTER TABLE {} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY").format(name)
    for policy, text in _POLICIES.items():
        if (policy == "platform" and not table.of_the_platform) or (policy == "verbs" and not of_the_verbs):
            continue
        rule = text.format(named=_NAMED, column="{column}").format(column=table.column)
        version = hashlib.sha256(rule.encode()).hexdigest()[:16]
        if f"{policy} {version}" not in table.policies:
            yield sql.SQL("DROP POLICY IF EXISTS {} ON {}").format(sql.Identifier(policy), name)
            yield sql.SQL("CREATE POLICY {} ON {} {}").format(sql.Identifier(policy), name, sql.SQL(rule))
            yield sql.SQL("COMMENT ON POLICY {} ON {} IS {}").format(sql.Identifier(policy), name, version)
