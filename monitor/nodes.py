"""The nodes of this installation: one connector a chain and process."""

from functools import cache

from django.conf import settings

from monitor import tokens
from monitor.chains import CHAINS, Chain
from monitor.connectors import connect, fee_queue
from monitor.connectors import holdings as holdings_of
from monitor.connectors.base import Connector
from monitor.connectors.fees import FeeQueue
from monitor.connectors.holdings import Holdings
from monitor.errors import ChainOff


def chain(code: str) -> Chain:
    """The chain of that code, if it is switched on. Raises `ChainOff`."""
    if code not in CHAINS or code not in settings.NODE_URLS:
        raise ChainOff(f"{code} is not available: no node is set for it")
    return CHAINS[code]


def is_on(code: str) -> bool:
    """Whether a node is set for the chain of that code."""
    return code in settings.NODE_URLS


def switched_on() -> list[Chain]:
    """Chains with a node, in the order of the rows."""
    return [row for row in CHAINS.values() if row.code in settings.NODE_URLS]


def connector(chain: Chain) -> Connector:
    """The connector to this chain's node, which reads the tokens that are switched on now; opens nothing yet."""
    return _connector(chain, settings.NODE_URLS[chain.code], tokens.contracts(chain))


def second(chain: Chain) -> Connector | None:
    """The connector to the node that must agree on large deposits; None where one node suffices."""
    url = settings.SECOND_NODE_URLS.get(chain.code)
    return _connector(chain, url) if url else None


def agreement_above(chain: Chain) -> int | None:
    """Deposits of more base units count only if two nodes agree on their block; None where one node suffices."""
    return settings.AGREEMENT_ABOVE.get(chain.code, 0) if chain.code in settings.SECOND_NODE_URLS else None


def fees(chain: Chain) -> FeeQueue | None:
    """The fee queue of this chain's node; None where there is no such queue. Raises `NodeError`: the URL is no URL."""
    return fee_queue(chain, settings.NODE_URLS[chain.code])


def holdings(chain: Chain) -> Holdings:
    """What this chain's node says our addresses hold. Raises `NodeError`: the URL is no URL."""
    return holdings_of(chain, settings.NODE_URLS[chain.code])


@cache
def _connector(chain: Chain, url: str, contracts: frozenset[str] = frozenset()) -> Connector:
    return connect(chain, url, contracts)
