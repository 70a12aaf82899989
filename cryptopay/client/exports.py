"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from datetime import date

from .calls import Call, as_file, at, given
from .kinds import Export, Format
from .sending import AsyncSender, Sender


class ExportsGroup:
    """Operations of `/exports`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def get(self, export_id: str) -> Export:
        """How far it is. Only the API key that asked for it finds it.

        Scope: `reports:read`.
        """
        return self._sender.send(_get_export(export_id))

    def get_export_file(self, export_id: str) -> bytes:
        """The file, once it is done.

        Scope: `reports:read`.
        """
        return self._sender.send(as_file(_get_export_file(export_id), "application/octet-stream"))

    def create(
        self,
        report_name: str,
        *,
        format: Format,
        until: date | str | None = None,
        from_: date | str | None = None,
        to: date | str | None = None,
        account: str | None = None,
        state: str | None = None,
        customer: str | None = None,
        asset: str | None = None,
        by: str | None = None,
        year: str | None = None,
        threshold: str | None = None,
        idempotency_key: str | None = None,
    ) -> Export:
        """Have a report made in the background, as of the moment its making begins. At most five at a time.

        Scope: `reports:read`.
        """
        return self._sender.send(
            _create_export(
                report_name,
                format=format,
                until=until,
                from_=from_,
                to=to,
                account=account,
                state=state,
                customer=customer,
                asset=asset,
                by=by,
                year=year,
                threshold=threshold,
                idempotency_key=idempotency_key,
            )
        )


class AsyncExportsGroup:
    """Operations of `/exports`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    async def get(self, export_id: str) -> Export:
        """How far it is. Only the API key that asked for it finds it.

        Scope: `reports:read`.
        """
        return await self._sender.send(_get_export(export_id))

    async def get_export_file(self, export_id: str) -> bytes:
        """The file, once it is done.

        Scope: `reports:read`.
        """
        return await self._sender.send(as_file(_get_export_file(export_id), "application/octet-stream"))

    async def create(
        self,
        report_name: str,
        *,
        format: Format,
        until: date | str | None = None,
        from_: date | str | None = None,
        to: date | str | None = None,
        account: str | None = None,
        state: str | None = None,
        customer: str | None = None,
        asset: str | None = None,
        by: str | None = None,
        year: str | None = None,
        threshold: str | None = None,
        idempotency_key: str | None = None,
    ) -> Export:
        """Have a report made in the background, as of the moment its making begins. At most five at a time.

        Scope: `reports:read`.
        """
        return await self._sender.send(
            _create_export(
                report_name,
                format=format,
                until=until,
                from_=from_,
                to=to,
                account=account,
                state=state,
                customer=customer,
                asset=asset,
                by=by,
                year=year,
                threshold=threshold,
                idempotency_key=idempotency_key,
            )
        )


def _get_export(export_id: str) -> Call[Export]:
    return Call("GET", at("/exports/{}", export_id), Export)


def _get_export_file(export_id: str) -> Call[bytes]:
    return Call("GET", at("/exports/{}/file", export_id), bytes)


def _create_export(
    report_name: str,
    *,
    format: Format,
    until: date | str | None = None,
    from_: date | str | None = None,
    to: date | str | None = None,
    account: str | None = None,
    state: str | None = None,
    customer: str | None = None,
    asset: str | None = None,
    by: str | None = None,
    year: str | None = None,
    threshold: str | None = None,
    idempotency_key: str | None = None,
) -> Call[Export]:
    return Call(
        "POST",
        at("/reports/{}/exports", report_name),
        Export,
        body=given(
            format=format,
            until=until,
            from_=from_,
            to=to,
            account=account,
            state=state,
            customer=customer,
            asset=asset,
            by=by,
            year=year,
            threshold=threshold,
        ),
        idempotency_key=idempotency_key,
    )
