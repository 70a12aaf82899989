"""When a deposit counts: by depth, which grows with the amount, or where the chain itself calls a block final."""

from django.db.models import F, Q

from monitor.chains import Chain
from monitor.models import Cursor, Deposit


def required(chain: Chain, base_units: int, at_least: int = 0, maturity_blocks: int = 0) -> int | None:
    """Confirmations for a deposit of that size; None where the chain's own finality decides.

    `at_least` is what the merchant asks beyond the policy; coinbase outputs wait for their maturity.
    """
    for tier in chain.confirmation_tiers:
        if tier.up_to_base_units is None or base_units <= tier.up_to_base_units:
            return max(tier.confirmations, at_least, maturity_blocks)
    return None


def due(cursor: Cursor) -> Q:
    """Deposits that count now that the chain has been read up to `cursor`."""
    assert cursor.height is not None  # noqa: S101 - the follower asks only after it has read
    deep = Q(required_confirmations__isnull=False, block_height__lte=cursor.height - F("required_confirmations") + 1)
    if cursor.final_height is None:
        return deep
    return deep | Q(required_confirmations__isnull=True, block_height__lte=min(cursor.final_height, cursor.height))


def confirmations(deposit: Deposit, cursor: Cursor | None) -> int:
    """How many blocks bury the deposit, its own included; 0 in the mempool."""
    if deposit.block_height is None or cursor is None or cursor.height is None:
        return 0
    return max(0, cursor.height - deposit.block_height + 1)
