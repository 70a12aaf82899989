"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from .shared import Amount, Asset


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer. `customer_ref` of invoices and `user` of addresses are their `external_ref`."""

    id: str
    live: bool
    external_ref: str
    name: str
    email: str
    metadata: Mapping[str, str]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Holding:
    """What a customer holds with you in one asset."""

    asset: Asset
    account_id: str
    """Of the ledger."""
    posted: Amount
    """Validated."""
    pending_in: Amount
    """Seen, not yet received."""
    pending_out: Amount
    """Promised away."""
    available: Amount
    """Posted, less what is promised away."""


@dataclass(frozen=True, slots=True)
class Holdings:
    """In every asset they ever paid in."""

    data: tuple[Holding, ...]
