"""What the books hold in custody is what the chains brought, whatever became of it; any difference is named."""

from datetime import UTC, datetime

import pytest
from django.db import connection

from cryptopay.payments import lifecycle
from cryptopay.payments.custody import HELD_IS_RECEIVED
from cryptopay.payments.lifecycle import NewInvoice
from cryptopay.payments.models import Invoice
from ledger import chart, journal, manual
from ledger.checking import Violation, check
from ledger.journal import Entry, Leg
from ledger.models import Account, Asset, Book, JournalEntry
from tests import database
from tests.cryptopay.payments.conftest import Ticker

pytestmark = pytest.mark.django_db

DUE = 100_000


def broken(books: list[int] | None = None) -> list[Violation]:
    """All rules are looked at; those of the ledger itself hold in every one of these stories."""
    outcomes = list(check(books))
    assert HELD_IS_RECEIVED in [outcome.invariant for outcome in outcomes]
    assert not [outcome for outcome in outcomes if outcome.violations and outcome.invariant != HELD_IS_RECEIVED]
    return [violation for outcome in outcomes for violation in outcome.violations]


def received(bitcoin: Ticker, invoice: Invoice, base_units: int = DUE) -> None:
    bitcoin.see(invoice, base_units, mined=True)
    bitcoin.bury()
    bitcoin.drain()


@pytest.fixture
def custody(alice: Book, invoice: Invoice) -> Account:
    return chart.custody(alice.pk, Asset.objects.get(code="BTC"))


def test_seen_confirmed_reorged_and_seen_again(invoice: Invoice, bitcoin: Ticker) -> None:
    transfer = bitcoin.see(invoice, DUE)
    bitcoin.drain()
    assert broken() == []
    bitcoin.take_in(transfer, mined=True)
    bitcoin.bury()
    bitcoin.drain()
    assert broken() == []
    bitcoin.reorg()
    bitcoin.drain()
    assert broken() == []
    bitcoin.take_in(transfer, mined=True)
    bitcoin.bury()
    bitcoin.drain()
    assert broken() == []


def test_what_is_not_taken_in_yet_is_not_missing(invoice: Invoice, bitcoin: Ticker) -> None:
    bitcoin.see(invoice, DUE, mined=True)
    bitcoin.bury()
    assert broken() == []


def test_several_coins_and_overpayment(alice: Book, bitcoin: Ticker, ethereum: Ticker) -> None:
    for _ in range(2):
        invoice = lifecycle.open_invoice(alice, NewInvoice(amount="60", currency="EUR", methods=["BTC", "ETH"])).invoice
        received(bitcoin, invoice, DUE * 3)
        received(ethereum, invoice, 10**18)
    assert broken() == []


def test_what_people_enter_by_hand_is_their_own_affair(alice: Book, custody: Account) -> None:
    opening = chart.open_account(alice.pk, "equity:opening", "Opening", custody.asset, Account.Kind.EQUITY)
    legs = [Leg(custody, debit=5), Leg(opening, credit=5)]
    entered = manual.enter(
        alice, legs, effective_at=datetime.now(UTC), description="Coins from before", reason="opening", by="ann"
    )
    assert isinstance(entered, JournalEntry)
    assert broken() == []


def test_coins_that_no_chain_brought_are_named(
    alice: Book, invoice: Invoice, custody: Account, bitcoin: Ticker
) -> None:
    received(bitcoin, invoice)
    till = chart.open_account(alice.pk, "equity:till", "Till", custody.asset, Account.Kind.EQUITY)
    journal.post(
        Entry(
            book_id=alice.pk,
            idem="from nowhere",
            legs=[Leg(custody, debit=7), Leg(till, credit=7)],
            effective_at=datetime.now(UTC),
            description="",
            source="a program",
        )
    )
    (violation,) = broken()
    assert (violation.table, violation.row_id, violation.book_id) == ("ledger_account", custody.pk, alice.pk)
    assert violation.expected == "100000 base units received on bitcoin-regtest"
    assert violation.found == "100007 base units posted"
    assert broken([alice.pk]) == [violation]
    assert broken([alice.pk + 1]) == []


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE monitor_deposit SET base_units = base_units + 1", "100000 base units posted"),
        ("UPDATE monitor_deposit SET contract = '0xa0b8'", "0 base units posted"),
        ("DELETE FROM monitor_chainevent WHERE kind = 'confirmed'", "100000 base units posted"),
        ("UPDATE payments_intakeposition SET last_event_id = 0", "100000 base units posted"),
    ],
)
def test_a_chain_that_tells_otherwise_is_named(invoice: Invoice, bitcoin: Ticker, statement: str, found: str) -> None:
    received(bitcoin, invoice)
    assert broken() == []
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    with database.past_triggers(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert [violation.found for violation in broken()] == [found]
