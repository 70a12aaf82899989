"""The invoice's table of states: each edge, and that every path ends."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopay.payments.machine import BY_HAND, EDGES, Facts, exception, path
from cryptopay.payments.models import Invoice

New, Processing, Settled, Expired, Invalid, Cancelled = (
    Invoice.Status.NEW,
    Invoice.Status.PROCESSING,
    Invoice.Status.SETTLED,
    Invoice.Status.EXPIRED,
    Invoice.Status.INVALID,
    Invoice.Status.CANCELLED,
)
Exceptional = Invoice.Exceptional


def facts(
    seen: float | str = 0,
    confirmed: float | str = 0,
    *,
    needed: str = "1",
    late: bool = False,
    deadline: bool = False,
    over: bool = False,
    other: bool = False,
    marked: bool = False,
) -> Facts:
    return Facts(Fraction(seen), Fraction(confirmed), Fraction(needed), late, deadline, over, other, marked)


STORIES = {
    "nothing happened": (New, facts(), []),
    "paid in part": (New, facts("1/2"), []),
    "paid": (New, facts(1), [Processing]),
    "paid and found confirmed at once": (New, facts(1, 1), [Processing, Settled]),
    "the deadline passed": (New, facts(deadline=True), [Expired]),
    "paid in part when the deadline passed": (New, facts("1/2", "1/2", deadline=True), [Expired]),
    "paid in time, looked at after the deadline": (New, facts(1, deadline=True), [Processing]),
    "a hair too little": (New, facts(Fraction(10**8 - 1, 10**8)), []),
    "within the tolerance": (New, facts("99/100", "99/100", needed="99/100"), [Processing, Settled]),
    "confirmed": (Processing, facts(1, 1), [Settled]),
    "replaced": (Processing, facts(), [New]),
    "replaced after the deadline": (Processing, facts(deadline=True), [New, Expired]),
    "never confirmed": (Processing, facts(1, deadline=True, over=True), [Invalid]),
    "a reorg took it back, it waits again": (Settled, facts(1), [Processing]),
    "a reorg took it back for good": (Settled, facts(), [Processing, New]),
    "a reorg took it back for good, long after": (
        Settled,
        facts(deadline=True, over=True),
        [Processing, New, Expired],
    ),
    "a reorg of one of two payments that each suffice": (Settled, facts(1, 1), []),
    "expired, paid late": (Expired, facts(late=True, deadline=True), []),
    "expired, and the payment made in time is found again": (
        Expired,
        facts(1, 1, deadline=True),
        [Processing, Settled],
    ),
    "invalid, and confirmed after all": (Invalid, facts(1, 1, deadline=True, over=True), [Settled]),
    "invalid stays": (Invalid, facts(1, deadline=True, over=True), []),
    "cancelled, and paid all the same": (Cancelled, facts(1, 1, deadline=True, over=True), []),
    "marked settled, and nothing came": (Settled, facts(deadline=True, over=True, marked=True), []),
    "marked settled, and a reorg took all": (Settled, facts(marked=True), []),
    "marked invalid, and paid all the same": (Invalid, facts(1, 1, deadline=True, marked=True), []),
}


@pytest.mark.parametrize("story", STORIES)
def test_each_story_takes_its_path(story: str) -> None:
    status, known, expected = STORIES[story]
    assert path(status, known) == expected


def test_the_stories_walk_every_edge() -> None:
    walked = set()
    for status, _, passed in STORIES.values():
        walked |= set(zip([status, *passed], passed, strict=False))
    assert walked == {(edge.origin, edge.target) for edge in EDGES}


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (facts(), Exceptional.NONE),
        (facts(1), Exceptional.NONE),
        (facts("1/2"), Exceptional.PAID_PARTIAL),
        (facts("99/100", needed="99/100"), Exceptional.NONE),
        (facts("101/100"), Exceptional.PAID_OVER),
        (facts(late=True), Exceptional.PAID_LATE),
        (facts("1/2", late=True), Exceptional.PAID_LATE),
        (facts(other=True), Exceptional.PAID_OTHER),
        (facts(1, 1, other=True), Exceptional.PAID_OTHER),
        (facts("1/2", other=True), Exceptional.PAID_PARTIAL),
        (facts(2, late=True, marked=True), Exceptional.MARKED),
    ],
)
def test_the_second_word(known: Facts, expected: Exceptional) -> None:
    assert exception(known) == expected


_shares = st.fractions(min_value=0, max_value=3, max_denominator=10**8)


@given(
    status=st.sampled_from(list(Invoice.Status)),
    seen=_shares,
    unconfirmed=_shares,
    needed=st.fractions(min_value=Fraction(1, 100), max_value=1),
    late=st.booleans(),
    deadline=st.booleans(),
    over=st.booleans(),
    marked=st.booleans(),
)
def test_every_path_ends_and_stays(
    status: Invoice.Status,
    seen: Fraction,
    unconfirmed: Fraction,
    needed: Fraction,
    late: bool,
    deadline: bool,
    over: bool,
    marked: bool,
) -> None:
    confirmed = max(Fraction(0), seen - unconfirmed)
    known = Facts(seen, confirmed, needed, late, deadline or over, over, marked=marked)
    passed = path(status, known)
    assert len(passed) == len(set(passed))
    assert path(passed[-1] if passed else status, known) == []
    if passed and passed[-1] == Settled:
        assert known.confirmed >= needed
    if marked:
        assert (passed, exception(known)) == ([], Exceptional.MARKED)


def test_a_hand_takes_it_where_the_table_says_and_never_to_where_it_is() -> None:
    assert BY_HAND[Cancelled] == {New}
    assert BY_HAND[Settled] == {New, Processing, Expired, Invalid, Cancelled}
    assert BY_HAND[Invalid] == {New, Processing, Expired, Settled}
    assert len(BY_HAND) == 3
