"""Closing the month: refused in words while anything is left to do, also by raw SQL; then two people close it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cryptopay.monthend import cases, closing
from cryptopay.monthend.errors import MonthNotReady
from cryptopay.monthend.models import CaseStep, Package
from ledger import chart, journal, manual, periods, pricing, proposals, rates
from ledger.errors import PeriodAlreadyClosed, ReasonMissing, ReviewMissing
from ledger.journal import Entry, Leg
from ledger.models import JournalEntry, PeriodChange, PeriodReview, Proposal
from monitor.models import Cursor, Deposit, ParkedTransaction, WatchedAddress
from monitor.reconciliations import AddressDifference
from tests.database import past_triggers

from .conftest import CHAIN, RECEIVED, THROUGH, Desk

pytestmark = pytest.mark.django_db

PAGE = "admin:closing"


def left(desk: Desk) -> dict[str, list[str]]:
    """What is to be done, by step."""
    found = closing.steps(desk.book, THROUGH)
    return {step.name: [to_do.text for to_do in step.to_do] for step in found if step.to_do}


def ask(desk: Desk, **more: object) -> Proposal:
    said: dict[str, object] = {"reason": "January is over", "by": "Ann", "looked": True, **more}
    return closing.ask(desk.book, THROUGH, **said)  # type: ignore[arg-type]


def test_two_people_close_what_is_done_and_the_closing_names_what_it_rests_on(desk: Desk) -> None:
    assert left(desk) == {}
    proposal = ask(desk)
    assert periods.closed_through(desk.book.pk) is None
    proposals.approve(proposal, by="Ben")
    assert periods.closed_through(desk.book.pk) == THROUGH
    change = PeriodChange.objects.get()
    assert change.review is not None
    assert (change.review.looked_by, change.review.through) == ("Ann", THROUGH)
    assert change.review.findings["reconciliations"] == [cases.Reconciliation.objects.get().pk]
    with pytest.raises(PeriodAlreadyClosed):
        ask(desk)


def test_nobody_asks_without_having_looked_or_without_a_reason(desk: Desk) -> None:
    with pytest.raises(MonthNotReady, match="trial balance"):
        ask(desk, looked=False)
    with pytest.raises(ReasonMissing):
        ask(desk, reason=" ")
    assert not PeriodReview.objects.exists()


def _behind(desk: Desk) -> None:
    Cursor.objects.update(checked_at=datetime(2026, 1, 31, 23, 59, tzinfo=UTC))


def _halted(desk: Desk) -> None:
    Cursor.objects.update(halted_at=timezone.now(), failure_code="reorg_too_deep")


def _never_read(desk: Desk) -> None:
    Cursor.objects.all().delete()


def _held(desk: Desk) -> None:
    watched = WatchedAddress.objects.get(book=desk.book)
    held = Deposit.objects.create(
        book=desk.book,
        watched=watched,
        chain_code=CHAIN.code,
        key="k",
        txid="t",
        base_units=1,
        held_since=timezone.now(),
    )
    Deposit.objects.filter(pk=held.pk).update(seen_at=datetime(2026, 1, 20, tzinfo=UTC))


def _parked(desk: Desk) -> None:
    row = ParkedTransaction.objects.create(chain_code=CHAIN.code, height=1, txid="t", reason="odd")
    ParkedTransaction.objects.filter(pk=row.pk).update(parked_at=datetime(2026, 1, 20, tzinfo=UTC))


def _unpriced(desk: Desk) -> None:
    desk.received(7, datetime(2026, 1, 11, tzinfo=UTC))
    desk.reconciled(RECEIVED + 7, RECEIVED + 7)


def _no_rate_of_the_last_day(desk: Desk) -> None:
    with past_triggers(), connection.cursor() as sql:
        sql.execute("UPDATE ledger_rate SET observed_at = '2026-01-30T00:00Z'")


def _reconciled_too_early(desk: Desk) -> None:
    desk.reconciled(RECEIVED, RECEIVED, datetime(2026, 1, 31, 12, tzinfo=UTC))


def _differs(desk: Desk) -> None:
    desk.reconciled(RECEIVED - 1, RECEIVED)


def _unexplained(desk: Desk) -> None:
    desk.reconciled(RECEIVED - 1, RECEIVED)
    desk.reconciled(RECEIVED - 1, RECEIVED)
    desk.reconciled(RECEIVED - 1, RECEIVED - 1)


def _proposed(desk: Desk) -> None:
    legs = [
        Leg(chart.custody(desk.book.pk, desk.coin), debit=10**8),
        Leg(chart.find(desk.book.pk, "equity:opening", desk.coin), credit=10**8),
    ]
    at = datetime(2026, 1, 12, tzinfo=UTC)
    asked = manual.enter(desk.book, legs, effective_at=at, description="Coins", reason="Brought", by="Ann")
    assert isinstance(asked, Proposal)


WRONG: list[tuple[Callable[[Desk], None], str, str]] = [
    (_behind, "collected", "not read past the last day"),
    (_never_read, "collected", "not read past the last day"),
    (_halted, "collected", "not being read"),
    (_held, "collected", "held until two nodes agree on them: 1"),
    (_parked, "collected", "set aside"),
    (_unpriced, "priced", "entries without a price: 1"),
    (_no_rate_of_the_last_day, "priced", "no rate of BTC/EUR of 31 Jan 2026"),
    (_reconciled_too_early, "reconciled", "not reconciled after the last day"),
    (_differs, "reconciled", "the node shows 0.00000001 less BTC than"),
    (_unexplained, "reconciled", "somebody must say what the difference"),
    (_proposed, "reviewed", "wait for a second person"),
]


@pytest.mark.parametrize(("spoil", "step", "words"), WRONG)
def test_each_thing_left_to_do_hinders_and_says_so(
    desk: Desk, spoil: Callable[[Desk], None], step: str, words: str
) -> None:
    spoil(desk)
    said = left(desk)
    assert step in said, said
    assert any(words in text for text in said[step]), said
    with pytest.raises(MonthNotReady, match=words):
        ask(desk)
    assert not Proposal.objects.filter(kind=Proposal.Kind.CLOSE).exists()


def test_what_turns_wrong_before_the_approval_undoes_it(desk: Desk) -> None:
    proposal = ask(desk)
    desk.reconciled(RECEIVED - 1, RECEIVED)
    with pytest.raises(MonthNotReady, match=r"0\.00000001 less BTC"):
        proposals.approve(proposal, by="Ben")
    assert periods.closed_through(desk.book.pk) is None
    desk.reconciled(RECEIVED, RECEIVED)
    proposals.approve(proposal, by="Ben")
    assert periods.closed_through(desk.book.pk) == THROUGH


def _written_late(desk: Desk) -> None:
    at = datetime(2026, 1, 12, tzinfo=UTC)
    rate = rates.record("BTC", "EUR", Decimal(50_000), "test", at, desk.book.pk)
    customer, sales = chart.customer(desk.book.pk, "ann", desk.coin), chart.sales(desk.book.pk, desk.coin)
    legs = [Leg(customer, credit=10**6), Leg(sales, debit=10**6)]
    late = {"book_id": desk.book.pk, "effective_at": at, "description": "Late", "source": "test", "idem": "late"}
    journal.post(Entry(legs=legs, rate_id=rate.pk, **late))  # type: ignore[arg-type]


def _another_rate_of_the_last_day(desk: Desk) -> None:
    at = datetime(2026, 1, 31, 23, 59, tzinfo=UTC)
    rates.record("BTC", "EUR", Decimal(90_000), "test", at, desk.book.pk)


@pytest.mark.parametrize("change", [_written_late, _another_rate_of_the_last_day])
def test_a_month_that_changed_since_its_review_is_not_closed(desk: Desk, change: Callable[[Desk], None]) -> None:
    proposal = ask(desk)
    change(desk)
    with pytest.raises(MonthNotReady, match="close anew"):
        proposals.approve(proposal, by="Ben")
    assert periods.closed_through(desk.book.pk) is None
    proposals.refuse(proposal, by="Ben", reason="The books changed")
    proposals.approve(ask(desk), by="Ben")
    assert periods.closed_through(desk.book.pk) == THROUGH


def test_what_is_proposed_into_the_month_hinders(desk: Desk) -> None:
    at = datetime(2026, 1, 15, tzinfo=UTC)
    rate = rates.record("BTC", "EUR", Decimal(60_000), "test", at, desk.book.pk)
    entry = JournalEntry.objects.get(pk=desk.received(RECEIVED, at, rate_id=rate.pk))
    asked = manual.reverse(entry, reason="Twice", by="Ann", effective_at=at + timedelta(days=5))
    assert isinstance(asked, Proposal)
    assert periods.loose_ends(desk.book, THROUGH).proposed == 1
    proposals.refuse(asked, by="Ben", reason="Once")
    asked = manual.reverse(entry, reason="Twice", by="Ann")
    assert periods.loose_ends(desk.book, THROUGH).proposed == 0


def test_a_price_proposed_for_an_entry_of_the_month_hinders(desk: Desk) -> None:
    unpriced = JournalEntry.objects.get(pk=desk.received(RECEIVED, datetime(2026, 1, 15, tzinfo=UTC)))
    asked = pricing.price(unpriced, desk.coin, Decimal(60_000), reason="The bank's", by="Ann")
    assert isinstance(asked, Proposal)
    assert periods.loose_ends(desk.book, THROUGH).proposed == 1


def test_an_explained_case_lets_the_month_close_and_coins_in_transit_want_words(desk: Desk) -> None:
    january = datetime(2026, 1, 20, tzinfo=UTC)
    rates.record("BTC", "EUR", Decimal(60_000), "test", january, desk.book.pk)
    rates.record("BTC", "EUR", Decimal(60_000), "test", timezone.now(), desk.book.pk)
    desk.reconciled(RECEIVED - 1000, RECEIVED, january)
    desk.reconciled(RECEIVED - 1000, RECEIVED, january + timedelta(minutes=10))
    cases.explain(desk.case(), CaseStep.Kind.OWN_WALLET, 1000, reason="Cold storage", by="Ann", token="1")
    desk.reconciled(RECEIVED - 1000, RECEIVED - 1000)
    assert left(desk) == {}
    with pytest.raises(MonthNotReady, match="say why"):
        ask(desk)
    asked = ask(desk, explanation="On its way to the safe, arrived on 1 February")
    approver = Client()
    approver.force_login(desk.members["approver"])
    page = approver.get(reverse("admin:ledger_proposal_change", args=[asked.pk])).content.decode()
    assert "On its way to the safe, arrived on 1 February" in page
    assert "assets:in transit holds 0.00001000 BTC" in page
    proposals.approve(asked, by="Ben")
    review = PeriodReview.objects.get()
    assert review.findings["explanation"].startswith("On its way")
    assert review.findings["reviewed"] == ["assets:in transit holds 0.00001000 BTC"]


def test_above_the_limit_a_second_person_decides_what_a_difference_was(desk: Desk) -> None:
    rates.record("BTC", "EUR", Decimal(60_000), "test", timezone.now(), desk.book.pk)
    desk.reconciled(0, RECEIVED)
    desk.reconciled(0, RECEIVED)
    case = desk.case()
    cases.explain(case, CaseStep.Kind.OWN_WALLET, RECEIVED, reason="Swept", by="Ann", token="1")
    assert (cases.standing(case).left, cases.standing(case).waiting) == (0, -RECEIVED)
    desk.reconciled(0, 0)
    assert cases.is_open(case)
    proposals.approve(Proposal.objects.get(kind=Proposal.Kind.ENTRY), by="Ben")
    desk.reconciled(0, 0)
    assert not cases.is_open(case)


def test_addresses_are_told_though_a_worker_died_before_it_looked(desk: Desk) -> None:
    first = desk.reconciled(RECEIVED - 5, RECEIVED, looked=False)
    place = {"place": b"p", "address": "a", "node_base_units": 0, "books_base_units": 5, "difference": -5}
    AddressDifference.objects.create(book=desk.book, reconciliation=first, **place)
    desk.reconciled(RECEIVED - 5, RECEIVED)
    desk.reconciled(RECEIVED - 5, RECEIVED)
    assert CaseStep.objects.get(kind="suspense").run == first
    assert list(cases.explained(CHAIN.code).values()) == [-5]


def test_a_refused_explanation_is_as_if_never_said(desk: Desk) -> None:
    desk.reconciled(0, RECEIVED)
    desk.reconciled(0, RECEIVED)
    case = desk.case()
    cases.explain(case, CaseStep.Kind.NETWORK_FEE, RECEIVED, reason="Fee", by="Ann", token="1")
    proposals.refuse(Proposal.objects.get(kind=Proposal.Kind.ENTRY), by="Ben", reason="No fee is that high")
    assert cases.standing(case).left == -RECEIVED
    assert cases.is_open(case)


def test_the_database_closes_nothing_without_the_review_of_that_day(desk: Desk) -> None:
    other = PeriodReview.objects.create(book=desk.book, through=THROUGH - timedelta(days=1), findings={}, looked_by="A")
    for review in (None, other):
        with pytest.raises(DatabaseError) as refusal, transaction.atomic():
            PeriodChange.objects.create(
                book=desk.book, closed_through=THROUGH, reason="x", asked_by="a", approved_by="b", review=review
            )
        assert getattr(refusal.value.__cause__, "sqlstate", "") == "LG016"
    with pytest.raises(ReviewMissing):
        periods.ask_to_close(desk.book, THROUGH, reason="x", by="a", review=other)


def test_the_page_leads_through_the_steps_and_asks(desk: Desk) -> None:
    accountant, approver = Client(), Client()
    accountant.force_login(desk.members["accountant"])
    approver.force_login(desk.members["approver"])
    asked = {"book": desk.book.pk, "through": THROUGH.isoformat()}
    _unpriced(desk)
    page = accountant.get(reverse(PAGE), asked).content.decode()
    assert "Entries without a price: 1" in page
    assert "Ask to close" not in page
    said = {**asked, "reason": "Over", "looked": "on", "token": "x"}
    assert "Entries without a price: 1" in accountant.post(reverse(PAGE), said).content.decode()
    assert not Proposal.objects.exists()
    assert approver.post(reverse(PAGE), said).status_code == 403


def test_the_page_asks_and_the_approver_closes(desk: Desk) -> None:
    accountant, approver = Client(), Client()
    accountant.force_login(desk.members["accountant"])
    approver.force_login(desk.members["approver"])
    said = {"book": desk.book.pk, "through": THROUGH.isoformat(), "reason": "Over", "token": "x"}
    assert "trial balance first" in accountant.post(reverse(PAGE), said).content.decode()
    answer = accountant.post(reverse(PAGE), said | {"looked": "on"})
    proposal = Proposal.objects.get()
    assert answer.headers["Location"] == reverse("admin:ledger_proposal_change", args=[proposal.pk])
    assert approver.post(reverse(PAGE), said | {"looked": "on"}).status_code == 403
    page = accountant.get(reverse(PAGE), said).content.decode()
    assert ("It is asked for" in page, "Ask to close" in page) == (True, False)
    approver.post(reverse("admin:ledger_proposal_decide", args=[proposal.pk]), {"approve": ""})
    assert periods.closed_through(desk.book.pk) == THROUGH
    assert "made as soon as the entries are sealed" in accountant.get(reverse(PAGE), said).content.decode()
    change = PeriodChange.objects.get()
    Package.objects.create(book=desk.book, change=change, through=THROUGH, size=1, sha256="0" * 64, manifest="{}")
    fetched = reverse("admin:ledger_periodchange_package", args=[change.pk])
    assert fetched in accountant.get(reverse(PAGE), said).content.decode()
    today = {**said, "through": timezone.now().date().isoformat()}
    assert "That day is not over" in accountant.get(reverse(PAGE), today).content.decode()


def test_a_case_is_explained_on_its_page_by_an_accountant_alone(desk: Desk) -> None:
    rates.record("BTC", "EUR", Decimal(60_000), "test", timezone.now(), desk.book.pk)
    desk.reconciled(RECEIVED - 1000, RECEIVED)
    desk.reconciled(RECEIVED - 1000, RECEIVED)
    case = desk.case()
    page, explain = (reverse(f"admin:monthend_case_{name}", args=[case.pk]) for name in ("change", "explain"))
    said = {"kind": "network_fee", "units": "0.00001", "reason": "Fee", "token": "1", "account": ""}
    for role in ("viewer", "cashier", "approver", "auditor", "administrator"):
        client = Client()
        client.force_login(desk.members[role])
        assert client.post(explain, said).status_code in (302, 403), role
        assert cases.is_open(case), role
    accountant = Client()
    accountant.force_login(desk.members["accountant"])
    assert "Say what it was" in accountant.get(page).content.decode()
    assert "digits and one point" in accountant.post(explain, said | {"units": "1,5"}).content.decode()
    assert "more than is left" in accountant.post(explain, said | {"units": "0.1"}).content.decode()
    wrong = {**said, "kind": "outside", "account": "expense:nowhere"}
    assert "there is no account" in accountant.post(explain, wrong).content.decode().lower()
    accountant.post(explain, said)
    assert not cases.is_open(case)
    assert "Resolved" in accountant.get(page).content.decode()
