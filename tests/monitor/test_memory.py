"""What a worker keeps does not grow with the blocks it reads. `make torture` tries it with 10,000."""

import gc
import tracemalloc
from collections.abc import Iterator

import pytest

from cryptopay.devnet.drive import BitcoinNode
from monitor import follower
from monitor.models import ReadBlock
from tests.monitor.conftest import Watching

pytestmark = pytest.mark.django_db

STEPS, BLOCKS_A_STEP, MOST_BYTES = 3, 30, 60_000


@pytest.fixture
def _traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("_traced")
def test_a_long_catch_up_keeps_no_block(
    bitcoin: Watching, bitcoind: BitcoinNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "BLOCKS_A_STEP", BLOCKS_A_STEP)
    address = bitcoind.new_address()
    bitcoin.hear_of(address)
    bitcoind.mine(BLOCKS_A_STEP * STEPS)
    kept: list[int] = []
    for _ in range(STEPS):
        assert bitcoin.step().blocks == BLOCKS_A_STEP
        gc.collect()
        kept.append(tracemalloc.get_traced_memory()[0])
    assert kept[-1] - kept[0] < MOST_BYTES, kept
    assert ReadBlock.objects.count() <= bitcoin.chain.reorg_limit + 1
