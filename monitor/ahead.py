"""Fetches the next blocks while one is taken in. Bounded: who takes in slowly is not overrun."""

from collections import deque
from collections.abc import Generator
from collections.abc import Set as AbstractSet
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import NamedTuple

from monitor.connectors.base import Block, Connector

AT_ONCE = 4
MOST_DESTINATIONS = 50_000
"""Of blocks that wait to be taken in. They are what a block's memory is made of; some ten full blocks of Bitcoin."""


class Fetched(NamedTuple):
    """A block, and every destination it pays."""

    block: Block
    destinations: AbstractSet[bytes]


def blocks(connector: Connector, heights: range) -> Generator[Fetched]:
    """The blocks at those heights, in order; close it to stop early. Raises what `Connector.block` raises, in its turn.

    At most `AT_ONCE` are asked for or wait, and none is asked for while those that wait are large together. The node's
    patience is the caller's.
    """
    if len(heights) < 2:  # noqa: PLR2004 - the usual case, at the tip: nothing to fetch ahead
        yield from (_fetch(connector, height) for height in heights)
        return
    left, waiting = iter(heights), deque[Future[Fetched]]()
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="blocks-ahead") as pool:
        try:
            while True:
                while len(waiting) < AT_ONCE and _weight(waiting) < MOST_DESTINATIONS:
                    height = next(left, None)
                    if height is None:
                        break
                    waiting.append(pool.submit(copy_context().run, _fetch, connector, height))
                if not waiting:
                    return
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _fetch(connector: Connector, height: int) -> Fetched:
    block = connector.block(height)
    return Fetched(block, block.destinations())


def _weight(waiting: deque[Future[Fetched]]) -> int:
    return sum(len(one.result().destinations) for one in waiting if one.done() and not one.exception())
