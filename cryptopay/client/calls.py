"""A request before it is sent, and how its answer is read. No input, no output: both clients send the same calls."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from .reading import read, written

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One operation with its arguments. `answer` is what comes back; `str` or `bytes` where it is not
    JSON."""

    method: str
    path: str
    answer: type[T]
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    idempotency_key: str | None = None
    accept: str = "application/json"

    def read(self, told: Any) -> T:
        return read(self.answer, told)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows, and where the next ones begin; `next_cursor` is None on the last page."""

    data: tuple[T, ...]
    next_cursor: str | None

    @classmethod
    def of(cls, item: type[T], told: Mapping[str, Any]) -> "Page[T]":
        return cls(tuple(read(item, row) for row in told["data"]), told["next_cursor"])


def as_text(call: Call[Any], accept: str) -> Call[str]:
    """The same question, answered in another form."""
    return Call(call.method, call.path, str, call.query, accept=accept)


def as_file(call: Call[Any], accept: str) -> Call[bytes]:
    """The same question, answered by a file."""
    return Call(call.method, call.path, bytes, call.query, accept=accept)


def at(path: str, *parts: str) -> str:
    """The path with its ids in the places of `{}`; no id can lead elsewhere."""
    return path.format(*(quote(part, safe="") for part in parts))


def given(**named: Any) -> dict[str, Any]:
    """What was given, as JSON; None is what was left out."""
    return {name.rstrip("_"): written(value) for name, value in named.items() if value is not None}


def next_page(call: Call[T], cursor: str) -> Call[T]:
    """The call for the page behind `cursor`; with `after`, events are read forward."""
    name = "after" if "after" in call.query else "cursor"
    return replace(call, query={**call.query, name: cursor})
