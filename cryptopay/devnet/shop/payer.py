"""Plays the customer: pays an invoice from the development node's own funds, and mines until it is confirmed."""

import contextlib
import threading
from collections.abc import Mapping
from enum import StrEnum

import httpx

from cryptopay.client.kinds import Method
from cryptopay.devnet.antelope import AntelopeNode
from cryptopay.devnet.contracts import DEMO_DOLLAR, DEMO_DOLLAR_CODE, Contract
from cryptopay.devnet.drive import BitcoinNode, EthereumNode
from cryptopay.devnet.monero import MoneroNode
from cryptopay.devnet.shop.gateway import Gateway, Refused
from monitor.connectors.base import NodeError

NODES: Mapping[str, type[BitcoinNode] | type[EthereumNode] | type[MoneroNode] | type[AntelopeNode]] = {
    "BTC": BitcoinNode,
    "LTC": BitcoinNode,
    "BCH": BitcoinNode,
    "ETH": EthereumNode,
    DEMO_DOLLAR_CODE: EthereumNode,
    "XMR": MoneroNode,
    "EOS": AntelopeNode,
}
SECONDS_A_BLOCK = 2.0
MOST_BLOCKS = 60
"""More than any amount needs; ends the mining should nobody read the chain."""


class Share(StrEnum):
    """How much of what is still due is sent."""

    EXACT = "exact"
    HALF = "half"
    TOO_MUCH = "too_much"

    def of(self, base_units: int) -> int:
        match self:
            case Share.HALF:
                return base_units // 2
            case Share.TOO_MUCH:
                return base_units * 3 // 2
        return base_units


class Payer:
    """The customer of every order. Amounts are ints of base units."""

    def __init__(
        self, gateway: Gateway, node_urls: Mapping[str, str], *, seconds_a_block: float = SECONDS_A_BLOCK
    ) -> None:
        self._gateway = gateway
        self._nodes = {coin: NODES[coin](url) for coin, url in node_urls.items()}
        self._seconds_a_block = seconds_a_block
        self._stopped = threading.Event()
        self._mining: list[threading.Thread] = []

    @property
    def coins(self) -> list[str]:
        return list(self._nodes)

    def pay(self, invoice_id: str, coin: str, share: Share) -> str:
        """Sends it and starts mining in the background; the transaction's id.

        Raises `Refused`, and `NodeError` where the node does not, or does not answer.
        """
        method = self._method(invoice_id, coin)
        if not method.address:
            raise Refused("CryptoPay could not verify this address and shows none. Nothing was sent.")
        still_due = method.remaining.base_units or method.due.base_units
        txid = self._send(coin, method, share.of(still_due))
        thread = threading.Thread(target=self._confirm, args=(invoice_id, coin), daemon=True)
        self._mining = [running for running in self._mining if running.is_alive()] + [thread]
        thread.start()
        return txid

    def _send(self, coin: str, method: Method, base_units: int) -> str:
        node = self._nodes[coin]
        if contract := method.contract:
            assert isinstance(node, EthereumNode)  # noqa: S101 - tokens of other chains are not on this stage
            return Contract(node, contract, DEMO_DOLLAR).send("transfer", method.address or "", base_units)
        return node.pay("/".join(filter(None, (method.address, method.memo))), base_units)

    def mine(self, coin: str) -> None:
        self._nodes[coin].mine()

    def close(self) -> None:
        """Mines no more, and returns when that is so."""
        self._stopped.set()
        for thread in self._mining:
            thread.join()
        for node in self._nodes.values():
            node.close()

    def _method(self, invoice_id: str, coin: str) -> Method:
        """The way to pay in that coin, chosen now if the customer has not chosen it on the payment page."""
        invoice = self._gateway.invoice(invoice_id)
        known = [method for method in invoice.methods if method.asset == coin]
        return known[0] if known else self._gateway.choose(invoice_id, coin)

    def _confirm(self, invoice_id: str, coin: str) -> None:
        """A block every other moment, so that a person sees it wait and grow, until nothing of the invoice waits."""
        self._stopped.wait(2 * self._seconds_a_block)  # long enough to be seen unconfirmed
        for _ in range(MOST_BLOCKS):
            if self._stopped.is_set():
                return
            # A node or a server that is restarted at this moment is asked again.
            with contextlib.suppress(Refused, NodeError, httpx.HTTPError):
                self.mine(coin)
                self._stopped.wait(self._seconds_a_block)
                if not self._waits(invoice_id):
                    return

    def _waits(self, invoice_id: str) -> bool:
        methods = self._gateway.invoice(invoice_id).methods
        payments = [payment for method in methods for payment in method.payments]
        return not payments or any(payment.state == "seen" for payment in payments)
