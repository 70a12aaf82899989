"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from decimal import Decimal

from ..calls import Call, at, given
from ..kinds import DoubleSpend, TestPayment
from ..sending import AsyncSender, Sender


class TestInvoices:
    """Operations of `/test/invoices`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def double_spend(
        self, invoice_id: str, *, txid: str | None = None, blocks: int | None = None, idempotency_key: str | None = None
    ) -> DoubleSpend:
        """Take an unconfirmed payment back: the payer spends the same coins to themselves.

        Scope: `test:write`.
        """
        return self._sender.send(_double_spend(invoice_id, txid=txid, blocks=blocks, idempotency_key=idempotency_key))

    def pay_invoice(
        self,
        invoice_id: str,
        *,
        amount: Decimal | str | None = None,
        share: str | None = None,
        fee_rate: str | None = None,
        blocks: int | None = None,
        method: str | None = None,
        idempotency_key: str | None = None,
    ) -> TestPayment:
        """Pay an invoice as its payer would: exactly, too little, too much, or late.

        Scope: `test:write`.
        """
        return self._sender.send(
            _pay_invoice(
                invoice_id,
                amount=amount,
                share=share,
                fee_rate=fee_rate,
                blocks=blocks,
                method=method,
                idempotency_key=idempotency_key,
            )
        )


class AsyncTestInvoices:
    """Operations of `/test/invoices`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    async def double_spend(
        self, invoice_id: str, *, txid: str | None = None, blocks: int | None = None, idempotency_key: str | None = None
    ) -> DoubleSpend:
        """Take an unconfirmed payment back: the payer spends the same coins to themselves.

        Scope: `test:write`.
        """
        return await self._sender.send(
            _double_spend(invoice_id, txid=txid, blocks=blocks, idempotency_key=idempotency_key)
        )

    async def pay_invoice(
        self,
        invoice_id: str,
        *,
        amount: Decimal | str | None = None,
        share: str | None = None,
        fee_rate: str | None = None,
        blocks: int | None = None,
        method: str | None = None,
        idempotency_key: str | None = None,
    ) -> TestPayment:
        """Pay an invoice as its payer would: exactly, too little, too much, or late.

        Scope: `test:write`.
        """
        return await self._sender.send(
            _pay_invoice(
                invoice_id,
                amount=amount,
                share=share,
                fee_rate=fee_rate,
                blocks=blocks,
                method=method,
                idempotency_key=idempotency_key,
            )
        )


def _double_spend(
    invoice_id: str, *, txid: str | None = None, blocks: int | None = None, idempotency_key: str | None = None
) -> Call[DoubleSpend]:
    return Call(
        "POST",
        at("/test/invoices/{}/double-spend", invoice_id),
        DoubleSpend,
        body=given(txid=txid, blocks=blocks),
        idempotency_key=idempotency_key,
    )


def _pay_invoice(
    invoice_id: str,
    *,
    amount: Decimal | str | None = None,
    share: str | None = None,
    fee_rate: str | None = None,
    blocks: int | None = None,
    method: str | None = None,
    idempotency_key: str | None = None,
) -> Call[TestPayment]:
    return Call(
        "POST",
        at("/test/invoices/{}/pay", invoice_id),
        TestPayment,
        body=given(amount=amount, share=share, fee_rate=fee_rate, blocks=blocks, method=method),
        idempotency_key=idempotency_key,
    )
