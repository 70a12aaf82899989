"""Entries by hand, reversals, periods and their approval in the admin: each role, each step, and Charlie outside."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cryptopay.merchants.models import Membership, User
from cryptopay.merchants.onboarding import create_merchant
from ledger import balances, chart, journal, periods
from ledger.models import Account, Decision, JournalEntry, Proposal

from .conftest import CHAIN, LONG_AGO, Shop, proposed

SignIn = Callable[[User], Client]
CUSTODY, CAPITAL = f"assets:custody:{CHAIN.code} BTC", "equity:opening BTC"
ENTER = "admin:ledger_journalentry_enter_page"
ASK = "admin:ledger_periodchange_ask_page"
MAY_ASK, MAY_DECIDE = {"accountant", "owner"}, {"accountant", "approver", "owner"}


@pytest.fixture
def charlie(shops: dict[str, Shop]) -> User:
    """Accountant and approver elsewhere."""
    charlie = User.objects.create_user("Charlie", is_staff=True)
    elsewhere = create_merchant("Charlie's shop")
    for role in Membership.Role.values:
        Membership.objects.create(merchant=elsewhere, user=charlie, role=role)
    return charlie


def _form(shop: Shop, amount: str = "0.001", **other: Any) -> dict[str, Any]:
    return {
        "book": shop.book.pk,
        "day": timezone.now().date().isoformat(),
        "description": "Coins the owner brings",
        "reason": "Counted twice",
        "token": "a-token",
        "account": [CUSTODY, CAPITAL],
        "debit": [amount, ""],
        "credit": ["", amount],
        **other,
    }


def _words(answer: HttpResponse) -> str:
    return " ".join(answer.content.decode().split())


def _last_entry(shop: Shop) -> JournalEntry:
    return JournalEntry.objects.filter(book=shop.book).latest("pk")


def _people(shop: Shop, charlie: User, root: User) -> list[tuple[str, User]]:
    return [*shop.members.items(), ("charlie", charlie), ("root", root)]


def test_who_may_ask(bob: Shop, charlie: User, root: User, signed_in: SignIn) -> None:
    written = JournalEntry.objects.filter(book=bob.book, kind=JournalEntry.Kind.SETTLE).get()
    for role, person in _people(bob, charlie, root):
        client, before = signed_in(person), (JournalEntry.objects.count(), Proposal.objects.count())
        pages = [
            (reverse(ENTER), _form(bob, token=role) | {"enter": ""}),
            (reverse(ASK), {"book": bob.book.pk, "through": "2025-01-31", "reason": "Done", "token": "x", "close": ""}),
            (reverse("admin:ledger_journalentry_reverse_page", args=[written.pk]), {"reason": "Wrong", "token": role}),
            (
                reverse("admin:ledger_journalentry_price_page", args=[written.pk]),
                {"asset": written.postings.first().asset_id, "price": "9", "reason": "Known", "token": role},
            ),
        ]
        if role in MAY_ASK | {"root"}:
            assert client.get(pages[0][0]).status_code == client.get(pages[1][0]).status_code == 200, role
            continue
        for url, form in pages:
            assert client.post(url, form).status_code == 403, f"{role} {url}"
            if role != "charlie" or str(written.pk) in url.split(
                "/"
            ):  # Charlie has pages of his own, without this book
                assert client.get(url).status_code == 403, f"{role} {url}"
        assert (JournalEntry.objects.count(), Proposal.objects.count()) == before, role


def test_who_may_decide(bob: Shop, charlie: User, root: User, signed_in: SignIn) -> None:
    for role, person in _people(bob, charlie, root):
        if role == "root":
            continue
        asker = "a colleague" if role == "accountant" else bob.members["accountant"].username
        for verdict in ("approve", "refuse"):
            proposal = proposed(bob, by=asker)
            url = reverse("admin:ledger_proposal_decide", args=[proposal.pk])
            answer = signed_in(person).post(url, {verdict: "", "reason": "Looked at it"})
            assert answer.status_code == (302 if role in MAY_DECIDE else 403), role
            assert Decision.objects.filter(proposal=proposal).exists() == (role in MAY_DECIDE), role
            assert signed_in(person).get(url).status_code == 403


def test_a_role_elsewhere_decides_nothing_here(shops: dict[str, Shop], signed_in: SignIn) -> None:
    """Approver at Alice's, auditor at Bob's: sees Bob's proposals, decides none."""
    both = shops["Alice"].members["approver"]
    Membership.objects.create(merchant=shops["Bob"].merchant, user=both, role=Membership.Role.AUDITOR)
    proposal = proposed(shops["Bob"])
    client = signed_in(both)
    page = _words(client.get(reverse("admin:ledger_proposal_change", args=[proposal.pk])))
    assert "It waits for an accountant or an approver" in page
    assert "Approve" not in page.partition("<main")[2] or 'name="approve"' not in page
    assert client.post(reverse("admin:ledger_proposal_decide", args=[proposal.pk])).status_code == 403


def test_an_entry_is_checked_and_then_written_once(bob: Shop, signed_in: SignIn) -> None:
    client, custody = signed_in(bob.members["accountant"]), chart.find(bob.book.pk, CUSTODY[:-4], _btc())
    before = balances.balance(custody).posted
    checked = client.post(reverse(ENTER), _form(bob, "0.001", credit=["", "0.0004"], check=""))
    assert "0.00060000" in _words(checked)
    assert "is missing under credit" in _words(checked)
    assert "second person" not in _words(checked).partition('role="status"')[2].partition("Check")[0]
    assert balances.balance(custody).posted == before
    for _ in range(2):  # a form sent twice is one entry
        answer = client.post(reverse(ENTER), _form(bob, "0.001", enter=""))
        assert answer.status_code == 302
    entry = _last_entry(bob)
    assert answer.headers["Location"] == reverse("admin:ledger_journalentry_change", args=[entry.pk])
    assert balances.balance(custody).posted == before + 100_000
    assert (entry.meta["by"], entry.meta["reason"]) == ("Bob-accountant", "Counted twice")
    assert "Posted by Bob-accountant: Counted twice" in _words(client.get(answer.headers["Location"]))


def test_what_is_wrong_with_an_entry_is_said_in_the_form(bob: Shop, signed_in: SignIn) -> None:
    client = signed_in(bob.members["accountant"])
    before = JournalEntry.objects.count()
    wrong = {
        "No such account": _form(bob, account=["assets:custody:none BTC", CAPITAL]),
        "digits and one point": _form(bob, "1,000"),
        "BTC has 8 decimals": _form(bob, "1.000000000"),
        "Debits and credits differ": _form(bob, credit=["", "0.002"]),
        "know nothing of the future": _form(bob, day=(timezone.now() + timedelta(days=2)).date().isoformat()),
        "closed": _form(bob, day=LONG_AGO.isoformat()),
        "This field is required": _form(bob, reason=""),
    }
    for words, form in wrong.items():
        answer = client.post(reverse(ENTER), form | {"enter": ""})
        assert answer.status_code == 200, words
        assert words in _words(answer)
    more = client.post(reverse(ENTER), _form(bob) | {"more": ""})
    assert _words(more).count('name="account"') == 6
    assert JournalEntry.objects.count() == before


def test_a_large_entry_waits_for_someone_else(bob: Shop, signed_in: SignIn) -> None:
    asker, approver = signed_in(bob.members["accountant"]), signed_in(bob.members["approver"])
    checked = _words(asker.post(reverse(ENTER), _form(bob, "1", check="")))
    assert "It moves 60,001.00 EUR, more than this book’s 1,000.00 EUR." in checked
    answer = asker.post(reverse(ENTER), _form(bob, "1", enter=""))
    proposal = Proposal.objects.latest("pk")
    page = reverse("admin:ledger_proposal_change", args=[proposal.pk])
    assert answer.headers["Location"] == page
    assert "It waits for someone else: who asks does not decide." in _words(asker.get(page))
    decide = reverse("admin:ledger_proposal_decide", args=[proposal.pk])
    assert "Who asks does not decide" in _words(asker.post(decide, {"approve": ""}, follow=True))
    assert "waits for someone else" in _words(asker.get(reverse("admin:index")))
    today = _words(approver.get(reverse("admin:index")))
    assert "asked by Bob-accountant" in today
    assert "waits for someone else" not in today
    assert 'name="approve"' in _words(approver.get(page))
    assert "Say why" in _words(approver.post(decide, {"refuse": ""}, follow=True))
    done = _words(approver.post(decide, {"approve": ""}, follow=True))
    assert "Approved by" in done
    entry = _last_entry(bob)
    assert (entry.meta["by"], entry.meta["approved_by"]) == ("Bob-accountant", "Bob-approver")
    assert reverse("admin:ledger_journalentry_change", args=[entry.pk]) in done
    assert "approved by bob-approver before" in _words(approver.post(decide, {"approve": ""}, follow=True)).lower()
    listed = asker.get(reverse("admin:ledger_proposal_changelist"), {"state": "waiting"}).context["cl"].result_list
    assert proposal not in listed


def test_an_entry_is_reversed_once_and_with_a_reason(bob: Shop, signed_in: SignIn) -> None:
    client = signed_in(bob.members["accountant"])
    client.post(reverse(ENTER), _form(bob, "0.001", enter=""))
    entry = _last_entry(bob)
    page = reverse("admin:ledger_journalentry_reverse_page", args=[entry.pk])
    assert page in _words(client.get(reverse("admin:ledger_journalentry_change", args=[entry.pk])))
    assert "This field is required" in _words(client.post(page, {"reason": "", "token": "t"}))
    answer = client.post(page, {"reason": "Entered twice", "token": "t"})
    undone = _last_entry(bob)
    assert (undone.kind, undone.ref_id, undone.meta["reason"]) == (JournalEntry.Kind.REVERSE, entry.pk, "Entered twice")
    assert answer.headers["Location"] == reverse("admin:ledger_journalentry_change", args=[undone.pk])
    story = _words(client.get(answer.headers["Location"]))  # the reversal's page is the story's
    assert "Reversed by Bob-accountant: Entered twice" in story
    assert page not in story
    assert client.get(page).status_code == 403


def test_nothing_is_reversed_that_is_not_posted(bob: Shop, signed_in: SignIn) -> None:
    client = signed_in(bob.members["accountant"])
    for entry in journal.story_heads(JournalEntry.objects.filter(book=bob.book)):
        page = reverse("admin:ledger_journalentry_reverse_page", args=[entry.pk])
        expected = 200 if vars(entry)["standing"] == "validated" else 403
        assert client.get(page).status_code == expected, entry


def test_a_period_is_reopened_by_two(bob: Shop, signed_in: SignIn) -> None:
    asker, approver = signed_in(bob.members["accountant"]), signed_in(bob.members["approver"])
    asked = {"book": bob.book.pk, "reason": "A receipt was forgotten", "token": "x", "reopen": ""}
    page = _words(asker.get(reverse(ASK), {"book": bob.book.pk}))
    assert "closed through 31 Dec 2024" in page
    answer = asker.post(reverse(ASK), asked | {"through": ""})
    assert periods.closed_through(bob.book.pk) == LONG_AGO
    assert "waits for a second person" in _words(asker.get(reverse(ASK), {"book": bob.book.pk}))
    proposal = Proposal.objects.latest("pk")
    assert answer.headers["Location"] == reverse("admin:ledger_proposal_change", args=[proposal.pk])
    assert "Everything open" in _words(approver.get(reverse("admin:ledger_proposal_change", args=[proposal.pk])))
    approver.post(reverse("admin:ledger_proposal_decide", args=[proposal.pk]), {"approve": ""})
    assert periods.closed_through(bob.book.pk) is None


def test_administrators_and_owners_move_the_limit(bob: Shop, charlie: User, root: User, signed_in: SignIn) -> None:
    url = reverse("admin:ledger_book_change", args=[bob.book.pk])
    for role, person in _people(bob, charlie, root):
        may = role in {"administrator", "owner", "root"}
        signed_in(person).post(url, {"second_person_above": "500", "name": "Mine", "currency": "USD"})
        bob.book.refresh_from_db()
        assert (bob.book.second_person_above == 500) == may, role
        assert (bob.book.name, bob.book.currency) == ("Bob's shop", "EUR")
        type(bob.book).objects.filter(pk=bob.book.pk).update(second_person_above=1000)
    answer = signed_in(bob.members["administrator"]).post(url, {"second_person_above": "-1"})
    assert "0 or more" in _words(answer)
    assert signed_in(bob.members["administrator"]).post(reverse("admin:ledger_book_add")).status_code == 403


def test_the_limit_of_the_book_counts(bob: Shop, signed_in: SignIn) -> None:
    type(bob.book).objects.filter(pk=bob.book.pk).update(second_person_above=0)
    before = Proposal.objects.count()
    signed_in(bob.members["accountant"]).post(reverse(ENTER), _form(bob, "0.00000001", enter=""))
    assert Proposal.objects.count() == before + 1


def test_an_accountant_opens_and_closes_accounts(
    bob: Shop, charlie: User, shops: dict[str, Shop], signed_in: SignIn
) -> None:
    url, form = reverse("admin:ledger_account_open_page"), {"book": bob.book.pk, "name": "Rent", "asset": _btc().pk}
    client = signed_in(bob.members["accountant"])
    answer = client.post(url, form | {"code": "expense:rent"})
    rent = Account.objects.get(book=bob.book, code="expense:rent")
    assert answer.headers["Location"] == reverse("admin:ledger_account_change", args=[rent.pk])
    refused = {"rent": "begins with", "expense:Rent": "lower-case", f"assets:custody:{CHAIN.code}": "by themselves"}
    for code, words in refused.items():
        assert words in _words(client.post(url, form | {"code": code})), code
    toggle = reverse("admin:ledger_account_toggle", args=[rent.pk])
    assert toggle in _words(client.get(answer.headers["Location"]))
    for closed in (True, False):
        client.post(toggle)
        rent.refresh_from_db()
        assert (rent.closed_at is not None) == closed
    custody = chart.find(bob.book.pk, CUSTODY[:-4], _btc())
    kept = reverse("admin:ledger_account_toggle", args=[custody.pk])
    assert kept not in _words(client.get(reverse("admin:ledger_account_change", args=[custody.pk])))
    assert "by themselves" in _words(client.post(kept, follow=True))
    for person in (
        *(bob.members[role] for role in set(bob.members) - MAY_ASK),
        charlie,
        *shops["Alice"].members.values(),
    ):
        for target, sent in ((toggle, {}), (url, form | {"code": "expense:other"})):
            assert signed_in(person).post(target, sent).status_code == 403, person
    rent.refresh_from_db()
    assert rent.closed_at is None
    assert not Account.objects.filter(code="expense:other").exists()


def _btc() -> Any:
    return chart.asset("BTC", CHAIN.code, 8)
