"""Driving monerod and its payer's wallet: mine, pay, take it back. For tests and the demo, never near real money.

Amounts are ints of base units: 1 XMR are 10**12.
"""

import contextlib
import time
from collections.abc import Mapping, Sequence
from json import loads
from typing import Any, NamedTuple

import httpx

from cryptopay.devnet.errors import NodeRefused, PartFailed

WALLET = "payer"
_FUNDED_HEIGHT = 160
"""Coinbases are spendable 60 deep, so a hundred of them are: enough to pay without waiting ten blocks for change."""

_RELAY_SECONDS = 120
_USUAL_PORT = 18081

Outputs = Mapping[str, int] | Sequence[tuple[str, int]]


class Rivals(NamedTuple):
    """Two signed, unsent transactions that spend the same coin: the first pays, the second gives all of it back."""

    txid: str
    raw: str
    rival_txid: str
    rival_raw: str


class MoneroNode:
    """monerod in regtest mode; a wallet with its payer's coins answers at the next port."""

    def __init__(self, url: str) -> None:
        self.url = url
        node = httpx.URL(url)
        self.wallet_url = str(node.copy_with(port=(node.port or _USUAL_PORT) + 1)).rstrip("/")
        self._client = httpx.Client(timeout=300, trust_env=False)

    def rpc(self, method: str, **params: Any) -> Any:
        """Any JSON-RPC call of the node. Raises `NodeRefused`."""
        return self._call(self.url, method, params)

    def wallet(self, method: str, **params: Any) -> Any:
        """Any call of the payer's wallet. Raises `NodeRefused`."""
        return self._call(self.wallet_url, method, params)

    def ask(self, path: str, **body: Any) -> Any:
        """A call of the node's that is none of JSON-RPC. Raises `NodeRefused` unless the node says OK."""
        answer = loads(self._client.post(f"{self.url}/{path}", json=body).text)
        if answer["status"] != "OK":
            raise NodeRefused(path, 0, answer.get("reason") or answer["status"])
        return answer

    def fund(self) -> None:
        """Opens the wallet, makes it on first use, and mines until it has coins to spend. Safe to call again."""
        try:
            self.wallet("open_wallet", filename=WALLET, password="")
        except NodeRefused:
            self.wallet("create_wallet", filename=WALLET, password="", language="English")
        if (missing := _FUNDED_HEIGHT - self.height()) > 0:
            self.mine(missing)

    def keep(self) -> None:
        """Writes the wallet to its file."""
        self.wallet("refresh")
        self.wallet("store")

    def height(self) -> int:
        return int(self.rpc("get_block_count")["count"]) - 1

    def new_address(self) -> str:
        """A subaddress of the payer's own."""
        return str(self.wallet("create_address", account_index=0)["address"])

    def mine(self, blocks: int = 1, address: str | None = None) -> list[str]:
        """Mines the pool into `blocks` blocks; their hashes, lowest first. A miner is paid at a primary address."""
        to = address or self.wallet("get_address")["address"]
        return list(self.rpc("generateblocks", amount_of_blocks=blocks, wallet_address=to)["blocks"])

    def pay(self, to: str | Outputs, amount: int | None = None) -> str:
        """Pays `amount` to one address, or several outputs in one transaction; the transaction's id."""
        self.wallet("refresh")
        txid = str(self.wallet("transfer", destinations=_destinations(to, amount))["tx_hash"])
        self._until_relayed(txid)
        return txid

    def rivals(self, address: str, amount: int) -> Rivals:
        """See `Rivals`. Send the first, and the other is the double spend."""
        self.wallet("refresh")
        destinations = _destinations(address, amount)
        paying = self.wallet("transfer", destinations=destinations, do_not_relay=True, get_tx_hex=True)
        coin = paying["spent_key_images"]["key_images"][0]
        own = self.wallet("get_address")["address"]
        rival = self.wallet("sweep_single", key_image=coin, address=own, do_not_relay=True, get_tx_hex=True)
        return Rivals(paying["tx_hash"], paying["tx_blob"], rival["tx_hash"], rival["tx_blob"])

    def raw(self, txid: str) -> str:
        """The signed transaction as it travels."""
        return str(self.ask("get_transactions", txs_hashes=[txid])["txs"][0]["as_hex"])

    def resend(self, raw: str) -> None:
        """Raises `NodeRefused` with the node's reason."""
        before = {*self.pool()}
        self.ask("send_raw_transaction", tx_as_hex=raw, do_not_relay=False)
        for txid in {*self.pool()} - before:
            self._until_relayed(txid)

    def drop(self, txid: str) -> None:
        """Forgets the unconfirmed transaction, as a full or restarted node would."""
        self.rpc("flush_txpool", txids=[txid])

    def pool(self) -> list[str]:
        return list(self.ask("get_transaction_pool_hashes").get("tx_hashes", []))

    def reorg(self, depth: int, blocks: int | None = None, transactions: Sequence[str] = ()) -> list[str]:
        """Puts `blocks` (default `depth + 1`) others in the place of the last `depth`; hashes, lowest first.

        The first new block holds exactly `transactions` (raw hex), the others none; what was taken back waits in the
        pool again, unless it conflicts.
        """
        blocks = depth + 1 if blocks is None else blocks
        if not 0 < depth < blocks:
            raise ValueError("the new branch must be longer than the old one")
        self.ask("pop_blocks", nblocks=depth)
        waiting = [self.raw(txid) for txid in self.pool()]
        self.rpc("flush_txpool")
        for raw in transactions:
            self.resend(raw)
        branch = self.mine(blocks)
        for raw in waiting:
            with contextlib.suppress(NodeRefused):
                self.resend(raw)
        self.wallet("refresh")
        self.wallet("rescan_spent")
        return branch

    def close(self) -> None:
        self._client.close()

    def _until_relayed(self, txid: str) -> None:
        """The node relays in its own time, and mines nothing before."""
        deadline = time.monotonic() + _RELAY_SECONDS
        while not self.ask("get_transactions", txs_hashes=[txid], prune=True)["txs"][0].get("relayed", True):
            if time.monotonic() > deadline:
                raise PartFailed(f"the node did not relay {txid} in {_RELAY_SECONDS} s")
            time.sleep(0.02)

    def _call(self, url: str, method: str, params: Mapping[str, Any]) -> Any:
        body = {"jsonrpc": "2.0", "id": "0", "method": method, "params": params}
        answer = loads(self._client.post(f"{url}/json_rpc", json=body).text)
        if error := answer.get("error"):
            raise NodeRefused(method, error["code"], error["message"])
        return answer["result"]


def _destinations(to: str | Outputs, amount: int | None) -> list[dict[str, Any]]:
    if isinstance(to, str):
        if amount is None:
            raise TypeError("an amount is missing")
        to = [(to, amount)]
    pairs = to.items() if isinstance(to, Mapping) else to
    return [{"address": address, "amount": base_units} for address, base_units in pairs]
