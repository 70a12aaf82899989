"""The arithmetic of the queue: known cases, and that a higher fee is never expected later."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.chains import CHAINS
from monitor.connectors.bitcoin_fees import BAND_RATES
from monitor.connectors.fees import Band, PastBlock, Queue, Standing
from monitor.expectation import (
    ANY_TIME,
    Depth,
    Reason,
    Span,
    State,
    Turn,
    turn,
    until_deep,
    until_final,
    until_received,
)

BITCOIN, LITECOIN, ETHEREUM = CHAINS["bitcoin"], CHAINS["litecoin"], CHAINS["ethereum"]
PACE = [State.NEXT_BLOCKS, State.SOON, State.SLOW, State.STUCK]
GWEI = 10**9


def _queue(*bands: tuple[int, int], **more: object) -> Queue:
    rows = tuple(Band(rate, size, 1) for rate, size in sorted(bands))
    return replace(Queue(rows, least_fee_rate=1000, block_size=1_000_000, waiting=len(rows)), **more)


def _gas(base_fee: int, *past: PastBlock) -> Queue:
    return Queue((), least_fee_rate=base_fee, block_size=30_000_000, past=past)


@pytest.mark.parametrize(
    ("fee_rate", "turned"),
    [
        (50_000, Turn(State.NEXT_BLOCKS, Reason.NONE, Span(1, 1))),
        (20_000, Turn(State.NEXT_BLOCKS, Reason.NONE, Span(1, 3))),
        (5_000, Turn(State.SOON, Reason.NONE, Span(3, 10))),
        (2_000, Turn(State.SLOW, Reason.NONE, Span(10, 60))),
        (999, Turn(State.STUCK, Reason.BELOW_MINIMUM, Span(60, None))),
    ],
)
def test_who_pays_more_goes_first_and_a_block_takes_a_million(fee_rate: int, turned: Turn) -> None:
    queue = _queue((2_000, 50_000_000), (5_000, 7_000_000), (20_000, 2_300_000), (50_000, 600_000))
    assert turn(BITCOIN, queue, Standing(fee_rate)) == turned


def test_more_than_a_day_behind_is_stuck_and_a_day_has_more_blocks_where_they_come_faster() -> None:
    queue = _queue((2_000, 1_000), (5_000, 300_000_000))
    assert turn(BITCOIN, queue, Standing(2_000)).reason == Reason.LONG_QUEUE
    assert turn(LITECOIN, queue, Standing(2_000)).state == State.SLOW


def test_the_nodes_estimates_allow_for_newcomers() -> None:
    queue = _queue((2_000, 1_000_000), (5_000, 3_000_000), estimates=((2, 9_000), (12, 4_000), (144, 2_500)))
    assert turn(BITCOIN, queue, Standing(5_000)).mined_in == Span(1, 6)  # there is room by now
    assert turn(BITCOIN, queue, Standing(9_000)).mined_in == Span(1, 3)
    assert turn(BITCOIN, queue, Standing(4_000)).mined_in == Span(4, 12)
    assert turn(BITCOIN, queue, Standing(2_600)).mined_in == Span(4, 144)
    assert turn(BITCOIN, queue, Standing(2_400)).mined_in == Span(4, None)


def test_where_the_size_of_blocks_is_unknown_nothing_is_promised() -> None:
    assert turn(BITCOIN, _queue((2_000, 1), block_size=0), Standing(2_000)).mined_in == ANY_TIME


def test_a_base_fee_must_be_paid_and_the_proposer_given_enough_if_blocks_are_full() -> None:
    calm = _gas(10 * GWEI, *[PastBlock(10 * GWEI, GWEI, full=False)] * 20)
    assert turn(ETHEREUM, calm, Standing(11 * GWEI, 0)) == Turn(State.NEXT_BLOCKS, Reason.NONE, Span(1, 2))
    full = _gas(10 * GWEI, *[PastBlock(10 * GWEI, GWEI, full=True)] * 15, *[PastBlock(9 * GWEI, 0, full=False)] * 5)
    assert turn(ETHEREUM, full, Standing(12 * GWEI, GWEI)).mined_in == Span(1, 2)
    assert turn(ETHEREUM, full, Standing(12 * GWEI, 0)).mined_in == Span(1, 11)
    assert turn(ETHEREUM, full, Standing(10 * GWEI, 10 * GWEI)).mined_in == Span(1, 11)  # nothing is left for a tip
    always_full = _gas(10 * GWEI, *[PastBlock(10 * GWEI, GWEI, full=True)] * 20)
    assert turn(ETHEREUM, always_full, Standing(12 * GWEI, 0)).reason == Reason.TIP_TOO_LOW


def test_a_base_fee_falls_by_an_eighth_a_block_at_most() -> None:
    past = [PastBlock(100 * GWEI, 0, full=False)] * 19 + [PastBlock(50 * GWEI, 0, full=False)]
    found = turn(ETHEREUM, _gas(100 * GWEI, *past), Standing(88 * GWEI, GWEI))
    assert found == Turn(State.SLOW, Reason.BASE_FEE_ABOVE, Span(2, None))
    found = turn(ETHEREUM, _gas(100 * GWEI, *past[:1]), Standing(GWEI, GWEI))
    assert (found.state, found.reason, found.mined_in) == (State.STUCK, Reason.BASE_FEE_ABOVE, Span(36, None))
    assert 100 * (7 / 8) ** 34 > 1 > 100 * (7 / 8) ** 35


def test_who_waits_for_an_earlier_transaction_is_stuck_whatever_it_pays() -> None:
    queue = _gas(GWEI, *[PastBlock(GWEI, 0, full=False)] * 20)
    waiting = Standing(1000 * GWEI, GWEI, waits_for_earlier=True)
    assert turn(ETHEREUM, queue, waiting) == Turn(State.STUCK, Reason.EARLIER_MISSING, ANY_TIME)


def test_without_a_past_a_fee_says_nothing() -> None:
    assert turn(ETHEREUM, _gas(GWEI), Standing(2 * GWEI, GWEI)).state == State.UNKNOWN


@pytest.mark.parametrize(("tip", "blocks"), [(100, 5), (101, 4), (104, 1), (200, 1)])
def test_confirmations_that_are_left(tip: int, blocks: int) -> None:
    assert until_deep(100, 6, Depth(tip, None)) == Span(blocks, blocks)
    assert Span(blocks, blocks).minutes(BITCOIN) == Span(10 * blocks, 10 * blocks)


def test_to_be_mined_first_and_then_buried() -> None:
    assert until_received(BITCOIN, Span(1, 3), 6, Depth(100, None)) == Span(6, 8)
    assert until_received(BITCOIN, ANY_TIME, 2, None) == Span(2, None)


def test_ethereum_is_final_after_two_to_three_epochs() -> None:
    depth = Depth(tip=1000, final=930)
    assert until_final(ETHEREUM, 1000, depth) == Span(64, 96)
    assert Span(64, 96).minutes(ETHEREUM) == Span(13, 20)
    assert until_final(ETHEREUM, 940, depth) == Span(4, 36)
    assert until_final(ETHEREUM, 905, depth) == Span(1, 1)
    assert until_final(ETHEREUM, 1000, Depth(1000, 800)) == Span(64, None)  # it has not finalised for long
    assert until_final(ETHEREUM, 1000, Depth(1000, None)) == Span(1, None)


def test_elsewhere_finality_comes_as_late_as_it_did() -> None:
    chain = replace(ETHEREUM, epoch_blocks=0)
    assert until_final(chain, 1000, Depth(tip=1000, final=670)) == Span(330, 330)
    assert until_final(chain, 700, Depth(tip=1000, final=670)) == Span(30, 30)


def test_minutes_are_rounded_up() -> None:
    assert Span(1, None).minutes(ETHEREUM) == Span(1, None)
    assert Span(5, 6).minutes(ETHEREUM) == Span(1, 2)


_bands = st.dictionaries(st.sampled_from(BAND_RATES), st.integers(0, 400_000_000), max_size=12)
_estimates = st.lists(st.tuples(st.integers(1, 1008), st.integers(1, 10**6)), max_size=6)
_rates = st.integers(0, 10**6)


@given(_bands, _estimates, _rates, _rates)
def test_a_higher_fee_by_size_is_never_later(
    bands: dict[int, int], estimates: list[tuple[int, int]], one: int, other: int
) -> None:
    queue = _queue(*bands.items(), estimates=tuple(estimates))
    _assert_not_later(turn(BITCOIN, queue, Standing(max(one, other))), turn(BITCOIN, queue, Standing(min(one, other))))


_past = st.lists(st.builds(PastBlock, st.integers(7, 10**12), st.integers(0, 10**11), st.booleans()), max_size=20)


@given(_past, st.integers(7, 10**12), *[st.tuples(st.integers(0, 10**12), st.integers(0, 10**11))] * 2)
def test_a_higher_fee_by_gas_is_never_later(
    past: list[PastBlock], base_fee: int, one: tuple[int, int], other: tuple[int, int]
) -> None:
    queue = _gas(base_fee, *past)
    dear = Standing(max(one[0], other[0]), max(one[1], other[1]))
    cheap = Standing(min(one[0], other[0]), min(one[1], other[1]))
    _assert_not_later(turn(ETHEREUM, queue, dear), turn(ETHEREUM, queue, cheap))


def _assert_not_later(dear: Turn, cheap: Turn) -> None:
    assert dear.mined_in.low <= cheap.mined_in.low
    assert cheap.mined_in.high is None or (dear.mined_in.high or 10**9) <= cheap.mined_in.high
    for each in (dear, cheap):
        assert each.mined_in.low >= 1
        assert each.mined_in.high is None or each.mined_in.low <= each.mined_in.high
    if State.UNKNOWN not in (dear.state, cheap.state):
        assert PACE.index(dear.state) <= PACE.index(cheap.state)
