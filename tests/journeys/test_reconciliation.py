"""Reconciliation on real nodes: nothing differs after payments; a coin that somebody swept is found, and explained.

The sweep is another wallet's, by the node's own tools and a private key that only the test knows.
"""

import secrets
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from bip_utils import Bip32Slip10Secp256k1
from django.db import connection
from django.utils import timezone

from cryptopay.devnet.drive import BitcoinNode, EthereumNode
from cryptopay.devnet.monero import MoneroNode
from cryptopay.devnet.nodeos import OwnNodeos
from cryptopay.merchants import onboarding
from cryptopay.monthend import cases, reconciling
from cryptopay.monthend.models import Case, CaseStep
from cryptopay.payments import sharing
from cryptopay.payments import tasks as payments_tasks
from cryptopay.payments.models import UnassignedReceipt
from cryptopay.testmode.faucets.antelope import PAYER, transfer
from keys.formats import base58, monero
from keys.importing import import_credential
from keys.models import MasterKey
from ledger import balances, chart, manual, proposals
from ledger.journal import Leg
from ledger.models import Account, Asset, Proposal
from ledger.money import to_text
from monitor import nodes
from monitor import tasks as monitor_tasks
from monitor.chains import CHAINS, Chain
from monitor.connectors.base import NodeError
from monitor.connectors.holdings import Way
from monitor.connectors.jsonrpc import node_at
from monitor.models import ConfirmationTier
from monitor.reconciliations import AddressDifference, Reconciliation, ReconciliationAttempt
from tests import people
from tests.database import past_triggers
from tests.journeys.conftest import Coin, Shop, address_of, pay
from tests.journeys.test_monero import give_view_key, new_pair

pytestmark = pytest.mark.django_db(transaction=True)

Reconcile = Callable[[Coin], Reconciliation]
WHO = {"reason": "Swept on Friday", "by": "Ann"}


@pytest.fixture
def reconcile(shop: Shop) -> Reconcile:
    def of(coin: Coin) -> Reconciliation:
        """The shop's row of that coin; as with a beat, the chain is read on while the node is ahead."""

        def catch_up() -> None:
            monitor_tasks.step(coin.chain.code)
            payments_tasks.drain(coin.chain.code)

        rows = reconciling.reconcile(coin.chain, nodes.holdings(coin.chain), catch_up=catch_up)
        (row,) = [
            row for row in rows if row.book_id == shop.merchant.test_book_id and row.asset.contract == coin.contract
        ]
        return row

    return of


def received(shop: Shop, coin: Coin) -> str:
    """Paid and buried; the address."""
    invoice = shop.invoice(coin)
    pay(coin, invoice)
    coin.bury()
    shop.turn()
    assert shop.stands(invoice) == ("settled", "none")
    return address_of(invoice)


def test_nothing_differs_after_payments_and_what_is_on_its_way_is_no_difference(
    shop: Shop, coin: Coin, reconcile: Reconcile
) -> None:
    received(shop, coin)
    pay(coin, shop.invoice(coin))
    shop.turn()
    row = reconcile(coin)
    assert (row.node_base_units, row.custody_base_units, row.difference) == (coin.due, coin.due, 0)
    coin.node.mine()
    shop.turn()
    row = reconcile(coin)
    assert (row.node_base_units, row.custody_base_units, row.on_its_way_base_units) == (
        2 * coin.due,
        coin.due,
        coin.due,
    )
    assert row.difference == 0
    assert not Case.objects.exists()
    assert not AddressDifference.objects.exists()


@pytest.mark.parametrize("name", ["bitcoin", "litecoin", "bitcoin_cash"])
def test_a_sweep_becomes_a_case_and_is_explained_in_two_parts(
    request: pytest.FixtureRequest, shop: Shop, reconcile: Reconcile, name: str
) -> None:
    coin: Coin = request.getfixturevalue(name)
    key = people.account(coin.chain, secrets.token_bytes(32))
    MasterKey.objects.filter(book=shop.merchant.test_book, chain=coin.chain.code).update(active=False)
    import_credential(shop.merchant.test_book, coin.chain, key.PublicKey().ToExtended(), label="Swept")
    address = received(shop, coin)
    _spend(coin, key, address)
    coin.bury()
    shop.turn()
    found = reconcile(coin)
    assert (found.node_base_units, found.difference) == (0, -coin.due)
    (place,) = AddressDifference.objects.filter(reconciliation=found)
    assert (place.node_base_units, place.books_base_units, place.difference) == (0, coin.due, -coin.due)
    explained(shop, coin, reconcile, coin.due)
    received(shop, coin)
    after = reconcile(coin)
    assert (after.node_base_units, after.difference) == (coin.due, 0)
    assert Case.objects.count() == 1


def _spend(coin: Coin, account: Bip32Slip10Secp256k1, address: str) -> None:
    """All of it, to the node's own wallet."""
    node = cast(BitcoinNode, coin.node)
    (output,) = node.rpc("scantxoutset", "start", [f"addr({address})"])["unspents"]
    secret = account.DerivePath("0/0").PrivateKey().Raw().ToBytes()
    wif = base58.encode(b"\xef" + secret + b"\x01")
    raw = node.rpc(
        "createrawtransaction",
        [{"txid": output["txid"], "vout": output["vout"]}],
        {node.new_address(): float(to_text(coin.due * 9 // 10, coin.chain.native.decimals))},
    )
    spent = {name: output[name] for name in ("txid", "vout", "scriptPubKey")} | {"amount": str(output["amount"])}
    signed = node.rpc("signrawtransactionwithkey", raw, [wif], [spent])
    assert signed["complete"], signed
    node.rpc("sendrawtransaction", signed["hex"], 0)


def explained(shop: Shop, coin: Coin, reconcile: Reconcile, gone: int) -> None:
    """Found before, it is booked when it is found again, and a person says what it was: then nothing differs."""
    case = cases.open_cases([shop.merchant.test_book_id]).get(asset__contract=coin.contract)
    held = shop.holds(coin, coin.custody).posted
    assert cases.standing(case).in_suspense == 0
    assert reconcile(coin).difference == -gone
    assert cases.standing(case).in_suspense == -gone
    assert shop.holds(coin, coin.custody).posted == held - gone
    assert shop.holds(coin, "suspense").posted == -gone
    assert reconcile(coin).difference == 0
    assert cases.is_open(case)

    fee = gone // 10
    for _ in range(2):  # a form sent twice says it once
        cases.explain(case, CaseStep.Kind.OWN_WALLET, gone - fee, **WHO, token="1")
    assert cases.is_open(case)
    cases.explain(case, CaseStep.Kind.NETWORK_FEE, fee, **WHO, token="2")
    for proposal in Proposal.objects.filter(decision=None):
        proposals.approve(proposal, by="Ben")
    assert reconcile(coin).difference == 0
    assert not cases.is_open(case)
    assert shop.holds(coin, "suspense").posted == 0
    assert shop.holds(coin, "assets:in transit").posted == gone - fee
    assert shop.holds(coin, "expense:network fees").posted == fee


def test_tokens_that_left_by_another_program_and_the_ether_that_came_for_their_fee(
    shop: Shop, dollar: Coin, ethereum: Coin, reconcile: Reconcile
) -> None:
    shop.invoice(ethereum)
    address = received(shop, dollar)
    node = cast(EthereumNode, ethereum.node)
    assert reconcile(dollar).difference == 0
    node.rpc("anvil_impersonateAccount", address)
    node.rpc("anvil_setBalance", address, hex(10**18))
    assert dollar.token is not None
    data = "0xa9059cbb" + node.accounts()[0][2:].rjust(64, "0") + f"{4_000_000:064x}"
    node.rpc("eth_sendTransaction", {"from": address, "to": dollar.token.address, "data": data})
    node.mine()
    shop.turn()
    assert reconcile(dollar).difference == -4_000_000
    explained(shop, dollar, reconcile, 4_000_000)
    (ether,) = cases.open_cases([shop.merchant.test_book_id])
    assert (ether.asset.code, ether.run.difference) == ("ETH", ethereum.on_chain(address))


def test_ether_that_left_and_dust_that_anybody_may_send(shop: Shop, ethereum: Coin, reconcile: Reconcile) -> None:
    """Threat: somebody keeps the books from agreeing, and the month from closing, with a wei."""
    address = received(shop, ethereum)
    node = cast(EthereumNode, ethereum.node)
    least = ethereum.chain.minimum_base_units
    node.pay(address, least - 1)
    node.mine()
    shop.turn()
    row = reconcile(ethereum)
    assert (row.node_base_units, row.difference) == (ethereum.due, 0)
    node.pay(address, 1)
    node.mine()
    shop.turn()
    assert reconcile(ethereum).difference == least
    (case,) = Case.objects.all()
    reconcile(ethereum)
    cases.explain(case, CaseStep.Kind.OUTSIDE, least, **WHO, account="income:sales", token="1")
    assert not cases.is_open(case)
    assert shop.holds(ethereum, ethereum.custody).posted == ethereum.on_chain(address)

    node.rpc("anvil_impersonateAccount", address)
    node.rpc("eth_sendTransaction", {"from": address, "to": node.accounts()[0], "value": hex(ethereum.due // 2)})
    node.mine()
    shop.turn()
    gone = ethereum.due + least - ethereum.on_chain(address)
    assert gone > ethereum.due // 2
    assert reconcile(ethereum).difference == -gone
    explained(shop, ethereum, reconcile, gone)


def test_a_tampered_custody_account_is_found_and_belongs_to_no_address(
    shop: Shop, bitcoin: Coin, reconcile: Reconcile
) -> None:
    received(shop, bitcoin)
    assert reconcile(bitcoin).difference == 0
    with past_triggers(), connection.cursor() as sql:
        sql.execute(
            "UPDATE ledger_balance SET posted = posted + 5 WHERE account_id ="
            " (SELECT id FROM ledger_account WHERE book_id = %s AND code = %s)",
            [shop.merchant.test_book_id, bitcoin.custody],
        )
    assert reconcile(bitcoin).difference == -5
    assert not AddressDifference.objects.exists()
    assert Case.objects.count() == 1


def test_a_difference_that_goes_away_closes_its_case_and_books_nothing(
    shop: Shop, bitcoin: Coin, reconcile: Reconcile
) -> None:
    received(shop, bitcoin)
    account = Account.objects.get(book=shop.merchant.test_book_id, code=bitcoin.custody)
    with past_triggers(), connection.cursor() as sql:
        sql.execute("UPDATE ledger_balance SET posted = posted - 5 WHERE account_id = %s", [account.pk])
    assert reconcile(bitcoin).difference == 5
    with past_triggers(), connection.cursor() as sql:
        sql.execute("UPDATE ledger_balance SET posted = posted + 5 WHERE account_id = %s", [account.pk])
    assert reconcile(bitcoin).difference == 0
    (case,) = Case.objects.all()
    assert list(case.steps.order_by("pk").values_list("kind", flat=True)) == ["found", "gone"]
    assert shop.holds(bitcoin, "suspense").posted == 0


def test_an_error_is_taken_back_and_a_difference_that_stays_is_found_anew(
    shop: Shop, bitcoin: Coin, reconcile: Reconcile
) -> None:
    received(shop, bitcoin)
    account = Account.objects.get(book=shop.merchant.test_book_id, code=bitcoin.custody)
    with past_triggers(), connection.cursor() as sql:
        sql.execute("UPDATE ledger_balance SET posted = posted - 5 WHERE account_id = %s", [account.pk])
    reconcile(bitcoin)
    reconcile(bitcoin)
    (case,) = Case.objects.all()
    assert shop.holds(bitcoin, "suspense").posted == 5
    cases.take_back(case, reason="The node was restored wrongly", by="Ann", token="1")
    assert shop.holds(bitcoin, "suspense").posted == 0
    assert reconcile(bitcoin).difference == 5
    assert cases.open_cases([shop.merchant.test_book_id]).exists()


def test_a_node_that_is_away_says_nothing_and_delays_no_other(
    shop: Shop, bitcoin: Coin, ethereum: Coin, reconcile: Reconcile, settings: Any
) -> None:
    received(shop, bitcoin)
    received(shop, ethereum)
    settings.NODE_URLS = {**settings.NODE_URLS, bitcoin.chain.code: "http://127.0.0.1:9"}
    with pytest.raises(NodeError):
        reconcile(bitcoin)
    assert not Reconciliation.objects.exists()
    failing = ReconciliationAttempt.objects.get(chain_code=bitcoin.chain.code)
    assert failing.failing_since is not None
    assert failing.succeeded_at is None
    assert reconcile(ethereum).difference == 0
    assert ReconciliationAttempt.objects.get(chain_code=ethereum.chain.code).failing_since is None


class TestEos:
    CHAIN = CHAINS["eos-dev"]

    @pytest.fixture
    def node_urls(self, nodeos: OwnNodeos) -> dict[str, str]:
        return {"eos-dev": nodeos.url}

    def test_what_left_the_shared_account_is_found_and_explained(
        self, shop: Shop, nodeos: OwnNodeos, reconcile: Reconcile
    ) -> None:
        account = nodeos.new_account()
        import_credential(shop.merchant.test_book, self.CHAIN, account, "Alice's account")
        coin = Coin(self.CHAIN, cast(Any, nodeos), 12_3456, "12.3456")
        invoice = shop.invoice(coin)
        method = invoice["methods"][0]
        nodeos.pay(account, coin.due, memo=method["memo"])
        nodeos.pay(account, 70, memo="nobody's")
        shop.turn()
        nodeos.mine(2)
        shop.turn()
        row = reconcile(coin)
        assert (row.node_base_units, row.difference, row.addresses) == (coin.due + 70, 0, 1)
        assert shop.holds(coin, "suspense").posted == 70  # whose it is, an accountant says elsewhere
        proposals.approve(self._assigned("ann"), by="Ben")
        nodeos.push([transfer(account, PAYER, 1000, "")])
        nodeos.mine(2)
        shop.turn()
        assert reconcile(coin).difference == -1000
        (place,) = AddressDifference.objects.all()
        assert (place.address, place.difference) == (account, -1000)
        explained(shop, coin, reconcile, 1000)
        dust = self.CHAIN.minimum_base_units - 1
        nodeos.pay(account, dust, memo="dust")
        nodeos.mine(2)
        shop.turn()
        assert reconcile(coin).difference == 0
        invoice = shop.invoice(coin)
        nodeos.pay(account, coin.due, memo=invoice["methods"][0]["memo"])
        nodeos.mine(2)
        shop.turn()
        row = reconcile(coin)
        assert (row.difference, row.node_base_units) == (0, nodeos.holds(account) - dust)

    def _assigned(self, customer: str) -> Proposal:
        """Somebody tells whose the coins without an invoice are."""
        receipt = UnassignedReceipt.objects.get()
        onboarding.customer(receipt.book, customer)
        asked = sharing.assign(receipt, customer, reason="She wrote", by="Ann")
        assert isinstance(asked, Proposal)
        return asked


class TestMonero:
    CHAIN: Chain = CHAINS["monero-regtest"]

    @pytest.fixture
    def node_urls(self, monerod: MoneroNode) -> Iterator[dict[str, str]]:
        if monerod.pool():
            monerod.mine()
        yield {self.CHAIN.code: monerod.url}
        node_at(monerod.url).close()

    def test_receipts_are_read_anew(self, shop: Shop, monerod: MoneroNode, reconcile: Reconcile) -> None:
        floor = self.CHAIN.confirmations_floor
        ConfirmationTier.objects.create(chain_code=self.CHAIN.code, confirmations=floor)
        coin = Coin(self.CHAIN, cast(Any, monerod), 250_000_000_000, "0.25")
        pair: monero.ViewPair = new_pair()
        assert give_view_key(shop, pair).status_code == 201
        invoice = shop.invoice(coin)
        pay(coin, invoice)
        monerod.mine(floor)
        shop.turn()
        row = reconcile(coin)
        assert (row.way, row.node_base_units, row.custody_base_units) == (Way.RECEIPTS, coin.due, coin.due)
        assert row.difference == 0
        held = chart.find(shop.merchant.test_book_id, coin.custody, row.asset)
        assert balances.balance(held).posted == coin.due
        self._what_left_is_what_people_book(shop, coin, reconcile)
        self._what_no_transaction_brought_is_found(shop, coin, reconcile)

    def _what_left_is_what_people_book(self, shop: Shop, coin: Coin, reconcile: Reconcile) -> None:
        """A view key shows no spending: an entry by hand takes coins out of custody, and nothing differs."""
        asset = Asset.objects.get(chain=coin.chain.code)
        legs = [
            Leg(chart.find(shop.merchant.test_book_id, "assets:in transit", asset), debit=10**11),
            Leg(chart.custody(shop.merchant.test_book_id, asset), credit=10**11),
        ]
        said = {"description": "To the safe", "reason": "Moved", "by": "Ann"}
        asked = manual.enter(shop.merchant.test_book, legs, effective_at=timezone.now(), **said)
        assert isinstance(asked, Proposal)
        proposals.approve(asked, by="Ben")
        row = reconcile(coin)
        assert (row.node_base_units, row.custody_base_units, row.difference) == (coin.due, coin.due, 0)
        assert shop.holds(coin, coin.custody).posted == coin.due - 10**11

    def _what_no_transaction_brought_is_found(self, shop: Shop, coin: Coin, reconcile: Reconcile) -> None:
        """A receipt in the books of more than the node's transaction brought becomes a case."""
        with past_triggers(), connection.cursor() as sql:
            sql.execute(
                "UPDATE ledger_posting SET debit = debit + 5 WHERE debit > 0 AND layer = 0 AND account_id ="
                " (SELECT id FROM ledger_account WHERE book_id = %s AND code = %s)",
                [shop.merchant.test_book_id, coin.custody],
            )
        assert reconcile(coin).difference == -5
        (case,) = cases.open_cases([shop.merchant.test_book_id])
        assert reconcile(coin).difference == -5
        assert shop.holds(coin, "suspense").posted == -5
        self._what_was_taken_to_suspense_is_found_no_more(shop, coin, reconcile, case)

    def _what_was_taken_to_suspense_is_found_no_more(
        self, shop: Shop, coin: Coin, reconcile: Reconcile, case: Case
    ) -> None:
        """Or each further look would take it again. Taken back as an error, it is found anew."""
        for _ in range(2):
            assert reconcile(coin).difference == 0
            assert shop.holds(coin, "suspense").posted == -5
        step = cases.take_back(case, reason="The node had lost it", by="Ann", token="1")
        assert step.proposal is not None
        proposals.approve(step.proposal, by="Ben")
        assert shop.holds(coin, "suspense").posted == 0
        assert reconcile(coin).difference == -5
