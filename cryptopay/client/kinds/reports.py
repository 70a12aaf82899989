"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Report:
    """A report's rows, and apart from them those that sum others. Amounts are {amount, base_units, asset}, all
    texts; the asset may be a currency.
    """

    name: str
    title: str
    parameters: Mapping[str, str | None]
    """As you asked."""
    columns: tuple[str, ...]
    data: tuple[Mapping[str, Any], ...]
    totals: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class ReportAbout:
    """A report there is."""

    name: str
    title: str
    section: str
    """What it belongs to."""
    about: str
    columns: tuple[str, ...]
    """As its rows name them."""
    formats: tuple[str, ...]
    parameters: tuple[ReportParameter, ...]


@dataclass(frozen=True, slots=True)
class ReportParameter:
    """What may be asked of a report."""

    name: str
    about: str
    required: bool
    choices: tuple[str, ...]
    """Empty: any text of its kind."""


@dataclass(frozen=True, slots=True)
class Reports:
    """All of them."""

    data: tuple[ReportAbout, ...]
