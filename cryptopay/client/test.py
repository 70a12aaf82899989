"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from .calls import Call, at, given
from .sending import AsyncSender, Sender
from .shared import Amount

Payments = Literal["keep", "wait", "drop"]


@dataclass(frozen=True, slots=True)
class Done:
    """What was done on the chain."""

    chain: str
    blocks: tuple[str, ...]
    """Hashes of those mined now, lowest first."""
    height: int
    """Of the chain now."""
    expect: Expect


@dataclass(frozen=True, slots=True)
class DoubleSpend:
    """A payment that was taken back."""

    chain: str
    blocks: tuple[str, ...]
    """Hashes of those mined now, lowest first."""
    height: int
    """Of the chain now."""
    expect: Expect
    txid: str
    """Of the payment."""
    replaced_by: str
    """Of the transaction that gives the payer the coins back."""


@dataclass(frozen=True, slots=True)
class Expect:
    """What you should hear of it next."""

    events: tuple[str, ...]
    """Webhooks, in this order."""
    blocks_to_confirm: int | None
    """In all, its own included; null: no payment, or the chain itself says what is final."""
    hint: str
    """For people."""


@dataclass(frozen=True, slots=True)
class Reorg:
    """A reorganisation that was made; `blocks` are the new branch."""

    chain: str
    blocks: tuple[str, ...]
    """Hashes of those mined now, lowest first."""
    height: int
    """Of the chain now."""
    expect: Expect
    depth: int
    kept: tuple[str, ...]
    """Transactions mined again."""
    waiting: tuple[str, ...]
    """Unconfirmed again."""
    dropped: tuple[str, ...]
    """Gone."""


@dataclass(frozen=True, slots=True)
class TestPayment:
    """A payment that was made."""

    chain: str
    blocks: tuple[str, ...]
    """Hashes of those mined now, lowest first."""
    height: int
    """Of the chain now."""
    expect: Expect
    txid: str
    amount: Amount
    address: str
    memo: str | None


class TestGroup:
    """Operations of `/test`."""

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

    def mine_blocks(self, *, chain: str, blocks: int | None = None, idempotency_key: str | None = None) -> Done:
        """Mine blocks on a development chain. What waits there is in the first of them, whoever's it is.

        Scope: `test:write`.
        """
        return self._sender.send(_mine_blocks(chain=chain, blocks=blocks, idempotency_key=idempotency_key))

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

    def reorganise_chain(
        self, *, chain: str, depth: int, payments: Payments | None = None, idempotency_key: str | None = None
    ) -> Reorg:
        """Reorganise a development chain: other blocks take the place of the last ones.

        Scope: `test:write`.
        """
        return self._sender.send(
            _reorganise_chain(chain=chain, depth=depth, payments=payments, idempotency_key=idempotency_key)
        )


class AsyncTestGroup:
    """Operations of `/test`."""

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

    async def mine_blocks(self, *, chain: str, blocks: int | None = None, idempotency_key: str | None = None) -> Done:
        """Mine blocks on a development chain. What waits there is in the first of them, whoever's it is.

        Scope: `test:write`.
        """
        return await self._sender.send(_mine_blocks(chain=chain, blocks=blocks, idempotency_key=idempotency_key))

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

    async def reorganise_chain(
        self, *, chain: str, depth: int, payments: Payments | None = None, idempotency_key: str | None = None
    ) -> Reorg:
        """Reorganise a development chain: other blocks take the place of the last ones.

        Scope: `test:write`.
        """
        return await self._sender.send(
            _reorganise_chain(chain=chain, depth=depth, payments=payments, idempotency_key=idempotency_key)
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


def _mine_blocks(*, chain: str, blocks: int | None = None, idempotency_key: str | None = None) -> Call[Done]:
    return Call(
        "POST",
        "/test/blocks",
        Done,
        body=given(chain=chain, blocks=blocks),
        idempotency_key=idempotency_key,
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


def _reorganise_chain(
    *, chain: str, depth: int, payments: Payments | None = None, idempotency_key: str | None = None
) -> Call[Reorg]:
    return Call(
        "POST",
        "/test/reorg",
        Reorg,
        body=given(chain=chain, depth=depth, payments=payments),
        idempotency_key=idempotency_key,
    )
