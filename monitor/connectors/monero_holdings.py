"""What arrived at our addresses, read anew out of the node's transactions with the view keys: Monero.

A view key shows what comes in and not what goes out: key images, by which spending is known, need the spend key, and
that is not here. So what is held against the books are the receipts alone.
"""

from collections import Counter

from monitor.connectors.holdings import Asked, Held, Way
from monitor.connectors.monero import MoneroConnector


class MoneroHoldings:
    """See `holdings.Holdings`."""

    def __init__(self, connector: MoneroConnector) -> None:
        self._connector = connector

    def place(self, destination: bytes) -> bytes:
        return destination

    def held(self, asked: Asked) -> Held:
        before = self._connector.tip().ref
        txids = sorted({known.txid for known in asked.known()})
        sums = Counter[tuple[str, bytes]]()
        for transfer in self._connector.mined_transfers(txids, set(asked.places)):
            sums["", transfer.destination] += transfer.base_units
        return Held(sums, self._connector.tip().ref, before.height, Way.RECEIPTS)
