"""A node's fee queue for pages that need no node: whatever waits, stands where the test says."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from monitor import lookout
from monitor.chains import CHAINS
from monitor.connectors.fees import Band, Queue, Standing
from monitor.models import Deposit, QueueLook

BLOCK = 1_000_000
BUSY = Queue(
    bands=tuple(Band(rate, size, size // 300) for rate, size in (
        (800, 400_000), (1_200, 9_000_000), (2_500, 6_000_000), (5_000, 3_500_000), (9_000, 2_200_000),
        (14_000, 1_400_000), (22_000, 800_000), (35_000, 500_000), (60_000, 250_000), (110_000, 60_000),
    )),
    least_fee_rate=1_000, block_size=BLOCK, waiting=80_000,
)  # fmt: skip
"""A day on which many pay: some twenty-four blocks wait."""


class Standings:
    """`fees.FeeQueue` with every transaction at the same fee rate, or where `by_txid` says."""

    def __init__(self, fee_rate: int, queue: Queue = BUSY, by_txid: Mapping[str, int] | None = None) -> None:
        self.fee_rate, self._queue, self.by_txid = fee_rate, queue, by_txid or {}
        self.used: dict[str, str] = {}

    def queue(self) -> Queue:
        return self._queue

    def standing(self, txids: AbstractSet[str]) -> Mapping[str, Standing]:
        rates = {txid: self.by_txid.get(txid, self.fee_rate) for txid in txids}
        return {txid: Standing(rate, replaceable=True, spends=(f"{txid}/in",)) for txid, rate in rates.items()}

    def spenders(self, spends: AbstractSet[str]) -> Mapping[str, str]:
        return {spend: self.used[spend] for spend in spends if spend in self.used}


def look(fees: Standings, chain_code: str = "bitcoin-regtest") -> None:
    """One look at that chain, the queue read anew."""
    QueueLook.objects.filter(chain_code=chain_code).update(looked_at=None)
    lookout.look(CHAINS[chain_code], fees)


def waiting_txids() -> list[str]:
    """Of all books."""
    rows = Deposit.objects.filter(state=Deposit.State.SEEN, block_height__isnull=True)
    return list(rows.order_by("pk").values_list("txid", flat=True))
