"""What the pages say, what they refuse, and how many questions they ask the database."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from cryptopay.merchants.models import ApiKey, User
from cryptopay.payments.models import Invoice, Payment
from cryptopay.webhooks.models import Endpoint
from ledger.models import Account, JournalEntry, Posting
from monitor.models import Cursor
from reports import exporting
from reports.formats import pdf
from reports.models import Export

from .conftest import CHAIN, Shop, paid_invoice

SignIn = Callable[[User], Client]
JOURNAL = "admin:ledger_journalentry_changelist"


@pytest.fixture
def accountant(shops: dict[str, Shop], signed_in: SignIn) -> Client:
    return signed_in(shops["Bob"].members["accountant"])


def test_the_journal_tells_validated_from_not_yet_received(accountant: Client) -> None:
    page = accountant.get(reverse(JOURNAL)).content.decode()
    for words in ("Validated", "Not yet received", "Dropped", "Payment for Bob-seen", "0.00020000"):
        assert words in page


@pytest.mark.parametrize(
    ("standing", "orders"),
    [
        ("validated", {"Bob-confirmed"}),
        ("unconfirmed", {"Bob-seen"}),
        ("dropped", {"Bob-dropped"}),
        ("reversed", set()),
    ],
)
def test_the_journal_is_filtered_by_standing(accountant: Client, standing: str, orders: set[str]) -> None:
    found = accountant.get(reverse(JOURNAL), {"standing": standing}).context["cl"].result_list
    assert {entry.meta["order"] for entry in found} == orders


def test_journal_and_accounts_are_filtered_by_asset(shops: dict[str, Shop], accountant: Client) -> None:
    asset = Posting.objects.values_list("asset", flat=True).first()
    accounts = Account.objects.filter(book=shops["Bob"].book, asset=asset).count()
    for name, count in (("journalentry", 4), ("account", accounts)):
        url = reverse(f"admin:ledger_{name}_changelist")
        assert len(accountant.get(url, {"asset": asset}).context["cl"].result_list) == count
        assert not accountant.get(url, {"asset": 10**9}).context["cl"].result_list


def test_the_journal_is_searched_by_any_reference(shops: dict[str, Shop], accountant: Client) -> None:
    payment = Payment.objects.get(book=shops["Bob"].book, invoice__order_id="Bob-seen")
    for term in (payment.deposit.txid, payment.invoice.public_id, "Bob-seen"):
        found = accountant.get(reverse(JOURNAL), {"q": term}).context["cl"].result_list
        assert [entry.pk for entry in found] == [payment.pending_entry_id]
    assert len(accountant.get(reverse(JOURNAL), {"q": "Bob-customer"}).context["cl"].result_list) == 4


def test_payments_and_invoices_are_searched(shops: dict[str, Shop], accountant: Client) -> None:
    payment = Payment.objects.get(book=shops["Bob"].book, invoice__order_id="Bob-seen")
    for term in (payment.deposit.txid, payment.method.watched.address, "Bob-seen", payment.invoice.public_id):
        for name in ("invoice", "payment"):
            found = accountant.get(reverse(f"admin:payments_{name}_changelist"), {"q": term}).context["cl"].result_list
            assert len(found) == 1, f"{name} {term}"


def test_a_journal_page_tells_the_whole_story(shops: dict[str, Shop], accountant: Client) -> None:
    payment = Payment.objects.get(book=shops["Bob"].book, invoice__order_id="Bob-confirmed")
    page = accountant.get(reverse("admin:ledger_journalentry_change", args=[payment.pending_entry_id])).content.decode()
    wanted = (payment.deposit.txid, "2 of 2 confirmations", "Received: payment for Bob-confirmed", "assets:custody:")
    for words in (*wanted, "1 BTC = 60001 EUR"):
        assert words in page


@pytest.mark.parametrize("who", ["accountant", "auditor", "administrator", "root"])
def test_nobody_writes_the_journal(shops: dict[str, Shop], root: User, signed_in: SignIn, who: str) -> None:
    client = signed_in(root if who == "root" else shops["Bob"].members[who])
    entry = JournalEntry.objects.filter(book=shops["Bob"].book, ref=None).first()
    assert entry is not None
    before = (JournalEntry.objects.count(), Posting.objects.count(), entry.description)
    change, delete = (reverse(f"admin:ledger_journalentry_{word}", args=[entry.pk]) for word in ("change", "delete"))
    action = {"action": "delete_selected", "_selected_action": [entry.pk], "post": "yes"}
    assert client.post(reverse("admin:ledger_journalentry_add"), {"description": "mine"}).status_code == 403
    assert client.post(change, {"description": "mine"}).status_code == 403
    assert client.post(delete, {"post": "yes"}).status_code == 403
    client.post(reverse(JOURNAL), action)
    entry.refresh_from_db()
    assert (JournalEntry.objects.count(), Posting.objects.count(), entry.description) == before


LISTS = """
    ledger_journalentry
    ledger_account
    payments_invoice
    payments_payment
    monitor_deposit
    webhooks_delivery
    keys_address
"""


@pytest.mark.parametrize("name", LISTS.split())
def test_a_list_asks_no_more_for_more_rows(shops: dict[str, Shop], root: User, signed_in: SignIn, name: str) -> None:
    client, url = signed_in(root), reverse(f"admin:{name}_changelist")
    client.get(url)

    def questions() -> int:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert client.get(url).status_code == 200
        return len(asked)

    few = questions()
    for number in range(24):
        paid_invoice(shops["Bob"], ("seen", "confirmed")[number % 2], customer_ref=f"customer-{number}")
    assert questions() <= few
    assert few < 20


def test_pages_run_no_inline_script(accountant: Client) -> None:
    answer = accountant.get(reverse("admin:index"))
    policy = {part.split()[0]: part.split()[1:] for part in answer.headers["Content-Security-Policy"].split("; ")}
    assert "'unsafe-inline'" not in policy["script-src"] + policy["style-src"]
    assert "<style" not in answer.content.decode()


def test_today_names_what_waits(shops: dict[str, Shop], accountant: Client, root: User, signed_in: SignIn) -> None:
    page = accountant.get(reverse("admin:index")).content.decode()
    for words in ("Not yet received", "Bob-seen", "0 of 2", "Coins on our addresses", "0.00020000"):
        assert words in page
    Cursor.objects.filter(chain_code=CHAIN.code).update(halted_at="2026-11-01T00:00Z", failure="a fork")
    assert "Halted since 1 Nov" in signed_in(root).get(reverse("admin:index")).content.decode()


def test_an_empty_installation_says_so_in_plain_words(root: User, signed_in: SignIn) -> None:
    page = signed_in(root).get(reverse("admin:index")).content.decode()
    for words in ("No payment is waiting", "Every webhook was delivered", "No coin has come in yet"):
        assert words in page


def test_an_api_key_is_shown_once_and_stored_nowhere(shops: dict[str, Shop], signed_in: SignIn) -> None:
    client = signed_in(shops["Bob"].members["administrator"])
    form = {"merchant": shops["Bob"].merchant.pk, "label": "till", "scopes": ["invoices:read"], "expires_at_0": ""}
    page = client.post(reverse("admin:merchants_apikey_add"), form).content.decode()
    secret = page.partition('id="secret">')[2].partition("<")[0]
    assert secret.startswith("sk_test_")
    key = ApiKey.objects.get(label="till")
    assert secret not in client.get(reverse("admin:merchants_apikey_change", args=[key.pk])).content.decode()
    assert secret not in str(dict(client.session)) + str(client.cookies)


def test_an_endpoint_with_a_bad_url_is_refused_in_the_form(shops: dict[str, Shop], signed_in: SignIn) -> None:
    client = signed_in(shops["Bob"].members["administrator"])
    form = {"book": shops["Bob"].book.pk, "url": "https://user:secret@example.com/", "event_types": ""}
    answer = client.post(reverse("admin:webhooks_endpoint_add"), form)
    assert answer.status_code == 200
    assert 'id="secret"' not in answer.content.decode()


def test_a_row_that_is_called_by_its_address_keeps_its_spelling(shops: dict[str, Shop], signed_in: SignIn) -> None:
    """The theme would begin it with a capital."""
    bob = shops["Bob"]
    endpoint = Endpoint.objects.get(book=bob.book)
    page = signed_in(bob.members["administrator"]).get(reverse("admin:webhooks_endpoint_change", args=[endpoint.pk]))
    assert endpoint.url in page.content.decode()
    assert "Https://" not in page.content.decode()


def test_an_administrator_says_who_may_frame_the_payment_page(shops: dict[str, Shop], signed_in: SignIn) -> None:
    """And in which language, and whom payers ask; the name stays what the installation agreed to."""
    merchant = shops["Alice"].merchant
    page = reverse("admin:merchants_merchant_change", args=[merchant.pk])
    form = {"name": "Evil", "payment_page_language": "de", "contact": "alice@shop.example"}
    origins = "https://Shop.example/\r\nhttp://localhost:3000\r\n"
    client = signed_in(shops["Alice"].members["administrator"])
    refused = client.post(page, {**form, "shop_origins": "https://shop.example/path"}).content.decode()
    assert "is no origin" in refused
    assert client.post(page, {**form, "shop_origins": origins}).status_code == 302
    merchant.refresh_from_db()
    assert (merchant.name, merchant.payment_page_language) == ("Alice's shop", "de")
    assert merchant.shop_origins == "https://shop.example\nhttp://localhost:3000"
    for role in ("viewer", "auditor", "accountant"):
        assert signed_in(shops["Alice"].members[role]).post(page, form).status_code == 403
    assert signed_in(shops["Bob"].members["administrator"]).post(page, form).status_code in (302, 403, 404)
    merchant.refresh_from_db()
    assert merchant.contact == "alice@shop.example"


def test_a_report_comes_as_page_and_csv(shops: dict[str, Shop], accountant: Client, signed_in: SignIn) -> None:
    for name in ("receipts", "trial-balance"):
        assert "0.00020000" in accountant.get(reverse("admin:report", args=[name])).content.decode()
        download = accountant.get(reverse("admin:report", args=[name]), {"as": "csv"})
        assert download.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert "0.00020000" in _sent(download)
    viewer = signed_in(shops["Bob"].members["viewer"])
    assert viewer.get(reverse("admin:report", args=["receipts"])).status_code == 403
    assert accountant.get(reverse("admin:report", args=["no-such"])).status_code == 404
    assert Invoice.objects.filter(book=shops["Bob"].book).count() == 3


def test_a_report_of_a_past_day_leads_to_that_days_accounts(shops: dict[str, Shop], accountant: Client) -> None:
    url = reverse("admin:report", args=["trial-balance"])
    page = accountant.get(url, {"until": "2025-01-31"}).content.decode()
    custody = Account.objects.get(book=shops["Bob"].book, code__startswith="assets:custody:")
    assert "0.00020000" not in page
    assert f"{reverse('admin:ledger_account_change', args=[custody.pk])}?to=2025-01-31" in page
    assert f"{reverse('admin:ledger_account_explain', args=[custody.pk])}?as_of=2025-01-31" in page
    assert "0.00020000" in accountant.get(url, {"until": f"{timezone.now():%Y-%m-%d}"}).content.decode()
    download = accountant.get(url, {"until": "2025-01-31", "as": "csv"})
    assert "trial-balance-2025-01-31.csv" in download.headers["Content-Disposition"]
    assert "0.00020000" not in _sent(download)


def _sent(download: Any) -> str:
    return b"".join(download.streaming_content).decode()


def test_a_report_is_made_in_the_background_for_whoever_asked(
    shops: dict[str, Shop], accountant: Client, signed_in: SignIn
) -> None:
    page = reverse("admin:exports")
    assert "Nothing was asked for yet" in accountant.get(page).content.decode()
    assert accountant.post(reverse("admin:report", args=["trial-balance"]), {"form": "csv"}).url == page  # type: ignore[attr-defined]
    assert "Waiting" in accountant.get(page).content.decode()
    assert exporting.make_next()
    export = Export.objects.get()
    assert f"?file={export.public_id}" in accountant.get(page).content.decode()
    assert "0.00020000" in _sent(accountant.get(page, {"file": export.public_id}))
    for other in (shops["Bob"].members["auditor"], shops["Alice"].members["accountant"]):
        client = signed_in(other)
        assert "Nothing was asked for yet" in client.get(page).content.decode()
        assert client.get(page, {"file": export.public_id}).status_code == 404
    assert signed_in(shops["Bob"].members["viewer"]).get(page).status_code == 403


def test_a_huge_report_and_a_sixth_export_are_refused_in_words(
    shops: dict[str, Shop], accountant: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf, "MOST_ROWS", 1)
    page = reverse("admin:report", args=["trial-balance"])
    too_long = accountant.get(page, {"as": "pdf"})
    assert (too_long.status_code, "more than 1 rows" in too_long.content.decode()) == (400, True)
    assert accountant.get(page, {"as": "csv"}).status_code == 200
    for _ in range(exporting.MOST_UNFINISHED):
        assert accountant.post(page, {"form": "csv"}).status_code == 302
    sixth = accountant.post(page, {"form": "csv"})
    assert (sixth.status_code, "wait for one of them" in sixth.content.decode()) == (400, True)
    assert Export.objects.count() == exporting.MOST_UNFINISHED
