"""Any sequence of verbs, bundles, replays, closings and refusals leaves the books as two pages of Python have them."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from ledger import balances, chart, journal
from ledger.balances import AccountBalance
from ledger.errors import LedgerError
from ledger.journal import Entry, Leg, Resolution
from ledger.models import Account, Balance, Book, JournalEntry
from tests.closing import change
from tests.ledger.small_ledger import Refused, Slip, SmallAccount, SmallLedger

_KINDS = Account.Kind
_CHART = {
    "btc vault": (_KINDS.ASSET, "BTC", None),
    "btc change": (_KINDS.ASSET, "BTC", 0),
    "btc bob": (_KINDS.LIABILITY, "BTC", 0),
    "btc credit line": (_KINDS.LIABILITY, "BTC", -50),
    "btc sales": (_KINDS.INCOME, "BTC", None),
    "btc fees": (_KINDS.EXPENSE, "BTC", None),
    "btc owner": (_KINDS.EQUITY, "BTC", None),
    "eth vault": (_KINDS.ASSET, "ETH", None),
    "eth bob": (_KINDS.LIABILITY, "ETH", 0),
    "eth owner": (_KINDS.EQUITY, "ETH", None),
}
_VERBS: dict[str, Any] = {
    "post": journal.post,
    "record": journal.record,
    "settle": journal.settle,
    "void": journal.void,
    "reverse": journal.reverse,
}
_RESOLUTIONS = {
    "settle": JournalEntry.Kind.SETTLE,
    "void": JournalEntry.Kind.VOID,
    "reverse": JournalEntry.Kind.REVERSE,
}
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_DAYS = 40

_AMOUNTS = [*range(1, 100), 2**53 + 1, 2**64, 2**248]
_FAULTS = [None] * 20 + ["unbalanced", "one leg", "nothing", "both sides", "a stranger"]


def _random_legs(rng: random.Random) -> tuple[tuple[str, int, int], ...]:
    """Two or three accounts of one asset, or of each; the same account twice now and then, and a few are wrong."""
    drawn: list[tuple[str, int, int]] = []
    for asset in rng.choice([("btc",)] * 4 + [("eth",), ("btc", "eth")]):
        names = [name for name in _CHART if name.startswith(asset)]
        parts = [(rng.choice(names), rng.choice(_AMOUNTS)) for _ in range(rng.randint(1, 2))]
        debited, total = rng.random() < 0.5, sum(amount for _, amount in parts)
        drawn += [(name, amount, 0) if debited else (name, 0, amount) for name, amount in parts]
        drawn.append((rng.choice(names), 0, total) if debited else (rng.choice(names), total, 0))
    rng.shuffle(drawn)
    return _spoilt(tuple(drawn), rng.choice(_FAULTS))


def _spoilt(good: tuple[tuple[str, int, int], ...], fault: str | None) -> tuple[tuple[str, int, int], ...]:
    name, debit, credit = good[0]
    if fault == "one leg":
        return good[:1]
    first = {
        "unbalanced": (name, debit + 1, 0) if debit else (name, 0, credit + 1),
        "nothing": (name, 0, 0),
        "both sides": (name, debit + 1, credit + 1),
        "a stranger": ("of nobody", debit, credit),
    }
    return (first.get(fault or "", good[0]), *good[1:])


# Picked from a hat, shortest first: Hypothesis gives up runs that draw too much.
_RNG = random.Random(20260301)
_HAT = sorted((_random_legs(_RNG) for _ in range(1000)), key=len)
legs = st.integers(0, len(_HAT) - 1).map(lambda n: _HAT[n])
picks = st.integers(0, 10_000)
days = st.integers(0, _DAYS).map(lambda n: (_EPOCH + timedelta(days=n)).date())
moments = st.builds(
    lambda day, within: datetime.combine(day, datetime.min.time(), UTC) + within,
    days,
    st.sampled_from([timedelta(hours=12), timedelta(), timedelta(days=1, microseconds=-1)]),
)
Order = tuple[str, int, tuple[tuple[str, int, int], ...], datetime, bool]
"""Verb, which earlier slip, legs, when, carried."""
orders: st.SearchStrategy[Order] = st.tuples(
    st.sampled_from(["post", "post", "post", "record", "record", "settle", "settle", "void", "reverse"]),
    picks,
    legs,
    moments,
    st.booleans(),
)


class Books(RuleBasedStateMachine):
    """Says the same to the ledger and to the small one, and looks at both."""

    def __init__(self) -> None:
        super().__init__()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.book = Book.objects.create(name="Alice")
        assets = {"BTC": chart.asset("BTC", "btc-chain", 8), "ETH": chart.asset("ETH", "eth-chain", 18)}
        self.accounts = {
            name: chart.open_account(self.book.pk, name, name, assets[asset], kind, floor)
            for name, (kind, asset, floor) in _CHART.items()
        }
        self.stranger = chart.open_account(Book.objects.create(name="Eve").pk, "eve", "Eve", assets["BTC"], "A")
        self.small = SmallLedger(
            {name: SmallAccount(asset, kind in "AX", floor) for name, (kind, asset, floor) in _CHART.items()}
        )
        self.ids: dict[str, int] = {}
        self.names = count(1)

    def teardown(self) -> None:
        """Looks at everything once more, and lets what waits for a commit have its say."""
        try:
            self._look_back(_EPOCH.date() + timedelta(days=_DAYS // 2), 10**6, self.accounts)
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        finally:
            transaction.set_rollback(True)
            self.atomic.__exit__(None, None, None)

    # What is said

    @rule(wanted=st.lists(orders, min_size=1, max_size=6))
    def one_by_one(self, wanted: list[Order]) -> None:
        for order in wanted:
            slip = self._slip(order, [])
            self._say([slip], lambda slip=slip: [_VERBS[slip.verb](self._said(slip))])

    @rule(wanted=st.lists(orders, min_size=1, max_size=6))
    def many(self, wanted: list[Order]) -> None:
        """New facts and resolutions, also of slips in the same bundle."""
        bundle: list[Slip] = []
        for order in wanted:
            bundle.append(self._slip(order, bundle))
        self._say(bundle, lambda: journal.post_batch([self._said(slip) for slip in bundle]))

    @rule(which=st.lists(picks, min_size=1, max_size=4), order=orders, alone=st.booleans())
    def again(self, which: list[int], order: Order, *, alone: bool) -> None:
        """What was said before, in other words, by itself or with something new."""
        old = [self.small.written[n % len(self.small.written)].slip for n in which if self.small.written]
        if old and alone:
            self._say(old[:1], lambda: [_VERBS[old[0].verb](self._said(old[0], "in other words"))])
        elif old:
            bundle = [*old, self._slip(order, old)]
            self._say(bundle, lambda: journal.post_batch([self._said(slip, "in other words") for slip in bundle]))

    @rule(n=picks, order=orders, change=st.sampled_from(["at", "source", "amounts", "verb"]), alone=st.booleans())
    def otherwise(self, n: int, order: Order, change: str, *, alone: bool) -> None:
        """Something else under a name that is taken."""
        if not self.small.written:
            return
        old, other = self.small.written[n % len(self.small.written)].slip, self._slip(order, [])
        if change in ("amounts", "verb"):
            slip = replace(other, name=old.name)
        else:
            slip = replace(old, **{change: {"at": other.at, "source": "elsewhere"}[change]})
        if alone:
            self._say([slip], lambda: [_VERBS[slip.verb](self._said(slip))])
        else:
            self._say([other, slip], lambda: journal.post_batch([self._said(other), self._said(slip)]))

    @rule(through=st.one_of(st.none(), st.none(), days))
    def close_the_books(self, through: date | None) -> None:
        """Or open them again, wholly or in part."""
        change(self.book.pk, through, reason="Why not")
        self.small.closed_through = through

    @rule(name=st.sampled_from([None, None, *_CHART]))
    def close_an_account(self, name: str | None) -> None:
        """One of them, or open all again."""
        Account.objects.filter(book=self.book).update(closed_at=None)
        if name:
            Account.objects.filter(pk=self.accounts[name].pk).update(closed_at=timezone.now())
        self.small.closed_accounts = {name} if name else set()

    # What must be the same

    @invariant()
    def balances_are_the_same(self) -> None:
        found = {
            row.account_id: (row.posted, row.pending_in, row.pending_out, row.seq)
            for row in Balance.objects.filter(book=self.book)
        }
        for name, account in self.accounts.items():
            lines = sum(line.account == name for entry in self.small.written for line in entry.lines)
            assert found[account.pk] == (*self.small.balance(name), lines), name

    @rule(last=days, n=picks, name=st.sampled_from(list(_CHART)))
    def the_past_is_the_same(self, last: date, n: int, name: str) -> None:
        self._look_back(last, n, [name])

    def _look_back(self, last: date, n: int, names: Iterable[str]) -> None:
        """Balances of a day, a moment and as once known; statements; the trial balance."""
        known = dict(JournalEntry.objects.filter(book=self.book).values_list("idem", "recorded_at"))
        assert set(known) == {entry.slip.name for entry in self.small.written}
        moments = sorted(known.values())
        known_at = moments[n % len(moments)] if moments else timezone.now()
        heard = [entry for entry in self.small.written if known[entry.slip.name] <= known_at]
        noon = datetime.combine(last, datetime.min.time(), UTC) + timedelta(hours=12)
        for name in names:
            account = self.accounts[name]
            now = balances.balance(account)
            assert now == AccountBalance(*self.small.balance(name))
            assert balances.balance(account, as_of=last) == self._then(name, lambda at: at.date() <= last)
            assert balances.balance(account, as_of=noon) == self._then(name, lambda at: at <= noon)
            assert balances.balance(account, known_at=known_at) == AccountBalance(*self.small.balance(name, heard))
            first = last - timedelta(days=n % 20)
            statement = balances.statement(account, first, last)
            opening, running, closing = self.small.statement(name, first, last)
            assert (statement.opening, statement.closing) == (opening, closing)
            assert [line.balance for line in statement.lines()] == running
        rows = balances.trial_balance(self.book.pk, as_of=last)
        assert {row.account.code: (row.debit, row.credit) for row in rows} == self.small.trial_balance(last)

    def _then(self, name: str, counts: Any) -> AccountBalance:
        entries = [entry for entry in self.small.written if counts(entry.effective)]
        return AccountBalance(*self.small.balance(name, entries))

    # How it is said

    def _slip(self, order: Order, bundle: Sequence[Slip]) -> Slip:
        verb, n, amounts, at, carry = order
        name = f"slip {next(self.names)}"
        if verb in ("post", "record"):
            return Slip(name, verb, at, amounts, carry=carry)
        wanted = {"settle": ("record",), "void": ("record",), "reverse": ("post", "settle")}[verb]
        known = [*(entry.slip for entry in self.small.written), *bundle]
        fitting = [slip.name for slip in known if slip.verb in wanted or n % 13 == 0]
        return Slip(name, verb, at, of=fitting[n % len(fitting)] if fitting else "nothing", carry=carry)

    def _said(self, slip: Slip, description: str = "As it happened") -> Entry | Resolution:
        """Earlier entries are named by id or by key, those of the same bundle by key."""
        named: dict[str, Any] = {
            "book_id": self.book.pk,
            "idem": slip.name,
            "effective_at": slip.at,
            "description": description,
            "source": slip.source,
            "carry": slip.carry,
        }
        if slip.of:
            by_id = len(slip.name) % 2 == 0 and slip.of in self.ids
            entry: int | str = self.ids[slip.of] if by_id else slip.of
            return Resolution(entry=entry, kind=_RESOLUTIONS[slip.verb], **named)
        legs = [Leg(self.accounts.get(name, self.stranger), debit, credit) for name, debit, credit in slip.amounts]
        return Entry(legs=legs, pending=slip.verb == "record", **named)

    def _say(self, bundle: list[Slip], to_the_ledger: Any) -> None:
        """Both accept, with the same ids as before, or both refuse, for one of the same reasons."""
        places = self.small.write(bundle)
        if isinstance(places, Refused):
            with pytest.raises(LedgerError) as refusal, transaction.atomic():
                to_the_ledger()
            assert refusal.value.code in places.reasons
            return
        ids = to_the_ledger()
        assert len(ids) == len(places)
        for slip, entry_id in zip(bundle, ids, strict=True):
            assert self.ids.setdefault(slip.name, entry_id) == entry_id
        assert len(set(self.ids.values())) == len(self.ids) == len(self.small.written)


def agree(how_many: settings) -> None:
    """Runs the machine; `make torture` does it for longer."""
    longer = settings(
        how_many, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
    )
    run_state_machine_as_test(Books, settings=longer)  # type: ignore[no-untyped-call]


@pytest.mark.django_db
def test_any_sequence_of_verbs_agrees_with_a_small_ledger() -> None:
    agree(settings(max_examples=30))
