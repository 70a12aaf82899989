"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

Blank = Literal[""]
ChainReason = Literal[
    "node_error",
    "node_refused",
    "node_slow",
    "block_unreadable",
    "transaction_form_unknown",
    "tip_stale",
    "node_behind",
    "reorg_too_deep",
    "view_keys_unreadable",
    "not_looked_at",
    "never_read",
    "no_node",
]
ChainState = Literal["reading", "catching_up", "failing", "halted", "off", "retired"]


@dataclass(frozen=True, slots=True)
class Chain:
    """One network."""

    chain: str
    title: str
    asset: str
    decimals: int
    tokens: tuple[Token, ...]
    height: int | None
    """The last block taken in."""
    node_height: int | None
    state: ChainState
    since: datetime | None
    """Since when it is not being read."""
    reason: Any
    """Why it is not; empty while it is being read."""
    failing_since: datetime | None
    halted: bool
    """A person must look at it before it is read on."""


@dataclass(frozen=True, slots=True)
class Chains:
    """All of them."""

    data: tuple[Chain, ...]


@dataclass(frozen=True, slots=True)
class Token:
    """A token that is money here."""

    asset: str
    contract: str
    decimals: int
