"""When will a payment count? The fee queue and the chain's depth in, likely blocks and minutes out: advice, not money.

Pure: facts in, words and numbers out. What is not known is said as unknown, not guessed: an upper end may be missing.
A higher fee is never expected later than a lower one.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ledger.money import to_text
from monitor.chains import Chain
from monitor.connectors.fees import Queue, Standing

NEXT_BLOCKS = 3
ROOM_BLOCKS = 6
"""So many at most, where the next block has room by now."""
LONG_BLOCKS = 144
SOON_SECONDS, STUCK_SECONDS = 2 * 3600, 24 * 3600
_FALLS = 200  # empty blocks after which a base fee is a billion times lower; further nobody looks


class State(StrEnum):
    """What is to be expected of a payment."""

    NEXT_BLOCKS = "next_blocks"
    SOON = "soon"
    SLOW = "slow"
    STUCK = "stuck"
    REPLACED = "replaced"
    DROPPED = "dropped"
    CONFIRMING = "confirming"
    FINAL = "final"
    UNKNOWN = "unknown"


class Reason(StrEnum):
    """Why it is slow or stuck, where one thing can be named."""

    NONE = ""
    BELOW_MINIMUM = "below_minimum"
    """It pays less than the node keeps for long: it may be forgotten."""
    LONG_QUEUE = "long_queue"
    """More than a day's blocks are bid for by others who pay more."""
    BASE_FEE_ABOVE = "base_fee_above"
    """The chain's base fee is above the most it pays."""
    TIP_TOO_LOW = "tip_too_low"
    """No block of late took what gives the proposer so little."""
    EARLIER_MISSING = "earlier_missing"
    """An earlier transaction of the same sender has to come first, and is not there."""


@dataclass(frozen=True, slots=True)
class Span:
    """From so many blocks to so many; `high` None: nobody can say how long."""

    low: int
    high: int | None

    def later(self, by: "Span") -> "Span":
        """When one thing must happen after the other."""
        high = None if self.high is None or by.high is None else self.high + by.high
        return Span(self.low + by.low, high)

    def minutes(self, chain: Chain) -> "Span":
        """By the chain's mean interval, rounded up."""
        high = None if self.high is None else _minutes(self.high, chain)
        return Span(_minutes(self.low, chain), high)


HERE = Span(0, 0)
ANY_TIME = Span(1, None)


@dataclass(frozen=True, slots=True)
class Depth:
    """How far a chain was read, and where it finalises."""

    tip: int
    final: int | None


@dataclass(frozen=True, slots=True)
class Turn:
    """When an unconfirmed transaction gets into a block."""

    state: State
    reason: Reason
    mined_in: Span


@dataclass(frozen=True, slots=True)
class Expected:
    """What is to be expected of one payment, as everyone who shows it says it."""

    chain: Chain
    state: State
    mined_in: Span | None = None
    """Blocks until it is in one; 0 where it is. None: it will not be, as far as one can see."""
    received_in: Span | None = None
    """Blocks until it counts as received."""
    reason: Reason = Reason.NONE
    fee_rate: int | None = None
    replaceable: bool | None = None
    replaced_by: str = ""
    as_of: datetime | None = None

    @property
    def minutes(self) -> Span | None:
        """Until it counts as received."""
        return self.received_in.minutes(self.chain) if self.received_in else None

    @property
    def fee_text(self) -> str:
        """What it bids, as people say it: "12.5"; empty: not known."""
        return "" if self.fee_rate is None else fee_text(self.chain, self.fee_rate)


FEE_UNITS = {"bitcoin": ("sat/vB", 3), "evm": ("gwei", 9)}
"""How people say fee rates, by family, and the decimals that a connector's whole number has in it."""


def fee_unit(chain: Chain) -> str:
    """Empty where payers do not bid."""
    return FEE_UNITS.get(chain.family, ("", 0))[0]


def fee_text(chain: Chain, fee_rate: int) -> str:
    """Exact, without idle zeros."""
    decimals = FEE_UNITS.get(chain.family, ("", 0))[1]
    text = to_text(fee_rate, decimals)
    return text.rstrip("0").rstrip(".") if decimals else text


UNKNOWN_TURN = Turn(State.UNKNOWN, Reason.NONE, ANY_TIME)
NO_QUEUE_TURN = Turn(State.NEXT_BLOCKS, Reason.NONE, Span(1, NEXT_BLOCKS))
"""Where payers do not bid, and blocks grow with what waits."""


def turn(chain: Chain, queue: Queue, standing: Standing) -> Turn:
    """When a waiting transaction gets its turn."""
    if standing.waits_for_earlier:
        return Turn(State.STUCK, Reason.EARLIER_MISSING, ANY_TIME)
    return _by_gas(chain, queue, standing) if standing.tip is not None else _by_size(chain, queue, standing.fee_rate)


def until_received(chain: Chain, mined_in: Span, required: int | None, depth: Depth | None) -> Span:
    """Blocks until a transaction counts that gets into one in `mined_in` blocks.

    `required`: its confirmations, the block's own among them; None: where the chain says what is final.
    """
    if required is not None:
        return mined_in.later(Span(required - 1, required - 1))
    return mined_in.later(_finality_lag(chain, depth))


def until_deep(height: int, required: int, depth: Depth) -> Span:
    """Blocks until a transaction in the block at that height has its confirmations; one at least, as it waits."""
    left = max(1, height + required - 1 - depth.tip)
    return Span(left, left)


def until_final(chain: Chain, height: int, depth: Depth) -> Span:
    """Blocks until the chain calls the block at that height final."""
    lag = _finality_lag(chain, depth)
    low = max(1, height + lag.low - depth.tip)
    return Span(low, None if lag.high is None else max(low, height + lag.high - depth.tip))


def _finality_lag(chain: Chain, depth: Depth | None) -> Span:
    """How many blocks after its own a block is final. Ethereum finalises an epoch after two more have been voted on."""
    if depth is None or depth.final is None:
        return ANY_TIME
    lag = max(0, depth.tip - depth.final)
    if not chain.epoch_blocks:
        return Span(lag, lag)  # as it was of late
    stalled = lag > 4 * chain.epoch_blocks
    return Span(2 * chain.epoch_blocks, None if stalled else 3 * chain.epoch_blocks)


def _by_size(chain: Chain, queue: Queue, fee_rate: int) -> Turn:
    """Where payers bid by size: what pays more goes first, and a block takes so much."""
    place = _place(queue, fee_rate)
    mined_in = Span(place.low, _with_newcomers(place, queue, fee_rate))
    if fee_rate < queue.least_fee_rate:
        return Turn(State.STUCK, Reason.BELOW_MINIMUM, Span(place.low, None))
    if place.low * chain.interval_seconds > STUCK_SECONDS:
        return Turn(State.STUCK, Reason.LONG_QUEUE, mined_in)
    return Turn(_pace(chain, mined_in), Reason.NONE, mined_in)


def _with_newcomers(place: Span, queue: Queue, fee_rate: int) -> int | None:
    """The upper end, for those who come later and pay more: the node has seen how long such a fee took.

    Its estimates follow the queue slowly. So they count for little where there is room in the next block, and a fee
    below all of them is hopeless only if they reach back a day.
    """
    if place.high is None or not queue.estimates:
        return place.high
    longest = max(blocks for blocks, _ in queue.estimates)
    unseen = None if longest >= LONG_BLOCKS else max(2 * longest, ROOM_BLOCKS)
    seen = min((blocks for blocks, least in queue.estimates if fee_rate >= least), default=unseen)
    if place.low == 1:
        seen = ROOM_BLOCKS if seen is None else min(seen, ROOM_BLOCKS)
    return None if seen is None else max(place.high, seen)


def _place(queue: Queue, fee_rate: int) -> Span:
    """Behind all that surely pay more, and before none that may: its own band counts as ahead for the upper end."""
    if queue.block_size <= 0:
        return ANY_TIME
    lower_end = max((band.fee_rate for band in queue.bands if band.fee_rate <= fee_rate), default=0)
    above = sum(band.size for band in queue.bands if band.fee_rate > fee_rate)
    with_own = sum(band.size for band in queue.bands if band.fee_rate >= lower_end)
    low = above // queue.block_size + 1
    return Span(low, max(low, -(-with_own // queue.block_size)))


def _by_gas(chain: Chain, queue: Queue, standing: Standing) -> Turn:
    """Where a base fee is asked: it must be paid, and the proposer must be given enough if the block is full.

    In how many of the blocks just past would it have been taken? If in a share of them, its turn comes within three
    times the inverse of that share, nineteen times in twenty.
    """
    falls = _falls_until(queue.least_fee_rate, standing.fee_rate)
    taken = sum(_takes(standing, block.base_fee, block.tip, block.full) for block in queue.past)
    low = 1 + falls
    if not taken:
        reason = Reason.BASE_FEE_ABOVE if falls else Reason.TIP_TOO_LOW
        return Turn(State.STUCK, reason, Span(low, None)) if queue.past else UNKNOWN_TURN
    if falls:
        return Turn(State.SLOW, Reason.BASE_FEE_ABOVE, Span(low, None))
    mined_in = Span(low, -(-3 * len(queue.past) // taken) - 1)
    return Turn(_pace(chain, mined_in), Reason.NONE, mined_in)


def _takes(standing: Standing, base_fee: int, tip: int, full: bool) -> bool:
    if standing.fee_rate < base_fee or standing.tip is None:
        return False
    return not full or min(standing.tip, standing.fee_rate - base_fee) >= tip


def _falls_until(base_fee: int, most: int) -> int:
    """Empty blocks after which the base fee is no longer above `most`: each lowers it by an eighth (EIP-1559)."""
    falls = 0
    while base_fee > most and falls < _FALLS:
        base_fee -= base_fee // 8
        falls += 1
    return falls


def _pace(chain: Chain, mined_in: Span) -> State:
    if mined_in.high is None:
        return State.SLOW
    if mined_in.high <= NEXT_BLOCKS:
        return State.NEXT_BLOCKS
    return State.SOON if mined_in.high * chain.interval_seconds <= SOON_SECONDS else State.SLOW


def _minutes(blocks: int, chain: Chain) -> int:
    return -(-blocks * chain.interval_seconds // 60)
