"""Driving development nodes: what test mode does at a call, and what only tests and the stage ask for beside it."""

from cryptopay.testmode.faucets.bitcoin import BcoinFaucet, BitcoinFaucet
from cryptopay.testmode.faucets.calls import Calls
from cryptopay.testmode.faucets.evm import EvmFaucet
from monitor.connectors.jsonrpc import RpcRefused

WALLET = "devnet"
_FUNDED_HEIGHT = 110
"""Coinbases are spendable 100 deep, so ten of them are: enough to pay without waiting for change to confirm."""
_WALLET_MISSING, _WALLET_LOADED = -18, -35


def wallet_url(url: str) -> str:
    """Where that node's wallet answers, and the node's own calls, too."""
    return f"{url}/wallet/{WALLET}"


class BitcoinNode(BitcoinFaucet):
    """bitcoind or litecoind on regtest, with a funded wallet of its own."""

    def __init__(self, url: str) -> None:
        super().__init__(Calls(wallet_url(url)))
        self.url = url

    def fund(self) -> None:
        """Opens the wallet, makes it on first use, and mines until it has coins to spend. Safe to call again."""
        try:
            self.rpc("loadwallet", WALLET)
        except RpcRefused as refused:
            if refused.number == _WALLET_MISSING:
                self.rpc("createwallet", WALLET)
            elif refused.number != _WALLET_LOADED and "already loaded" not in str(refused):
                raise
        if (missing := _FUNDED_HEIGHT - self.height()) > 0:
            self.mine(missing)


class BcoinNode(BcoinFaucet, BitcoinNode):
    """bcoin or bcash, driven by the calls that their launcher adds."""


class EthereumNode(EvmFaucet):
    """anvil without automatic mining; its accounts are unlocked and rich."""

    def __init__(self, url: str) -> None:
        super().__init__(Calls(url))
        self.url = url
