"""One chain's outage is no other chain's: with the processes that run in earnest."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cryptopay.devnet.drive import BitcoinNode, EthereumNode
from monitor.models import Cursor
from tests import workers
from tests.lying_node import LyingNode
from tests.monitor.conftest import Watching
from tests.workers import until

pytestmark = pytest.mark.django_db(transaction=True)

HANGING = {"litecoin-regtest": "silent", "bitcoin": "silent", "litecoin": "headers", "ethereum": "drip"}
"""More than a worker has processes: each of its questions takes until patience is over."""


def test_threat_22_nodes_that_hang_hold_up_their_own_chains_alone(
    bitcoin: Watching,
    bitcoind: BitcoinNode,
    anvil: EthereumNode,
    lying: Callable[[str], LyingNode],
    tmp_path: Path,
) -> None:
    hanging = {code: lying(bitcoind.url) for code in HANGING} | {"ethereum-dev": lying(anvil.url)}
    for code, node in hanging.items():
        node.fail(HANGING.get(code, "silent"))
    urls = {"bitcoin-regtest": bitcoind.url, **{code: node.url for code, node in hanging.items()}}
    with workers.running(tmp_path, urls):
        until(lambda: all(node.heard for node in hanging.values()))
        for _ in range(4):
            address = bitcoind.new_address()
            bitcoin.hear_of(address)
            key, began = f"{bitcoind.pay(address, 10_000)}:0", time.monotonic()
            until(lambda key=key: bitcoin.told(key) == [("seen", 1)], seconds=15)
            bitcoind.mine(2)
            until(lambda key=key: bitcoin.told(key) == [("seen", 1), ("confirmed", 1)], seconds=15)
            assert time.monotonic() - began < 20, "as long as one question to a node that hangs"
        assert not Cursor.objects.filter(chain_code__in=hanging, checked_at__isnull=False).exists()
        hanging["ethereum-dev"].fail("open")
        until(lambda: Cursor.objects.filter(chain_code="ethereum-dev", checked_at__isnull=False).exists())
