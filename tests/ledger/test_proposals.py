"""The second person's word: by another, once, and carried out in its own commit."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from ledger import asking, chart, errors, journal, manual, periods, proposals
from ledger.appendonly import RowIsPermanent
from ledger.journal import Leg
from ledger.models import Decision, JournalEntry, PeriodChange, Proposal
from tests.closing import reviewed
from tests.ledger.conftest import NOON, Shop

pytestmark = pytest.mark.django_db
committed = pytest.mark.django_db(transaction=True)

DECISION = """INSERT INTO ledger_decision (book_id, proposal_id, verdict, reason, decided_by, decided_at)
    VALUES (%s, %s, 'approved', '', %s, now())"""


def asked(shop: Shop, base_units: int = 5, by: str = "Bob") -> Proposal:
    """Without a price any entry needs a second person."""
    legs = [Leg(shop.custody, debit=base_units), Leg(shop.owner, credit=base_units)]
    proposal = manual.enter(shop.book, legs, effective_at=NOON, description="Opening balance", reason="We begin", by=by)
    assert isinstance(proposal, Proposal)
    return proposal


def _entry(shop: Shop) -> Proposal:
    return asked(shop)


def _reversal(shop: Shop) -> Proposal:
    taken = JournalEntry.objects.get(pk=shop.received(5))
    proposal = manual.reverse(taken, reason="It was never ours", by="Bob")
    assert isinstance(proposal, Proposal)
    return proposal


def _closing(shop: Shop) -> Proposal:
    return periods.ask_to_close(
        shop.book, NOON.date(), reason="The month is over", by="Bob", review=reviewed(shop.book.pk, NOON.date())
    )


def _reopening(shop: Shop) -> Proposal:
    proposals.approve(_closing(shop), by="Alice")
    return periods.ask_to_reopen(shop.book, None, reason="Something was forgotten", by="Bob")


ANY_KIND = pytest.mark.parametrize("ask", [_entry, _reversal, _closing, _reopening])


def effects() -> tuple[int, int]:
    return JournalEntry.objects.count(), PeriodChange.objects.count()


def _state(statement: str, *arguments: object) -> str:
    """SQLSTATE of the refusal."""
    with pytest.raises(DatabaseError) as refusal, transaction.atomic(), connection.cursor() as sql:
        sql.execute(statement, arguments)
    return str(getattr(refusal.value.__cause__, "sqlstate", None))


@ANY_KIND
def test_it_is_carried_out_when_another_approves(shop: Shop, ask: Callable[[Shop], Proposal]) -> None:
    proposal = ask(shop)
    assert list(proposals.waiting(Proposal.objects.filter(book=shop.book))) == [proposal]
    before = effects()
    decision = proposals.approve(proposal, by="Alice", reason=" Seen ")
    assert (decision.verdict, decision.decided_by, decision.reason) == ("approved", "Alice", "Seen")
    writes = proposal.kind in (Proposal.Kind.ENTRY, Proposal.Kind.REVERSAL)
    assert (decision.entry is not None) == writes
    assert effects() == ((before[0] + 1, before[1]) if writes else (before[0], before[1] + 1))
    assert not proposals.waiting(Proposal.objects.all()).exists()


@ANY_KIND
def test_it_has_no_effect_when_another_refuses(shop: Shop, ask: Callable[[Shop], Proposal]) -> None:
    proposal = ask(shop)
    before = effects()
    decision = proposals.refuse(proposal, by="Alice", reason="Ask the bank first")
    assert (decision.verdict, decision.reason, decision.entry) == ("refused", "Ask the bank first", None)
    assert effects() == before
    with pytest.raises(errors.AlreadyDecided):
        proposals.approve(proposal, by="Carol")
    assert effects() == before


@ANY_KIND
@pytest.mark.parametrize("by", ["Bob", "bob", "BOB ", "\uff22\uff4f\uff42"])
def test_who_asks_does_not_decide(shop: Shop, ask: Callable[[Shop], Proposal], by: str) -> None:
    proposal = ask(shop)
    before = effects()
    for decide in (
        lambda: proposals.approve(proposal, by=by),
        lambda: proposals.refuse(proposal, by=by, reason="I have thought better of it"),
    ):
        with pytest.raises(errors.SecondPersonNeeded) as refusal:
            decide()
        assert refusal.value.code == "second_person_needed"
    assert effects() == before
    assert not Decision.objects.filter(proposal=proposal).exists()


def test_names_that_only_look_alike_are_two_people() -> None:
    assert not asking.same_person("Bob", "Rob")
    assert not asking.same_person("API key shop", "API key till")


@pytest.mark.parametrize("by", ["Bob", "bob "])
def test_who_asks_does_not_decide_by_raw_sql(shop: Shop, by: str) -> None:
    proposal = asked(shop)
    assert _state(DECISION, shop.book.pk, proposal.pk, by) == "LG012"


def test_nobody_decides_nothing(shop: Shop) -> None:
    with pytest.raises(ValueError, match="a name"):
        proposals.approve(asked(shop), by=" ")


def test_it_is_decided_once(shop: Shop) -> None:
    proposal = asked(shop)
    proposals.approve(proposal, by="Alice")
    before = effects()
    for decide in (
        lambda: proposals.approve(proposal, by="Carol"),
        lambda: proposals.refuse(proposal, by="Carol", reason="No"),
    ):
        with pytest.raises(errors.AlreadyDecided) as refusal:
            decide()
        assert refusal.value.code == "proposal_already_decided"
        assert "approved by Alice" in str(refusal.value)
    assert effects() == before
    assert _state(DECISION, shop.book.pk, proposal.pk, "Carol") == "23505"


def test_a_refusal_needs_a_reason(shop: Shop) -> None:
    proposal = asked(shop)
    with pytest.raises(errors.ReasonMissing):
        proposals.refuse(proposal, by="Alice", reason=" ")
    assert proposals.waiting(Proposal.objects.all()).exists()


def test_what_was_asked_and_decided_is_permanent(shop: Shop) -> None:
    proposal = asked(shop)
    decision = proposals.approve(proposal, by="Alice")
    for row, table in ((proposal, "ledger_proposal"), (decision, "ledger_decision")):
        with pytest.raises(RowIsPermanent):
            row.delete()
        with pytest.raises(RowIsPermanent):
            row.save()
        for statement in (f"UPDATE {table} SET reason = 'x'", f"DELETE FROM {table}"):  # noqa: S608
            assert _state(statement) in ("23001", "42501")


def test_a_proposal_without_a_reason_is_refused_by_raw_sql(shop: Shop) -> None:
    statement = """INSERT INTO ledger_proposal (book_id, kind, contents, reason, asked_by, asked_at)
        VALUES (%s, 'entry', '{}', '', 'Bob', now())"""
    assert _state(statement, shop.book.pk) == "23514"


def _close_its_period(shop: Shop) -> None:
    proposals.approve(_closing(shop), by="Alice")


def _close_its_account(shop: Shop) -> None:
    chart.close_account(shop.owner)


@pytest.mark.parametrize(
    ("meanwhile", "code"), [(_close_its_period, "period_closed"), (_close_its_account, "account_closed")]
)
def test_what_can_no_longer_be_carried_out_says_why_and_waits_to_be_refused(
    shop: Shop, meanwhile: Callable[[Shop], None], code: str
) -> None:
    proposal = asked(shop)
    meanwhile(shop)
    before = effects()
    with pytest.raises(errors.LedgerError) as refusal:
        proposals.approve(proposal, by="Alice")
    assert refusal.value.code == code
    assert effects() == before
    assert list(proposals.waiting(Proposal.objects.all())) == [proposal]
    proposals.refuse(proposal, by="Alice", reason=str(refusal.value))


def test_a_decision_that_cannot_be_written_undoes_what_it_carried_out(shop: Shop) -> None:
    proposal = asked(shop)
    before = effects()
    with pytest.raises(DatabaseError), transaction.atomic():
        proposals.approve(proposal, by="A" * 151)  # longer than its column
    assert effects() == before
    assert shop.holds(shop.custody).posted == 0


def _at_once(*decide: Callable[[], Any]) -> list[Any]:
    """What came of each, made by a thread with a connection of its own."""
    results: list[Any] = []
    start = threading.Barrier(len(decide))

    def run(act: Callable[[], Any]) -> None:
        try:
            start.wait()
            results.append(act())
        except errors.LedgerError as error:
            results.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(act,)) for act in decide]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results


@committed
@ANY_KIND
def test_of_many_who_decide_at_once_one_does(shop: Shop, ask: Callable[[Shop], Proposal]) -> None:
    proposal = ask(shop)
    before = effects()
    approvers = [lambda n=n: proposals.approve(proposal, by=f"Approver {n}") for n in range(4)]
    refusers = [lambda n=n: proposals.refuse(proposal, by=f"Refuser {n}", reason="No") for n in range(4)]
    results = _at_once(*approvers, *refusers)
    (decision,) = [result for result in results if isinstance(result, Decision)]
    assert [type(result) for result in results if result is not decision] == [errors.AlreadyDecided] * 7
    done = 1 if decision.verdict == Decision.Verdict.APPROVED else 0
    assert sum(effects()) == sum(before) + done
    assert Decision.objects.filter(proposal=proposal).count() == 1


@committed
def test_one_reversal_asked_twice_and_approved_twice_at_once_is_one(shop: Shop) -> None:
    taken = JournalEntry.objects.get(pk=shop.received(5))
    one, two = (manual.reverse(taken, reason="No", by="Bob") for _ in range(2))
    assert isinstance(one, Proposal)
    assert isinstance(two, Proposal)
    results = _at_once(*(lambda p=p: proposals.approve(p, by="Alice") for p in (one, two)))
    assert sorted(type(result).__name__ for result in results) == ["AlreadyReversed", "Decision"]
    assert shop.holds(shop.custody).posted == 0


def test_its_entry_is_written_when_it_is_approved_not_when_it_was_asked(shop: Shop) -> None:
    proposal = asked(shop)
    shop.received(1)
    decision = proposals.approve(proposal, by="Alice")
    assert decision.entry is not None
    assert decision.entry.effective_at == NOON
    assert timezone.now() - decision.entry.recorded_at < timedelta(minutes=1)
    assert decision.entry.pk == JournalEntry.objects.latest("pk").pk
    with pytest.raises(errors.IdempotencyConflict):
        journal.post(shop.receipt(1, idem=decision.entry.idem))
