"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Health:
    """All is well."""

    status: str
