"""Random payments in coins and tokens, double spends and reorganisations on anvil; see `tests.reorgs_evm`."""

import os
import random
import shutil
import time

from django.conf import settings

from cryptopay.devnet import nodes, places
from cryptopay.devnet.drive import EthereumNode
from tests import people
from tests.reorgs_evm import CHAIN, Trial
from tests.torture import concurrency

SCHEDULES = 200


def run(cases: int | None = None) -> None:
    """`cases` schedules. Raises `AssertionError` with the first after which books and addresses differ."""
    first_seed, count = random.randrange(2**32), cases or SCHEDULES
    print(f"reorgs_evm_first_seed {first_seed} number", flush=True)
    people.record_rates()
    begun, folder = time.monotonic(), places.temporary_folder("anvil")
    running = nodes.start_anvil(folder)
    try:
        settings.NODE_URLS = {CHAIN.code: running.url}
        trial = Trial(EthereumNode(running.url), people.merchant("Alice"), os.environ["DATABASE_URL"])
        trial.start()
        for seed in range(first_seed, first_seed + count):
            trial.run(seed)
        trial.node.close()
    finally:
        running.child.stop(patience_seconds=5)
        shutil.rmtree(folder, ignore_errors=True)
    for figure in ("reorgs", "payments", "double_spends", "deepest"):
        print(f"reorgs_evm_{figure} {getattr(trial, figure)} number")
    print(f"reorgs_evm_seconds_a_schedule {(time.monotonic() - begun) / count:.1f} s", flush=True)
    assert not (wrong := concurrency.own_proofs()), wrong
