"""Rows that are written once: refused in Python for people, by triggers for everyone else."""

from typing import Any, NoReturn, TypeVar

import pgtrigger
from django.db import models

_M = TypeVar("_M", bound=models.Model)


class RowIsPermanent(Exception):
    """A row of a record is never changed or deleted; a correction is a further row."""

    code = "row_is_permanent"


class AppendOnlyQuerySet(models.QuerySet[_M]):
    """Reads and inserts; `update`, `update_or_create` and `delete` raise `RowIsPermanent`."""

    def update(self, **_: Any) -> NoReturn:
        raise RowIsPermanent(f"{self.model.__name__} rows are never changed")

    def update_or_create(self, *_: Any, **__: Any) -> NoReturn:
        """Refused before it locks a row, which the database grants nobody here."""
        self.update()

    def delete(self) -> NoReturn:
        raise RowIsPermanent(f"{self.model.__name__} rows are never deleted")


def permanent_row_triggers() -> list[pgtrigger.Trigger]:
    """Triggers that refuse UPDATE, DELETE and TRUNCATE, also from raw SQL (SQLSTATE 23001)."""
    refuse = "RAISE EXCEPTION '% rows are permanent', TG_TABLE_NAME USING ERRCODE = '23001';"
    return [
        pgtrigger.Trigger(
            name="permanent_rows",
            when=pgtrigger.Before,
            operation=pgtrigger.Update | pgtrigger.Delete,
            func=refuse,
        ),
        pgtrigger.Trigger(
            name="permanent_table",
            level=pgtrigger.Statement,
            when=pgtrigger.Before,
            operation=pgtrigger.Truncate,
            func=refuse,
        ),
    ]


def never_deleted() -> pgtrigger.Trigger:
    """A trigger for rows that change and never go: refuses DELETE (SQLSTATE 23001)."""
    return pgtrigger.Trigger(
        name="stays",
        when=pgtrigger.Before,
        operation=pgtrigger.Delete,
        func="RAISE EXCEPTION '% rows stay', TG_TABLE_NAME USING ERRCODE = '23001';",
    )


class AppendOnly(models.Model):
    """Base of models whose rows are permanent. A child's Meta extends `AppendOnly.Meta`, so it inherits triggers."""

    class Meta:
        abstract = True
        triggers = permanent_row_triggers()

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise RowIsPermanent(f"{type(self).__name__} rows are never changed")
        super().save(*args, **kwargs)

    def delete(self, *_: Any, **__: Any) -> NoReturn:
        raise RowIsPermanent(f"{type(self).__name__} rows are never deleted")
