"""Several questions put to PostgreSQL as one statement: a page of many lists asks once, not once a list."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Count, QuerySet, Value
from django.db.models.sql.compiler import SQLCompiler

Part = tuple[int, Any, str, tuple[Any, ...]]
"""Place of the question, its compiler, its SQL and what is bound to it."""


def fetched(*asked: QuerySet[Any]) -> list[list[Any]]:
    """What each of the querysets finds, in its own order; what is joined to their rows comes along.

    Each row of the answer has the columns of every question, and is of one: so each column keeps its type. For short
    lists: a queryset says by a slice, or by what it is, that it finds few rows.
    """
    parts = [part for number, rows in enumerate(asked) if (part := _part(number, rows)) is not None]
    answers: list[list[Any]] = [[] for _ in asked]
    if not parts:
        return answers
    for (number, compiler, _, _), rows in zip(parts, _rows(parts), strict=True):
        answers[number] = _read(asked[number], compiler, rows)
    return answers


def counted(rows: QuerySet[Any]) -> QuerySet[Any, int]:
    """How many there are, for `fetched`: one row that is the number, or none where nothing can fit."""
    whole = rows.order_by().annotate(whole=Value(1)).values("whole")
    numbers: QuerySet[Any, int] = whole.annotate(number=Count("pk")).values_list("number", flat=True)
    return numbers


def _part(number: int, rows: QuerySet[Any]) -> Part | None:
    compiler: Any = rows.query.chain().get_compiler(connection=connection)
    try:
        sql, params = compiler.as_sql()
    except EmptyResultSet:  # nothing can fit
        return None
    return number, compiler, sql, tuple(params)


def _rows(parts: Sequence[Part]) -> list[list[tuple[Any, ...]]]:
    """The rows of each part as its own statement would have answered."""
    joined = "".join(
        f" LEFT JOIN (SELECT {number}, row_number() OVER (), found.* FROM ({sql}) found)"  # noqa: S608 - of querysets
        f" AS q{number}(part, place{_columns(compiler)}) ON q{number}.part = parts.part"
        for number, compiler, sql, _ in parts
    )
    statement = f"SELECT * FROM unnest(%s::integer[]) parts(part){joined}"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(statement, [[number for number, *_ in parts], *(value for part in parts for value in part[3])])
        answer = cursor.fetchall()
    found, first = [], 1
    for number, compiler, _, _ in parts:
        last = first + 2 + compiler.col_count
        mine = [row[first:last] for row in answer if row[0] == number and row[first] is not None]
        found.append([row[2:] for row in sorted(mine, key=lambda row: row[1])])
        first = last
    return found


def _columns(compiler: SQLCompiler) -> str:
    return "".join(f", c{place}" for place in range(compiler.col_count or 0))


def _read(asked: QuerySet[Any], compiler: Any, rows: list[tuple[Any, ...]]) -> list[Any]:
    """What Django makes of these rows, as if it had asked for them itself."""
    answered = asked._chain()  # type: ignore[attr-defined]  # the stubs leave it out
    compiler.execute_sql = lambda *_, **__: [rows]
    answered.query.get_compiler = lambda *_, **__: compiler
    return list(answered._iterable_class(answered))
