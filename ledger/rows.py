"""Many rows in one statement: a column is an array, and the statement's text is the same however many rows there are.

Where Django would write a placeholder a cell: in `bulk_update` always, in `bulk_create` for rows with defaults of the
database.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from operator import attrgetter
from typing import Any, Generic, TypeAlias, TypeVar

from django.db import connection, models
from django.db.models.expressions import DatabaseDefault

_M = TypeVar("_M", bound=models.Model)
_Field: TypeAlias = models.Field[Any, Any]
_TEXTS = ("varchar", "text", "jsonb")


class RowsMissing(Exception):
    """Rows that were to be changed are not there, or not this login's."""

    code = "rows_missing"


class Kept(Generic[_M]):
    """Rows of one model that a commit holds in memory. `write` ends it: it stores those that are new, and those whose
    fields of these names are no longer what was read."""

    def __init__(self, model: type[_M], stored: Iterable[_M], names: Sequence[str]) -> None:
        self.rows = list(stored)
        self._names = names
        self._fields = attrgetter(*(field.attname for field in _fields(model, names)))
        self._read = [(row, self._fields(row)) for row in self.rows]
        self._new: list[_M] = []

    def add(self, row: _M) -> None:
        """A new one."""
        self.rows.append(row)
        self._new.append(row)

    def write(self) -> None:
        """Raises `RowsMissing`."""
        insert(self._new)
        update([row for row, fields in self._read if self._fields(row) != fields], self._names)


def among(found: models.QuerySet[_M], name: str, values: Iterable[Any]) -> models.QuerySet[_M]:
    """Those whose field is one of these values: one array parameter, where `__in` sends one each."""
    (field,) = _fields(found.model, [name])
    column = f"{_quoted(found.model._meta.db_table)}.{_column(field)}"
    return found.extra(where=[f"{column} = ANY(%s::{_base_type(field)}[])"], params=[list(values)])  # noqa: S610


def join(rows: Iterable[models.Model], name: str, model: type[_M], known: Mapping[int, _M] | None = None) -> None:
    """Give each row the one it refers to by that name: read in one query, beyond those that are `known` by their keys.

    Each is made once, where `select_related` would make it anew for every row.
    """
    rows = list(rows)
    if not rows:
        return
    relation: Any = rows[0]._meta.get_field(name)
    attname = relation.attname
    of_key = dict(known or {})
    missing = {getattr(row, attname) for row in rows} - of_key.keys() - {None}
    if missing:
        of_key |= {row.pk: row for row in among(model._default_manager.all(), "id", missing)}
    for row in rows:
        key = getattr(row, attname)
        relation.set_cached_value(row, None if key is None else of_key[key])


def insert(rows: Sequence[models.Model]) -> None:
    """Store new rows of one model, and give them their keys.

    What the database has a default for may be left to it, in all of them or in none; they are given that, too.
    """
    if not rows:
        return
    model = type(rows[0])
    fields = [field for field in model._meta.concrete_fields if not _left_to_the_database(rows[0], field)]
    statement, given = _insertion(model, tuple(fields))
    stored = _run(statement, [_values(field, rows, adding=True) for field in fields])
    for row, values in zip(rows, stored, strict=True):
        for name, value in zip(given, values, strict=True):
            setattr(row, name, value)
        row._state.adding, row._state.db = False, connection.alias


@cache
def _insertion(model: type[models.Model], fields: tuple[_Field, ...]) -> tuple[str, list[str]]:
    """The statement, and the names of what it answers."""
    meta = model._meta
    given = [field for field in meta.concrete_fields if field.primary_key or field not in fields]
    statement = (
        f"INSERT INTO {_quoted(meta.db_table)} ({_names(fields)})"  # noqa: S608 - tables and columns of our own
        f" SELECT {_cells(fields)} FROM unnest({_arrays(fields)}) AS new ({_names(fields)})"
        f" RETURNING {_names(given)}"
    )
    return statement, [field.attname for field in given]


def update(rows: Sequence[models.Model], names: Sequence[str]) -> None:
    """Write these fields of stored rows of one model. Raises `RowsMissing`."""
    if not rows:
        return
    table, key = _quoted(rows[0]._meta.db_table), _key(rows)
    changed = _fields(type(rows[0]), names)
    fields = [key, *changed]
    stored = _run(
        f"UPDATE {table} old SET {', '.join(f'{_column(field)} = {_cell(field)}' for field in changed)}"  # noqa: S608
        f" FROM unnest({_arrays(fields)}) AS new ({_names(fields)})"
        f" WHERE old.{_column(key)} = new.{_column(key)} RETURNING old.{_column(key)}",
        [_values(field, rows, adding=False) for field in fields],
    )
    if len(stored) != len(rows):
        raise RowsMissing(f"{len(rows)} rows of {table} were to be changed, {len(stored)} are there")


def array(values: Iterable[Any]) -> str:
    """PostgreSQL's text of an array of numbers, truths or moments: a third of what the driver takes for a list.

    Of texts, a binary list (`%b`) is the quick one: nothing in it needs to be escaped.
    """
    values = list(values)
    texts = ["NULL" if value is None else str(value) for value in values] if None in values else map(str, values)
    return "{" + ",".join(texts) + "}"


def _run(statement: str, columns: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as sql:
        sql.execute(statement, columns)
        stored: list[tuple[Any, ...]] = sql.fetchall()
    return stored


def _fields(model: type[models.Model], names: Iterable[str]) -> list[_Field]:
    of_name = {field.name: field for field in model._meta.concrete_fields}
    return [of_name[name] for name in names]


def _key(rows: Sequence[models.Model]) -> _Field:
    return next(field for field in rows[0]._meta.concrete_fields if field.primary_key)


def _left_to_the_database(row: models.Model, field: _Field) -> bool:
    value = getattr(row, field.attname)
    return isinstance(value, DatabaseDefault) or (field.primary_key and value is None)


def _names(fields: Iterable[_Field]) -> str:
    return ", ".join(map(_column, fields))


def _column(field: _Field) -> str:
    return _quoted(str(field.column))


def _quoted(name: str) -> str:
    quoted: str = connection.ops.quote_name(name)
    return quoted


def _cells(fields: Iterable[_Field]) -> str:
    return ", ".join(map(_cell, fields))


def _cell(field: _Field) -> str:
    cell = f"new.{_column(field)}"
    return f"{cell}::jsonb" if _base_type(field) == "jsonb" else cell


def _arrays(fields: Iterable[_Field]) -> str:
    return ", ".join(map(_array_type, fields))


def _array_type(field: _Field) -> str:
    """Without a length: a cast to `varchar(12)[]` would cut what is too long, where storing it is an error."""
    kind = _base_type(field)
    if kind in _TEXTS:
        return "%b::text[]"
    return "%b::bytea[]" if kind == "bytea" else f"%s::{kind}[]"


@cache
def _base_type(field: _Field) -> str:
    return str(field.db_type(connection)).partition("(")[0]


def _values(field: _Field, rows: Sequence[models.Model], *, adding: bool) -> str | list[Any]:
    kind = _base_type(field)
    values = [field.pre_save(row, adding) for row in rows]
    if kind == "jsonb":
        return [None if value is None else json.dumps(value) for value in values]
    if kind in _TEXTS or kind == "bytea":
        return [value if value is None or isinstance(value, bytes) else str(value) for value in values]
    if kind == "numeric" and any(isinstance(value, float) for value in values):
        raise TypeError("no float near money")
    return array(values)
