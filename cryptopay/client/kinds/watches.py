"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

WatchedTransactionState = Literal["awaited", "confirmed", "dropped", "reversed", "seen"]


@dataclass(frozen=True, slots=True)
class Watch:
    """A watch."""

    id: str
    chain: str
    address: str | None
    memo: str | None
    transaction: WatchedTransaction | None
    confirmations: int
    since_height: int | None
    metadata: Mapping[str, str]
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class WatchedTransaction:
    """How a watched transaction stands."""

    txid: str
    state: WatchedTransactionState
    height: int | None
    confirmations: int
    required_confirmations: int | None
    """Null: the chain itself says when a block is final."""
