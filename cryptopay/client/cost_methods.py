"""Written by `make write` from the API's description; changes by hand are lost."""

from __future__ import annotations

from datetime import date

from .calls import Call, given
from .kinds import CostCounting, CostMethod, CostMethods
from .sending import AsyncSender, Sender


class CostMethodsGroup:
    """Operations of `/cost-methods`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def list(self) -> CostMethods:
        """How the cost of coins that leave is counted, and every choice before.

        Scope: `ledger:read`.
        """
        return self._sender.send(_list_cost_methods())

    def choose(
        self, *, method: CostCounting, from_day: date | str, reason: str, idempotency_key: str | None = None
    ) -> CostMethod:
        """Choose how cost is counted from a day of an open period on. What left since is counted anew, and gains
        that were posted are corrected by further entries.

        Scope: `ledger:write`.
        """
        return self._sender.send(
            _choose_cost_method(method=method, from_day=from_day, reason=reason, idempotency_key=idempotency_key)
        )


class AsyncCostMethodsGroup:
    """Operations of `/cost-methods`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    async def list(self) -> CostMethods:
        """How the cost of coins that leave is counted, and every choice before.

        Scope: `ledger:read`.
        """
        return await self._sender.send(_list_cost_methods())

    async def choose(
        self, *, method: CostCounting, from_day: date | str, reason: str, idempotency_key: str | None = None
    ) -> CostMethod:
        """Choose how cost is counted from a day of an open period on. What left since is counted anew, and gains
        that were posted are corrected by further entries.

        Scope: `ledger:write`.
        """
        return await self._sender.send(
            _choose_cost_method(method=method, from_day=from_day, reason=reason, idempotency_key=idempotency_key)
        )


def _list_cost_methods() -> Call[CostMethods]:
    return Call("GET", "/cost-methods", CostMethods)


def _choose_cost_method(
    *, method: CostCounting, from_day: date | str, reason: str, idempotency_key: str | None = None
) -> Call[CostMethod]:
    return Call(
        "POST",
        "/cost-methods",
        CostMethod,
        body=given(method=method, from_day=from_day, reason=reason),
        idempotency_key=idempotency_key,
    )
