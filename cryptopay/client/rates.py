"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from .calls import Call, at, given
from .kinds import CurrentRate, RecordedRate
from .sending import AsyncListing, AsyncSender, Listing, Sender


class RatesGroup:
    """Operations of `/rates`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def list(
        self, *, asset: str | None = None, currency: str | None = None, limit: int | None = None
    ) -> Listing[CurrentRate]:
        """What prices what now, by asset and currency: with its sources and age, and why not where it may not.

        Scope: `rates:read`.
        """
        return Listing(self._sender, _list_rates(asset=asset, currency=currency, limit=limit))

    def record(
        self,
        *,
        asset: str,
        currency: str,
        price: Decimal | str,
        observed_at: datetime | None = None,
        valid_until: datetime | None = None,
        reason: str | None = None,
        idempotency_key: str | None = None,
    ) -> RecordedRate:
        """Record a price of your own: it goes before the platform's, in your book alone.

        One five times the one before it within a day, or a fifth of it, is kept as `suspect` and prices nothing
        until a second one agrees.

        Scope: `rates:write`.
        """
        return self._sender.send(
            _record_rate(
                asset=asset,
                currency=currency,
                price=price,
                observed_at=observed_at,
                valid_until=valid_until,
                reason=reason,
                idempotency_key=idempotency_key,
            )
        )

    def get(self, rate_id: str) -> RecordedRate:
        """One rate, as it was recorded: what an invoice was priced by can be explained years later.

        Scope: `rates:read`.
        """
        return self._sender.send(_get_rate(rate_id))

    def list_rate_history(
        self, *, asset: str | None = None, currency: str | None = None, limit: int | None = None
    ) -> Listing[RecordedRate]:
        """Every rate of a pair, yours and the platform's, newest observed first.

        Scope: `rates:read`.
        """
        return Listing(self._sender, _list_rate_history(asset=asset, currency=currency, limit=limit))


class AsyncRatesGroup:
    """Operations of `/rates`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    def list(
        self, *, asset: str | None = None, currency: str | None = None, limit: int | None = None
    ) -> AsyncListing[CurrentRate]:
        """What prices what now, by asset and currency: with its sources and age, and why not where it may not.

        Scope: `rates:read`.
        """
        return AsyncListing(self._sender, _list_rates(asset=asset, currency=currency, limit=limit))

    async def record(
        self,
        *,
        asset: str,
        currency: str,
        price: Decimal | str,
        observed_at: datetime | None = None,
        valid_until: datetime | None = None,
        reason: str | None = None,
        idempotency_key: str | None = None,
    ) -> RecordedRate:
        """Record a price of your own: it goes before the platform's, in your book alone.

        One five times the one before it within a day, or a fifth of it, is kept as `suspect` and prices nothing
        until a second one agrees.

        Scope: `rates:write`.
        """
        return await self._sender.send(
            _record_rate(
                asset=asset,
                currency=currency,
                price=price,
                observed_at=observed_at,
                valid_until=valid_until,
                reason=reason,
                idempotency_key=idempotency_key,
            )
        )

    async def get(self, rate_id: str) -> RecordedRate:
        """One rate, as it was recorded: what an invoice was priced by can be explained years later.

        Scope: `rates:read`.
        """
        return await self._sender.send(_get_rate(rate_id))

    def list_rate_history(
        self, *, asset: str | None = None, currency: str | None = None, limit: int | None = None
    ) -> AsyncListing[RecordedRate]:
        """Every rate of a pair, yours and the platform's, newest observed first.

        Scope: `rates:read`.
        """
        return AsyncListing(self._sender, _list_rate_history(asset=asset, currency=currency, limit=limit))


def _list_rates(
    *, asset: str | None = None, currency: str | None = None, limit: int | None = None
) -> Call[CurrentRate]:
    return Call("GET", "/rates", CurrentRate, query=given(asset=asset, currency=currency, limit=limit))


def _record_rate(
    *,
    asset: str,
    currency: str,
    price: Decimal | str,
    observed_at: datetime | None = None,
    valid_until: datetime | None = None,
    reason: str | None = None,
    idempotency_key: str | None = None,
) -> Call[RecordedRate]:
    return Call(
        "POST",
        "/rates",
        RecordedRate,
        body=given(
            asset=asset, currency=currency, price=price, observed_at=observed_at, valid_until=valid_until, reason=reason
        ),
        idempotency_key=idempotency_key,
    )


def _get_rate(rate_id: str) -> Call[RecordedRate]:
    return Call("GET", at("/rates/{}", rate_id), RecordedRate)


def _list_rate_history(
    *, asset: str | None = None, currency: str | None = None, limit: int | None = None
) -> Call[RecordedRate]:
    return Call("GET", "/rates/history", RecordedRate, query=given(asset=asset, currency=currency, limit=limit))
