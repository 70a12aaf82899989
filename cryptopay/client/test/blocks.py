"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from ..calls import Call, given
from ..kinds import Done
from ..sending import AsyncSender, Sender


class TestBlocks:
    """Operations of `/test/blocks`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def mine_blocks(self, *, chain: str, blocks: int | None = None, idempotency_key: str | None = None) -> Done:
        """Mine blocks on a development chain. What waits there is in the first of them, whoever's it is.

        Scope: `test:write`.
        """
        return self._sender.send(_mine_blocks(chain=chain, blocks=blocks, idempotency_key=idempotency_key))


class AsyncTestBlocks:
    """Operations of `/test/blocks`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    async def mine_blocks(self, *, chain: str, blocks: int | None = None, idempotency_key: str | None = None) -> Done:
        """Mine blocks on a development chain. What waits there is in the first of them, whoever's it is.

        Scope: `test:write`.
        """
        return await self._sender.send(_mine_blocks(chain=chain, blocks=blocks, idempotency_key=idempotency_key))


def _mine_blocks(*, chain: str, blocks: int | None = None, idempotency_key: str | None = None) -> Call[Done]:
    return Call("POST", "/test/blocks", Done, body=given(chain=chain, blocks=blocks), idempotency_key=idempotency_key)
