"""Segregation of duties at the month's end: on each of its pages each role does what is theirs, nobody approves what
they asked, and programs only read."""

from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cryptopay.merchants import api_keys
from cryptopay.merchants.models import ApiKey, Membership
from cryptopay.monthend import cases
from cryptopay.monthend.models import Case, CaseStep, ImportColumns, Package
from ledger import manual, periods, proposals, rates
from ledger.models import Decision, JournalEntry, PeriodChange, PeriodReview, Proposal, Rate
from tests.closing import change

from .conftest import RECEIVED, THROUGH, Desk
from .test_importing import GOOD, HEAD

pytestmark = pytest.mark.django_db

KEPT = (JournalEntry, Proposal, Decision, PeriodChange, PeriodReview, CaseStep, Package, Rate, ImportColumns)
ASKING, READING = {"accountant", "owner"}, {"accountant", "owner", "approver", "auditor"}
ROLES = Membership.Role.values


def rows() -> list[int]:
    return [model._default_manager.count() for model in KEPT]


def signed_in(desk: Desk, role: str) -> Client:
    client = Client()
    client.force_login(desk.members[role])
    return client


def tries(desk: Desk) -> dict[str, tuple[str, dict[str, Any]]]:
    """What is asked at the month's end, in forms that are right for whoever may: each leaves a row."""
    book = desk.book.pk
    entries = b64encode(f"{HEAD}\n{GOOD}".encode()).decode()
    file = {"book": book, "kind": "entries", "name": "bank.csv", "content": entries, "confirm": ""}
    return {
        "close": (
            reverse("admin:closing"),
            {"book": book, "through": str(THROUGH), "reason": "It is over", "looked": "on", "token": "c"},
        ),
        "import entries": (
            reverse("admin:import"),
            {**file, **{f"column_{name}": name for name in HEAD.split(",")}},
        ),
        "reopen": (
            reverse("admin:ledger_periodchange_ask_page"),
            {"book": book, "through": "", "reason": "A receipt", "token": "r"},
        ),
    }


@pytest.fixture
def differing(desk: Desk) -> Case:
    """An open case with more in suspense than one person may explain alone."""
    rates.record("BTC", "EUR", Decimal(60_000), "test", timezone.now(), desk.book.pk)
    for _ in range(2):
        desk.reconciled(0, RECEIVED)
    return desk.case()


def explaining(case: Case, units: str = "3") -> tuple[str, dict[str, Any]]:
    said = {"kind": "own_wallet", "units": units, "account": "", "reason": "Swept", "token": "e"}
    return reverse("admin:monthend_case_explain", args=[case.pk]), said


@pytest.mark.parametrize("role", ROLES)
def test_who_keeps_the_books_asks_and_nobody_else(desk: Desk, role: str) -> None:
    """Cashiers close, reopen and import nothing, auditors and approvers neither."""
    change(desk.book.pk, THROUGH - timedelta(days=31))
    client = signed_in(desk, role)
    for what, (address, form) in tries(desk).items():
        before = rows()
        answer = client.post(address, form)
        assert (rows() != before) == (role in ASKING), f"{role} {what}: {answer.content[:3000].decode()}"
        if role not in ASKING:
            assert answer.status_code == 403, f"{role} {what}"


@pytest.mark.parametrize("role", ROLES)
def test_who_keeps_the_books_says_what_a_difference_was_and_nobody_else(desk: Desk, differing: Case, role: str) -> None:
    address, form = explaining(differing)
    for said in (form, {"take_back": "", "reason": "An error", "token": "b"}):
        before = rows()
        answer = signed_in(desk, role).post(address, said)
        if role in ASKING:
            assert (answer.status_code, rows() != before) == (302, True), role
            return
        assert (answer.status_code in (302, 403), rows()) == (True, before), role


@pytest.mark.parametrize("role", ROLES)
def test_who_reads_the_books_reads_every_page_of_the_month_and_an_auditor_changes_nothing_by_it(
    desk: Desk, differing: Case, role: str
) -> None:
    closed = change(desk.book.pk, THROUGH - timedelta(days=31))
    waiting = periods.ask_to_reopen(desk.book, None, reason="A receipt", by="Ann")
    client, before = signed_in(desk, role), rows()
    for name, args in (
        ("closing", []),
        ("reconciliation", []),
        ("monthend_case_changelist", []),
        ("monthend_case_change", [differing.pk]),
        ("ledger_periodchange_changelist", []),
        ("ledger_periodchange_change", [closed.pk]),
        ("ledger_proposal_change", [waiting.pk]),
    ):
        opened = client.get(reverse(f"admin:{name}", args=args)).status_code == 200
        assert opened == (role in READING), f"{role} {name}"
    if role == "auditor":
        decide = reverse("admin:ledger_proposal_decide", args=[waiting.pk])
        for verdict in ("approve", "refuse"):
            assert client.post(decide, {verdict: "", "reason": "Looked"}).status_code == 403
    assert rows() == before


Ask = Callable[[Desk, Client], object]


def _closing(desk: Desk, client: Client) -> object:
    return client.post(*tries(desk)["close"])


def _reopening(desk: Desk, client: Client) -> object:
    change(desk.book.pk, THROUGH)
    return client.post(*tries(desk)["reopen"])


def _cases_entry(desk: Desk, client: Client) -> object:
    rates.record("BTC", "EUR", Decimal(60_000), "test", timezone.now(), desk.book.pk)
    for _ in range(2):
        desk.reconciled(0, RECEIVED)
    return client.post(*explaining(desk.case()))


def _imported_entry(desk: Desk, client: Client) -> object:
    desk.book.second_person_above = 0
    desk.book.save()
    return client.post(*tries(desk)["import entries"])


@pytest.mark.parametrize("role", sorted(ASKING))
@pytest.mark.parametrize("ask", [_closing, _reopening, _cases_entry, _imported_entry])
def test_who_asked_does_not_approve_and_somebody_else_does(desk: Desk, ask: Ask, role: str) -> None:
    client = signed_in(desk, role)
    ask(desk, client)
    proposal = Proposal.objects.latest("pk")
    decide = reverse("admin:ledger_proposal_decide", args=[proposal.pk])
    before = rows()
    answer = client.post(decide, {"approve": ""})
    assert "who asks" in " ".join(str(said) for said in get_messages(answer.wsgi_request)).lower()
    assert rows() == before
    assert "who asks does not decide" in client.get(answer.headers["Location"]).content.decode()
    signed_in(desk, "approver").post(decide, {"approve": ""})
    assert Decision.objects.get(proposal=proposal).decided_by == desk.members["approver"].username


def _with_key(desk: Desk, scopes: list[str]) -> Client:
    _, secret = api_keys.create(desk.merchant, "program", live=False, scopes=scopes)
    return Client(headers={"authorization": f"Bearer {secret}", "idempotency-key": "k"})


def test_by_api_nobody_closes_reopens_approves_explains_or_imports(desk: Desk, differing: Case) -> None:
    """A program with every scope there is: these are decisions of people, and there is no door to them."""
    closed = change(desk.book.pk, THROUGH - timedelta(days=31))
    waiting = periods.ask_to_reopen(desk.book, None, reason="A receipt", by="Ann")
    every, before = _with_key(desk, list(ApiKey.Scope.values)), rows()
    assert every.get("/api/v1/periods").status_code == 200
    for path, expected in (
        ("periods", 405),
        (f"periods/per_{closed.pk}", 404),
        (f"periods/per_{closed.pk}/package", 405),
        (f"periods/per_{closed.pk}/reopen", 404),
        (f"proposals/{waiting.pk}", 404),
        (f"proposals/{waiting.pk}/approve", 404),
        (f"cases/{differing.pk}", 404),
        ("imports", 404),
        ("reconciliations", 404),
    ):
        for method in (every.post, every.put, every.patch, every.delete):
            answer = method(f"/api/v1/{path}", "{}", content_type="application/json")
            assert answer.status_code == expected, (path, answer.status_code)
    assert rows() == before


def test_by_api_periods_are_read_with_the_scope_of_reports_alone(desk: Desk) -> None:
    closed = change(desk.book.pk, THROUGH - timedelta(days=31))
    others = _with_key(desk, [scope for scope in ApiKey.Scope.values if scope != ApiKey.Scope.REPORTS_READ])
    alone = _with_key(desk, [ApiKey.Scope.REPORTS_READ])
    for path in ("periods", f"periods/per_{closed.pk}/package"):
        answer = others.get(f"/api/v1/{path}")
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
        assert alone.get(f"/api/v1/{path}").status_code in (200, 409)


def test_a_difference_of_a_closed_month_is_explained_in_the_open_one(desk: Desk, differing: Case) -> None:
    """Nothing falls into a closed period by way of a case."""
    suspense = differing.steps.get(kind=CaseStep.Kind.SUSPENSE)
    assert suspense.entry is not None
    desk.book.second_person_above = 10**9
    desk.book.save()
    today = datetime.now(UTC).date()
    long_ago = datetime(2026, 1, 20, tzinfo=UTC)
    rates.record("BTC", "EUR", Decimal(60_000), "test", long_ago, desk.book.pk)
    other = _desk_case_of(desk, long_ago)
    change(desk.book.pk, THROUGH)
    step = cases.explain(other, CaseStep.Kind.NETWORK_FEE, 7, reason="Fee", by="Ann", token="late")
    assert step.entry is not None
    assert step.entry.effective_at.date() == today


def _desk_case_of(desk: Desk, at: datetime) -> Case:
    """Taken to suspense on that day; the one before is explained first."""
    cases.explain(desk.case(), CaseStep.Kind.OWN_WALLET, RECEIVED, reason="Swept", by="Ann", token="first")
    for proposal in proposals.waiting(Proposal.objects.filter(book=desk.book)):
        proposals.approve(proposal, by="Ben")
    desk.reconciled(0, 0)
    desk.received(10**8, at, rate_id=Rate.objects.filter(book=desk.book).latest("pk").pk)
    for _ in range(2):
        desk.reconciled(10**8 - 7, 10**8, at)
    return desk.case()


def test_what_was_taken_back_by_hand_is_not_taken_back_once_more_by_its_case(desk: Desk, differing: Case) -> None:
    """Nor explained: the case stands as its entries do, and finds the difference anew."""
    entry = differing.steps.get(kind=CaseStep.Kind.SUSPENSE).entry
    assert entry is not None
    asked = manual.reverse(entry, reason="An error", by="Ann")
    assert isinstance(asked, Proposal)
    proposals.approve(asked, by="Ben")
    before = rows()
    address, form = explaining(differing)
    for said in ({"take_back": "", "reason": "An error", "token": "b"}, form):
        page = signed_in(desk, "accountant").post(address, said).content.decode()
        assert "nothing is in suspense that is still to be explained" in page.lower()
    assert rows() == before
    for _ in range(2):
        desk.reconciled(0, RECEIVED)
    assert cases.standing(differing).in_suspense == -RECEIVED
    cases.take_back(differing, reason="An error", by="Ann", token="c")
    proposals.approve(Proposal.objects.latest("pk"), by="Ben")
    assert cases.standing(differing).left == 0


def test_an_explanation_that_is_reversed_is_to_be_given_anew(desk: Desk, differing: Case) -> None:
    step = cases.explain(differing, CaseStep.Kind.NETWORK_FEE, 1000, reason="Fee", by="Ann", token="1")
    assert step.entry is not None
    assert cases.standing(differing).left == 1000 - RECEIVED
    manual.reverse(step.entry, reason="It was none", by="Ann")
    assert cases.standing(differing).left == -RECEIVED
