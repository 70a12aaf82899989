"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

CostCounting = Literal["fifo", "average"]


@dataclass(frozen=True, slots=True)
class CostMethod:
    """How the cost of what leaves is counted from a day on."""

    method: CostCounting
    from_day: date
    reason: str
    written_by: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class CostMethods:
    """Newest first, at most 500: of those whose day has come, the first counts."""

    current: CostCounting
    """Today; `fifo` where nobody chose."""
    data: tuple[CostMethod, ...]
