"""Doorbells. Each may run twice or never: what is to be done is read from the database and the node."""

import structlog
from celery import shared_task

from monitor import follower, lookout, nodes
from monitor.connectors.base import NodeError
from monitor.errors import ChainHalted, ChainOff

log = structlog.get_logger(__name__)


@shared_task(name="monitor.step")
def step(chain_code: str) -> None:
    """Read one chain on."""
    try:
        chain = nodes.chain(chain_code)
        follower.step(chain, nodes.connector(chain))
    except (ChainHalted, ChainOff) as error:
        log.warning("chain.not_read", chain=chain_code, reason=str(error))


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
        lookout.look(chain, fees)
