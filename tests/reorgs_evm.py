"""Random schedules of payments, double spends and reorganisations on Ethereum's development node.

Coins and tokens, sent by people and by contracts, some in calls that fail, some in another coin than was asked. What
the books say is held against what the addresses hold (`auditing_evm`). The tests run a few schedules, `make torture`
two hundred.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random

from django.utils import timezone

from cryptopay.devnet.contracts import DEMO_DOLLAR, Contract, deploy
from cryptopay.devnet.drive import EthereumNode
from cryptopay.merchants.models import Merchant
from cryptopay.payments import intake, lifecycle
from cryptopay.payments.lifecycle import NewInvoice
from cryptopay.payments.models import PaymentMethod
from ledger import rates
from monitor import follower, nodes
from monitor.chains import CHAINS
from monitor.connectors.jsonrpc import RpcRefused
from monitor.models import Cursor
from monitor.tokens import Token
from tests import auditing_evm

CHAIN = CHAINS["ethereum-dev"]
CODE = "USDX"
DEEPEST = 25
BURIED = DEEPEST + 5
SENDER = Path(__file__).with_name("contracts") / "Sender.vy"
_PAYERS = 5


@dataclass
class Trial:
    """One merchant. `database_url`: as its owner."""

    node: EthereumNode
    merchant: Merchant
    database_url: str
    reorgs: int = 0
    payments: int = 0
    double_spends: int = 0
    deepest: int = 0
    token: Contract = field(init=False)
    sender: Contract = field(init=False)
    _sent: dict[str, str] = field(default_factory=dict)
    """Our payments of this schedule, signed, by their ids."""

    def start(self) -> None:
        """The token let in and everybody rich, buried deeper than any reorganisation reaches."""
        self.token, self.sender = deploy(self.node, DEMO_DOLLAR), deploy(self.node, SENDER)
        Token.objects.create(chain_code=CHAIN.code, contract=self.token.address, code=CODE, decimals=6)
        rates.record(CODE, "EUR", Decimal("0.86"), "test", timezone.now())
        for holder in (*self.node.accounts()[:_PAYERS], self.sender.address):
            self.token.send("mint", holder, 10**18)
        self.node.pay(self.sender.address, 10**20)
        self.node.mine(BURIED)
        self.read()

    def run(self, seed: int) -> None:
        """One schedule. Raises `AssertionError` with what differs."""
        random = Random(seed)
        addresses = [self._address(random.choice([CODE, "ETH"])) for _ in range(random.randint(2, 4))]
        self._sent.clear()
        for _ in range(random.randint(1, 3)):
            for _ in range(random.randint(3, 8)):
                self._act(random, addresses)
            if random.random() < 0.7:
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
        while not follower.step(CHAIN, nodes.connector(CHAIN)).at_tip:
            cursor = Cursor.objects.get(chain_code=CHAIN.code)
            assert cursor.failing_since is None, cursor.failure
        intake.drain(CHAIN.code)

    def agree(self, seed: int) -> None:
        """The books say what the addresses hold, to the unit."""
        wrong = auditing_evm.differences(self.database_url, CHAIN.code, self.node.url, [self.token.address])
        assert not wrong, "\n".join([f"schedule {seed}:", *wrong])

    def _address(self, code: str) -> str:
        opened = lifecycle.open_invoice(self.merchant.test_book, NewInvoice(amount="1", currency=code, methods=[code]))
        return PaymentMethod.objects.get(invoice=opened.invoice).address.text

    def _act(self, random: Random, addresses: list[str]) -> None:
        match random.choices(["pay", "mine", "double-spend", "read"], [6, 3, 1, 2])[0]:
            case "pay":
                self._pay(random, addresses)
            case "mine":
                self.node.mine(random.randint(1, 4))
            case "double-spend":
                self._replace(random)
            case _:
                self.read()

    def _pay(self, random: Random, addresses: list[str]) -> None:
        payer = random.choice(self.node.accounts()[:_PAYERS])
        payees = [random.choice(addresses) for _ in range(random.randint(1, 3))]
        coins, dollars = random.randint(10**12, 10**18), random.randint(1, 10**9)
        token = self.token.address
        match random.choice(["plain", "token", "batch", "tokens", "fails", "fails within", "tokens fail within"]):
            case "plain":
                txid = self.node.pay(payees[0], coins, payer=payer)
            case "token":
                txid = self.token.send("transfer", payees[0], dollars, payer=payer)
            case "batch":
                txid = self.sender.send("pay", payees, coins, payer=payer, value=coins * len(payees))
            case "tokens":
                txid = self.sender.send("pay_tokens", token, payees, dollars, payer=payer)
            case "fails":
                txid = self.sender.send("pay_and_fail", payees, coins, payer=payer, value=coins)
            case "fails within":
                txid = self.sender.send("pay_and_fail_within", payees, coins, payer=payer, value=coins)
            case _:
                txid = self.sender.send("pay_tokens_and_fail_within", token, payees, dollars, payer=payer)
        self._sent[txid] = self.node.raw(txid)
        self.payments += 1

    def _replace(self, random: Random) -> None:
        known = [self.node.rpc("eth_getTransactionByHash", txid) for txid in self._sent]
        waiting = [transaction["hash"] for transaction in known if transaction and not transaction["blockHash"]]
        if not waiting:
            return
        txid = random.choice(waiting)
        try:
            self.node.replace(txid)
        except RpcRefused:  # it was forgotten in a reorganisation, and its nonce is another's by now
            return
        del self._sent[txid]
        self.double_spends += 1

    def _reorganise(self, random: Random) -> None:
        """Some of what is taken back is double-spent, some is sent again, the rest is forgotten."""
        depth = random.randint(1, DEEPEST)
        root = self.node.height() - depth
        first: dict[str, tuple[int, str]] = {}
        taken_back = []
        for txid in list(self._sent):
            if (height := self._block_of(txid)) is not None and height > root:
                taken_back.append(txid)
                known = self.node.rpc("eth_getTransactionByHash", txid)
                ours = int(known["nonce"], 16), txid
                first[known["from"]] = min(first.get(known["from"], ours), ours)
        spent = []
        for payer, (nonce, txid) in first.items():  # only the first of an account is valid right above the root
            stands = int(self.node.rpc("eth_getTransactionCount", payer, hex(root)), 16) == nonce
            if stands and random.random() < 0.3:
                spent.append(self.node.conflicting(txid))
                taken_back.remove(txid)
                del self._sent[txid]
        self.node.reorg(depth, depth + random.randint(1, 2), spent)
        for txid in taken_back:
            if random.random() < 0.6:
                self._send_again(txid)
        self.double_spends += len(spent)
        self.reorgs += 1
        self.deepest = max(self.deepest, depth)

    def _send_again(self, txid: str) -> None:
        try:
            self.node.resend(self._sent[txid])
        except RpcRefused:  # its nonce was spent otherwise
            del self._sent[txid]

    def _block_of(self, txid: str) -> int | None:
        receipt = self.node.rpc("eth_getTransactionReceipt", txid)
        return None if receipt is None else int(receipt["blockNumber"], 16)
