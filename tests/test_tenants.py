"""Every table with a book, whoever made it: what another tenant's request can do there, which is nothing.

Two books have a row in each, put there past triggers, foreign keys and checks, so that no table waits for a story.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.apps import apps
from django.db import ProgrammingError, connection, transaction
from psycopg import sql

from ledger import tenancy
from ledger.models import Book
from tests.database import as_web, past_triggers

pytestmark = pytest.mark.django_db

ALICE, CHARLIE = 1_000_001, 1_000_002
_TABLES = """
SELECT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'book_id'
WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace ORDER BY 1
"""
_COLUMNS = """
SELECT attname::text, format_type(atttypid, NULL) FROM pg_attribute
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attnotnull AND attgenerated = '' ORDER BY attnum
"""
_CHECKS = "SELECT conname::text FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'c'"
_VALUES = {"boolean": "false", "jsonb": "{}", "date": "2026-11-01", "timestamp with time zone": "2026-11-01T00:00Z"}
"""By type; of any other, a number as text will do."""


def _ask(question: sql.Composable | str, *values: object) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(question, values)
        return [row[0] if len(row) == 1 else row for row in cursor.fetchall()] if cursor.description else []


def _tables() -> dict[str, str]:
    """Table -> the column that names the book."""
    return {Book._meta.db_table: "id", **dict.fromkeys(_ask(_TABLES), "book_id")}


def _put(table: str, column: str, book_id: int | None, number: int) -> None:
    """A row that satisfies nothing but its columns' types."""
    columns = dict(_ask(_COLUMNS, table))
    fitting = {**_VALUES, "bigint": str(ALICE + number), "uuid": f"00000000-0000-0000-0000-{number:012}"}
    values = {name: fitting.get(kind, str(number)) for name, kind in columns.items()}
    values[column] = book_id  # type: ignore[assignment]
    names = sql.SQL(", ").join(map(sql.Identifier, values))
    places = sql.SQL(", ").join(sql.SQL("%s::{}").format(sql.SQL(columns.get(name, "bigint"))) for name in values)
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(sql.Identifier(table), names, places)
    _ask(statement, *values.values())


@pytest.fixture
def tables(db: None) -> Iterator[dict[str, str]]:
    """Each with a row of Alice's and one of Charlie's, triggers and checks gone for the length of the test."""
    with past_triggers():
        found = _tables()
        for table in found:
            for check in _ask(_CHECKS, table):
                _ask(sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(sql.Identifier(table), sql.Identifier(check)))
        for table, column in found.items():
            _put(table, column, ALICE, 1)
            _put(table, column, CHARLIE, 2)
        yield found


def _books(table: str, column: str) -> list[int]:
    return sorted(_ask(sql.SQL("SELECT {} FROM {}").format(sql.Identifier(column), sql.Identifier(table))))


def test_every_model_with_a_book_is_among_them(tables: dict[str, str]) -> None:
    with_a_book = {
        model._meta.db_table
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if field.name == "book" and field.related_model is Book and model._meta.managed
    }
    assert with_a_book <= set(tables)
    assert len(with_a_book) >= 19


def test_every_one_of_them_has_its_policies_by_force(tables: dict[str, str]) -> None:
    state = "SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE oid = %s::regclass"
    policies = """
        SELECT polname::text FROM pg_policy WHERE polrelid = %s::regclass AND polroles = '{0}' AND polpermissive
        AND (polcmd = 'r' OR (polcmd = '*' AND polwithcheck IS NOT NULL)) ORDER BY 1
    """
    keepers = """
        SELECT pg_get_expr(polqual, polrelid) || pg_get_expr(polwithcheck, polrelid) FROM pg_policy
        WHERE polrelid = %s::regclass AND polroles = ARRAY['cryptopay_every_book'::regrole::oid] AND polcmd = '*'
    """
    others = "SELECT polname::text FROM pg_policy WHERE polrelid = %s::regclass AND polroles = ARRAY[%s::regrole::oid]"
    for table in tables:
        assert _ask(state, table) == [True], table
        assert _ask(policies, table) == (["books", "platform"] if table == "ledger_rate" else ["books"]), table
        owner = _ask("SELECT relowner::regrole::text FROM pg_class WHERE oid = %s::regclass", table)[0]
        doors = _ask(others, table, owner)
        verbs = _ask(others, table, "cryptopay_verbs")
        assert _ask(keepers, table) == ["truetrue"], table
        count = _ask("SELECT count(*) FROM pg_policy WHERE polrelid = %s::regclass", table)[0]
        assert doors in ([], ["door"]), table
        assert verbs in ([], ["verbs"]), table
        assert count == 1 + len(doors) + len(verbs) + len(_ask(policies, table)), table


def test_the_worker_and_not_the_web_sees_every_book() -> None:
    members = "SELECT member::regrole::text FROM pg_auth_members WHERE roleid = 'cryptopay_every_book'::regrole"
    assert "cryptopay_worker" in _ask(members)
    assert "cryptopay_web" not in _ask(members)


def test_threat_39_a_request_without_a_book_sees_no_row_of_any_table(tables: dict[str, str]) -> None:
    with as_web():
        for table, column in tables.items():
            assert _books(table, column) == [], table


def test_threat_39_a_request_of_one_book_sees_its_rows_alone(tables: dict[str, str]) -> None:
    with as_web():
        for named, shown in (([ALICE], [ALICE]), ([CHARLIE], [CHARLIE]), ([ALICE, CHARLIE],) * 2, ([5], []), ([], [])):
            with tenancy.books(named):
                for table, column in tables.items():
                    assert _books(table, column) == shown, table
        with tenancy.every_book():
            assert all(set(_books(*table)) >= {ALICE, CHARLIE} for table in tables.items())


def test_threat_39_nothing_is_written_into_anothers_book(tables: dict[str, str]) -> None:
    for table, column in tables.items():
        with as_web(), tenancy.book(ALICE):
            _put_refused(table, column, CHARLIE)
            _change_refused("UPDATE {table} SET {column} = {charlie}", table, column)
            for statement in ("UPDATE {table} SET {column} = {column}", "DELETE FROM {table}"):
                _changes_nothing(statement + " WHERE {column} = {charlie}", table, column)
        assert _books(table, column).count(CHARLIE) == 1, table


def _put_refused(table: str, column: str, book_id: int | None) -> None:
    with pytest.raises(ProgrammingError, match=r"permission denied|row-level security"), transaction.atomic():
        _put(table, column, book_id, 3)


def _change_refused(statement: str, table: str, column: str) -> None:
    with pytest.raises(ProgrammingError, match=r"permission denied|row-level security"), transaction.atomic():
        _change(statement, table, column)


def _changes_nothing(statement: str, table: str, column: str) -> None:
    """Or is refused outright."""
    with suppress(ProgrammingError), transaction.atomic():
        assert _change(statement, table, column) == 0


def _change(statement: str, table: str, column: str) -> int:
    names = {"table": sql.Identifier(table), "column": sql.Identifier(column), "charlie": sql.Literal(CHARLIE)}
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(**names))  # type: ignore[arg-type]
        return int(cursor.rowcount)


def test_the_platforms_rates_are_everybodys_to_read_and_the_platforms_to_write(tables: dict[str, str]) -> None:
    _put("ledger_rate", "book_id", None, 3)
    with as_web(), tenancy.book(ALICE):
        assert _ask("SELECT book_id FROM ledger_rate ORDER BY 1") == [ALICE, None]
        _put_refused("ledger_rate", "book_id", None)
    with as_web(), tenancy.every_book():
        _put("ledger_rate", "book_id", None, 4)


@pytest.mark.parametrize("table", ["ledger_journalentry", "ledger_posting"])
def test_the_record_is_not_the_applications_to_change(tables: dict[str, str], table: str) -> None:
    """By privilege: with the triggers off, too."""
    with as_web(), tenancy.every_book():
        for statement in ("UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {}", "SELECT 1 FROM {} FOR UPDATE"):
            with pytest.raises(ProgrammingError, match=f"permission denied for table {table}"), transaction.atomic():
                _ask(sql.SQL(statement).format(sql.Identifier(table)))
