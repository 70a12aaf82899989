"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .shared import Amount

Payments = Literal["keep", "wait", "drop"]


@dataclass(frozen=True, slots=True)
class Done:
    """What was done on the chain."""

    chain: str
    blocks: tuple[str, ...]
    """Hashes of those mined now, lowest first."""
    height: int
    """Of the chain now."""
    expect: Expect


@dataclass(frozen=True, slots=True)
class DoubleSpend:
    """A payment that was taken back."""

    chain: str
    blocks: tuple[str, ...]
    """Hashes of those mined now, lowest first."""
    height: int
    """Of the chain now."""
    expect: Expect
    txid: str
    """Of the payment."""
    replaced_by: str
    """Of the transaction that gives the payer the coins back."""


@dataclass(frozen=True, slots=True)
class Expect:
    """What you should hear of it next."""

    events: tuple[str, ...]
    """Webhooks, in this order."""
    blocks_to_confirm: int | None
    """In all, its own included; null: no payment, or the chain itself says what is final."""
    hint: str
    """For people."""


@dataclass(frozen=True, slots=True)
class Reorg:
    """A reorganisation that was made; `blocks` are the new branch."""

    chain: str
    blocks: tuple[str, ...]
    """Hashes of those mined now, lowest first."""
    height: int
    """Of the chain now."""
    expect: Expect
    depth: int
    kept: tuple[str, ...]
    """Transactions mined again."""
    waiting: tuple[str, ...]
    """Unconfirmed again."""
    dropped: tuple[str, ...]
    """Gone."""


@dataclass(frozen=True, slots=True)
class TestPayment:
    """A payment that was made."""

    chain: str
    blocks: tuple[str, ...]
    """Hashes of those mined now, lowest first."""
    height: int
    """Of the chain now."""
    expect: Expect
    txid: str
    amount: Amount
    address: str
    memo: str | None
