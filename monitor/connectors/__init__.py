"""Nodes of every chain behind one seam, `base.Connector`."""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from functools import lru_cache
from types import MappingProxyType

from monitor import viewing
from monitor.chains import Chain
from monitor.connectors.antelope import AntelopeConnector
from monitor.connectors.antelope_holdings import AntelopeHoldings
from monitor.connectors.base import Connector
from monitor.connectors.bitcoin import BitcoinConnector
from monitor.connectors.bitcoin_fees import BitcoinFees
from monitor.connectors.bitcoin_holdings import BitcoinHoldings
from monitor.connectors.evm import EvmConnector
from monitor.connectors.evm_fees import EvmFees
from monitor.connectors.evm_holdings import EvmHoldings
from monitor.connectors.fees import FeeQueue
from monitor.connectors.holdings import Holdings
from monitor.connectors.jsonrpc import JsonRpc, node_at
from monitor.connectors.monero import MoneroConnector
from monitor.connectors.monero_holdings import MoneroHoldings

_FAMILIES: Mapping[str, Callable[[Chain, JsonRpc, AbstractSet[str]], Connector]] = MappingProxyType(
    {
        "bitcoin": lambda chain, rpc, _: BitcoinConnector(chain, rpc),
        "evm": EvmConnector,
        "antelope": lambda chain, rpc, _: AntelopeConnector(chain, rpc),
        "monero": lambda chain, rpc, _: MoneroConnector(chain, rpc, viewing.view_keys),
    }
)


def connect(chain: Chain, url: str, contracts: AbstractSet[str] = frozenset()) -> Connector:
    """A connector for that node; opens nothing yet. Polls of one process share the connections to one URL.

    `contracts`: the tokens to be read beside the chain's own coin, in lower case. Raises `NodeError` for a URL that
    cannot be read; nothing else is checked before `Connector.check`.
    """
    return _FAMILIES[chain.family](chain, node_at(url), contracts)


_QUEUES: Mapping[str, Callable[[Chain, JsonRpc], FeeQueue]] = MappingProxyType({"bitcoin": BitcoinFees, "evm": EvmFees})
"""Families whose payers bid for their turn. Elsewhere depth and finality say all there is to say."""


@lru_cache(maxsize=256)
def fee_queue(chain: Chain, url: str) -> FeeQueue | None:
    """That node's fee queue; None where the chain has none. Raises `NodeError` for a URL that cannot be read.

    It has connections of its own and little patience: what is only advice must not keep the follower waiting.
    """
    queue = _QUEUES.get(chain.family)
    return queue(chain, JsonRpc(url, read_seconds=5, answer_seconds=10)) if queue else None


_HOLDINGS: Mapping[str, Callable[[Chain, JsonRpc], Holdings]] = MappingProxyType(
    {
        "bitcoin": BitcoinHoldings,
        "evm": lambda _, rpc: EvmHoldings(rpc),
        "antelope": AntelopeHoldings,
        "monero": lambda chain, rpc: MoneroHoldings(MoneroConnector(chain, rpc, viewing.view_keys)),
    }
)
_SEARCH_SECONDS = 1800
"""A search through all unspent outputs of a large chain takes minutes, and the node is silent meanwhile."""


@lru_cache(maxsize=256)
def holdings(chain: Chain, url: str) -> Holdings:
    """What that node says our addresses hold. It has connections of its own and much patience.

    Raises `NodeError` for a URL that cannot be read.
    """
    rpc = JsonRpc(url, read_seconds=_SEARCH_SECONDS, answer_seconds=_SEARCH_SECONDS)
    return _HOLDINGS[chain.family](chain, rpc)
