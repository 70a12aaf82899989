"""Nodes of every chain behind one seam, `base.Connector`."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from monitor.chains import Chain
from monitor.connectors.base import Connector
from monitor.connectors.bitcoin import BitcoinConnector
from monitor.connectors.evm import EvmConnector
from monitor.connectors.jsonrpc import JsonRpc, node_at

_FAMILIES: Mapping[str, Callable[[Chain, JsonRpc], Connector]] = MappingProxyType(
    {"bitcoin": BitcoinConnector, "evm": EvmConnector}
)


def connect(chain: Chain, url: str) -> Connector:
    """A connector for that node; opens nothing yet. Polls of one process share the connections to one URL.

    Raises `NodeError` for a URL that cannot be read; nothing else is checked before `Connector.check`.
    """
    return _FAMILIES[chain.family](chain, node_at(url))
