"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from datetime import date

from .calls import Call, as_file, as_text, at, given
from .kinds import Report, Reports
from .sending import AsyncSender, Sender


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
        asset: str | None = None,
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
        are; a PDF has 20,000 at most. What takes long is better asked for as an export.

        Scope: `reports:read`.
        """
        return self._sender.send(
            _get_report(
                report_name,
                account=account,
                asset=asset,
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
        asset: str | None = None,
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
        are; a PDF has 20,000 at most. What takes long is better asked for as an export.

        Scope: `reports:read`.
        """
        return self._sender.send(
            as_text(
                _get_report(
                    report_name,
                    account=account,
                    asset=asset,
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

    def get_zip(
        self,
        report_name: str,
        *,
        account: str | None = None,
        asset: str | None = None,
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
        are; a PDF has 20,000 at most. What takes long is better asked for as an export.

        Scope: `reports:read`.
        """
        return self._sender.send(
            as_file(
                _get_report(
                    report_name,
                    account=account,
                    asset=asset,
                    by=by,
                    customer=customer,
                    from_=from_,
                    state=state,
                    threshold=threshold,
                    to=to,
                    until=until,
                    year=year,
                ),
                "application/zip",
            )
        )

    def get_pdf(
        self,
        report_name: str,
        *,
        account: str | None = None,
        asset: str | None = None,
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
        are; a PDF has 20,000 at most. What takes long is better asked for as an export.

        Scope: `reports:read`.
        """
        return self._sender.send(
            as_file(
                _get_report(
                    report_name,
                    account=account,
                    asset=asset,
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
        asset: str | None = None,
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
        are; a PDF has 20,000 at most. What takes long is better asked for as an export.

        Scope: `reports:read`.
        """
        return self._sender.send(
            as_file(
                _get_report(
                    report_name,
                    account=account,
                    asset=asset,
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
        asset: str | None = None,
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
        are; a PDF has 20,000 at most. What takes long is better asked for as an export.

        Scope: `reports:read`.
        """
        return await self._sender.send(
            _get_report(
                report_name,
                account=account,
                asset=asset,
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
        asset: str | None = None,
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
        are; a PDF has 20,000 at most. What takes long is better asked for as an export.

        Scope: `reports:read`.
        """
        return await self._sender.send(
            as_text(
                _get_report(
                    report_name,
                    account=account,
                    asset=asset,
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

    async def get_zip(
        self,
        report_name: str,
        *,
        account: str | None = None,
        asset: str | None = None,
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
        are; a PDF has 20,000 at most. What takes long is better asked for as an export.

        Scope: `reports:read`.
        """
        return await self._sender.send(
            as_file(
                _get_report(
                    report_name,
                    account=account,
                    asset=asset,
                    by=by,
                    customer=customer,
                    from_=from_,
                    state=state,
                    threshold=threshold,
                    to=to,
                    until=until,
                    year=year,
                ),
                "application/zip",
            )
        )

    async def get_pdf(
        self,
        report_name: str,
        *,
        account: str | None = None,
        asset: str | None = None,
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
        are; a PDF has 20,000 at most. What takes long is better asked for as an export.

        Scope: `reports:read`.
        """
        return await self._sender.send(
            as_file(
                _get_report(
                    report_name,
                    account=account,
                    asset=asset,
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
        asset: str | None = None,
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
        are; a PDF has 20,000 at most. What takes long is better asked for as an export.

        Scope: `reports:read`.
        """
        return await self._sender.send(
            as_file(
                _get_report(
                    report_name,
                    account=account,
                    asset=asset,
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
    return Call("GET", "/reports", Reports)


def _get_report(
    report_name: str,
    *,
    account: str | None = None,
    asset: str | None = None,
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
            asset=asset,
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
