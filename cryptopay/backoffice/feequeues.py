"""The chains' fee queues as pictures: what waits at which fee, what the next block takes, and where our payments stand.

Drawn here, as inline SVG without scripts or styles of its own; a table says the same in figures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from cryptopay.backoffice.scoping import books_where, permission_to
from ledger.readonly import url_of
from monitor import lookout
from monitor.chains import CHAINS, Chain
from monitor.connectors.fees import Band, Queue, Standing
from monitor.expectation import State, fee_text, fee_unit, turn
from monitor.models import Cursor, Deposit, QueueLook
from monitor.wording import bid, outlook

WIDTH, HEIGHT = 360, 210
_LEFT, _RIGHT, _TOP, _BOTTOM = 6, 354, 34, 176
_BARS = 12
_SHORTEST = 2
_GAP = 3
_LISTED = 50
_SHOWN_HOURS = 24
_SOON = 6
"""Blocks: what comes within so many is drawn as soon, what comes after as later."""


@dataclass(frozen=True, slots=True)
class Bar:
    """Some neighbouring bands of the queue; lengths are of the picture's own units."""

    x: int
    y: int
    width: int
    height: int
    when: str
    """ "next", "soon" or "later"; "below" what is taken at all."""
    rate: str
    waiting: int
    blocks: str
    ours: int

    @property
    def middle(self) -> int:
        return self.x + self.width // 2

    @property
    def above(self) -> int:
        """Where the mark of our payments has its tip."""
        return self.y - 3


@dataclass(frozen=True, slots=True)
class Ours:
    """One payment of ours that waits."""

    url: str
    deposit: Deposit
    bid: str
    outlook: str
    urgent: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """One chain's queue."""

    chain: Chain
    unit: str
    bars: Sequence[Bar]
    ours: Sequence[Ours]
    ours_in_all: int
    least: str
    waiting: int
    sampled: bool
    by_gas: bool
    looked_at: datetime | None
    failure: str

    @property
    def how_many(self) -> str:
        return f"{self.waiting:,}"

    @property
    def summary(self) -> str:
        """The picture in a sentence, for those who do not see it."""
        if not self.bars:
            return f"{self.chain}: nothing waits."
        first = next((bar for bar in reversed(self.bars) if bar.when != "next"), None)
        room = (
            f"the next block takes what pays more than {first.rate} {self.unit}"
            if first
            else "the next block takes all"
        )
        return f"{self.chain}: {self.how_many} transactions wait; {room}; {self.ours_in_all} of them pay us."


def page(request: HttpRequest) -> HttpResponse:
    """All queues; of the payments in them, those of the books of whoever looks."""
    if not admin.site._registry[Cursor].has_view_permission(request):
        raise PermissionDenied
    deposits = _waiting(request)
    pictures = [
        picture(look, [row for row in deposits if row.chain_code == look.chain_code])
        for look in QueueLook.objects.filter(chain_code__in=CHAINS, looked_at__gt=_oldest()).order_by("chain_code")
    ]
    context = {**admin.site.each_context(request), "title": "Fee queues", "pictures": pictures}
    context |= {"width": WIDTH, "height": HEIGHT, "floor": _BOTTOM, "listed": _LISTED}
    return TemplateResponse(request, "backoffice/fee_queues.html", context)


def _oldest() -> datetime:
    """Of a node that was switched off nothing is shown."""
    return timezone.now() - timedelta(hours=_SHOWN_HOURS)


def _waiting(request: HttpRequest) -> list[Deposit]:
    books = books_where(request, permission_to("view", Deposit))
    rows = Deposit.objects.filter(
        book__in=books, state=Deposit.State.SEEN, block_height__isnull=True, expectation__isnull=False
    )
    return list(rows.select_related("expectation").order_by("expectation__fee_rate", "pk"))


def picture(look: QueueLook, deposits: Sequence[Deposit]) -> Picture:
    """`deposits` wait in that chain's queue; each with its expectation."""
    chain, queue = look.chain, lookout.queue_of(look) or Queue((), 0, 0)
    cursor = Cursor.objects.filter(chain_code=chain.code).first()
    return Picture(
        chain=chain,
        unit=fee_unit(chain),
        bars=_bars(chain, queue, [deposit.expectation.fee_rate for deposit in deposits]),
        ours=[_ours(deposit, cursor) for deposit in deposits[:_LISTED]],
        ours_in_all=len(deposits),
        least=_short(chain, queue.least_fee_rate),
        waiting=queue.waiting,
        sampled=queue.sampled,
        by_gas=bool(queue.past),
        looked_at=look.looked_at,
        failure=look.failure,
    )


def _ours(deposit: Deposit, cursor: Cursor | None) -> Ours:
    expected = lookout.expected(deposit, cursor)
    urgent = expected.state in (State.STUCK, State.SLOW)
    return Ours(url_of(deposit), deposit, bid(expected), outlook(expected), urgent)


def _bars(chain: Chain, queue: Queue, ours: Sequence[int]) -> list[Bar]:
    """Cheapest at the left. Neighbouring bands share a bar where there are many."""
    if not queue.bands:
        return []
    at_once = -(-len(queue.bands) // _BARS)
    groups = [queue.bands[first : first + at_once] for first in range(0, len(queue.bands), at_once)]
    sizes = [sum(band.size for band in group) for group in groups]
    tallest, step = max(*sizes, 1), (_RIGHT - _LEFT) // len(groups)
    ends = [group[0].fee_rate for group in groups[1:]]
    bars = []
    for number, (group, size) in enumerate(zip(groups, sizes, strict=True)):
        height = max(_SHORTEST, (_BOTTOM - _TOP) * size // tallest)
        upper = ends[number] if number < len(ends) else None
        lower = group[0].fee_rate if number else 0  # who pays less than all bands stands with the cheapest
        bars.append(
            Bar(
                x=_LEFT + number * step,
                y=_BOTTOM - height,
                width=min(step - _GAP, 60),
                height=height,
                when=_when(chain, queue, group),
                rate=_short(chain, group[0].fee_rate),
                waiting=sum(band.count for band in group),
                blocks=_in_blocks(size, queue.block_size),
                ours=sum(lower <= rate and (upper is None or rate < upper) for rate in ours),
            )
        )
    return bars


def _when(chain: Chain, queue: Queue, group: Sequence[Band]) -> str:
    """For the dearest of the group."""
    dearest = group[-1].fee_rate
    if dearest < queue.least_fee_rate:
        return "below"
    if queue.past:
        return "next"
    low = turn(chain, queue, Standing(dearest)).mined_in.low
    return "next" if low == 1 else "soon" if low <= _SOON else "later"


def _in_blocks(size: int, block_size: int) -> str:
    """ "2.4": tenths, rounded up."""
    if not block_size:
        return "–"
    tenths = -(-10 * size // block_size)
    return f"{tenths // 10}.{tenths % 10}"


def _short(chain: Chain, fee_rate: int) -> str:
    """Three figures at most: room is scarce under a bar."""
    whole, _, fraction = fee_text(chain, fee_rate).partition(".")
    kept = fraction[: max(0, 3 - len(whole))] if whole != "0" else fraction[:2]
    return f"{whole}.{kept}".rstrip("0").rstrip(".") if kept else whole
