"""Nodes of every chain behind one seam, `base.Connector`."""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from types import MappingProxyType

from monitor.chains import Chain
from monitor.connectors.base import Connector
from monitor.connectors.bitcoin import BitcoinConnector
from monitor.connectors.evm import EvmConnector
from monitor.connectors.jsonrpc import JsonRpc, node_at

_FAMILIES: Mapping[str, Callable[[Chain, JsonRpc, AbstractSet[str]], Connector]] = MappingProxyType(
    {"bitcoin": lambda chain, rpc, _: BitcoinConnector(chain, rpc), "evm": EvmConnector}
)


def connect(chain: Chain, url: str, contracts: AbstractSet[str] = frozenset()) -> Connector:
    """A connector for that node; opens nothing yet. Polls of one process share the connections to one URL.

    `contracts`: the tokens to be read beside the chain's own coin, in lower case. Raises `NodeError` for a URL that
    cannot be read; nothing else is checked before `Connector.check`.
    """
    return _FAMILIES[chain.family](chain, node_at(url), contracts)
