"""One box finds a row by whatever a person holds of it, in their own books alone, and reads no table for it."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from cryptopay.backoffice.searching import term as terms
from cryptopay.merchants.models import Customer, User
from cryptopay.payments.models import CustomerAddress, Payment, UnassignedReceipt
from cryptopay.webhooks.models import Delivery, Event
from keys.formats import format_of
from ledger.models import JournalEntry
from ledger.readonly import url_of
from monitor.chains import CHAINS
from monitor.models import Watch

from .conftest import FOREIGN, Shop, arrived, unassigned

SignIn = Callable[[User], Client]
SEARCH = reverse("admin:search")
# BIP-173's and BIP-350's, cashaddr.md's and EIP-55's own examples
SPELLINGS = {
    "bitcoin": ["BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"],
    "bitcoincash": [
        "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a",
        "qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a",
        "BITCOINCASH:QPM2QSZNHKS23Z7629MMS6S4CWEF74VCWVY22GDX6A",
    ],
    "ethereum": [
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
        "5AAEB6053F3E94C9B9A09F33669435E7EF1BEAED",
        "0X5AAEB6053F3E94C9B9A09F33669435E7EF1BEAED",
    ],
}


@pytest.fixture
def owner(shops: dict[str, Shop], signed_in: SignIn) -> Client:
    return signed_in(shops["Bob"].members["owner"])


def _payment(name: str, fate: str = "seen") -> Payment:
    return Payment.objects.get(invoice__order_id=f"{name}-{fate}")


def _leads_to(client: Client, typed: str) -> str:
    """Where one is sent at once; "": to a list, or nowhere."""
    answer = client.get(SEARCH, {"q": typed})
    assert answer.status_code in (200, 302)
    return str(answer.headers.get("Location", ""))


@pytest.mark.parametrize("family", SPELLINGS)
def test_an_address_is_one_in_all_its_spellings(family: str) -> None:
    chain = next(chain for chain in CHAINS.values() if chain.live and chain.code == family)
    expected = format_of(chain).parse(SPELLINGS[family][0], chain)
    for spelling in SPELLINGS[family]:
        read = terms.read(f" {spelling}\n")
        assert read is not None
        assert read.places.get(chain.code) == expected, spelling


def test_payments_and_invoices_are_found_by_all_they_bear(owner: Client) -> None:
    payment = _payment("Bob")
    txid = payment.deposit.txid
    for typed in (txid, txid.upper(), f"0x{txid}", f"0X{txid.upper()}", f"  {txid} "):
        assert _leads_to(owner, typed) == url_of(payment), typed
    assert _leads_to(owner, payment.public_id) == url_of(payment)
    invoice = payment.invoice
    address = invoice.methods.get().watched.address
    for typed in (invoice.public_id, invoice.public_id.upper(), invoice.order_id, address, address.upper()):
        assert _leads_to(owner, typed) == url_of(invoice), typed


def test_people_events_entries_accounts_and_addresses_are_found(shops: dict[str, Shop], owner: Client) -> None:
    bob = shops["Bob"]
    unassigned(bob, "Bob")
    customer = Customer.objects.get(book=bob.book, external_ref="Bob-customer")
    Customer.objects.filter(pk=customer.pk).update(email="bob@customers.example")
    entry = JournalEntry.objects.filter(book=bob.book, ref=None).latest("pk")
    event = Event.objects.filter(book=bob.book).earliest("pk")
    given = CustomerAddress.objects.get(book=bob.book)
    receipt = UnassignedReceipt.objects.get(book=bob.book)
    watch = Watch.objects.get(book=bob.book, transaction=None)
    for typed, row in {
        customer.external_ref: customer,
        customer.public_id: customer,
        "bob@customers.example": customer,
        str(entry.pk): entry,
        f"#{entry.pk}": entry,
        event.public_id: Delivery.objects.get(event=event),
        given.public_id: given,
        given.watched.address: given,
        receipt.deposit.txid: receipt,
        FOREIGN.upper(): watch,
    }.items():
        assert _leads_to(owner, typed) == url_of(row), typed
    assert _leads_to(owner, arrived(given.watched.address)) == url_of(given)
    assert "Suspense" in owner.get(SEARCH, {"q": "suspense"}).content.decode()


def test_an_amount_lists_what_is_over_it(owner: Client) -> None:
    for typed in ("12", "12.00 EUR", "12 eur"):
        page = owner.get(SEARCH, {"q": typed}).content.decode()
        assert "Invoices over that amount" in page, typed
        assert page.count("12.00 EUR") >= 3
    paid = owner.get(SEARCH, {"q": "0.0002 BTC"}).content.decode()
    assert "Payments of that amount" in paid
    assert paid.count("0.00020000") >= 3
    assert "Nothing in your books is called that" in owner.get(SEARCH, {"q": "0.0002 LTC"}).content.decode()


NAMES_OF_NOTHING = ["", " ", "\x00", "'; --", "%", "9" * 60, "x" * 5000, "0x", "1e999999999", "\u202e12"]


def test_what_is_no_name_of_anything_is_answered_in_words(root: User, signed_in: SignIn) -> None:
    for typed in NAMES_OF_NOTHING:
        page = signed_in(root).get(SEARCH, {"q": typed})
        assert page.status_code == 200
        assert "Look for the whole of a transaction id" in page.content.decode(), typed


def test_threat_39_nothing_of_anothers_is_found(shops: dict[str, Shop], signed_in: SignIn, root: User) -> None:
    payment = _payment("Alice")
    event = Event.objects.filter(book=shops["Alice"].book).earliest("pk")
    hers = [
        *(payment.public_id, payment.deposit.txid, payment.invoice.public_id, "Alice-seen", "Alice-customer"),
        *(payment.method.watched.address, str(payment.pending_entry_id), event.public_id),
    ]
    for member in shops["Bob"].members.values():
        client = signed_in(member)
        for typed in hers:
            for query in ({"q": typed}, {"s": typed}, {"s": typed, "extended": "1"}):
                answer = client.get(SEARCH, query)
                assert answer.status_code == 200, f"{member} {typed}"
                assert b"/change/" not in answer.content, f"{member} {typed}"
    for typed in hers:
        assert _leads_to(signed_in(root), typed), typed


def test_a_role_finds_what_it_may_open(shops: dict[str, Shop], signed_in: SignIn) -> None:
    payment = _payment("Bob")
    for role, member in shops["Bob"].members.items():
        found = _leads_to(signed_in(member), payment.deposit.txid)
        assert found == (url_of(payment) if member.has_perm("payments.view_payment") else ""), role


def test_the_box_and_the_palette_stand_on_every_page_and_ask_little(owner: Client) -> None:
    for name in ("index", "ledger_journalentry_changelist", "search"):
        page = owner.get(reverse(f"admin:{name}")).content.decode()
        assert f'action="{SEARCH}"' in page
        assert 'aria-label="Search everything"' in page
    payment = _payment("Bob")
    for query in ({"s": payment.deposit.txid}, {"s": payment.deposit.txid, "extended": "1"}):
        page = owner.get(SEARCH, query).content.decode()
        assert url_of(payment) in page
        assert 'class="amount"' not in page
    assert "No results matching" in owner.get(SEARCH, {"s": "nothing", "extended": "1"}).content.decode()
    for typed in (payment.deposit.txid, payment.method.watched.address, "12.00 EUR", "nothing"):
        with CaptureQueriesContext(connection) as asked:
            owner.get(SEARCH, {"q": typed})
        ours = [each for each in asked if each["sql"].startswith(("SELECT", "("))]
        assert len(ours) < 40, typed
