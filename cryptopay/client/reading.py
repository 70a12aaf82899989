"""From JSON to frozen dataclasses and back. Amounts become `Decimal`, base units `int`; nothing passes through a float.

Names that are not known are left out, so that a newer server is read by an older client.
"""

import dataclasses
import functools
import types
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")
Reader = Callable[[Any], Any]


def read(kind: type[T], told: Any) -> T:
    """`told`, as JSON has it, as a value of that kind. Raises `ValueError` or `TypeError` where it is none."""
    value: T = _reader(kind)(told)  # type: ignore[arg-type]  # every class is hashable
    return value


def written(value: Any) -> Any:
    """As JSON. Raises `TypeError` for a float, which is no amount, and for a moment without its offset from UTC."""
    if isinstance(value, float):
        raise TypeError("An amount is a Decimal or a str, never a float.")
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime) and value.tzinfo is None:
        raise TypeError("A moment needs its offset from UTC: datetime(..., tzinfo=UTC).")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {name.rstrip("_"): written(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [written(inner) for inner in value]
    return value


@functools.cache
def _reader(kind: Any) -> Reader:
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _or_none(_reader(next(part for part in inner if part is not type(None))))
    if origin is tuple:
        return _many(_reader(inner[0]))
    if origin is not None and origin is not Literal and issubclass(origin, Mapping):
        return _named(_reader(inner[1]))
    if dataclasses.is_dataclass(kind):
        return _object(kind)
    simple: Mapping[Any, Reader] = {
        datetime: datetime.fromisoformat,
        date: date.fromisoformat,
        Decimal: Decimal,
        int: int,
    }
    return simple.get(kind, _as_it_is)


def _object(kind: Any) -> Reader:
    hints = get_type_hints(kind)
    fields = [(field.name, field.name.rstrip("_"), _reader(hints[field.name])) for field in dataclasses.fields(kind)]

    def one(told: Any) -> Any:
        return kind(**{name: inner(told[key]) if key in told else None for name, key, inner in fields})

    return one


def _or_none(inner: Reader) -> Reader:
    return lambda told: None if told is None else inner(told)


def _many(inner: Reader) -> Reader:
    return lambda told: tuple(inner(part) for part in told)


def _named(inner: Reader) -> Reader:
    return lambda told: {name: inner(part) for name, part in told.items()}


def _as_it_is(told: Any) -> Any:
    return told
