"""Random payments, double spends and reorganisations on bitcoind, litecoind and bcash; see `tests.reorgs`."""

import os
import random
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from django.conf import settings

from cryptopay.devnet import nodes, places, programs
from cryptopay.devnet.drive import BcoinNode, BitcoinNode
from monitor.chains import CHAINS
from tests import people
from tests.reorgs import Trial
from tests.torture import concurrency

SCHEDULES = 200
Start = Callable[[Path], nodes.Running]
NODES: Mapping[str, tuple[type[BitcoinNode], Start]] = MappingProxyType(
    {
        "bitcoin-regtest": (BitcoinNode, lambda folder: nodes.start_bitcoin(programs.BITCOIND, folder)),
        "litecoin-regtest": (BitcoinNode, lambda folder: nodes.start_bitcoin(programs.LITECOIND, folder)),
        "bitcoincash-regtest": (BcoinNode, nodes.start_bcash),
    }
)


def run(cases: int | None = None) -> None:
    """`cases` schedules on each chain. Raises `AssertionError` with the first after which books and chain differ."""
    first_seed = random.randrange(2**32)
    print(f"reorgs_first_seed {first_seed} number", flush=True)
    people.record_rates()
    merchant = people.merchant("Alice")
    for code, (driver, start) in NODES.items():
        begun, count = time.monotonic(), cases or SCHEDULES
        with _running(code, start) as url:
            settings.NODE_URLS = {code: url}
            trial = Trial(CHAINS[code], driver(url), merchant, os.environ["DATABASE_URL"])
            trial.start()
            for seed in range(first_seed, first_seed + count):
                trial.run(seed)
            trial.agree(first_seed, anew=True)
            trial.node.close()
        name = f"reorgs_{code.removesuffix('-regtest')}"
        for figure in ("reorgs", "deepest", "payments", "double_spends", "taken_back"):
            print(f"{name}_{figure} {getattr(trial, figure)} number")
        print(f"{name}_seconds_a_schedule {(time.monotonic() - begun) / count:.1f} s", flush=True)
    assert not (wrong := concurrency.own_proofs()), wrong


@contextmanager
def _running(code: str, start: Start) -> Iterator[str]:
    folder = places.temporary_folder(code)
    running = start(folder)
    try:
        yield running.url
    finally:
        running.child.stop(patience_seconds=5)
        shutil.rmtree(folder, ignore_errors=True)
