"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from .calls import Call, as_text, at, given
from .sending import AsyncSender, Sender


@dataclass(frozen=True, slots=True)
class Report:
    """A report's rows. Amounts are {amount, base_units}, both as strings; the row's `asset` says of what."""

    name: str
    title: str
    until: date | None
    columns: tuple[str, ...]
    data: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class ReportAbout:
    """A report there is."""

    name: str
    title: str
    about: str
    columns: tuple[str, ...]
    """As its rows name them."""
    parameters: tuple[ReportParameter, ...]


@dataclass(frozen=True, slots=True)
class ReportParameter:
    """What may be asked of a report."""

    name: str
    about: str


@dataclass(frozen=True, slots=True)
class Reports:
    """All of them."""

    data: tuple[ReportAbout, ...]


class ReportsGroup:
    """Operations of `/reports`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def list(self) -> Reports:
        """The reports there are, and what each may be asked.

        Scope: `reports:read`.
        """
        return self._sender.send(_list_reports())

    def get(self, report_name: str, *, until: date | str | None = None) -> Report:
        """A report of your book, as JSON or as CSV. Texts that a spreadsheet would run as formulas are disarmed in
        CSV.

        All its rows are read at once, in the one moment the request sees; they are written as they are sent.

        Scope: `reports:read`.
        """
        return self._sender.send(_get_report(report_name, until=until))

    def get_csv(self, report_name: str, *, until: date | str | None = None) -> str:
        """A report of your book, as JSON or as CSV. Texts that a spreadsheet would run as formulas are disarmed in
        CSV.

        All its rows are read at once, in the one moment the request sees; they are written as they are sent.

        Scope: `reports:read`.
        """
        return self._sender.send(as_text(_get_report(report_name, until=until), "text/csv"))


class AsyncReportsGroup:
    """Operations of `/reports`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    async def list(self) -> Reports:
        """The reports there are, and what each may be asked.

        Scope: `reports:read`.
        """
        return await self._sender.send(_list_reports())

    async def get(self, report_name: str, *, until: date | str | None = None) -> Report:
        """A report of your book, as JSON or as CSV. Texts that a spreadsheet would run as formulas are disarmed in
        CSV.

        All its rows are read at once, in the one moment the request sees; they are written as they are sent.

        Scope: `reports:read`.
        """
        return await self._sender.send(_get_report(report_name, until=until))

    async def get_csv(self, report_name: str, *, until: date | str | None = None) -> str:
        """A report of your book, as JSON or as CSV. Texts that a spreadsheet would run as formulas are disarmed in
        CSV.

        All its rows are read at once, in the one moment the request sees; they are written as they are sent.

        Scope: `reports:read`.
        """
        return await self._sender.send(as_text(_get_report(report_name, until=until), "text/csv"))


def _list_reports() -> Call[Reports]:
    return Call(
        "GET",
        "/reports",
        Reports,
    )


def _get_report(report_name: str, *, until: date | str | None = None) -> Call[Report]:
    return Call(
        "GET",
        at("/reports/{}", report_name),
        Report,
        query=given(until=until),
    )
