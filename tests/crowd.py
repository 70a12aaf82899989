"""A mempool with a real queue: hundreds of payments at fee rates of one's choice, before blocks that take only some."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryptopay.devnet import nodes
from cryptopay.devnet.drive import BitcoinNode
from cryptopay.devnet.programs import BITCOIND, Program
from keys.formats.bech32 import encode
from monitor.connectors.jsonrpc import RpcRefused

BLOCK_WEIGHT = 24_000
_RESERVED_WEIGHT, _RESERVED_WEIGHT_BEFORE_29 = 8_000, 4_000
"""What a node keeps free for the coinbase."""
_COIN_BASE_UNITS = 200_000
_COINS_A_FUNDING = 400
_LARGE_COIN_BASE_UNITS, _LARGE_COINS = 5_000_000, 80
_OUTPUTS_OF_A_LARGE = 2_200
_LARGE_VSIZE = _OUTPUTS_OF_A_LARGE * 43 + 79  # one P2WPKH input, outputs to P2WSH
_PLAIN_VSIZE = 110  # one P2WPKH input, one P2WPKH output


@dataclass
class Coin:
    """An output of the node's wallet, to be spent by one payment."""

    txid: str
    vout: int
    base_units: int


class Crowd:
    """Payments at a chosen fee rate, one coin each, from the wallet of a node whose blocks are small."""

    def __init__(self, node: BitcoinNode) -> None:
        self.node = node
        self._coins: list[Coin] = []

    def prepare(self, coins: int) -> None:
        """Coins that are mined, so that no payment stands on another."""
        while len(self._coins) < coins:
            addresses = [self.node.new_address() for _ in range(4)]
            outputs = [(addresses[number % 4], _COIN_BASE_UNITS) for number in range(_COINS_A_FUNDING)]
            txid = self.node.pay(outputs)
            self.node.mine_exactly([txid])
            spendable = [{"txid": txid, "vout": vout} for vout in range(_COINS_A_FUNDING)]
            self.node.rpc("lockunspent", False, spendable)  # not by the wallet's own choice
            self._coins += [Coin(txid, vout, _COIN_BASE_UNITS) for vout in range(_COINS_A_FUNDING)]

    def pay(self, address: str, fee_rate: int, coin: Coin | None = None, *, replaceable: bool = True) -> Coin:
        """One payment at that many base units per 1,000 virtual bytes; its output, which may be spent on."""
        coin = coin or self._coins.pop()
        left = coin.base_units - -(-fee_rate * _PLAIN_VSIZE // 1000)
        sequence = 0xFFFFFFFD if replaceable else 0xFFFFFFFE
        spent = {"txid": coin.txid, "vout": coin.vout, "sequence": sequence}
        raw = self.node.rpc("createrawtransaction", [spent], [{address: f"{left / 10**8:.8f}"}])
        return Coin(self._send(raw), 0, left)

    def coin(self) -> Coin:
        return self._coins.pop()

    def queue_up(self, fee_rates: Sequence[int]) -> None:
        """Strangers, one at each rate."""
        self.prepare(len(fee_rates) + 20)
        address = self.node.new_address()
        for fee_rate in fee_rates:
            self.pay(address, fee_rate)

    def fill(self, fee_rate: int) -> None:
        """Large transactions at that rate, until the node keeps no more and throws the cheapest out."""
        funding = self.node.pay([(self.node.new_address(), _LARGE_COIN_BASE_UNITS)] * _LARGE_COINS)
        self.node.mine_exactly([funding])
        strangers = [encode("bcrt", 0, number.to_bytes(32, "big")) for number in range(_OUTPUTS_OF_A_LARGE)]
        least = self.node.rpc("getmempoolinfo")["mempoolminfee"]
        for vout in range(_LARGE_COINS):
            fee = _LARGE_VSIZE * fee_rate // 1000
            each = (_LARGE_COIN_BASE_UNITS - fee) // _OUTPUTS_OF_A_LARGE
            outputs = [{stranger: f"{each / 10**8:.8f}"} for stranger in strangers]
            raw = self.node.rpc("createrawtransaction", [{"txid": funding, "vout": vout}], outputs)
            with suppress(RpcRefused):  # it would be the first to be thrown out
                self._send(raw)
            if self.node.rpc("getmempoolinfo")["mempoolminfee"] > least:
                return
        raise AssertionError("the mempool is larger than that")

    def clear(self) -> None:
        """Everything that waits is mined at once."""
        waiting = self.node.rpc("getrawmempool", True)
        parents_first = sorted(waiting, key=lambda txid: waiting[txid]["ancestorcount"])
        self.node.mine_exactly(parents_first)

    def _send(self, raw: str) -> str:
        signed = self.node.rpc("signrawtransactionwithwallet", raw)
        return str(self.node.rpc("sendrawtransaction", signed["hex"]))


def block_vsize(node: BitcoinNode) -> int:
    """Virtual bytes of payments that fit into its blocks."""
    is_new = node.rpc("getnetworkinfo")["version"] >= 290_000
    return (BLOCK_WEIGHT - (_RESERVED_WEIGHT if is_new else _RESERVED_WEIGHT_BEFORE_29)) // 4


def start(program: Program, folder: Path, *more_switches: str) -> nodes.Running:
    """A node with small blocks."""
    switches = [f"-blockmaxweight={BLOCK_WEIGHT}", *more_switches]
    if program is BITCOIND:
        switches.append("-blockprioritysize=0")  # Knots may keep room for old coins, whatever they pay
    return nodes.start_bitcoin(program, folder, more_switches=switches)
