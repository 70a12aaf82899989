"""Reconciliation on real nodes: nothing differs after payments; a coin that somebody swept is found, and explained.

The sweep is another wallet's, by the node's own tools and a private key that only the test knows.
"""

import secrets
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from bip_utils import Bip32Slip10Secp256k1
from django.db import connection

from cryptopay.devnet.drive import BitcoinNode, EthereumNode
from cryptopay.devnet.monero import MoneroNode
from cryptopay.devnet.nodeos import OwnNodeos
from cryptopay.monthend import cases, reconciling
from cryptopay.monthend.models import Case, CaseStep
from cryptopay.payments import tasks as payments_tasks
from cryptopay.testmode.faucets.antelope import PAYER, transfer
from keys.formats import base58, monero
from keys.importing import import_credential
from keys.models import MasterKey
from ledger import balances, chart
from ledger.models import Account
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


@pytest.fixture(params=["bitcoin", "litecoin"])
def swept(request: pytest.FixtureRequest, shop: Shop) -> Callable[[], tuple[Coin, int]]:
    """Coins of ours are paid, and then taken with the private key; coin and base units that went."""

    def sweep() -> tuple[Coin, int]:
        coin: Coin = request.getfixturevalue(request.param)
        key = people.account(coin.chain, secrets.token_bytes(32))
        MasterKey.objects.filter(book=shop.merchant.test_book, chain=coin.chain.code).update(active=False)
        import_credential(shop.merchant.test_book, coin.chain, key.PublicKey().ToExtended(), label="Swept")
        address = received(shop, coin)
        _spend(coin, key, address)
        coin.bury()
        shop.turn()
        return coin, coin.due

    return sweep


def _spend(coin: Coin, account: Bip32Slip10Secp256k1, address: str) -> None:
    """All of it, to the node's own wallet."""
    node = cast(BitcoinNode, coin.node)
    (output,) = node.rpc("scantxoutset", "start", [f"addr({address})"])["unspents"]
    secret = account.DerivePath("0/0").PrivateKey().Raw().ToBytes()
    wif = base58.encode(b"\xef" + secret + b"\x01")
    raw = node.rpc(
        "createrawtransaction",
        [{"txid": output["txid"], "vout": output["vout"]}],
        {node.new_address(): str(output["amount"] * 9 / 10)},
    )
    spent = {name: output[name] for name in ("txid", "vout", "scriptPubKey")} | {"amount": str(output["amount"])}
    signed = node.rpc("signrawtransactionwithkey", raw, [wif], [spent])
    assert signed["complete"], signed
    node.rpc("sendrawtransaction", signed["hex"], 0)


def test_a_sweep_becomes_a_case_and_is_explained_in_two_parts(
    shop: Shop, swept: Callable[[], tuple[Coin, int]], reconcile: Reconcile
) -> None:
    coin, gone = swept()
    found = reconcile(coin)
    assert (found.node_base_units, found.difference) == (0, -gone)
    (place,) = AddressDifference.objects.filter(reconciliation=found)
    assert (place.node_base_units, place.books_base_units, place.difference) == (0, gone, -gone)
    (case,) = Case.objects.all()
    assert cases.standing(case).in_suspense == 0
    assert shop.holds(coin, coin.custody).posted == gone

    assert reconcile(coin).difference == -gone
    assert cases.standing(case).in_suspense == -gone
    assert shop.holds(coin, coin.custody).posted == 0
    assert shop.holds(coin, "suspense").posted == -gone
    assert reconcile(coin).difference == 0
    assert cases.is_open(case)

    cases.explain(case, CaseStep.Kind.OWN_WALLET, gone - 700, **WHO, token="1")
    cases.explain(case, CaseStep.Kind.OWN_WALLET, gone - 700, **WHO, token="1")
    assert cases.is_open(case)
    cases.explain(case, CaseStep.Kind.NETWORK_FEE, 700, **WHO, token="2")
    assert not cases.is_open(case)
    assert shop.holds(coin, "suspense").posted == 0
    assert shop.holds(coin, "assets:in transit").posted == gone - 700
    assert shop.holds(coin, "expense:network fees").posted == 700

    received(shop, coin)
    after = reconcile(coin)
    assert (after.node_base_units, after.difference) == (coin.due, 0)
    assert Case.objects.count() == 1


def test_ether_and_tokens_that_left_by_another_program(
    shop: Shop, dollar: Coin, ethereum: Coin, reconcile: Reconcile
) -> None:
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
    (case,) = cases.open_cases([shop.merchant.test_book_id]).filter(asset__contract=dollar.contract)
    assert case.asset.code == dollar.code


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

    def test_what_left_the_shared_account_is_found(self, shop: Shop, nodeos: OwnNodeos, reconcile: Reconcile) -> None:
        account = nodeos.new_account()
        import_credential(shop.merchant.test_book, self.CHAIN, account, "Alice's account")
        coin = Coin(self.CHAIN, cast(Any, nodeos), 12_3456, "12.3456")
        invoice = shop.invoice(coin)
        method = invoice["methods"][0]
        nodeos.pay(account, coin.due, memo=method["memo"])
        nodeos.pay(account, 7, memo="nobody's")
        shop.turn()
        nodeos.mine(2)
        shop.turn()
        row = reconcile(coin)
        assert (row.node_base_units, row.difference, row.addresses) == (coin.due + 7, 0, 1)
        nodeos.push([transfer(account, PAYER, 100, "")])
        nodeos.mine(2)
        shop.turn()
        assert reconcile(coin).difference == -100
        assert AddressDifference.objects.get().address == account


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
