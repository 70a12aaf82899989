"""Any sequence of verbs, replays and refusals leaves the books as a ledger of twenty lines of Python has them."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from ledger import balances, chart, errors, journal
from ledger.balances import AccountBalance
from ledger.journal import Leg
from ledger.models import Account, Book, Posting
from tests.ledger.conftest import Shop

NAMES = ("custody", "customer", "sales", "owner")
DEBIT_NORMAL = {"custody"}
_POSTED, _IN, _OUT = range(3)

names = st.sampled_from(NAMES)
amounts = st.one_of(st.integers(1, 100), st.sampled_from([2**53 + 1, 2**64, 2**256 - 1]))
picks = st.integers(0, 10_000)
Legs = list[tuple[str, int]]
"""Debits positive, credits negative."""


@dataclass
class Small:
    """The model: per account (posted, pending in, pending out), floor 0 for the customer alone."""

    held: dict[str, list[int]] = field(default_factory=lambda: {name: [0, 0, 0] for name in NAMES})
    moves: dict[str, int] = field(default_factory=lambda: dict.fromkeys(NAMES, 0))

    def moved(self, legs: Legs, layers: tuple[str, ...], sign: int = 1) -> bool:
        """Apply, if no floor forbids it: `layers` are "posted" and "pending", each with the sign of its direction."""
        after = {name: list(row) for name, row in self.held.items()}
        for layer in layers:
            for name, amount in legs:
                change = amount if name in DEBIT_NORMAL else -amount
                if layer == "posted":
                    after[name][_POSTED] += sign * change
                else:
                    towards = 1 if layer == "pending" else -1
                    after[name][_IN if change > 0 else _OUT] += towards * abs(change)
        if after["customer"][_POSTED] - after["customer"][_OUT] < 0 or any(
            abs(n) >= 10**78 for r in after.values() for n in r
        ):
            return False
        self.held = after
        for name, _ in legs:
            self.moves[name] += len(layers)
        return True


class Books(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        book = Book.objects.create(name="Alice")
        coin = chart.asset("ETH", "eth-chain", 18)
        owner = chart.open_account(book.pk, "equity:owner", "Owner", coin, Account.Kind.EQUITY)
        bob = chart.customer(book.pk, "bob", coin)
        self.shop = Shop(book, coin, chart.custody(book.pk, coin), bob, chart.sales(book.pk, coin), owner)
        self.small = Small()
        self.pending: list[tuple[int, Legs]] = []
        self.posted: list[tuple[int, Legs]] = []
        self.resolved: list[int] = []
        self.reversed: list[int] = []
        self.said: list[tuple[Any, Any, int]] = []

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.atomic.__exit__(None, None, None)

    def _tell(self, verb: Any, what: Any, expected: bool) -> int | None:
        try:
            entry_id = int(verb(what))
        except errors.BelowFloor:
            assert not expected
            return None
        assert expected
        self.said.append((verb, what, entry_id))
        return entry_id

    def _write(self, verb: Any, legs: Legs, layer: str) -> int | None:
        entry = self.shop.entry(
            *(Leg(getattr(self.shop, name), debit=max(n, 0), credit=max(-n, 0)) for name, n in legs)
        )
        return self._tell(verb, entry, self.small.moved(legs, (layer,)))

    @rule(verb=st.sampled_from(["post", "record"]), first=names, second=names, third=names, a=amounts, b=amounts)
    def write(self, verb: str, first: str, second: str, third: str, a: int, b: int) -> None:
        legs = [(first, a), (second, b), (third, -(a + b))]
        if a + b >= 10**77:
            legs = [(first, a), (third, -a)]
        layer = "posted" if verb == "post" else "pending"
        if (entry_id := self._write(getattr(journal, verb), legs, layer)) is not None:
            (self.posted if verb == "post" else self.pending).append((entry_id, legs))

    @rule(n=picks, settle=st.booleans())
    def resolve(self, n: int, settle: bool) -> None:
        if not self.pending:
            return
        entry_id, legs = self.pending[n % len(self.pending)]
        layers = ("back", "posted") if settle else ("back",)
        verb = journal.settle if settle else journal.void
        resolution = self._tell(verb, self.shop.of(entry_id), self.small.moved(legs, layers))
        if resolution is not None:
            self.pending.remove((entry_id, legs))
            self.resolved.append(entry_id)
            if settle:
                self.posted.append((resolution, legs))

    @rule(n=picks)
    def reverse(self, n: int) -> None:
        if not self.posted:
            return
        entry_id, legs = self.posted[n % len(self.posted)]
        if self._tell(journal.reverse, self.shop.of(entry_id), self.small.moved(legs, ("posted",), -1)) is not None:
            self.posted.remove((entry_id, legs))
            self.reversed.append(entry_id)

    @rule(n=picks)
    def say_again(self, n: int) -> None:
        if self.said:
            verb, what, entry_id = self.said[n % len(self.said)]
            assert verb(what) == entry_id

    @rule(n=picks)
    def resolve_again(self, n: int) -> None:
        if self.resolved:
            with pytest.raises(errors.AlreadyResolved):
                (journal.settle if n % 2 else journal.void)(self.shop.of(self.resolved[n % len(self.resolved)]))

    @rule(n=picks)
    def reverse_again(self, n: int) -> None:
        if self.reversed:
            with pytest.raises(errors.AlreadyReversed):
                journal.reverse(self.shop.of(self.reversed[n % len(self.reversed)]))

    @invariant()
    def balances_are_the_small_ledgers(self) -> None:
        for name in NAMES:
            account = getattr(self.shop, name)
            assert balances.balance(account) == AccountBalance(*self.small.held[name])

    @invariant()
    def postings_run_without_a_gap_up_to_the_balances(self) -> None:
        for name in NAMES:
            account = getattr(self.shop, name)
            running = [0, 0, 0]
            postings = list(Posting.objects.filter(account=account).order_by("account_seq"))
            assert [posting.account_seq for posting in postings] == list(range(1, self.small.moves[name] + 1))
            for posting in postings:
                change = posting.debit - posting.credit
                raises = (name in DEBIT_NORMAL) == (posting.layer != _OUT)
                running[posting.layer] += change if raises else -change
                assert posting.balance_after == running[posting.layer]
            assert running == self.small.held[name]


@pytest.mark.django_db
def test_any_sequence_of_verbs_agrees_with_a_small_ledger() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Books,
        settings=settings(
            max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
