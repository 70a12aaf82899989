"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from decimal import Decimal

from ..calls import Call, at, given
from ..kinds import TestPayment
from ..sending import AsyncSender, Sender


class TestAddresses:
    """Operations of `/test/addresses`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def pay_address(
        self,
        address_id: str,
        *,
        amount: Decimal | str | None = None,
        share: str | None = None,
        fee_rate: str | None = None,
        blocks: int | None = None,
        asset: str | None = None,
        idempotency_key: str | None = None,
    ) -> TestPayment:
        """Pay to a user's address.

        Scope: `test:write`.
        """
        return self._sender.send(
            _pay_address(
                address_id,
                amount=amount,
                share=share,
                fee_rate=fee_rate,
                blocks=blocks,
                asset=asset,
                idempotency_key=idempotency_key,
            )
        )


class AsyncTestAddresses:
    """Operations of `/test/addresses`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    async def pay_address(
        self,
        address_id: str,
        *,
        amount: Decimal | str | None = None,
        share: str | None = None,
        fee_rate: str | None = None,
        blocks: int | None = None,
        asset: str | None = None,
        idempotency_key: str | None = None,
    ) -> TestPayment:
        """Pay to a user's address.

        Scope: `test:write`.
        """
        return await self._sender.send(
            _pay_address(
                address_id,
                amount=amount,
                share=share,
                fee_rate=fee_rate,
                blocks=blocks,
                asset=asset,
                idempotency_key=idempotency_key,
            )
        )


def _pay_address(
    address_id: str,
    *,
    amount: Decimal | str | None = None,
    share: str | None = None,
    fee_rate: str | None = None,
    blocks: int | None = None,
    asset: str | None = None,
    idempotency_key: str | None = None,
) -> Call[TestPayment]:
    return Call(
        "POST",
        at("/test/addresses/{}/pay", address_id),
        TestPayment,
        body=given(amount=amount, share=share, fee_rate=fee_rate, blocks=blocks, asset=asset),
        idempotency_key=idempotency_key,
    )
