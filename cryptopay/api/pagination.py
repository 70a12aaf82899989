"""Pages by position: `{data, has_more, next_cursor}`, newest first. No counting, no offsets; flat however many rows.

The cursor is the public id of the last object of the page, so it tells nothing about other tenants' numbers.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers

from cryptopay.api.errors import Problem
from cryptopay.api.fields import Parameters

_M = TypeVar("_M", bound=Model)

LARGEST_PAGE = 100
USUAL_PAGE = 50
START = "start"
"""As `after`: from the very first."""


class PageParameters(Parameters):
    """Of every list."""

    limit = serializers.IntegerField(min_value=1, max_value=LARGEST_PAGE, default=USUAL_PAGE)
    cursor = serializers.CharField(max_length=100, required=False, help_text="`next_cursor` of the page before.")


class Page(list[_M]):
    """The rows of one page; `next_cursor` is None on the last."""

    def __init__(self, rows: Sequence[_M], next_cursor: str | None) -> None:
        super().__init__(rows)
        self.next_cursor = next_cursor

    def json(self, data: list[dict[str, Any]]) -> dict[str, Any]:
        return {"data": data, "has_more": self.next_cursor is not None, "next_cursor": self.next_cursor}


def newest_first(rows: QuerySet[_M], known: QuerySet[_M], limit: int, cursor: str | None = None) -> Page[_M]:
    """The page below the cursor, by descending primary key. `known`: where the cursor is looked up, one book's rows."""
    if cursor is not None:
        rows = rows.filter(pk__lt=position(known.filter(public_id=cursor), "cursor"))
    return page(list(rows.order_by("-pk")[: limit + 1]), limit)


def oldest_first(rows: QuerySet[_M], known: QuerySet[_M], limit: int, after: str | None = None) -> Page[_M]:
    """The page above `after`, by ascending primary key: catching up from the last one that is known, or `START`."""
    if after is not None and after != START:
        rows = rows.filter(pk__gt=position(known.filter(public_id=after), "after"))
    return page(list(rows.order_by("pk")[: limit + 1]), limit)


def position(found: QuerySet[_M], parameter: str) -> int:
    """The primary key behind a cursor. Raises 400 `cursor_invalid`, for another tenant's, too."""
    for pk in found.values_list("pk", flat=True)[:1]:
        return int(pk)
    raise no_position(parameter)


def no_position(parameter: str) -> Problem:
    """400 `cursor_invalid`."""
    return Problem(400, "cursor_invalid", "There is no such position.", f"?{parameter}")


def page(rows: list[_M], limit: int, name: Callable[[_M], str] = lambda row: str(row.public_id)) -> Page[_M]:  # type: ignore[attr-defined]
    """Of up to `limit + 1` rows; the one too many says that there is more."""
    shown = rows[:limit]
    return Page(shown, name(shown[-1]) if len(rows) > limit else None)


def page_schema(item: type[serializers.Serializer[Any]]) -> Any:
    """How the schema describes a page of `item`."""
    return inline_serializer(
        f"{item.__name__.removesuffix('Schema')}Page",
        {
            "data": item(many=True),
            "has_more": serializers.BooleanField(),
            "next_cursor": serializers.CharField(allow_null=True),
        },
    )
