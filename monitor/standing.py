"""How reading a chain goes, for everyone who shows it: a state, since when, and why. No word of where the nodes are."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from django.utils import timezone

from monitor import nodes
from monitor.models import Cursor

PATIENCE = timedelta(seconds=60)
"""Beyond a chain's own interval of polling; then nobody is reading it, whatever its node does."""
BEHIND_BLOCKS = 2
"""A block or two behind is reading; more is catching up."""

REASONS: Mapping[str, str] = MappingProxyType(
    {
        "node_error": "its node does not answer as it should",
        "node_refused": "its node refuses to answer",
        "node_slow": "its node answers too slowly",
        "block_unreadable": "its node shows a block that proves false",
        "transaction_form_unknown": "its node shows a transaction of a form that nobody knows here",
        "tip_stale": "its node's newest block is too old, or of the future",
        "node_behind": "its node does not know yet what was read before",
        "reorg_too_deep": "the chain turned deeper than its limit, or is another one",
        "view_keys_unreadable": "a view key cannot be unsealed, and without it payments would be missed",
        "not_looked_at": "nobody reads it; does the reader run?",
        "never_read": "its node has not answered yet",
        "no_node": "no node is set for it",
    }
)
"""What went wrong, by the code that programs see."""


class State(StrEnum):
    READING = "reading"
    CATCHING_UP = "catching_up"
    FAILING = "failing"
    HALTED = "halted"
    OFF = "off"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Standing:
    """`reason` is a key of `REASONS`; empty while the chain is being read."""

    state: State
    since: datetime | None = None
    reason: str = ""

    @property
    def is_read(self) -> bool:
        return self.state in (State.READING, State.CATCHING_UP)

    @property
    def why(self) -> str:
        return REASONS.get(self.reason, self.reason and REASONS["node_error"])


def standing(cursor: Cursor | None) -> Standing:
    """Of a chain that is switched on, or was; None: nothing was heard of it yet."""
    if cursor is None:
        return Standing(State.FAILING, None, "never_read")
    if cursor.halted_at is not None:
        return Standing(State.HALTED, cursor.halted_at, _known(cursor.failure_code))
    if nodes.is_on(cursor.chain_code):
        return _of_the_reading(cursor)
    if cursor.retired_at is not None:
        return Standing(State.RETIRED, cursor.retired_at, "no_node")
    return Standing(State.OFF, cursor.checked_at, "no_node")


def _of_the_reading(cursor: Cursor) -> Standing:
    if cursor.failing_since is not None:
        return Standing(State.FAILING, cursor.failing_since, _known(cursor.failure_code))
    if cursor.checked_at is None:
        return Standing(State.FAILING, None, "never_read")
    if timezone.now() - cursor.checked_at > PATIENCE + timedelta(seconds=cursor.chain.poll_seconds):
        return Standing(State.FAILING, cursor.checked_at, "not_looked_at")
    behind = (cursor.node_height or 0) - (cursor.height or 0) > BEHIND_BLOCKS
    return Standing(State.CATCHING_UP if behind else State.READING)


def _known(code: str) -> str:
    return code if code in REASONS else "node_error"
