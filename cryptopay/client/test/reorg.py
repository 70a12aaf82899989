"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from ..calls import Call, given
from ..kinds import Payments, Reorg
from ..sending import AsyncSender, Sender


class TestReorg:
    """Operations of `/test/reorg`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def reorganise_chain(
        self, *, chain: str, depth: int, payments: Payments | None = None, idempotency_key: str | None = None
    ) -> Reorg:
        """Reorganise a development chain: other blocks take the place of the last ones.

        Scope: `test:write`.
        """
        return self._sender.send(
            _reorganise_chain(chain=chain, depth=depth, payments=payments, idempotency_key=idempotency_key)
        )


class AsyncTestReorg:
    """Operations of `/test/reorg`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    async def reorganise_chain(
        self, *, chain: str, depth: int, payments: Payments | None = None, idempotency_key: str | None = None
    ) -> Reorg:
        """Reorganise a development chain: other blocks take the place of the last ones.

        Scope: `test:write`.
        """
        return await self._sender.send(
            _reorganise_chain(chain=chain, depth=depth, payments=payments, idempotency_key=idempotency_key)
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
