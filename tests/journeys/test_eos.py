"""EOS from order to books on a real nodeos: payers share the merchant's account, and their memos tell them apart."""

import secrets
from collections.abc import Iterator
from typing import Any, cast

import pytest
from django.test import Client
from django.urls import reverse

from cryptopay.devnet.nodeos import OwnNodeos
from cryptopay.merchants import onboarding
from cryptopay.payments import sharing
from cryptopay.payments.errors import NotAssignable, UnknownPayer
from cryptopay.payments.models import SharedAccount, UnassignedReceipt
from cryptopay.testmode.faucets.antelope import PAYER, transfer
from keys.importing import import_credential
from ledger import proposals
from ledger.checking import check
from ledger.models import JournalEntry, Proposal
from monitor.chains import CHAINS
from monitor.models import Cursor, Deposit
from tests.journeys.conftest import Coin, Shop

pytestmark = pytest.mark.django_db(transaction=True)

GUESTS, SALES, SUSPENSE = "liabilities:guests", "income:sales", "suspense"
CHAIN = CHAINS["eos-dev"]


@pytest.fixture
def node_urls(nodeos: OwnNodeos) -> dict[str, str]:
    return {"eos-dev": nodeos.url}


@pytest.fixture
def eos(shop: Shop, nodeos: OwnNodeos) -> Iterator[Coin]:
    """Alice's account, imported and watched. Afterwards her books hold what the node says, and every rule holds."""
    account = nodeos.new_account()
    import_credential(shop.merchant.test_book, CHAIN, account, "Alice's account")
    coin = Coin(CHAIN, cast(Any, nodeos), 12_3456, "12.3456")
    shop.use(coin)
    yield coin
    nodeos.mine(2)
    shop.turn()
    held = shop.holds(coin, coin.custody).posted if Deposit.objects.exists() else 0
    assert held == nodeos.holds(account)
    assert [outcome for outcome in check([shop.merchant.test_book_id]) if outcome.violations] == []


def address_of(invoice: dict[str, Any]) -> str:
    """Account and memo, which the API shows apart."""
    return f"{invoice['methods'][0]['address']}/{invoice['methods'][0]['memo']}"


def account_of(shop: Shop) -> str:
    return SharedAccount.objects.get(book_id=shop.merchant.test_book_id).watched.address


def pay(coin: Coin, to: str, base_units: int | None = None, memo: str = "") -> str:
    return cast(OwnNodeos, coin.node).pay(to, coin.due if base_units is None else base_units, memo=memo)


def test_paid_with_its_memo_from_order_to_books(shop: Shop, eos: Coin, nodeos: OwnNodeos) -> None:
    invoice = shop.invoice(eos, order_id="order-17")
    (method,) = invoice["methods"]
    account = method["address"]
    assert account == account_of(shop)
    assert method["uri"].startswith("esr://")
    txid = pay(eos, address_of(invoice))
    shop.turn()
    (payment,) = shop.look(invoice)["methods"][0]["payments"]
    assert payment["txid"] == txid
    nodeos.mine(2)
    shop.turn()
    assert shop.stands(invoice) == ("settled", "none")
    assert shop.holds(eos, eos.custody).posted == shop.holds(eos, SALES).posted == eos.due == nodeos.holds(account)
    assert shop.holds(eos, GUESTS).posted == 0
    assert shop.told(invoice) == [
        "invoice.created",
        "payment.detected",
        "invoice.processing",
        "payment.confirmed",
        "invoice.settled",
    ]


def test_nothing_counts_before_it_is_irreversible(shop: Shop, eos: Coin, nodeos: OwnNodeos) -> None:
    for _ in range(10):
        invoice = shop.invoice(eos)
        pay(eos, address_of(invoice))
        shop.turn()
        cursor, deposit = Cursor.objects.get(chain_code=CHAIN.code), Deposit.objects.latest("pk")
        assert cursor.final_height is not None
        if cursor.final_height < (deposit.block_height or 0):
            break  # else the machine was so busy that a further block was made before the pause
    assert shop.stands(invoice) == ("processing", "none")
    (payment,) = shop.look(invoice)["methods"][0]["payments"]
    assert (payment["state"], payment["required_confirmations"]) == ("seen", None)
    assert shop.holds(eos, eos.custody).pending_in == eos.due
    nodeos.mine(2)
    shop.turn()
    assert shop.stands(invoice) == ("settled", "none")


def test_threat_16_without_or_with_a_wrong_memo_it_waits_in_suspense(shop: Shop, eos: Coin, nodeos: OwnNodeos) -> None:
    invoice = shop.invoice(eos)
    account, memo = address_of(invoice).split("/")
    pay(eos, account, 10_000)
    pay(eos, account, 20_000, memo=memo[:-1] + ("q" if memo[-1] != "q" else "p"))
    pay(eos, account, 40_000, memo=f" {memo}")
    shop.turn()
    nodeos.mine(2)
    shop.turn()
    assert shop.stands(invoice) == ("new", "none")
    assert shop.holds(eos, SUSPENSE).posted == shop.holds(eos, eos.custody).posted == 70_000
    receipts = UnassignedReceipt.objects.order_by("pk")
    assert [receipt.base_units for receipt in receipts] == [10_000, 20_000, 40_000]
    assert [receipt.deposit.sender for receipt in receipts] == [PAYER] * 3
    assert receipts[2].deposit.memo == f" {memo}"


def test_threat_16_two_invoices_memos_in_one_transaction_and_one_twice(
    shop: Shop, eos: Coin, nodeos: OwnNodeos
) -> None:
    first, second = shop.invoice(eos), shop.invoice(eos)
    (account, one), (_, other) = (address_of(invoice).split("/") for invoice in (first, second))
    half = eos.due // 2
    nodeos.push(
        [transfer(PAYER, account, units, memo) for units, memo in ((eos.due, one), (half, other), (half, other))]
    )
    nodeos.mine(2)
    shop.turn()
    assert shop.stands(first) == shop.stands(second) == ("settled", "none")
    assert len(shop.look(second)["methods"][0]["payments"]) == 2
    assert shop.holds(eos, SALES).posted == 2 * eos.due


def test_threat_16_a_person_says_whose_it_is_and_a_second_one_agrees(shop: Shop, eos: Coin, nodeos: OwnNodeos) -> None:
    book = shop.merchant.test_book
    onboarding.customer(book, "ann")
    pay(eos, account_of(shop), 10_000)
    shop.turn()
    receipt = UnassignedReceipt.objects.get()
    if receipt.state == "seen":
        with pytest.raises(NotAssignable):
            sharing.assign(receipt, "ann", reason="she wrote", by="bob")
    nodeos.mine(2)
    shop.turn()
    receipt.refresh_from_db()
    with pytest.raises(UnknownPayer):
        sharing.assign(receipt, "nobody", reason="she wrote", by="bob")
    asked = sharing.assign(receipt, "ann", reason="she wrote", by="bob")
    assert isinstance(asked, Proposal), "EOS has no price here, so nobody can say that it is below the limit"
    with pytest.raises(NotAssignable):
        sharing.assign(receipt, "ann", reason="again", by="carol")
    proposals.refuse(asked, by="carol", reason="which Ann?")
    asked = sharing.assign(receipt, "ann", reason="the tall one", by="bob")
    assert isinstance(asked, Proposal)
    proposals.approve(asked, by="carol")
    receipt.refresh_from_db()
    assert isinstance(sharing.assignment(receipt), JournalEntry)
    assert not sharing.nobodys(UnassignedReceipt.objects.all()).exists()
    assert shop.holds(eos, SUSPENSE).posted == 0
    assert shop.holds(eos, "liabilities:customers:ann").posted == 10_000


def test_a_user_has_a_memo_without_an_invoice(shop: Shop, eos: Coin, nodeos: OwnNodeos) -> None:
    given = []
    for user in ("ann", "ben", "ann"):
        asked = {"chain": CHAIN.code, "user": user}
        answer = shop.http.post("/addresses", json=asked, headers={"Idempotency-Key": secrets.token_hex(16)})
        assert answer.status_code in (200, 201), answer.text
        given.append(answer.json())
    assert given[0]["address"] == given[1]["address"] == account_of(shop)
    assert given[0]["memo"] == given[2]["memo"] != given[1]["memo"]
    pay(eos, f"{given[0]['address']}/{given[0]['memo']}", 30_000)
    nodeos.mine(2)
    shop.turn()
    assert shop.holds(eos, "liabilities:customers:ann").posted == 30_000


def test_another_book_that_watches_the_account_takes_nothing_from_it(shop: Shop, eos: Coin, nodeos: OwnNodeos) -> None:
    from ledger.models import Book
    from monitor.watching import watch

    account, other = account_of(shop), Book.objects.create(name="Bob")
    watch(other.pk, CHAIN, f"{account}/guess", f"{account}/guess".encode())
    pay(eos, f"{account}/guess", 5_000)
    nodeos.mine(2)
    shop.turn()
    assert shop.holds(eos, SUSPENSE).posted == 5_000


def test_threat_02_a_turn_of_the_chain_takes_it_back(shop: Shop, eos: Coin, nodeos: OwnNodeos) -> None:
    """nodeos restored from an older copy: another branch, though its blocks were irreversible."""
    invoice = shop.invoice(eos)
    account = account_of(shop)
    nodeos.mine()
    height = nodeos.height()
    pay(eos, address_of(invoice))
    pay(eos, account, 70_000)
    nodeos.mine(2)
    shop.turn()
    assert shop.stands(invoice) == ("settled", "none")
    assert shop.holds(eos, SUSPENSE).posted == 70_000
    nodeos.reorg(nodeos.height() - height)
    shop.turn()
    assert shop.stands(invoice)[0] == "new"
    assert "payment.reversed" in shop.told(invoice)
    assert nodeos.holds(account) == 0
    assert shop.holds(eos, SUSPENSE).posted == shop.holds(eos, eos.custody).posted == 0
    pay(eos, address_of(invoice))
    nodeos.mine(2)
    shop.turn()
    assert shop.stands(invoice) == ("settled", "none")


def test_killed_and_read_again_from_its_blocks(shop: Shop, eos: Coin, nodeos: OwnNodeos) -> None:
    """The newest blocks may not have been written; in their place come others with other ids."""
    invoice = shop.invoice(eos)
    pay(eos, address_of(invoice))
    nodeos.mine(2)
    shop.turn()
    nodeos.kill()
    shop.turn()
    assert Cursor.objects.get(chain_code=CHAIN.code).failing_since is not None
    assert shop.stands(invoice) == ("settled", "none")
    nodeos.start_again()
    nodeos.mine(4)
    shop.turn()
    shop.turn()
    cursor = Cursor.objects.get(chain_code=CHAIN.code)
    assert cursor.failure == ""
    assert cursor.hash == nodeos.block_id(cursor.height or 0)


def test_the_back_office_shows_and_assigns_what_is_nobodys(
    shop: Shop, eos: Coin, nodeos: OwnNodeos, accountant: Client
) -> None:
    invoice = shop.invoice(eos, customer_ref="ann")
    pay(eos, account_of(shop), 10_000, memo="<b>hello</b>")
    nodeos.mine(2)
    shop.turn()
    page = accountant.get(reverse("admin:payments_unassignedreceipt_changelist")).content.decode()
    assert "&lt;b&gt;hello&lt;/b&gt;" in page
    assert PAYER in page
    assert "&lt;b&gt;hello&lt;/b&gt;" in accountant.get(reverse("admin:index")).content.decode()
    receipt = UnassignedReceipt.objects.get()
    form = reverse("admin:payments_unassignedreceipt_assign_page", args=[receipt.pk])
    assert "&lt;b&gt;hello&lt;/b&gt;" in accountant.get(form).content.decode()
    refused = accountant.post(form, {"whose": "nobody", "reason": "a guess"}).content.decode()
    assert "is no invoice and no customer" in refused
    answer = accountant.post(form, {"whose": invoice["id"], "reason": "sent a screenshot"}, follow=True)
    assert "second person" in answer.content.decode()
    assert Proposal.objects.get().asked_by == "accountant"
    assert accountant.get(form).status_code in (302, 403)
