"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from .shared import Format

ExportState = Literal["waiting", "running", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Export:
    """How far an export is."""

    id: str
    report: str
    format: Format
    parameters: Mapping[str, str]
    """As you asked."""
    file_name: str
    state: ExportState
    rows: int
    """Read so far."""
    size_bytes: int
    error_code: str | None
    error: str | None
    asked_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None
    """It is deleted then."""
