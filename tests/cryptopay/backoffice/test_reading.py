"""From a figure down to the block: what payments and chains know stands on the books' pages."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from cryptopay.backoffice.evidence import tell
from cryptopay.backoffice.seals import LATE, Seal, seals
from cryptopay.merchants.models import User
from cryptopay.payments.models import Payment
from ledger import chart, journal, sealing
from ledger.journal import Entry, Leg
from ledger.models import Account, Block, JournalEntry
from tests.database import past_triggers
from tests.people import merchant

from .conftest import Shop, paid_invoice

SignIn = Callable[[User], Client]


def test_a_balance_is_explained_down_to_block_and_rate(bob: Shop, accountant: Client) -> None:
    custody = Account.objects.get(book=bob.book, code__startswith="assets:custody:")
    page = accountant.get(reverse("admin:ledger_account_explain", args=[custody.pk])).content.decode()
    payment = Payment.objects.get(book=bob.book, invoice__order_id="Bob-confirmed")
    deposit = payment.deposit
    wanted = [
        reverse("admin:payments_payment_change", args=[payment.pk]),
        reverse("admin:payments_invoice_change", args=[payment.invoice_id]),
        reverse("admin:monitor_deposit_change", args=[deposit.pk]),
        *(deposit.txid, deposit.block_hash, f"{deposit.block_height} of Bitcoin (regtest)"),
        *("1 BTC = 60001 EUR", "Bob&#x27;s desk", "2 of 2 confirmations", "Validated by the chain"),
    ]
    for words in wanted:
        assert words in page, words
    assert "Bob-seen" not in page  # not validated, so in no balance


def test_a_sale_leads_to_its_invoice(bob: Shop) -> None:
    sale = JournalEntry.objects.get(book=bob.book, source="invoice")
    assert [(fact.title, fact.text) for fact in tell([sale])[sale.pk]] == [("Invoice", "Bob-confirmed")]
    assert tell([]) == {}


def test_each_entry_of_a_story_names_the_block_it_was_booked_for(bob: Shop) -> None:
    payment = Payment.objects.get(book=bob.book, invoice__order_id="Bob-confirmed")
    entries = list(JournalEntry.objects.filter(book=bob.book, meta__txid=payment.deposit.txid).order_by("pk"))
    told = tell(entries)
    blocks = {entry.kind: [fact.text for fact in told[entry.pk] if fact.title == "Block hash"] for entry in entries}
    assert blocks == {JournalEntry.Kind.PENDING: [], JournalEntry.Kind.SETTLE: [payment.deposit.block_hash]}


def test_evidence_is_gathered_in_a_few_questions(bob: Shop) -> None:
    def asked() -> int:
        entries = list(JournalEntry.objects.filter(book=bob.book))
        with CaptureQueriesContext(connection) as queries:
            tell(entries)
        return len(queries)

    few = asked()
    for number in range(6):
        paid_invoice(bob, "confirmed", customer_ref=f"customer-{number}")
    assert asked() <= few <= 5


@pytest.mark.parametrize("page", ["change", "explain"])
def test_an_accounts_page_asks_no_more_for_more_payments(bob: Shop, accountant: Client, page: str) -> None:
    custody = Account.objects.get(book=bob.book, code__startswith="assets:custody:")

    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert accountant.get(reverse(f"admin:ledger_account_{page}", args=[custody.pk])).status_code == 200
        return len(queries)

    asked()
    few = asked()
    for number in range(6):
        paid_invoice(bob, "confirmed", customer_ref=f"customer-{number}")
    assert asked() <= few < 30


def test_the_tree_is_of_ones_own_books(shops: dict[str, Shop], accountant: Client, signed_in: SignIn) -> None:
    tree = reverse("admin:ledger_account_tree")
    page = accountant.get(tree, {"book": shops["Bob"].book.pk}).content.decode()
    assert "assets:custody:bitcoin-regtest" in page
    assert "0.00020000" in page
    foreign = accountant.get(tree, {"book": shops["Alice"].book.pk})
    assert (foreign.context["book"], foreign.context["rows"]) == (None, [])
    assert "Alice" not in foreign.content.decode()
    offered = accountant.get(reverse("admin:ledger_account_offered"), {"book": shops["Alice"].book.pk, "q": "a"})
    assert offered.json() == {"offered": []}
    for role in ("viewer", "cashier", "administrator"):
        client = signed_in(shops["Bob"].members[role])
        for name in ("tree", "offered"):
            assert client.get(reverse(f"admin:ledger_account_{name}")).status_code == 403, role


def test_threat_39_no_statement_or_explanation_of_anothers_account(
    shops: dict[str, Shop], accountant: Client, signed_in: SignIn
) -> None:
    for account in Account.objects.filter(book=shops["Alice"].book)[:3]:
        for name in ("change", "explain"):
            answer = accountant.get(reverse(f"admin:ledger_account_{name}", args=[account.pk]), {"as": "csv"})
            assert answer.status_code == 302
            assert answer.headers["Location"] == reverse("admin:index")


def test_threat_41_names_and_descriptions_stay_text(bob: Shop, accountant: Client) -> None:
    evil = "<script>alert(1)</script>"
    paid_invoice(bob, "confirmed", order_id=evil, customer_ref=evil)
    account = Account.objects.get(book=bob.book, code=f"liabilities:customers:{evil}")
    custody = Account.objects.get(book=bob.book, code__startswith="assets:custody:")
    urls = [f"{reverse('admin:ledger_account_tree')}?book={bob.book.pk}"]
    urls += [
        reverse(f"admin:ledger_account_{name}", args=[row.pk])
        for name in ("change", "explain")
        for row in (account, custody)
    ]
    urls += [f"{reverse('admin:ledger_journalentry_enter_page')}?book={bob.book.pk}"]
    for url in urls:
        page = accountant.get(url).content.decode()
        assert evil not in page, url
        assert "&lt;script&gt;" in page, url


def test_today_proves_the_newest_block_while_one_looks(bob: Shop, accountant: Client) -> None:
    today = reverse("admin:index")
    assert "Not sealed yet" in accountant.get(today).content.decode()
    entry = JournalEntry.objects.filter(book=bob.book).latest("pk")
    Block.objects.create(
        book=bob.book, number=1, node=entry.node, from_xid=0, upto_xid=entry.xid + 1, entries=1, previous=b"",
        hash=b"forged", sealed_at=timezone.now(),
    )  # fmt: skip
    assert "Newest block does not match the journal" in accountant.get(today).content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_sealed_journal_is_proved_and_a_forged_one_is_not() -> None:
    book = merchant("Dora").test_book
    assert seals([book.pk]) == []
    _post(book.pk, 3)
    (waiting,) = seals([book.pk])
    assert (waiting.block, waiting.intact, waiting.late) == (None, None, False)
    sealing.seal(book.pk)
    _post(book.pk, 1)
    (sealed,) = seals([book.pk])
    assert (sealed.block, sealed.intact, sealed.waits_since is not None) == (1, True, True)
    sealing.seal(book.pk)
    (again,) = seals([book.pk])
    assert (again.block, again.intact, again.waits_since) == (2, True, None)
    entry = JournalEntry.objects.filter(book=book).latest("pk")
    with past_triggers(), connection.cursor() as sql:
        sql.execute("UPDATE ledger_journalentry SET description = 'Another' WHERE id = %s", [entry.pk])
    assert seals([book.pk])[0].intact is False


def test_what_waits_long_for_its_seal_is_late() -> None:
    now = timezone.now()
    assert Seal(1, 1, now, True, now - LATE - timedelta(seconds=5)).late
    assert not Seal(1, 1, now, True, now - LATE + timedelta(seconds=30)).late
    assert not Seal(1, 1, now, True, None).late


def _post(book_id: int, count: int) -> None:
    coin = chart.asset("BTC", "bitcoin-regtest", 8)
    owner = chart.open_account(book_id, "equity:owner", "Owner", coin, Account.Kind.EQUITY)
    legs = [Leg(chart.custody(book_id, coin), debit=1), Leg(owner, credit=1)]
    for _ in range(count):
        written = JournalEntry.objects.filter(book=book_id).count()
        journal.post(
            Entry(
                book_id=book_id,
                idem=f"test:{written}",
                legs=legs,
                effective_at=timezone.now(),
                description="A test",
                source="test",
            )
        )
