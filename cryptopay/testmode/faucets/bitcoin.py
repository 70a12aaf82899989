"""Bitcoin's family on regtest: bitcoind, litecoind and their kin, whose own wallet pays.

Amounts are ints of base units: satoshi, litoshi.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from cryptopay.testmode.faucets.calls import Calls
from cryptopay.testmode.faucets.seam import Fate, Order, Turned
from monitor.connectors.jsonrpc import RpcRefused

_BASE_UNITS = 100_000_000
_REPLACING_FEE = 200_000
"""Base units; pays for a replacement whatever the original and its descendants paid at the fallback fee."""
_RBF_SEQUENCE = 0xFFFFFFFD

Outputs = Mapping[str, int] | Sequence[tuple[str, int]]


class BitcoinFaucet:
    """A node of the family with a funded wallet."""

    fee_unit = "sat/vB"
    takes_back = True

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def rpc(self, method: str, *params: Any) -> Any:
        """Any call of the node or its wallet. Raises `RpcRefused`."""
        return self._calls(method, *params)

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

    def send(self, order: Order) -> str:
        return self.pay(order.destination, order.base_units, fee_rate=order.fee_rate)

    def pay(self, to: str | Outputs, amount: int | None = None, *, fee_rate: Decimal | None = None) -> str:
        """Pays `amount` to one address, or several outputs at once; the transaction's id.

        Output n of the transaction is output n as given, change comes last. An address may stand twice in a sequence.
        """
        outputs = _outputs(to, amount)
        raw = _unsigned_transaction([], [(self._script(address), units) for address, units in outputs])
        options: dict[str, Any] = {"changePosition": len(outputs), "replaceable": True}
        if fee_rate is not None:
            options["fee_rate"] = f"{fee_rate:f}"
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
            raise RpcRefused(f"signrawtransactionwithwallet: {signed['errors']}", 0)
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
        return self.rebuild(depth, [transactions, *[()] * (blocks - 1)])

    def rebuild(self, depth: int, contents: Sequence[Sequence[str]]) -> list[str]:
        """Puts blocks of exactly these transactions, ids or raw hex, in the place of the last `depth`; their hashes."""
        turned_down = self._step_back_to(self.height() - depth)
        try:
            return [self.mine_exactly(transactions) for transactions in contents]
        finally:
            for block in turned_down:
                self.rpc("reconsiderblock", block)

    def turn(self, depth: int, fate: Fate) -> Turned:
        """What is mined again, or mined instead, stands in the newest block: none is premature there."""
        taken = self._last_transactions(depth)
        instead = list(taken.values()) if fate == Fate.KEEP else self._rivals(taken) if fate == Fate.DROP else []
        blocks = self.rebuild(depth, [*[()] * depth, instead])
        kept = [*taken] if fate == Fate.KEEP else []
        if fate == Fate.WAIT:
            self._remind(taken)
        pool = {*self.rpc("getrawmempool")} - {*kept}
        dropped = [txid for txid in taken if txid not in pool and txid not in kept]
        return Turned(blocks, kept, [txid for txid in taken if txid in pool], dropped)

    def close(self) -> None:
        self._calls.close()

    def _last_transactions(self, depth: int) -> dict[str, str]:
        """Those of the last `depth` blocks, oldest first, without what miners are paid: id -> raw hex."""
        tip = self.height()
        hashes = [self.rpc("getblockhash", height) for height in range(tip - depth + 1, tip + 1)]
        txids = [txid for block in hashes for txid in self.rpc("getblock", block, 1)["tx"][1:]]
        return {txid: str(self.rpc("getrawtransaction", txid)) for txid in txids}

    def _remind(self, taken: Mapping[str, str]) -> None:
        """Of what was taken back, parents first: after ten blocks nodes forget it."""
        waiting = {*self.rpc("getrawmempool")}
        for txid in [txid for txid in taken if txid not in waiting]:
            try:
                self.rpc("sendrawtransaction", taken[txid])
            except RpcRefused:
                continue

    def _rivals(self, taken: Mapping[str, str]) -> list[str]:
        """What double-spends these. What spends one of them falls with it, and what is not ours cannot be helped."""
        rivals = []
        for txid in taken:
            spent = {vin["txid"] for vin in self.rpc("getrawtransaction", txid, True)["vin"]}
            if spent.isdisjoint(taken):
                try:
                    rivals.append(self.conflicting(txid))
                except RpcRefused:
                    continue
        return rivals

    def _step_back_to(self, height: int) -> list[str]:
        """Make that block the tip: turn down what stands on it, and branches of earlier reorgs that would take over."""
        root, turned_down = self.rpc("getblockhash", height), []
        while self.rpc("getbestblockhash") != root:
            on_root = self.rpc("getblockhash", height) == root
            turned_down.append(self.rpc("getblockhash", height + 1 if on_root else height))
            self.rpc("invalidateblock", turned_down[-1])
        return turned_down

    def _script(self, address: str) -> bytes:
        return bytes.fromhex(self.rpc("validateaddress", address)["scriptPubKey"])

    def _spent_output(self, vin: Mapping[str, Any]) -> dict[str, Any]:
        output = self.rpc("getrawtransaction", vin["txid"], True)["vout"][vin["vout"]]
        script: str = output["scriptPubKey"]["hex"]
        return {"txid": vin["txid"], "vout": vin["vout"], "scriptPubKey": script, "amount": Decimal(output["value"])}


class BcoinFaucet(BitcoinFaucet):
    """bcoin or bcash, which neither replace nor turn by Core's calls but by those that their launcher adds."""

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

    def rebuild(self, depth: int, contents: Sequence[Sequence[str]]) -> list[str]:
        return list(self.rpc("reorg", depth, [list(transactions) for transactions in contents]))


def faucet(calls: Calls) -> BitcoinFaucet:
    """The one that fits what the node says it is."""
    said = str(calls("getnetworkinfo")["subversion"])
    return BcoinFaucet(calls) if said.startswith(("/bcoin", "/bcash")) else BitcoinFaucet(calls)


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
