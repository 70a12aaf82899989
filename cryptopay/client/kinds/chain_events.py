"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from .shared import ChainEventKind


@dataclass(frozen=True, slots=True)
class ChainAmount:
    """What moved. A token that is no asset here is told in its base units alone."""

    asset: str | None
    amount: Decimal | None
    base_units: int
    contract: str | None
    """Of a token; null: the chain's own coin."""


@dataclass(frozen=True, slots=True)
class ChainEvent:
    """One event, as the webhook has it in `data.chain_event`, and its `sequence`."""

    id: str
    kind: ChainEventKind
    subject: str
    """The address (`adr_...`) or watch (`wat_...`) it is about."""
    sequence: int
    """Counts the events of one subject: 1, 2, 3..."""
    user: str | None
    chain: str
    address: str | None
    memo: str | None
    txid: str
    amount: ChainAmount | None
    appearance: int
    """2 and more: it comes again, after it was dropped or reversed."""
    height: int | None
    block_hash: str | None
    required_confirmations: int | None
    """Null: the chain itself says when a block is final."""
    happened_at: datetime
    metadata: Mapping[str, str]
