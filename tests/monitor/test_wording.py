"""What people read of an expectation."""

import pytest

from monitor.chains import CHAINS
from monitor.expectation import Expected, Reason, Span, State
from monitor.wording import bid, duration, outlook

BITCOIN, ETHEREUM = CHAINS["bitcoin"], CHAINS["ethereum"]


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (Span(1, 1), "about 1 minute"),
        (Span(40, 40), "about 40 minutes"),
        (Span(13, 20), "13 to 20 minutes"),
        (Span(120, 120), "about 120 minutes"),
        (Span(121, 121), "about 3 hours"),
        (Span(40, 600), "1 to 10 hours"),
        (Span(590, 600), "about 10 hours"),
        (Span(3000, 9000), "3 to 7 days"),
        (Span(30, None), "at least 30 minutes"),
        (None, ""),
    ],
)
def test_time_is_said_as_people_say_it(minutes: Span | None, words: str) -> None:
    assert duration(minutes) == words


@pytest.mark.parametrize(
    ("state", "reason", "received_in", "words"),
    [
        (State.CONFIRMING, Reason.NONE, Span(4, 4), "about 40 minutes"),
        (State.NEXT_BLOCKS, Reason.NONE, Span(2, 3), "The fee is good: 20 to 30 minutes"),
        (State.SLOW, Reason.NONE, Span(20, 60), "The fee is low: this may take 4 to 10 hours"),
        (State.STUCK, Reason.BELOW_MINIMUM, Span(9, None), "Stuck: its fee is below what the network keeps, it may be"),
        (State.STUCK, Reason.BASE_FEE_ABOVE, Span(9, None), "Stuck: its fee is below what the network asks for"),
        (State.STUCK, Reason.EARLIER_MISSING, Span(9, None), "Stuck: it waits for an earlier transaction"),
        (State.STUCK, Reason.LONG_QUEUE, Span(200, 300), "Stuck: its fee is so low that it may take days"),
        (State.REPLACED, Reason.NONE, None, "Another transaction has taken its place"),
        (State.DROPPED, Reason.NONE, None, "The network has forgotten it"),
        (State.UNKNOWN, Reason.NONE, Span(2, None), "How long it will take is not known"),
        (State.FINAL, Reason.NONE, Span(0, 0), ""),
    ],
)
def test_every_state_has_words(state: State, reason: Reason, received_in: Span | None, words: str) -> None:
    found = outlook(Expected(BITCOIN, state, received_in=received_in, reason=reason, fee_rate=1_000))
    assert found.startswith(words)
    assert bool(found) == bool(words)


def test_where_payers_do_not_bid_nothing_is_said_of_a_fee() -> None:
    found = outlook(Expected(CHAINS["monero"], State.NEXT_BLOCKS, received_in=Span(20, 22)))
    assert found == "40 to 44 minutes"


def test_a_bid_in_the_chains_unit() -> None:
    assert bid(Expected(BITCOIN, State.SOON)) == "–"
    assert bid(Expected(BITCOIN, State.SOON, fee_rate=12_500, replaceable=True)) == "12.5 sat/vB, may be replaced"
    assert bid(Expected(BITCOIN, State.REPLACED, fee_rate=1_000, replaced_by="ab")) == "1 sat/vB, replaced by ab"
    assert bid(Expected(ETHEREUM, State.SOON, fee_rate=1_500_000_000)) == "1.5 gwei"
