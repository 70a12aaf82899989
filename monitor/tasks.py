"""Doorbells. Each may run twice or never: what is to be done is read from the database and the node."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import structlog
from celery import shared_task

from monitor import backfill, follower, lookout, nodes
from monitor.connectors.base import NodeError
from monitor.errors import ChainHalted, ChainOff

log = structlog.get_logger(__name__)

_busy: defaultdict[tuple[str, str], threading.Lock] = defaultdict(threading.Lock)


class _Busy(Exception):
    """A thread of this process does just that."""


@contextmanager
def _once_at_a_time(task: str, chain_code: str) -> Iterator[None]:
    """A chain whose node hangs holds one thread, however often its bell rings meanwhile. Raises `_Busy`."""
    lock = _busy[task, chain_code]
    if not lock.acquire(blocking=False):
        raise _Busy
    try:
        yield
    finally:
        lock.release()


@shared_task(name="monitor.step")
def step(chain_code: str) -> None:
    """Read one chain on."""
    try:
        chain = nodes.chain(chain_code)
        with _once_at_a_time("step", chain_code):
            follower.step(chain, nodes.connector(chain))
    except (ChainHalted, ChainOff) as error:
        log.warning("chain.not_read", chain=chain_code, reason=str(error))
    except _Busy:
        pass


@shared_task(name="monitor.read_again")
def read_again(chain_code: str) -> None:
    """Read a slice of what was asked to be read again."""
    try:
        chain = nodes.chain(chain_code)
        with _once_at_a_time("read again", chain_code):
            backfill.work_off(chain, nodes.connector(chain))
    except ChainOff as error:
        log.warning("chain.not_read", chain=chain_code, reason=str(error))
    except _Busy:
        pass


@shared_task(name="monitor.look_out")
def look_out(chain_code: str) -> None:
    """Write down what is to be expected of a chain's unconfirmed payments."""
    try:
        chain = nodes.chain(chain_code)
        fees = nodes.fees(chain)
    except (ChainOff, NodeError) as error:
        log.warning("lookout.off", chain=chain_code, reason=str(error))
        return
    if fees is not None:
        with suppress(_Busy), _once_at_a_time("look out", chain_code):
            lookout.look(chain, fees)
