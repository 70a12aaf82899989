"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ImportedKey:
    """A key just imported."""

    id: str
    chain: str
    label: str
    address_form: str
    """How addresses are made from it: p2wpkh."""
    path: str
    """Derivation path of the account."""
    active: bool
    """Gives out the addresses of its chain."""
    addresses_issued: int
    created_at: datetime
    first_addresses: tuple[str, ...]
    """Compare them with those your wallet shows, before you take payments."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A stored key, without the key."""

    id: str
    chain: str
    label: str
    address_form: str
    """How addresses are made from it: p2wpkh."""
    path: str
    """Derivation path of the account."""
    active: bool
    """Gives out the addresses of its chain."""
    addresses_issued: int
    created_at: datetime
