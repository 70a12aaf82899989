"""Rows that people set, whose every change is kept: what it was made, by whom, asked by which request.

A trigger writes the change, in the same transaction, so one made by plain SQL is kept, too (django-pghistory). The
tables of changes are append-only: by trigger, and by what the application is granted (`roles`). Of secrets it is kept
that they changed, not what they are. Rows that only the program writes (payments, entries, ...) have the journal.

Who: `asked_by` puts a word for it into the transaction just before a tracked table is written, and nowhere else.
"""

import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import pghistory
from django.apps import apps
from django.db import connection, models, transaction
from django.db.models import Model
from pghistory.models import Event

_M = TypeVar("_M", bound=Model)
_WRITES = re.compile(r'\s*(?:INSERT INTO|UPDATE|DELETE FROM) "(\w+)"')
_SAY = "SELECT set_config('pghistory.context_metadata', %s, true)"


def tracked(*fields: str, secrets: Mapping[str, str] | None = None) -> Callable[[type[_M]], type[_M]]:
    """Decorates a model. `secrets`: what to call a change of a field that is not itself kept -> that field."""
    told = [
        pghistory.UpdateEvent(label, condition=pghistory.AnyChange(field)) for label, field in (secrets or {}).items()
    ]
    always = [pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent()]

    def decorate(model: type[_M]) -> type[_M]:
        kept: type[_M] = pghistory.track(
            *always,
            *told,
            fields=list(fields),
            append_only=True,
            context_field=pghistory.ContextJSONField(),
            context_id_field=None,  # type: ignore[arg-type]  # which the library says and does not type
            model_name=f"{model.__name__}Change",
            meta={"indexes": [models.Index(fields=["-pgh_created_at"], name=f"{model.__name__.lower()}_changed_at")]},
        )(model)
        return kept

    return decorate


@functools.cache
def tables() -> dict[type[Model], type[Event]]:
    """What is tracked -> the model of its changes."""
    kept = [model for model in apps.get_models() if issubclass(model, Event) and _is_kept(model)]
    return {cast(type[Model], model.pgh_tracked_model): model for model in kept}


@functools.cache
def _written() -> frozenset[str]:
    return frozenset(model._meta.db_table for model in tables())


def _is_kept(model: type[Model]) -> bool:
    return model._meta.managed and not model._meta.proxy


@contextmanager
def asked_by(who: Callable[[], Mapping[str, Any]]) -> Iterator[None]:
    """Until the end of the block, changes are kept with what `who` answers when the first of them is made."""

    def name(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Mapping[str, Any]) -> Any:
        match = _WRITES.match(sql) if isinstance(sql, str) else None
        if match is None or match[1] not in _written():
            return execute(sql, params, many, context)
        with transaction.atomic():  # what is said ends with the transaction
            with connection.cursor() as cursor:
                cursor.execute(_SAY, [json.dumps(dict(who()))])
            return execute(sql, params, many, context)

    with connection.execute_wrapper(name):
        yield
