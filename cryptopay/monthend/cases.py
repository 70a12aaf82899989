"""Cases: a difference between a node and the books, from its finding to the entry that explains it.

found        a reconciliation differs. It alarms, and nothing is booked: a node may be wrong for a while
suspense     the next one says the same: the difference is posted to suspense, custody is what the chain shows
explained    a person names what it was. An entry by hand moves it from suspense to where it belongs, under the
             book's limit and with its second person, in as many parts as it takes
error        a person takes the posting to suspense back
gone         it went away before anything was booked
resolved     all of it is explained
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import structlog
from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from cryptopay.monthend.errors import CaseResolved, ExplainsTooMuch, ExplanationUnknown
from cryptopay.monthend.models import Case, CaseStep
from cryptopay.payments import events
from ledger import chart, journal, manual, rates
from ledger.errors import PeriodClosed, RateError, UnknownAccount
from ledger.journal import Entry, Leg
from ledger.models import Account, Asset, Book, Decision, JournalEntry, Proposal
from monitor.reconciliations import AddressDifference, Reconciliation

log = structlog.get_logger(__name__)

_Kind = CaseStep.Kind
SOURCE = "reconciliation"
SUSPENSE = "suspense"
EXPLANATIONS: Mapping[CaseStep.Kind, str] = MappingProxyType(
    {_Kind.OWN_WALLET: "assets:in transit", _Kind.NETWORK_FEE: "expense:network fees", _Kind.OUTSIDE: ""}
)
"""What a difference can have been, and the account it goes to where nobody says another."""
_CLOSING = (_Kind.GONE, _Kind.RESOLVED)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a case stands, in signed base units: negative, coins are missing on chain."""

    in_suspense: int
    """Posted to suspense so far."""
    explained: int
    """By entries that are in the books."""
    waiting: int
    """By proposals that nobody has decided."""

    @property
    def left(self) -> int:
        """What is still to be explained."""
        return self.in_suspense - self.explained - self.waiting


def open_cases(book_ids: Iterable[int]) -> QuerySet[Case]:
    """Oldest first."""
    closed = CaseStep.objects.filter(book=OuterRef("book"), case=OuterRef("pk"), kind__in=_CLOSING)
    return Case.objects.filter(~Exists(closed), book_id__in=list(book_ids)).order_by("pk")


def is_open(case: Case) -> bool:
    return not CaseStep.objects.filter(book=case.book_id, case=case, kind__in=_CLOSING).exists()


def standing(case: Case) -> Standing:
    """Reads the case's steps, and what became of their entries: what was reversed, by whom ever, counts no more."""
    steps = CaseStep.objects.filter(book=case.book_id, case=case).select_related("proposal__decision")
    kinds = [_Kind.SUSPENSE, _Kind.ERROR, *EXPLANATIONS]
    posted = explained = waiting = 0
    for step in steps.filter(~_reversed("entry"), ~_reversed("proposal__decision__entry"), kind__in=kinds):
        decision = getattr(step.proposal, "decision", None) if step.proposal else None
        if step.kind == _Kind.SUSPENSE:
            posted += step.base_units
        elif step.proposal is not None and decision is None:
            waiting += step.base_units
        elif step.kind != _Kind.ERROR and (decision is None or decision.verdict == Decision.Verdict.APPROVED):
            explained += step.base_units
    return Standing(posted, explained, waiting)


def look_at(run: Reconciliation) -> None:
    """What a new reconciliation means for the cases of its asset. Call it once a run, in order."""
    with transaction.atomic():
        _alone(run.book_id, run.asset_id)
        case = open_cases([run.book_id]).filter(asset_id=run.asset_id).last()
        if run.difference == 0:
            if case is not None:
                _settle_down(case)
            return
        if case is None:
            case = Case.objects.create(book_id=run.book_id, asset_id=run.asset_id, run=run)
            _found(case, run)
        elif _last_found(case) != run.difference:
            _found(case, run)
        else:
            _take_to_suspense(case, run)


def explain(
    case: Case, kind: CaseStep.Kind, base_units: int, *, reason: str, by: str, account: str = "", token: str
) -> CaseStep:
    """Say what a part of the difference was, in base units without a sign. The same `token` twice is said once.

    Raises `CaseResolved`, `ExplainsTooMuch`, `ExplanationUnknown`, and what `manual.enter` raises.
    """
    with transaction.atomic():
        _alone(case.book_id, case.asset_id)
        key = f"case:{case.pk}:{token}"
        if known := _said_before(case, key):
            return known
        now = _to_be_explained(case)
        if kind not in EXPLANATIONS:
            raise ExplanationUnknown(f"{kind} explains nothing")
        if not 0 < base_units <= abs(now.left):
            raise ExplainsTooMuch("it is more than is left to be explained, or nothing")
        signed = base_units if now.left > 0 else -base_units
        legs = _legs(_suspense(case), _account(case, account or EXPLANATIONS[kind]), signed)
        step = _step(case, kind, signed, _entered(case, legs, kind, reason, by, key), reason, by)
        _settle_down(case)
        return step


def take_back(case: Case, *, reason: str, by: str, token: str) -> CaseStep:
    """An error: what was posted to suspense is reversed. If the difference is there still, it is found anew.

    Raises `CaseResolved`, `ExplainsTooMuch` if a part was explained already, and what `manual.reverse` raises.
    """
    with transaction.atomic():
        _alone(case.book_id, case.asset_id)
        key = f"case:{case.pk}:{token}"
        if known := _said_before(case, key):
            return known
        now = _to_be_explained(case)
        taken = CaseStep.objects.filter(~_reversed("entry"), book=case.book_id, case=case, kind=_Kind.SUSPENSE)
        last = taken.order_by("-pk").first()
        if last is None or last.entry is None or now.left != now.in_suspense or last.base_units != now.in_suspense:
            raise ExplainsTooMuch("a part of it is explained already: reverse those entries first")
        outcome = manual.reverse(last.entry, reason=reason, by=by, idem=key)
        step = _step(case, _Kind.ERROR, last.base_units, outcome, reason, by)
        _settle_down(case)
        return step


def tidy(book_ids: Iterable[int]) -> None:
    """Close the cases whose last part a second person has approved since."""
    decided = CaseStep.objects.filter(book=OuterRef("book"), case=OuterRef("pk"), proposal__decision__isnull=False)
    for case in open_cases(book_ids).filter(Exists(decided)):
        with transaction.atomic():
            _alone(case.book_id, case.asset_id)
            _settle_down(case)


def explained(chain_code: str) -> Counter[tuple[int, str, bytes]]:
    """By book, contract and place: differences of that chain's addresses that were taken to suspense and not taken
    back."""
    posted = CaseStep.objects.filter(~_reversed("entry"), kind=_Kind.SUSPENSE, run__chain_code=chain_code)
    differences = AddressDifference.objects.filter(
        book=F("reconciliation__book"), reconciliation__in=posted.values("run")
    ).values_list("book", "reconciliation__asset__contract", "place", "difference")
    found = Counter[tuple[int, str, bytes]]()
    for book_id, contract, place, difference in differences.iterator():
        found[book_id, contract, bytes(place)] += difference
    return found


def _reversed(entry: str) -> Exists:
    """Whether the entry that a step names so was reversed."""
    return Exists(
        JournalEntry.objects.filter(book=OuterRef("book"), ref=OuterRef(entry), kind=JournalEntry.Kind.REVERSE)
    )


def _said_before(case: Case, key: str) -> CaseStep | None:
    idem = f"{manual.SOURCE}:{key}"
    named = Q(entry__idem=idem) | Q(proposal__contents__idem=idem)
    return CaseStep.objects.filter(named, book=case.book_id, case=case).first()


def _alone(book_id: int, asset_id: int) -> None:
    with connection.cursor() as sql:
        sql.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"monthend.case {book_id} {asset_id}"])


def _to_be_explained(case: Case) -> Standing:
    now = standing(case)
    if not is_open(case) or not now.left:
        raise CaseResolved("nothing is in suspense that is still to be explained")
    return now


def _found(case: Case, run: Reconciliation) -> None:
    CaseStep.objects.create(
        book_id=case.book_id, case=case, kind=_Kind.FOUND, base_units=run.difference, run=_first_of_the_same(run)
    )
    log.error("reconciliation.drift", book=run.book_id, asset=str(run.asset), height=run.height, units=run.difference)
    events.tell_of_drift(run, case.pk)


def _first_of_the_same(run: Reconciliation) -> Reconciliation:
    """Of the runs up to this one that found the same difference: the first keeps its addresses. It is another run
    where a worker died before the first one was looked at."""
    runs = Reconciliation.objects.filter(book=run.book_id, asset=run.asset_id, pk__lte=run.pk)
    other = runs.exclude(difference=run.difference).order_by("-pk").first()
    first = runs.filter(pk__gt=other.pk if other else 0).order_by("pk")[0]
    was_taken = CaseStep.objects.filter(book=run.book_id, run=first, kind=_Kind.SUSPENSE).exists()
    return run if was_taken else first


def _last_found(case: Case) -> int | None:
    """The difference found last, if nothing was posted for it."""
    step = CaseStep.objects.filter(book=case.book_id, case=case).order_by("-pk").first()
    return int(step.base_units) if step is not None and step.kind == _Kind.FOUND else None


def _take_to_suspense(case: Case, run: Reconciliation) -> None:
    """Custody becomes what the chain shows; suspense keeps the rest until somebody says what it was."""
    custody = chart.custody(case.book_id, case.asset)
    suspense = _suspense(case)
    entry = journal.post(
        Entry(
            book_id=case.book_id,
            idem=f"{SOURCE}:{run.pk}",
            legs=_legs(custody, suspense, run.difference),
            effective_at=run.asked_at,
            description=f"Difference between the chain and the books, block {run.height}",
            source=SOURCE,
            rate_id=_rate_id(case, run),
            meta={"case": case.pk, "height": run.height, "block": run.block_hash},
            carry=True,
        )
    )
    found = CaseStep.objects.filter(book=case.book_id, case=case, kind=_Kind.FOUND).order_by("-pk").values("run")[:1]
    CaseStep.objects.create(
        book_id=case.book_id,
        case=case,
        kind=_Kind.SUSPENSE,
        base_units=run.difference,
        run_id=found[0]["run"],  # it has the addresses
        entry_id=entry,
    )


def _rate_id(case: Case, run: Reconciliation) -> int | None:
    """None leaves the entry unpriced, for an accountant to price."""
    try:
        return rates.current(case.book_id, case.asset.code, case.book.currency, now=run.asked_at).pk
    except RateError:
        return None


def _legs(debited: Account, credited: Account, base_units: int) -> list[Leg]:
    """Of a positive difference; a negative one the other way round."""
    if base_units < 0:
        debited, credited = credited, debited
    return [Leg(debited, debit=abs(base_units)), Leg(credited, credit=abs(base_units))]


def _suspense(case: Case) -> Account:
    return _account(case, SUSPENSE)


def _account(case: Case, code: str) -> Account:
    asset: Asset = case.asset
    if not code:
        raise ExplanationUnknown("say to which account it goes")
    try:
        return chart.find(case.book_id, code, asset)
    except UnknownAccount:
        lines = {line.code: line for line in chart.TEMPLATES["shop"].lines}
        if code not in lines:
            raise ExplanationUnknown(f"there is no account {code} in {asset}") from None
        chart.open_template(case.book_id, "shop", [asset])
        return chart.find(case.book_id, code, asset)


def _entered(
    case: Case, legs: list[Leg], kind: CaseStep.Kind, reason: str, by: str, key: str
) -> JournalEntry | Proposal:
    """Effective when the difference was taken to suspense, so that the month that has it also explains it; today, if
    that month is closed."""
    first = CaseStep.objects.filter(book=case.book_id, case=case, kind=_Kind.SUSPENSE).order_by("pk").first()
    assert first is not None and first.entry is not None  # noqa: S101, PT018 - what is left was posted
    for at in (first.entry.effective_at, timezone.now()):
        try:
            return manual.enter(
                Book.objects.get(pk=case.book_id),
                legs,
                effective_at=at,
                description=f"{kind.label}: {case}",
                reason=reason,
                by=by,
                idem=key,
            )
        except PeriodClosed as closed:
            refused = closed
    raise refused


def _step(
    case: Case, kind: CaseStep.Kind, base_units: int, outcome: JournalEntry | Proposal, reason: str, by: str
) -> CaseStep:
    written = {"entry": outcome} if isinstance(outcome, JournalEntry) else {"proposal": outcome}
    return CaseStep.objects.create(
        book_id=case.book_id, case=case, kind=kind, base_units=base_units, reason=reason.strip(), by=by, **written
    )


def _settle_down(case: Case) -> None:
    """A case of which nothing is left is closed."""
    now = standing(case)
    if now.left or now.waiting:
        return
    posted = CaseStep.objects.filter(book=case.book_id, case=case, kind=_Kind.SUSPENSE).exists()
    found_since = not posted or _last_found(case) is not None
    newest = Reconciliation.objects.filter(book=case.book_id, asset=case.asset_id).order_by("-pk").first()
    if found_since and newest is not None and newest.difference:
        return
    kind = _Kind.RESOLVED if posted else _Kind.GONE
    CaseStep.objects.create(book_id=case.book_id, case=case, kind=kind)
