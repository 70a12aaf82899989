"""When a deposit counts: by depth, which grows with the amount, or where the chain itself calls a block final."""

from collections.abc import Iterable, Sequence

from django.db.models import F, Q

from monitor.chains import Chain, Tier
from monitor.models import ConfirmationTier, Cursor, Deposit


def policy(chain: Chain) -> list[Tier]:
    """The tiers an operator has set in the place of the chain's own; none: those of the chain hold."""
    rows = ConfirmationTier.objects.filter(chain_code=chain.code)
    return [Tier(row.up_to_base_units, row.confirmations) for row in rows]


def required(
    chain: Chain, base_units: int, at_least: int = 0, maturity_blocks: int = 0, *, tiers: Sequence[Tier] = ()
) -> int | None:
    """Confirmations for a deposit of that size; None where the chain's own finality decides.

    `tiers` are the operator's `policy`, in the place of the chain's own as far as they reach. `at_least` is what the
    merchant asks beyond it; coinbase outputs wait for their maturity. Nothing goes below the chain's floor.
    """
    asked = _depth(chain.confirmation_tiers, base_units)
    if asked is None:
        return None
    if tiers:
        asked = _depth(tiers, base_units) or max(asked, *(tier.confirmations for tier in tiers))
    return max(asked, chain.confirmations_floor, at_least, maturity_blocks)


def _depth(tiers: Iterable[Tier], base_units: int) -> int | None:
    """By the smallest tier that reaches so far, and no less than a smaller one asks: more coins never count sooner."""
    deepest = 0
    for tier in sorted(tiers, key=lambda tier: (tier.up_to_base_units is None, tier.up_to_base_units or 0)):
        deepest = max(deepest, tier.confirmations)
        if tier.up_to_base_units is None or base_units <= tier.up_to_base_units:
            return deepest
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
