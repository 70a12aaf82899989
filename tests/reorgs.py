"""Random schedules of payments, double spends and reorganisations on a real node of the Bitcoin family.

What the books say afterwards is held against the chain by `auditing`, which knows nothing of them. The tests run a few
schedules, `make torture` two hundred on each chain.
"""

from dataclasses import dataclass, field
from random import Random

from cryptopay.devnet.drive import BitcoinNode
from cryptopay.merchants.models import Merchant
from cryptopay.payments import intake, lifecycle
from cryptopay.payments.lifecycle import NewInvoice
from cryptopay.payments.models import PaymentMethod
from ledger.money import to_text
from monitor import follower, nodes
from monitor.chains import Chain
from monitor.connectors.jsonrpc import RpcRefused
from monitor.models import ChainEvent, Cursor
from tests import auditing

DEEPEST = 25
BURIED = DEEPEST + 11
"""Blocks at the end of a schedule: a reorganisation of a later one leaves it alone."""


@dataclass
class Trial:
    """One merchant on one chain. `database_url`: as its owner."""

    chain: Chain
    node: BitcoinNode
    merchant: Merchant
    database_url: str
    first_height: int = 0
    reorgs: int = 0
    payments: int = 0
    double_spends: int = 0
    deepest: int = 0
    _walked: auditing.Walked = field(default_factory=dict)
    _waiting: list[str] = field(default_factory=list)
    """Our payments of this schedule that a double spend may still replace."""

    def start(self) -> None:
        self.node.mine(BURIED)  # coins to spend, however deep the reorganisations are
        self.read()
        self.first_height = self.node.height() - DEEPEST

    def run(self, seed: int) -> None:
        """One schedule. Raises `AssertionError` with what differs."""
        random = Random(seed)
        addresses = [self.new_address() for _ in range(random.randint(2, 4))]
        self._waiting.clear()
        for _ in range(random.randint(1, 3)):
            for _ in range(random.randint(2, 5)):
                self._act(random, addresses)
            if random.random() < 0.6:  # so that what is taken back was credited
                self.node.mine(self.chain.confirmation_tiers[0].confirmations)
            if random.random() < 0.8:
                self.read()
            self._reorganise(random)
            if random.random() < 0.7:
                self.read()
                self.agree(seed)
        self.node.mine(BURIED)
        self.read()
        self.agree(seed)

    def read(self) -> None:
        """Up to the tip, and into the books."""
        while not follower.step(self.chain, nodes.connector(self.chain)).at_tip:
            cursor = Cursor.objects.get(chain_code=self.chain.code)
            assert cursor.failing_since is None, cursor.failure
        intake.drain(self.chain.code)

    def agree(self, seed: int, *, anew: bool = False) -> None:
        """The books say what the chain says, to the unit. `anew`: every block is read again."""
        method = PaymentMethod.objects.filter(invoice__book=self.merchant.test_book, asset__chain=self.chain.code)
        destinations = [bytes(each.address.destination) for each in method.select_related("address")]
        shown = auditing.utxo(self.node.url, destinations, self.first_height, None if anew else self._walked)
        wrong = auditing.differences(
            self.database_url, self.chain.code, shown, dust_base_units=self.chain.minimum_base_units
        )
        assert not wrong, "\n".join([f"schedule {seed} on {self.chain}:", *wrong])

    @property
    def taken_back(self) -> int:
        """Credits that were reversed."""
        events = ChainEvent.objects.filter(chain_code=self.chain.code, kind=ChainEvent.Kind.REORGED)
        return events.filter(book=self.merchant.test_book).count()

    def new_address(self) -> str:
        """Of an invoice of its own."""
        amount = to_text(10 * self.chain.minimum_base_units, self.chain.native.decimals)
        order = NewInvoice(amount=amount, currency=self.chain.native.code, methods=[self.chain.native.code])
        opened = lifecycle.open_invoice(self.merchant.test_book, order)
        return PaymentMethod.objects.get(invoice=opened.invoice).address.text

    def _act(self, random: Random, addresses: list[str]) -> None:
        match random.choices(["pay", "mine", "double-spend", "read"], [5, 3, 1, 2])[0]:
            case "pay":
                self._pay(random, addresses)
            case "mine":
                self.node.mine(random.randint(1, 4))
            case "double-spend":
                self._replace(random)
            case _:
                self.read()

    def _pay(self, random: Random, addresses: list[str]) -> None:
        """Several outputs, some to one address, some dust, seldom a large one."""
        least = self.chain.minimum_base_units
        largest_of_the_small = self.chain.confirmation_tiers[0].up_to_base_units or least
        sizes = [least, 10 * least, 10 * least, 25 * least, random.choice([largest_of_the_small + 1, 7 * least])]
        outputs = [(random.choice(addresses), random.choice(sizes)) for _ in range(random.randint(1, 3))]
        self._waiting.append(self.node.pay(outputs))
        self.payments += 1

    def _replace(self, random: Random) -> None:
        pool = [txid for txid in self.node.rpc("getrawmempool") if txid in self._waiting]
        if not pool:
            return
        txid = random.choice(sorted(pool))
        self._waiting.remove(txid)
        try:
            self.node.replace(txid)
        except RpcRefused:  # another payment spends its change by now, and the replacement pays too little for both
            return
        self.double_spends += 1

    def _reorganise(self, random: Random) -> None:
        """Some of what is taken back is mined again at once, some is double-spent, the rest waits or is forgotten."""
        depth = random.randint(1, DEEPEST)
        root = self.node.height() - depth
        lost = [self.node.rpc("getblockhash", height) for height in range(root + 1, root + depth + 1)]
        taken_back = {txid for name in lost for txid in self.node.rpc("getblock", name, 1)["tx"][1:]}
        kept = []
        for txid in sorted(taken_back & set(self._waiting)):
            if not self._stands_below(txid, root):
                continue
            match random.choice(["mine again", "double-spend", "wait", "wait"]):
                case "mine again":
                    kept.append(str(self.node.rpc("getrawtransaction", txid)))
                case "double-spend":
                    kept.append(self.node.conflicting(txid))
                    self._waiting.remove(txid)
                    self.double_spends += 1
        self.node.reorg(depth, depth + random.randint(1, 2), kept)
        self.reorgs += 1
        self.deepest = max(self.deepest, depth)

    def _stands_below(self, txid: str, root: int) -> bool:
        """Whether all it spends was mined and ripe by then, so that it is valid right above."""
        for spent in self.node.rpc("getrawtransaction", txid, True)["vin"]:
            origin = self.node.rpc("getrawtransaction", spent["txid"], True)
            if "blockhash" not in origin:
                return False
            ripe = self.chain.maturity_blocks if "coinbase" in origin["vin"][0] else 1
            height = self.node.rpc("getblockheader", origin["blockhash"])["height"]
            stands = self.node.rpc("getblockhash", height) == origin["blockhash"]  # an index may name a block that lost
            if not stands or height + ripe > root + 1:
                return False
        return True
