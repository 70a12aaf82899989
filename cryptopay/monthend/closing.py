"""Closing the month: four steps, each with what is left to do, and the one way to ask for it.

    collected     the chains are read past the last day, and nothing of them waits for a person
    priced        no entry without a price, and a rate of the last day for whatever is held
    reconciled    asked after the last day, every node says what the books say, and no case is open
    reviewed      nothing waits for a second person, clearing accounts are at zero or explained

What is unconfirmed hinders nobody: it will be received in the period that is open then. The steps are looked at when
closing is asked and once more when it is approved.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256

from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.urls import reverse

from cryptopay.monthend import cases
from cryptopay.monthend.errors import MonthNotReady
from cryptopay.payments.models import IntakePosition
from ledger import asking, balances, chart, periods, revaluation, spans
from ledger.balances import TrialBalanceRow
from ledger.errors import ClosingRatesMissing
from ledger.models import Account, Book, CostMethod, EntryPrice, PeriodChange, PeriodReview, Proposal
from ledger.money import to_text
from ledger.periods import LooseEnds
from ledger.together import counted, fetched
from monitor.chains import CHAINS
from monitor.models import ChainEvent, Cursor, Deposit, ParkedTransaction, WatchedAddress
from monitor.reconciliations import newest
from monitor.standing import standing

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class ToDo:
    """What hinders closing, what to do about it, and where; `name` is of the admin's page."""

    text: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One of the four. `explainable`: a person may say why it is right as it is."""

    name: str
    title: str
    about: str
    to_do: Sequence[ToDo]
    explainable: Sequence[ToDo] = ()

    @property
    def is_done(self) -> bool:
        return not self.to_do


def steps(book: Book, through: date, loose: LooseEnds | None = None) -> list[Step]:
    """How closing through that day stands now. Reads only, but for cases whose last part was approved since.

    `loose`: what `periods.loose_ends` says of it, where that is at hand.
    """
    with transaction.atomic():
        cases.tidy([book.pk])
    end, loose = spans.end_of(through), loose or periods.loose_ends(book, through)
    accounts = balances.trial_balance(book.pk, through)
    return [
        Step(
            "collected",
            "Collected",
            "Every chain you are paid on is read past the last day, and nothing waits for a person to look at it.",
            list(_uncollected(book, end)),
        ),
        Step(
            "priced",
            "Priced",
            "Every entry has a price, and there is a rate of the last day for whatever you hold.",
            list(_unpriced(book, through, loose.unpriced, accounts)),
        ),
        Step(
            "reconciled",
            "Reconciled",
            "Asked after the last day, every node says what the books say, and every difference is explained.",
            list(_unreconciled(book, end)),
        ),
        Step(
            "reviewed",
            "Reviewed",
            "Nothing waits for a second person; suspense and coins in transit are at zero, or you say why not.",
            list(_undecided(loose.proposed)),
            list(_uncleared(accounts)),
        ),
    ]


def ask(book: Book, through: date, *, reason: str, by: str, looked: bool, explanation: str = "") -> Proposal:
    """Revalue at the last day's rates, and put closing before a second person.

    `looked`: the trial balance of that day was looked at by who asks. Raises `MonthNotReady`, and what
    `revaluation.revalue` and `periods.ask_to_close` raise.
    """
    reason = asking.given(reason)
    with transaction.atomic():
        asking.alone(book.pk)
        found = steps(book, through)
        _refuse_unless_done(found)
        if found[-1].explainable and not explanation.strip():
            raise MonthNotReady("say why suspense or coins in transit are not at zero")
        if not looked:
            raise MonthNotReady("look at the trial balance first, and say so")
        revaluation.revalue(book, through, by=by)
        review = PeriodReview.objects.create(
            book=book, through=through, looked_by=by, findings=_findings(book, through, found, explanation)
        )
        return periods.ask_to_close(book, through, reason=reason, by=by, review=review)


def look_again(change: PeriodChange, closed_before: date | None) -> None:
    """A listener of `ledger.periods`: what was found when closing was asked must hold when it is approved.

    Raises `MonthNotReady`, which undoes the closing.
    """
    review = change.review
    if review is None or change.closed_through is None or not review.findings:
        return
    if closed_before is not None and change.closed_through <= closed_before:
        return
    # Who is approving has decided this very proposal, which the ledger writes after us.
    found = steps(change.book, change.closed_through)
    _refuse_unless_done(found[:-1])
    if review.findings["books"] != _fingerprint(change.book, change.closed_through):
        raise MonthNotReady("the books of that time changed since they were reviewed: refuse this, and close anew")
    if not revaluation.is_current(change.book, change.closed_through):
        raise MonthNotReady("there are other rates of the last day by now: refuse this, and close anew")


def month_end(today: date) -> date:
    """The last day of the month before."""
    return today.replace(day=1) - timedelta(days=1)


def _refuse_unless_done(found: Sequence[Step]) -> None:
    waiting = [f"{step.title.lower()}: {to_do.text}" for step in found for to_do in step.to_do]
    if waiting:
        raise MonthNotReady("; ".join(waiting[:_SHOWN]))


def _findings(book: Book, through: date, found: Sequence[Step], explanation: str) -> dict[str, object]:
    """What the review keeps: each step as it stood, and the reconciliations it rests on."""
    return {
        **{step.name: [to_do.text for to_do in step.explainable] for step in found},
        "explanation": explanation.strip(),
        "unconfirmed": periods.loose_ends(book, through).unconfirmed,
        "reconciliations": [run.pk for run in newest([book.pk])],
        "books": _fingerprint(book, through),
    }


def _fingerprint(book: Book, through: date) -> str:
    """Of what is sealed: each account's debits and credits, and how many prices and methods of cost were given.

    A price given by hand moves gains only when they are counted anew, within a minute.
    """
    accounts = sorted((row.account.pk, row.debit, row.credit) for row in balances.trial_balance(book.pk, through))
    prices, methods = fetched(
        counted(EntryPrice.objects.filter(book=book, entry__effective_at__lt=spans.end_of(through))),
        counted(CostMethod.objects.filter(book=book)),
    )
    moved = [account for account in accounts if any(account[1:])]
    return sha256(json.dumps([moved, sum(prices), sum(methods)]).encode()).hexdigest()


def _uncollected(book: Book, end: datetime) -> Iterator[ToDo]:
    codes = WatchedAddress.objects.filter(book=book, own=True).values_list("chain_code", flat=True).distinct()
    parked = ParkedTransaction.objects.filter(state=ParkedTransaction.State.OPEN, parked_at__lt=end)
    watched, cursors, held, aside = fetched(
        codes,
        _how_far().filter(chain_code__in=codes),
        counted(Deposit.objects.filter(book=book, held_since__isnull=False, seen_at__lt=end)),
        counted(parked.filter(chain_code__in=codes)),
    )
    by_code = {cursor.chain_code: cursor for cursor in cursors}
    for code in sorted(watched):
        yield from _unread(code, by_code.get(code), end)
    if number := sum(held):
        yield ToDo(f"deposits held until two nodes agree on them: {number}", _list("monitor_deposit"))
    if number := sum(aside):
        yield ToDo(f"transactions set aside, to be read again or dismissed: {number}", _list("monitor_cursor"))


def _unread(code: str, cursor: Cursor | None, end: datetime) -> Iterator[ToDo]:
    title = CHAINS[code].title
    if cursor is None or not cursor.settles(end):
        yield ToDo(f"{title} is not read past the last day: its node must answer, and be read up to its tip", _chains())
        return
    now = standing(cursor)
    if cursor.retired_at is None and not now.is_read:
        yield ToDo(f"{title} is not being read: {now.why}", _chains())
    told, booked = vars(cursor)["told"] or 0, vars(cursor)["booked"] or 0
    if told > booked:
        yield ToDo(f"{title}: what its chain told is not in the books yet", _chains())


def _how_far() -> QuerySet[Cursor]:
    """With the last event that each chain told of, and the last that is in the books."""
    events = ChainEvent.objects.filter(chain_code=OuterRef("chain_code")).order_by("-pk").values("pk")[:1]
    booked = IntakePosition.objects.filter(chain_code=OuterRef("chain_code")).values("last_event_id")[:1]
    return Cursor.objects.annotate(told=Subquery(events), booked=Subquery(booked))


def _unpriced(book: Book, through: date, number: int, rows: Sequence[TrialBalanceRow]) -> Iterator[ToDo]:
    if number:
        yield ToDo(f"entries without a price: {number}", _list("ledger_journalentry", "?pricing=none"))
    coins = {row.account.asset for row in rows if row.balance and row.account.asset.chain}
    try:
        revaluation.closing_rates(book, coins, through)
    except ClosingRatesMissing as missing:
        for pair in missing.pairs:
            text = f"there is no rate of {pair} of {through:%-d %b %Y}: import or record one"
            yield ToDo(text, reverse("admin:rates_now"))


def _unreconciled(book: Book, end: datetime) -> Iterator[ToDo]:
    accounts = Account.objects.filter(book=book, code__startswith=chart.CUSTODY).select_related("asset", "balance")
    cursors = Cursor.objects.filter(retired_at__isnull=False).values_list("chain_code", flat=True)
    runs, custody, retired, differing = fetched(
        newest([book.pk]),
        accounts.order_by("code", "asset"),
        cursors,
        cases.open_cases([book.pk]).select_related("asset", "run"),
    )
    by_asset, page = {run.asset_id: run for run in runs}, reverse("admin:reconciliation")
    for account in custody:
        run, asset = by_asset.get(account.asset_id), account.asset
        if run is None or run.asked_at < end:
            if account.balance.posted or asset.chain not in retired:
                yield ToDo(f"{asset} in {account.code} was not reconciled after the last day", page)
        elif run.difference:
            differs = f"{to_text(abs(run.difference), asset.decimals)} {'less' if run.difference < 0 else 'more'}"
            yield ToDo(f"the node shows {differs} {asset} than {account.code}", page)
    for case in differing:
        yield ToDo(
            f"somebody must say what the difference of {case} was",
            reverse("admin:monthend_case_change", args=[case.pk]),
        )


def _undecided(number: int) -> Iterator[ToDo]:
    if number:
        text = f"entries that wait for a second person, who cannot approve them once the period is closed: {number}"
        yield ToDo(text, _list("ledger_proposal", "?state=waiting"))


def _uncleared(rows: Sequence[TrialBalanceRow]) -> Iterator[ToDo]:
    clearing = [row for row in rows if row.account.clears_within_days is not None and row.held]
    for row in sorted(clearing, key=lambda row: (row.account.code, row.account.asset_id)):
        account = row.account
        text = f"{account.code} holds {to_text(row.held, account.asset.decimals)} {account.asset}"
        yield ToDo(text, reverse("admin:ledger_account_change", args=[account.pk]))


def _chains() -> str:
    return _list("monitor_cursor")


def _list(model: str, query: str = "") -> str:
    return reverse(f"admin:{model}_changelist") + query
