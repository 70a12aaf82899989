"""The faucets of this installation: development nodes that an operator lets test keys command."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from cryptopay.testmode.faucets import bitcoin
from cryptopay.testmode.faucets.antelope import AntelopeFaucet
from cryptopay.testmode.faucets.calls import Calls
from cryptopay.testmode.faucets.evm import EvmFaucet
from cryptopay.testmode.faucets.monero import MoneroFaucet
from cryptopay.testmode.faucets.seam import Faucet
from monitor.chains import Chain

_FAMILIES: Mapping[str, Callable[[Chain, str, str], Faucet]] = MappingProxyType(
    {
        "bitcoin": lambda _chain, _node, url: bitcoin.faucet(Calls(url)),
        "evm": lambda _chain, _node, url: EvmFaucet(Calls(url)),
        "antelope": lambda chain, _node, url: AntelopeFaucet(Calls(url), chain.genesis),
        "monero": lambda _chain, node, url: MoneroFaucet(Calls(node), Calls(url)),
    }
)
_WALLETS_APART = frozenset({"monero"})
"""Families whose wallet is another program than their node: the faucet's URL names the wallet."""


def commanded(chain: Chain, node_url: str, faucet_url: str) -> str:
    """The URL of the node that mines and turns for this faucet, and must prove which chain it is on."""
    return node_url if chain.family in _WALLETS_APART else faucet_url


def connect(chain: Chain, node_url: str, faucet_url: str) -> Faucet:
    """The faucet at that URL. Raises `NodeError`."""
    return _FAMILIES[chain.family](chain, node_url, faucet_url)
