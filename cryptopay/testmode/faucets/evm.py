"""Ethereum's family on anvil without automatic mining, whose unlocked accounts pay.

Amounts are ints of base units: wei.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from cryptopay.testmode.faucets.calls import Calls
from cryptopay.testmode.faucets.seam import Fate, Order, Turned
from monitor.connectors.jsonrpc import RpcRefused

NO_FEES: Mapping[str, str] = MappingProxyType({})
_GWEI = 10**9
_TRANSFER = "a9059cbb"
"""Selector of `transfer(address,uint256)` (ERC-20)."""
_TOKEN_GAS = hex(200_000)


class EvmFaucet:
    """anvil; its accounts are unlocked and rich."""

    fee_unit = "gwei"
    takes_back = True

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def rpc(self, method: str, *params: Any) -> Any:
        """Any call of the node. Raises `RpcRefused`."""
        return self._calls(method, *params)

    def accounts(self) -> list[str]:
        return list(self.rpc("eth_accounts"))

    def height(self) -> int:
        return int(self.rpc("eth_blockNumber"), 16)

    def mine(self, blocks: int = 1) -> list[str]:
        """Mines what is pending into the first of `blocks` blocks; their hashes, lowest first."""
        before = self.height()
        self.rpc("anvil_mine", hex(blocks))
        return self._hashes(before + 1)

    def send(self, order: Order) -> str:
        fees: dict[str, str] = {}
        if order.fee_rate is not None:
            price = hex(int(order.fee_rate * _GWEI))
            fees = {"maxFeePerGas": price, "maxPriorityFeePerGas": price}
        if order.contract:
            return self._send_token(order, fees)
        return self.pay(order.destination, order.base_units, fees=fees)

    def pay(self, to: str, amount: int, *, payer: str | None = None, fees: Mapping[str, str] = NO_FEES) -> str:
        """Sends `amount` wei from `payer`, one of `accounts()`, by default the first; the transaction's hash."""
        payment = {"from": payer or self.accounts()[0], "to": to, "value": hex(amount), **fees}
        return str(self.rpc("eth_sendTransaction", payment))

    def conflicting(self, tx: str, address: str | None = None) -> dict[str, str]:
        """A transaction of the same sender and nonce as `tx` that pays `address`, or the sender itself, instead."""
        original = self.rpc("eth_getTransactionByHash", tx)
        price = max(int(original.get(key) or "0x0", 16) for key in ("maxFeePerGas", "gasPrice", "maxPriorityFeePerGas"))
        fees = {"maxFeePerGas": hex(2 * price), "maxPriorityFeePerGas": hex(2 * price)}
        same = {key: original[key] for key in ("from", "nonce", "value")}
        return {**same, **fees, "to": address or original["from"], "gas": hex(21_000)}

    def replace(self, tx: str, address: str | None = None) -> str:
        """Double-spends the pending `tx`; the hash of the transaction that drove it out."""
        return str(self.rpc("eth_sendTransaction", self.conflicting(tx, address)))

    def drop(self, tx: str) -> None:
        """Forgets the pending `tx`, as a full or restarted node would."""
        self.rpc("anvil_dropTransaction", tx)

    def reorg(self, depth: int, blocks: int | None = None, transactions: Sequence[Mapping[str, str]] = ()) -> list[str]:
        """Puts `blocks` (default `depth + 1`) other blocks in the place of the last `depth`; hashes, lowest first.

        The first new block holds exactly `transactions`. Unlike a real node, anvil forgets the transactions taken back:
        pass them again, or `resend` them. `blocks` must be `depth` at least.
        """
        blocks = depth + 1 if blocks is None else blocks
        if not 0 < depth <= blocks:
            raise ValueError("the new branch must not be shorter than the old one")
        first = self.height() - depth + 1
        self.rpc("anvil_reorg", depth, [[dict(transaction), 0] for transaction in transactions])
        if blocks > depth:
            self.mine(blocks - depth)
        return self._hashes(first)

    def turn(self, depth: int, fate: Fate) -> Turned:
        """The node forgets what it takes back; whatever shall stay is sent to it again."""
        taken = self._last_transactions(depth)
        blocks = self.reorg(depth, depth)
        if fate == Fate.DROP:
            return Turned(blocks, [], [], [*taken])
        resent = [txid for txid, raw in taken.items() if self._accepts(raw)]
        dropped = [txid for txid in taken if txid not in resent]
        if fate == Fate.WAIT:
            return Turned(blocks, [], resent, dropped)
        return Turned([*blocks, *self.mine()], resent, [], dropped)

    def raw(self, tx: str) -> str:
        """The signed transaction as it travels, to be kept before a reorg and sent again after it."""
        return str(self.rpc("eth_getRawTransactionByHash", tx))

    def resend(self, raw: str) -> str:
        return str(self.rpc("eth_sendRawTransaction", raw))

    def close(self) -> None:
        self._calls.close()

    def _send_token(self, order: Order, fees: Mapping[str, str]) -> str:
        """By a call of the contract, tried first on the chain with what waits: a failed one would be mined, too."""
        data = f"0x{_TRANSFER}{int(order.destination, 16):064x}{order.base_units:064x}"
        call = {"from": self.accounts()[0], "to": order.contract, "data": data}
        self.rpc("eth_call", call, "pending")
        return str(self.rpc("eth_sendTransaction", {**call, "gas": _TOKEN_GAS, **fees}))

    def _accepts(self, raw: str) -> bool:
        """Sends it again; another transaction may have its nonce by now."""
        try:
            self.resend(raw)
        except RpcRefused:
            return False
        return True

    def _last_transactions(self, depth: int) -> dict[str, str]:
        """Those of the last `depth` blocks, oldest first: hash -> raw hex."""
        tip = self.height()
        blocks = [self.rpc("eth_getBlockByNumber", hex(height), False) for height in range(tip - depth + 1, tip + 1)]
        return {tx: self.raw(tx) for block in blocks for tx in block["transactions"]}

    def _hashes(self, first: int) -> list[str]:
        heights = range(first, self.height() + 1)
        return [self.rpc("eth_getBlockByNumber", hex(height), False)["hash"] for height in heights]
