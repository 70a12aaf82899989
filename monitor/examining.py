"""Between reading a block and taking it in: what its node can still prove once it is known who in it is watched."""

from collections.abc import Sequence
from datetime import timedelta

from django.utils import timezone

from monitor.chains import Chain
from monitor.connectors.base import Block, Connector, Examiner, Ours
from monitor.models import Deposit, WatchedAddress
from monitor.watching import watched

POLLED_FOR = timedelta(days=31)
"""After it was given out; the longest invoice is over then."""
MOST_POLLED = 10_000
"""The newest. Their balances before and after a block are asked for in some 40 requests."""


def examined(chain: Chain, connector: Connector, block: Block) -> Block:
    """The block as its connector leaves it after a second look. Call it outside transactions; raises `NodeError`."""
    if not isinstance(connector, Examiner):
        return block
    found = watched(chain, list(block.destinations()))
    return connector.examine(block, Ours(found.keys(), lambda: _polled(chain), lambda: _recorded(chain, block)))


def _polled(chain: Chain) -> Sequence[bytes]:
    rows = WatchedAddress.objects.filter(
        chain_code=chain.code, ended_at__isnull=True, created_at__gte=timezone.now() - POLLED_FOR
    )
    newest = rows.order_by("-pk").values_list("destination", flat=True)[:MOST_POLLED]
    return list(dict.fromkeys(bytes(destination) for destination in newest))


def _recorded(chain: Chain, block: Block) -> dict[str, bytes]:
    rows = Deposit.objects.filter(
        chain_code=chain.code, block_height=block.ref.height, block_hash=block.ref.hash, contract=""
    )
    return {key: bytes(destination) for key, destination in rows.values_list("key", "watched__destination")}
