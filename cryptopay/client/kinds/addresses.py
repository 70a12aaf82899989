"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Address:
    """An address of one user's own."""

    id: str
    live: bool
    chain: str
    user: str
    address: str | None
    """Verified against your credential just now; null: it failed, do not pay. Where chains have accounts: the
    account.
    """
    memo: str | None
    """Must be sent along, where chains have accounts."""
    uri: str | None
    """For wallets and QR codes; null where a chain's URIs always name an amount."""
    account: str
    """Of the ledger, where what arrives is booked."""
    metadata: Mapping[str, str]
    created_at: datetime
