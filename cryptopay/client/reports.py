"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from .calls import Call, as_file, as_text, at, given
from .sending import AsyncSender, Sender


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


class ReportsGroup:
    """Operations of `/reports`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def list(self) -> Reports:
        """The reports there are, and what each may be asked.

        Scope: `reports:read`.
        """
        return self._sender.send(_list_reports())

    def get(
        self,
        report_name: str,
        *,
        account: str | None = None,
        by: str | None = None,
        customer: str | None = None,
        from_: date | str | None = None,
        state: str | None = None,
        threshold: str | None = None,
        to: date | str | None = None,
        until: date | str | None = None,
        year: str | None = None,
    ) -> Report:
        """A report of your book, as JSON, CSV, XLSX or PDF. What a spreadsheet would run as a formula is disarmed.

        All its rows are read as of one moment. CSV and JSON are sent as they are read, however many rows there
        are; a PDF has 20,000 at most.

        Scope: `reports:read`.
        """
        return self._sender.send(
            _get_report(
                report_name,
                account=account,
                by=by,
                customer=customer,
                from_=from_,
                state=state,
                threshold=threshold,
                to=to,
                until=until,
                year=year,
            )
        )

    def get_csv(
        self,
        report_name: str,
        *,
        account: str | None = None,
        by: str | None = None,
        customer: str | None = None,
        from_: date | str | None = None,
        state: str | None = None,
        threshold: str | None = None,
        to: date | str | None = None,
        until: date | str | None = None,
        year: str | None = None,
    ) -> str:
        """A report of your book, as JSON, CSV, XLSX or PDF. What a spreadsheet would run as a formula is disarmed.

        All its rows are read as of one moment. CSV and JSON are sent as they are read, however many rows there
        are; a PDF has 20,000 at most.

        Scope: `reports:read`.
        """
        return self._sender.send(
            as_text(
                _get_report(
                    report_name,
                    account=account,
                    by=by,
                    customer=customer,
                    from_=from_,
                    state=state,
                    threshold=threshold,
                    to=to,
                    until=until,
                    year=year,
                ),
                "text/csv",
            )
        )

    def get_pdf(
        self,
        report_name: str,
        *,
        account: str | None = None,
        by: str | None = None,
        customer: str | None = None,
        from_: date | str | None = None,
        state: str | None = None,
        threshold: str | None = None,
        to: date | str | None = None,
        until: date | str | None = None,
        year: str | None = None,
    ) -> bytes:
        """A report of your book, as JSON, CSV, XLSX or PDF. What a spreadsheet would run as a formula is disarmed.

        All its rows are read as of one moment. CSV and JSON are sent as they are read, however many rows there
        are; a PDF has 20,000 at most.

        Scope: `reports:read`.
        """
        return self._sender.send(
            as_file(
                _get_report(
                    report_name,
                    account=account,
                    by=by,
                    customer=customer,
                    from_=from_,
                    state=state,
                    threshold=threshold,
                    to=to,
                    until=until,
                    year=year,
                ),
                "application/pdf",
            )
        )

    def get_xlsx(
        self,
        report_name: str,
        *,
        account: str | None = None,
        by: str | None = None,
        customer: str | None = None,
        from_: date | str | None = None,
        state: str | None = None,
        threshold: str | None = None,
        to: date | str | None = None,
        until: date | str | None = None,
        year: str | None = None,
    ) -> bytes:
        """A report of your book, as JSON, CSV, XLSX or PDF. What a spreadsheet would run as a formula is disarmed.

        All its rows are read as of one moment. CSV and JSON are sent as they are read, however many rows there
        are; a PDF has 20,000 at most.

        Scope: `reports:read`.
        """
        return self._sender.send(
            as_file(
                _get_report(
                    report_name,
                    account=account,
                    by=by,
                    customer=customer,
                    from_=from_,
                    state=state,
                    threshold=threshold,
                    to=to,
                    until=until,
                    year=year,
                ),
                "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            )
        )


class AsyncReportsGroup:
    """Operations of `/reports`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    async def list(self) -> Reports:
        """The reports there are, and what each may be asked.

        Scope: `reports:read`.
        """
        return await self._sender.send(_list_reports())

    async def get(
        self,
        report_name: str,
        *,
        account: str | None = None,
        by: str | None = None,
        customer: str | None = None,
        from_: date | str | None = None,
        state: str | None = None,
        threshold: str | None = None,
        to: date | str | None = None,
        until: date | str | None = None,
        year: str | None = None,
    ) -> Report:
        """A report of your book, as JSON, CSV, XLSX or PDF. What a spreadsheet would run as a formula is disarmed.

        All its rows are read as of one moment. CSV and JSON are sent as they are read, however many rows there
        are; a PDF has 20,000 at most.

        Scope: `reports:read`.
        """
        return await self._sender.send(
            _get_report(
                report_name,
                account=account,
                by=by,
                customer=customer,
                from_=from_,
                state=state,
                threshold=threshold,
                to=to,
                until=until,
                year=year,
            )
        )

    async def get_csv(
        self,
        report_name: str,
        *,
        account: str | None = None,
        by: str | None = None,
        customer: str | None = None,
        from_: date | str | None = None,
        state: str | None = None,
        threshold: str | None = None,
        to: date | str | None = None,
        until: date | str | None = None,
        year: str | None = None,
    ) -> str:
        """A report of your book, as JSON, CSV, XLSX or PDF. What a spreadsheet would run as a formula is disarmed.

        All its rows are read as of one moment. CSV and JSON are sent as they are read, however many rows there
        are; a PDF has 20,000 at most.

        Scope: `reports:read`.
        """
        return await self._sender.send(
            as_text(
                _get_report(
                    report_name,
                    account=account,
                    by=by,
                    customer=customer,
                    from_=from_,
                    state=state,
                    threshold=threshold,
                    to=to,
                    until=until,
                    year=year,
                ),
                "text/csv",
            )
        )

    async def get_pdf(
        self,
        report_name: str,
        *,
        account: str | None = None,
        by: str | None = None,
        customer: str | None = None,
        from_: date | str | None = None,
        state: str | None = None,
        threshold: str | None = None,
        to: date | str | None = None,
        until: date | str | None = None,
        year: str | None = None,
    ) -> bytes:
        """A report of your book, as JSON, CSV, XLSX or PDF. What a spreadsheet would run as a formula is disarmed.

        All its rows are read as of one moment. CSV and JSON are sent as they are read, however many rows there
        are; a PDF has 20,000 at most.

        Scope: `reports:read`.
        """
        return await self._sender.send(
            as_file(
                _get_report(
                    report_name,
                    account=account,
                    by=by,
                    customer=customer,
                    from_=from_,
                    state=state,
                    threshold=threshold,
                    to=to,
                    until=until,
                    year=year,
                ),
                "application/pdf",
            )
        )

    async def get_xlsx(
        self,
        report_name: str,
        *,
        account: str | None = None,
        by: str | None = None,
        customer: str | None = None,
        from_: date | str | None = None,
        state: str | None = None,
        threshold: str | None = None,
        to: date | str | None = None,
        until: date | str | None = None,
        year: str | None = None,
    ) -> bytes:
        """A report of your book, as JSON, CSV, XLSX or PDF. What a spreadsheet would run as a formula is disarmed.

        All its rows are read as of one moment. CSV and JSON are sent as they are read, however many rows there
        are; a PDF has 20,000 at most.

        Scope: `reports:read`.
        """
        return await self._sender.send(
            as_file(
                _get_report(
                    report_name,
                    account=account,
                    by=by,
                    customer=customer,
                    from_=from_,
                    state=state,
                    threshold=threshold,
                    to=to,
                    until=until,
                    year=year,
                ),
                "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            )
        )


def _list_reports() -> Call[Reports]:
    return Call(
        "GET",
        "/reports",
        Reports,
    )


def _get_report(
    report_name: str,
    *,
    account: str | None = None,
    by: str | None = None,
    customer: str | None = None,
    from_: date | str | None = None,
    state: str | None = None,
    threshold: str | None = None,
    to: date | str | None = None,
    until: date | str | None = None,
    year: str | None = None,
) -> Call[Report]:
    return Call(
        "GET",
        at("/reports/{}", report_name),
        Report,
        query=given(
            account=account,
            by=by,
            customer=customer,
            from_=from_,
            state=state,
            threshold=threshold,
            to=to,
            until=until,
            year=year,
        ),
    )
