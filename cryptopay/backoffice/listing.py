"""Pages of a list that cost the same however long the list is.

Nothing is counted: a list goes on until a page is the last. The newest rows of several books are the newest of each
book's newest, so an index that the book leads is read a page far; PostgreSQL by itself would read all of those books
and sort them.
"""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import EmptyResultSet, FieldDoesNotExist
from django.core.paginator import Page
from django.db import connection
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL
from django.utils.functional import cached_property
from unfold.paginator import InfinitePaginator

MOST = 5_000
"""So many rows are paged through; whoever looks for an older one filters or searches."""


class _Listed(Page[Any]):
    """Knows whether another follows, for one row more was read."""

    def __init__(self, rows: list[Any], number: int, paginator: "BookPages") -> None:
        super().__init__(rows[: paginator.per_page], number, paginator)
        self._goes_on: bool = len(rows) > paginator.per_page and number < int(paginator.num_pages)

    def has_next(self) -> bool:
        return self._goes_on


class BookPages(InfinitePaginator):  # type: ignore[misc]  # the theme is untyped
    """`books`: whose rows the list shows, by their ids; None: everybody's."""

    def __init__(self, rows: QuerySet[Any], per_page: int, books: Sequence[int] | None) -> None:
        super().__init__(rows, per_page)
        self._books = books

    @cached_property
    def count(self) -> int:
        return MOST

    def page(self, number: Any) -> _Listed:
        """Raises `InvalidPage`."""
        number = self.validate_number(number)
        first = (number - 1) * self.per_page
        return _Listed(self._rows(first, first + self.per_page + 1), number, self)

    def _rows(self, first: int, last: int) -> list[Any]:
        order = _columns(self.object_list)
        by_number = self._books is None and [name.lstrip("-") for name in order[:1]] in (["id"], ["pk"])
        if not order or self.object_list.model._meta.get_field("book").null:  # some are the platform's: they are few
            return list(self.object_list[first:last])
        if by_number or (self._books is not None and len(self._books) < 2):  # noqa: PLR2004
            if not first:
                return list(self.object_list[:last])
            # What is joined to the rows that are passed over would be read for nothing.
            keys = list(self.object_list.values_list("pk", flat=True)[first:last])
        else:
            keys = _newest(self.object_list, order, self._books, first, last)
        return list(self.object_list.filter(pk__in=keys))


def _columns(rows: QuerySet[Any]) -> list[str]:
    """By what the rows are in order; empty: by more than columns of their own, or they are nobody's."""
    order = [name for name in rows.query.order_by if isinstance(name, str)]
    try:
        rows.model._meta.get_field("book")
        fields = [rows.model._meta.get_field(name.lstrip("-").replace("pk", "id")) for name in order]
    except FieldDoesNotExist:
        return []
    own = len(order) == len(rows.query.order_by) and all(field.concrete for field in fields)
    return order if own and not rows.query.distinct else []


def _newest(rows: QuerySet[Any], order: list[str], books: Sequence[int] | None, first: int, last: int) -> list[int]:
    """The ids of that stretch, merged from as much of each book."""
    each = rows.filter(book=RawSQL('"each"."id"', ())).order_by(*order)[:last]
    names = [name.lstrip("-") for name in order]
    try:
        inner, params = each.values_list("pk", *names).query.sql_with_params()
    except EmptyResultSet:  # nothing can fit
        return []
    heads = ", ".join(f"c{number}" for number in range(len(names)))
    sort = ", ".join(f"c{number}{' DESC' if name[0] == '-' else ''}" for number, name in enumerate(order))
    whose = "ledger_book AS each" if books is None else "unnest(%s::bigint[]) AS each(id)"
    statement = f"SELECT x.pk FROM {whose}, LATERAL ({inner}) AS x(pk, {heads}) ORDER BY {sort} LIMIT %s OFFSET %s"  # noqa: S608
    given = [] if books is None else [list(books)]
    with connection.cursor() as sql:
        sql.execute(statement, [*given, *params, last - first, first])
        return [pk for (pk,) in sql]
