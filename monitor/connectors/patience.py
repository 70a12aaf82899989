"""How long all the questions of one piece of work may take together.

A node that answers each question just in time, a byte a second, would otherwise hold its reader for hours.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from monitor.connectors.base import NodeError

_ENDS_AT: ContextVar[float | None] = ContextVar("patience_ends_at", default=None)


class PatienceOver(NodeError):
    """The node took longer than the whole piece of work may take."""

    code = "node_slow"


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Within, whoever asks a node waits no longer than to this instant; an outer, shorter patience stays."""
    outer, ends_at = _ENDS_AT.get(), time.monotonic() + seconds
    token = _ENDS_AT.set(ends_at if outer is None else min(outer, ends_at))
    try:
        yield
    finally:
        _ENDS_AT.reset(token)


def seconds_left(at_most: float) -> float:
    """What one question may take. Raises `PatienceOver` if nothing is left."""
    ends_at = _ENDS_AT.get()
    if ends_at is None:
        return at_most
    left = ends_at - time.monotonic()
    if left <= 0:
        raise PatienceOver("the node answers too slowly: the time for one look at the chain is over")
    return min(at_most, left)
