"""Workers that run at once, and workers killed between any two statements."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import QuerySet

from cryptopay.devnet.drive import BitcoinNode
from monitor import backfill, follower
from monitor.connectors import connect
from monitor.errors import SteppedAside
from monitor.follower import Step
from monitor.locking import alone, expect
from monitor.models import ChainEvent, Deposit, ReadBlock
from tests.database import past_triggers
from tests.monitor.conftest import Watching, dump

pytestmark = pytest.mark.django_db(transaction=True)

SEEN, CONFIRMED, DROPPED, REORGED = ("seen", "confirmed", "dropped", "reorged")


def _pay(node: BitcoinNode, watching: Watching, base_units: int = 10_000_000) -> str:
    address = node.new_address()
    watching.hear_of(address)
    return f"{node.pay(address, base_units)}:0"


def _at_once(*calls: Callable[[], Any]) -> list[Any]:
    results: list[Any] = [None] * len(calls)
    start = threading.Barrier(len(calls))

    def run(n: int) -> None:
        try:
            start.wait()
            results[n] = calls[n]()
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def test_two_workers_at_once_tell_each_event_once(bitcoin: Watching, bitcoind: BitcoinNode) -> None:
    keys = []
    for _ in range(6):
        keys.append(_pay(bitcoind, bitcoin))
        bitcoind.mine()
        results = _at_once(bitcoin.step, bitcoin.step)
        assert all(isinstance(result, Step) for result in results)
        assert sum(result.blocks for result in results) == 1
    bitcoind.reorg(3)
    assert sum(result.taken_back_blocks for result in _at_once(bitcoin.step, bitcoin.step)) == 3
    bitcoind.mine(3)
    _at_once(bitcoin.step, bitcoin.step)
    bitcoin.step()
    for key in keys:
        told = bitcoin.told(key)
        assert len(set(told)) == len(told)
        assert told[-1][0] == CONFIRMED
    heights = list(ReadBlock.objects.order_by("height").values_list("height", flat=True))
    assert heights == list(range(heights[0], bitcoind.height() + 1))


def test_a_worker_steps_aside_for_the_one_that_reads(bitcoin: Watching, bitcoind: BitcoinNode) -> None:
    key = _pay(bitcoind, bitcoin)
    bitcoind.mine(2)
    before = dump()
    with alone(bitcoin.chain):
        (aside,) = _at_once(bitcoin.step)
    assert aside == Step()
    assert dump() == before
    bitcoin.step()
    assert bitcoin.state(key) == CONFIRMED


def test_a_worker_that_steps_aside_half_way_tells_what_it_did(bitcoin: Watching, bitcoind: BitcoinNode) -> None:
    """Another asks for the lock just when this one, its block committed, comes back to note the tip."""
    bitcoind.mine()
    attempts, other = [0], connection.copy("other")

    def between(execute: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        if "pg_try_advisory_xact_lock" in sql:
            attempts[0] += 1
            if attempts[0] == 2:
                other.set_autocommit(False)
                with other.cursor() as cursor:
                    cursor.execute(sql, arguments[0])
        return execute(sql, *arguments)

    try:
        with connection.execute_wrapper(between):
            assert bitcoin.step() == Step(blocks=1)
    finally:
        other.close()
    assert bitcoin.step() == Step(at_tip=True)


def test_each_chain_has_a_lock_of_its_own(bitcoin: Watching, litecoin: Watching, litecoind: BitcoinNode) -> None:
    litecoind.mine()
    with alone(bitcoin.chain):
        (step,) = _at_once(litecoin.step)
    assert step.blocks == 1


def test_reading_again_waits_its_turn(bitcoin: Watching, bitcoind: BitcoinNode) -> None:
    address, first = bitcoind.new_address(), bitcoind.height() + 1
    bitcoind.pay(address, 1_000)
    bitcoind.mine(3)
    bitcoin.step()
    bitcoin.hear_of(address)
    rescanned: list[int] = []

    def rescan() -> None:
        try:
            rescanned.append(backfill.rescan(bitcoin.chain, bitcoin.connector, first, first + 2))
        finally:
            connection.close()

    thread = threading.Thread(target=rescan)
    with alone(bitcoin.chain):
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
    thread.join(30)
    assert rescanned == [1]
    assert bitcoin.told() == [(SEEN, 1), (CONFIRMED, 1)]


def test_a_cursor_that_moved_meanwhile_is_not_written_over(bitcoin: Watching, bitcoind: BitcoinNode) -> None:
    late = bitcoin.cursor
    bitcoind.mine()
    bitcoin.step()
    with pytest.raises(SteppedAside), transaction.atomic():
        expect(late)


@contextmanager
def _killed_before(statement: int) -> Iterator[None]:
    left = [statement]

    def count(execute: Callable[..., Any], *arguments: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return execute(*arguments)

    with connection.execute_wrapper(count):
        yield


def _step_in_a_child(watching: Watching, url: str, killed_before: int) -> bool:
    """A worker with connections of its own; whether it lived to the end of its step."""
    connection.close()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            watching.connector = connect(watching.chain, url)
            with _killed_before(killed_before):
                watching.step()
            status = 0
        finally:
            os._exit(status)
    _, result = os.waitpid(child, 0)
    assert os.WIFSIGNALED(result) or os.WEXITSTATUS(result) == 0
    return not os.WIFSIGNALED(result)


def _facts(watching: Watching) -> list[Any]:
    """What happened, without row ids, which a rolled back insert uses up."""
    deposits = Deposit.objects.order_by("key").values_list(
        "key", "base_units", "state", "appearance", "block_height", "block_hash", "required_confirmations"
    )
    events = ChainEvent.objects.order_by("pk").values_list(
        "deposit__key", "kind", "appearance", "block_height", "block_hash"
    )
    blocks = ReadBlock.objects.order_by("height").values_list("height", "hash")
    cursor = watching.cursor
    return [list(deposits), list(events), list(blocks), (cursor.height, cursor.hash, cursor.halted_at)]


def _undo(before: dict[Any, list[dict[str, Any]]]) -> None:
    """Back to those rows, past the triggers, as an administrator."""
    with past_triggers():
        for model, rows in reversed(before.items()):
            QuerySet(model)._raw_delete("default")
            model._base_manager.bulk_create(model(**row) for row in rows)


def test_threat_04_a_worker_killed_between_any_two_statements_loses_and_doubles_nothing(
    bitcoin: Watching, bitcoind: BitcoinNode
) -> None:
    """Its step follows a reorg, takes back, reads blocks, sees, confirms, drops: every kind of write there is."""
    taken_back = _pay(bitcoind, bitcoin)
    raw = bitcoind.rpc("getrawtransaction", taken_back.partition(":")[0])
    bitcoind.mine(2)
    dropped = _pay(bitcoind, bitcoin)
    bitcoin.step()
    replaced = dropped.partition(":")[0]
    bitcoind.reorg(2, transactions=[raw])
    bitcoind.replace(replaced, bitcoind.new_address())
    waiting = _pay(bitcoind, bitcoin)
    models = (type(bitcoin.cursor), ReadBlock, Deposit, ChainEvent)
    before = {model: list(model._default_manager.order_by("pk").values()) for model in models}

    bitcoin.step()
    undisturbed = _facts(bitcoin)
    assert [bitcoin.told(key)[-1] for key in (taken_back, dropped, waiting)] == [
        (CONFIRMED, 2),
        (DROPPED, 1),
        (SEEN, 1),
    ]

    kills = 0
    while True:
        _undo(before)
        follower._looked_at.clear()
        if _step_in_a_child(bitcoin, bitcoind.url, kills):
            break
        follower._looked_at.clear()
        bitcoin.step()
        assert _facts(bitcoin) == undisturbed, f"killed before statement {kills}"
        kills += 1
    assert _facts(bitcoin) == undisturbed
    assert kills > 30
