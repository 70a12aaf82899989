"""Driving development nodes: mine, pay, take it back. For tests and the demo shop, never near real money.

Amounts are ints of base units: satoshi, litoshi, wei.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from cryptopay.devnet.errors import NodeRefused
from cryptopay.devnet.rpc import Rpc

WALLET = "devnet"
_BASE_UNITS = 100_000_000
_FUNDED_HEIGHT = 110
"""Coinbases are spendable 100 deep, so ten of them are: enough to pay without waiting for change to confirm."""
_REPLACING_FEE = 200_000
"""Base units; pays for a replacement whatever the original and its descendants paid at the fallback fee."""
_RBF_SEQUENCE = 0xFFFFFFFD
_WALLET_MISSING, _WALLET_LOADED = -18, -35

Outputs = Mapping[str, int] | Sequence[tuple[str, int]]


class BitcoinNode:
    """bitcoind or litecoind on regtest, with a funded wallet of its own."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._rpc = Rpc(url, path=f"/wallet/{WALLET}")

    def rpc(self, method: str, *params: Any) -> Any:
        """Any call of the node or its wallet. Raises `NodeRefused`."""
        return self._rpc(method, *params)

    def fund(self) -> None:
        """Opens the wallet, makes it on first use, and mines until it has coins to spend. Safe to call again."""
        try:
            self.rpc("loadwallet", WALLET)
        except NodeRefused as refused:
            if refused.number == _WALLET_MISSING:
                self.rpc("createwallet", WALLET)
            elif refused.number != _WALLET_LOADED and "already loaded" not in str(refused):
                raise
        if (missing := _FUNDED_HEIGHT - self.height()) > 0:
            self.mine(missing)

    def height(self) -> int:
        return int(self.rpc("getblockcount"))

    def new_address(self) -> str:
        return str(self.rpc("getnewaddress", "", "bech32"))

    def mine(self, blocks: int = 1, address: str | None = None) -> list[str]:
        """Mines the mempool into `blocks` blocks; their hashes, lowest first."""
        return list(self.rpc("generatetoaddress", blocks, address or self.new_address()))

    def mine_exactly(self, transactions: Sequence[str] = ()) -> str:
        """Mines one block of these transactions, ids in the mempool or raw hex, and nothing else; its hash."""
        return str(self.rpc("generateblock", self.new_address(), list(transactions))["hash"])

    def pay(self, to: str | Outputs, amount: int | None = None) -> str:
        """Pays `amount` to one address, or several outputs at once; the transaction's id.

        Output n of the transaction is output n as given, change comes last. An address may stand twice in a sequence.
        """
        outputs = _outputs(to, amount)
        raw = _unsigned_transaction([], [(self._script(address), units) for address, units in outputs])
        options = {"changePosition": len(outputs), "replaceable": True}
        funded = self.rpc("fundrawtransaction", raw, options, False)["hex"]
        signed = self.rpc("signrawtransactionwithwallet", funded)
        return str(self.rpc("sendrawtransaction", signed["hex"]))

    def conflicting(self, txid: str, address: str | None = None) -> str:
        """A signed, unsent transaction spending what `txid` spends, to `address` or back to us; raw hex.

        `txid` must be one of our own payments, in the mempool or mined.
        """
        inputs = [self._spent_output(vin) for vin in self.rpc("getrawtransaction", txid, True)["vin"]]
        total = sum(int(spent["amount"] * _BASE_UNITS) for spent in inputs)
        output = (self._script(address or self.new_address()), total - min(_REPLACING_FEE, total // 2))
        raw = _unsigned_transaction([(spent["txid"], spent["vout"]) for spent in inputs], [output])
        known = [{**spent, "amount": str(spent["amount"])} for spent in inputs]
        signed = self.rpc("signrawtransactionwithwallet", raw, known)
        if not signed["complete"]:
            raise NodeRefused("signrawtransactionwithwallet", 0, str(signed["errors"]))
        return str(signed["hex"])

    def replace(self, txid: str, address: str | None = None) -> str:
        """Double-spends `txid`, which must still be in the mempool; the id of the transaction that drove it out."""
        return str(self.rpc("sendrawtransaction", self.conflicting(txid, address)))

    def reorg(self, depth: int, blocks: int | None = None, transactions: Sequence[str] = ()) -> list[str]:
        """Builds a competing branch of `blocks` (default `depth + 1`) blocks that takes back the last `depth`.

        The first new block holds exactly `transactions` (ids or raw hex), the others none; what was taken back waits
        in the mempool unless it conflicts. Both branches stay valid, so `blocks` must exceed `depth`. Hashes, lowest
        first.
        """
        blocks = depth + 1 if blocks is None else blocks
        if not 0 < depth < blocks:
            raise ValueError("the new branch must be longer than the old one")
        turned_down = self._step_back_to(self.height() - depth)
        try:
            return [self.mine_exactly(transactions), *(self.mine_exactly() for _ in range(blocks - 1))]
        finally:
            for block in turned_down:
                self.rpc("reconsiderblock", block)

    def _step_back_to(self, height: int) -> list[str]:
        """Make that block the tip: turn down what stands on it, and branches of earlier reorgs that would take over."""
        root, turned_down = self.rpc("getblockhash", height), []
        while self.rpc("getbestblockhash") != root:
            on_root = self.rpc("getblockhash", height) == root
            turned_down.append(self.rpc("getblockhash", height + 1 if on_root else height))
            self.rpc("invalidateblock", turned_down[-1])
        return turned_down

    def close(self) -> None:
        """Ends the idle connection, for which litecoind would wait when it is stopped."""
        self._rpc.close()

    def _script(self, address: str) -> bytes:
        return bytes.fromhex(self.rpc("validateaddress", address)["scriptPubKey"])

    def _spent_output(self, vin: Mapping[str, Any]) -> dict[str, Any]:
        output = self.rpc("getrawtransaction", vin["txid"], True)["vout"][vin["vout"]]
        script: str = output["scriptPubKey"]["hex"]
        return {"txid": vin["txid"], "vout": vin["vout"], "scriptPubKey": script, "amount": Decimal(output["value"])}


class BcoinNode(BitcoinNode):
    """bcoin or bcash, driven by the calls that their launcher adds."""

    def new_address(self) -> str:
        return str(self.rpc("getnewaddress", "", "fresh"))

    def mine(self, blocks: int = 1, address: str | None = None) -> list[str]:
        """As a wallet would: what is mined stays spendable after a restart, which forgets fresh addresses."""
        return super().mine(blocks, address or str(self.rpc("getnewaddress")))

    def replace(self, txid: str, address: str | None = None) -> str:
        """Neither package replaces by fee, nor do Bitcoin Cash's miners: what they heard first stays.

        The node is made to have heard the double spend first.
        """
        return str(self.rpc("hearfirst", self.conflicting(txid, address)))

    def reorg(self, depth: int, blocks: int | None = None, transactions: Sequence[str] = ()) -> list[str]:
        blocks = depth + 1 if blocks is None else blocks
        if not 0 < depth < blocks:
            raise ValueError("the new branch must be longer than the old one")
        return list(self.rpc("reorg", depth, blocks, list(transactions)))


class EthereumNode:
    """anvil without automatic mining; its accounts are unlocked and rich."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._rpc = Rpc(url)

    def rpc(self, method: str, *params: Any) -> Any:
        """Any call of the node. Raises `NodeRefused`."""
        return self._rpc(method, *params)

    def accounts(self) -> list[str]:
        return list(self.rpc("eth_accounts"))

    def height(self) -> int:
        return int(self.rpc("eth_blockNumber"), 16)

    def mine(self, blocks: int = 1) -> list[str]:
        """Mines what is pending into the first of `blocks` blocks; their hashes, lowest first."""
        before = self.height()
        self.rpc("anvil_mine", hex(blocks))
        return self._hashes(before + 1)

    def pay(self, to: str, amount: int, *, payer: str | None = None) -> str:
        """Sends `amount` wei from `payer`, one of `accounts()`, by default the first; the transaction's hash."""
        payment = {"from": payer or self.accounts()[0], "to": to, "value": hex(amount)}
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

    def raw(self, tx: str) -> str:
        """The signed transaction as it travels, to be kept before a reorg and sent again after it."""
        return str(self.rpc("eth_getRawTransactionByHash", tx))

    def resend(self, raw: str) -> str:
        return str(self.rpc("eth_sendRawTransaction", raw))

    def close(self) -> None:
        self._rpc.close()

    def _hashes(self, first: int) -> list[str]:
        heights = range(first, self.height() + 1)
        return [self.rpc("eth_getBlockByNumber", hex(height), False)["hash"] for height in heights]


def _outputs(to: str | Outputs, amount: int | None) -> Sequence[tuple[str, int]]:
    if isinstance(to, str):
        if amount is None:
            raise TypeError("an amount is missing")
        return [(to, amount)]
    return list(to.items()) if isinstance(to, Mapping) else to


def _unsigned_transaction(inputs: Sequence[tuple[str, int]], outputs: Sequence[tuple[bytes, int]]) -> str:
    """The transaction in the old serialization (no witness), as hex.

    Written here because `createrawtransaction` refuses to pay one address twice, which payers may do.
    """
    spends = b"".join(
        bytes.fromhex(txid)[::-1] + vout.to_bytes(4, "little") + b"\0" + _RBF_SEQUENCE.to_bytes(4, "little")
        for txid, vout in inputs
    )
    pays = b"".join(units.to_bytes(8, "little") + _counted(script) for script, units in outputs)
    parts = [(2).to_bytes(4, "little"), _count(len(inputs)), spends, _count(len(outputs)), pays, bytes(4)]
    return b"".join(parts).hex()


def _counted(script: bytes) -> bytes:
    return _count(len(script)) + script


def _count(number: int) -> bytes:
    """Bitcoin's CompactSize; three bytes reach further than any transaction made here."""
    return bytes([number]) if number < 0xFD else b"\xfd" + number.to_bytes(2, "little")  # noqa: PLR2004
