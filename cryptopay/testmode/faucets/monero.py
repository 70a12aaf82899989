"""Monero in regtest mode: monerod mines and turns its chain, a wallet beside it pays.

Amounts are ints of base units: 1 XMR are 10**12.
"""

import contextlib
import time
from collections.abc import Mapping, Sequence
from json import loads
from typing import Any, NamedTuple

from cryptopay.testmode.errors import UnavailableOnChain
from cryptopay.testmode.faucets.calls import Calls
from cryptopay.testmode.faucets.seam import Fate, Order, Turned
from monitor.connectors.jsonrpc import RpcRefused

_RELAY_SECONDS = 120

Outputs = Mapping[str, int] | Sequence[tuple[str, int]]


class Rivals(NamedTuple):
    """Two signed, unsent transactions that spend the same coin: the first pays, the second gives all of it back."""

    txid: str
    raw: str
    rival_txid: str
    rival_raw: str


class MoneroFaucet:
    """monerod, and a wallet with its payer's coins."""

    fee_unit = ""
    takes_back = True

    def __init__(self, node: Calls, wallet: Calls) -> None:
        self._node = node
        self._wallet = wallet

    def rpc(self, method: str, **params: Any) -> Any:
        """Any JSON-RPC call of the node. Raises `RpcRefused`."""
        return self._node.named(method, params)

    def wallet(self, method: str, **params: Any) -> Any:
        """Any call of the payer's wallet. Raises `RpcRefused`."""
        return self._wallet.named(method, params)

    def ask(self, path: str, **body: Any) -> Any:
        """A call of the node's that is none of JSON-RPC. Raises `RpcRefused` unless the node says OK."""
        answer = self._node.ask(path, body)
        if answer["status"] != "OK":
            raise RpcRefused(f"{path}: {answer.get('reason') or answer['status']}", 0)
        return answer

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

    def send(self, order: Order) -> str:
        """The node takes the transaction before the wallet does: one that spends other coins than those of this very
        development chain is refused there, and never leaves the wallet."""
        if order.fee_rate is not None:
            raise UnavailableOnChain("Payers of Monero do not bid for their turn.", "/fee_rate")
        self.wallet("refresh")
        destinations = _destinations(order.destination, order.base_units)
        made = self.wallet(
            "transfer", destinations=destinations, do_not_relay=True, get_tx_hex=True, get_tx_metadata=True
        )
        self.resend(made["tx_blob"])
        self.wallet("relay_tx", hex=made["tx_metadata"])
        return str(made["tx_hash"])

    def replace(self, txid: str) -> str:
        """The node forgets the payment, for no node takes a second one of the same coin, and the wallet sweeps it."""
        coin = loads(self._transaction(txid)["as_json"])["vin"][0]["key"]["k_image"]
        self.drop(txid)
        self.wallet("refresh")
        self.wallet("rescan_spent")
        own = self.wallet("get_address")["address"]
        rival = self.wallet("sweep_single", key_image=coin, address=own, do_not_relay=True, get_tx_hex=True)
        self.resend(rival["tx_blob"])
        return str(rival["tx_hash"])

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
        return str(self._transaction(txid)["as_hex"])

    def resend(self, raw: str) -> None:
        """Raises `RpcRefused` with the node's reason."""
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
        return self._rebuild(depth, transactions, first=True, blocks=blocks)[0]

    def turn(self, depth: int, fate: Fate) -> Turned:
        """What is kept is mined in the newest block: the coins of the first ones are not old enough there."""
        taken = self._last_transactions(depth)
        kept = taken if fate == Fate.KEEP else {}
        blocks, refused = self._rebuild(depth, [*kept.values()], first=False, blocks=depth + 1)
        if fate == Fate.DROP and (gone := [txid for txid in self.pool() if txid in taken]):
            self.rpc("flush_txpool", txids=gone)
            self._look_again()
        waiting = [txid for txid in self.pool() if txid in taken]
        mined = [txid for txid, raw in kept.items() if raw not in refused]
        return Turned(blocks, mined, waiting, [txid for txid in taken if txid not in {*mined, *waiting}])

    def close(self) -> None:
        self._node.close()
        self._wallet.close()

    def _rebuild(
        self, depth: int, transactions: Sequence[str], *, first: bool, blocks: int
    ) -> tuple[list[str], set[str]]:
        """Other blocks in the place of the last `depth`, these transactions in the first or in the last of them.

        The blocks' hashes, and what of the transactions the node refused there. All else that waited waits again.
        """
        self.ask("pop_blocks", nblocks=depth)
        waiting = [self.raw(txid) for txid in self.pool()]
        self.rpc("flush_txpool")
        branch = [] if first else self.mine(blocks - 1)
        refused = {raw for raw in transactions if not self._accepts(raw)}
        branch += self.mine(blocks if first else 1)
        for raw in waiting:
            self._accepts(raw)
        self._look_again()
        return branch, refused

    def _accepts(self, raw: str) -> bool:
        with contextlib.suppress(RpcRefused):
            self.resend(raw)
            return True
        return False

    def _look_again(self) -> None:
        """The wallet forgets what it spent in transactions that are gone."""
        self.wallet("refresh")
        self.wallet("rescan_spent")

    def _last_transactions(self, depth: int) -> dict[str, str]:
        """Those of the last `depth` blocks, oldest first, without what miners are paid: id -> raw hex."""
        tip = self.height()
        blocks = [self.rpc("get_block", height=height) for height in range(tip - depth + 1, tip + 1)]
        return {txid: self.raw(txid) for block in blocks for txid in block.get("tx_hashes", [])}

    def _transaction(self, txid: str) -> Mapping[str, Any]:
        found = self.ask("get_transactions", txs_hashes=[txid], decode_as_json=True).get("txs", [])
        if not found:
            raise RpcRefused(f"get_transactions: there is no {txid}", 0)
        known: Mapping[str, Any] = found[0]
        return known

    def _until_relayed(self, txid: str) -> None:
        """The node relays in its own time, and mines nothing before."""
        deadline = time.monotonic() + _RELAY_SECONDS
        while not self.ask("get_transactions", txs_hashes=[txid], prune=True)["txs"][0].get("relayed", True):
            if time.monotonic() > deadline:
                raise RpcRefused(f"the node did not relay {txid} in {_RELAY_SECONDS} s", 0)
            time.sleep(0.02)


def _destinations(to: str | Outputs, amount: int | None) -> list[dict[str, Any]]:
    if isinstance(to, str):
        if amount is None:
            raise TypeError("an amount is missing")
        to = [(to, amount)]
    pairs = to.items() if isinstance(to, Mapping) else to
    return [{"address": address, "amount": base_units} for address, base_units in pairs]
