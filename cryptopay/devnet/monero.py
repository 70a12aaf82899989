"""Driving monerod and its payer's wallet: what test mode does at a call, and what only the stage asks for beside it."""

import httpx

from cryptopay.testmode.faucets.calls import Calls
from cryptopay.testmode.faucets.monero import MoneroFaucet
from monitor.connectors.jsonrpc import RpcRefused

WALLET = "payer"
_FUNDED_HEIGHT = 160
"""Coinbases are spendable 60 deep, so a hundred of them are: enough to pay without waiting ten blocks for change."""
_USUAL_PORT = 18081


def wallet_url(url: str) -> str:
    """The payer's wallet answers at the port above its node's."""
    node = httpx.URL(url)
    return str(node.copy_with(port=(node.port or _USUAL_PORT) + 1)).rstrip("/")


class MoneroNode(MoneroFaucet):
    """monerod in regtest mode with its payer's wallet."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.wallet_url = wallet_url(url)
        super().__init__(Calls(url), Calls(self.wallet_url))

    def fund(self) -> None:
        """Opens the wallet, makes it on first use, and mines until it has coins to spend. Safe to call again."""
        try:
            self.wallet("open_wallet", filename=WALLET, password="")
        except RpcRefused:
            self.wallet("create_wallet", filename=WALLET, password="", language="English")
        if (missing := _FUNDED_HEIGHT - self.height()) > 0:
            self.mine(missing)

    def keep(self) -> None:
        """Writes the wallet to its file."""
        self.wallet("refresh")
        self.wallet("store")
