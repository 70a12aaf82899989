"""Blocks fetched ahead come in order, in bounds, and fail in their turn."""

import threading
from collections.abc import Set as AbstractSet
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from monitor import ahead
from monitor.connectors.base import BlockRef, NodeError, Parked, Transfer
from monitor.connectors.patience import PatienceOver, patience, seconds_left

GENESIS = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True)
class Block:
    ref: BlockRef
    paid: int
    parent_hash: str = ""
    time: datetime = GENESIS
    parked: tuple[Parked, ...] = ()
    read: list[int] = field(default_factory=list)

    def destinations(self) -> AbstractSet[bytes]:
        found = {n.to_bytes(4) for n in range(self.paid)}
        self.read.append(self.ref.height)
        return found

    def transfers_to(self, watched: AbstractSet[bytes]) -> list[Transfer]:
        return []

    def txids(self) -> AbstractSet[str]:
        return set()


@dataclass
class Node:
    """Counts what is asked of it at once and in all."""

    paid: int = 1
    missing: int = -1
    asked: list[int] = field(default_factory=list)
    read: list[int] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    held: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def block(self, height: int) -> Block:
        with self.lock:
            self.asked.append(height)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            self.held.wait(0.01)
            seconds_left(at_most=1)
            if height == self.missing:
                raise NodeError("no such block")
            return Block(BlockRef(height, str(height)), self.paid, read=self.read)
        finally:
            with self.lock:
                self.at_once -= 1

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"nobody asks for {name}")


def _heights(node: Node, heights: range) -> list[int]:
    return [fetched.block.ref.height for fetched in ahead.blocks(node, heights)]


def test_they_come_in_order_and_several_are_asked_for_at_once() -> None:
    node = Node()
    assert _heights(node, range(5, 45)) == list(range(5, 45))
    assert sorted(node.asked) == list(range(5, 45))
    assert 1 < node.most_at_once <= ahead.AT_ONCE


@pytest.mark.parametrize("count", [0, 1])
def test_at_the_tip_no_thread_is_begun(count: int) -> None:
    before = threading.active_count()
    blocks = ahead.blocks(Node(), range(7, 7 + count))
    assert [fetched.block.ref.height for fetched in blocks] == [7][:count]
    assert threading.active_count() == before


def test_who_takes_in_slowly_is_not_overrun() -> None:
    node = Node()
    with closing(ahead.blocks(node, range(1000))) as blocks:
        for _ in range(3):
            next(blocks)
        _settle(node)
        assert len(node.asked) <= 3 + ahead.AT_ONCE


def test_while_large_blocks_wait_no_other_is_asked_for() -> None:
    node = Node(paid=ahead.MOST_DESTINATIONS)
    with closing(ahead.blocks(node, range(1000))) as blocks:
        for _ in range(ahead.AT_ONCE):
            next(blocks)
            _settle(node)
            assert len(node.asked) == ahead.AT_ONCE, "as many as could be asked for before the first had come"
        next(blocks)
        assert len(node.asked) > ahead.AT_ONCE


def _settle(node: Node) -> None:
    """Until all that the first look asked for was fetched and read, and its threads have said so."""
    while len(node.read) < ahead.AT_ONCE:
        threading.Event().wait(0.005)
    threading.Event().wait(0.05)


def test_a_block_that_fails_fails_in_its_turn() -> None:
    node, came = Node(missing=6), []
    with pytest.raises(NodeError, match="no such block"):  # noqa: PT012 - what came before it counts
        for fetched in ahead.blocks(node, range(20)):
            came.append(fetched.block.ref.height)
    assert came == [0, 1, 2, 3, 4, 5]


def test_whoever_stops_early_leaves_no_thread() -> None:
    before = threading.active_count()
    blocks = ahead.blocks(Node(), range(1000))
    next(blocks)
    assert threading.active_count() > before
    blocks.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_patience_is_the_callers() -> None:
    with patience(0), pytest.raises(PatienceOver):
        _heights(Node(), range(3))
