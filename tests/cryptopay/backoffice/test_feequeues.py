"""The picture of the fee queues: what it shows to whom, in figures and in a browser."""

import os
import re
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from cryptopay.backoffice.feequeues import picture
from cryptopay.merchants.models import User
from monitor.chains import CHAINS
from monitor.connectors.fees import Band, PastBlock, Queue
from monitor.models import Cursor, Deposit, QueueLook
from tests import queues
from tests.queues import BUSY, Standings

from .conftest import CHAIN, Shop, paid_invoice
from .test_looks import WIDTHS, Looking, SignIn, looking

__all__ = ["looking"]

pytestmark = pytest.mark.django_db
GWEI = 10**9


@pytest.fixture
def queued(shops: dict[str, Shop]) -> dict[str, list[str]]:
    """Some payments wait for Bob, three of them at fees of their own, and others for Alice; all their txids."""
    for fee in ("first", "second"):
        paid_invoice(shops["Bob"], "seen", order_id=f"Bob-{fee}")
    waiting = Deposit.objects.filter(state=Deposit.State.SEEN, block_height__isnull=True).order_by("pk")
    found = {name: list(waiting.filter(book=shop.book).values_list("txid", flat=True)) for name, shop in shops.items()}
    rates = dict(zip(found["Bob"], (800, 9_500, 110_000), strict=False))
    queues.look(Standings(22_000, by_txid=rates))
    return found


def _page(client: Client) -> str:
    answer = client.get(reverse("admin:fee_queues"))
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_member_sees_the_queue_and_their_own_payments(
    shops: dict[str, Shop], queued: dict[str, list[str]], signed_in: SignIn
) -> None:
    page = _page(signed_in(shops["Bob"].members["accountant"]))
    assert f"80,000 waiting, {len(queued['Bob'])} of ours" in page
    assert all(txid[:12] in page for txid in queued["Bob"])
    assert not any(txid[:12] in page for txid in set(queued["Alice"]) - set(queued["Bob"]))
    assert page.count('class="bar ') == len(BUSY.bands)
    assert 3 <= len(re.findall(r'<path class="ours"', page)) <= 4
    assert "Stuck: its fee is below what the network keeps" in page
    assert "110 sat/vB, may be replaced" in page
    assert "<style" not in page.partition("<main")[2]


def test_the_platform_sees_every_books_payments(queued: dict[str, list[str]], root: User, signed_in: SignIn) -> None:
    assert f"80,000 waiting, {sum(map(len, queued.values()))} of ours" in _page(signed_in(root))


def test_before_the_first_look_the_page_says_what_will_come(
    shops: dict[str, Shop], signed_in: SignIn, node_urls: None
) -> None:
    assert "No fee queue was read yet" in _page(signed_in(shops["Bob"].members["accountant"]))


def test_a_failed_look_is_told_and_its_cause_to_the_platform_alone(
    shops: dict[str, Shop], queued: dict[str, list[str]], root: User, signed_in: SignIn
) -> None:
    QueueLook.objects.update(failure="getmempoolinfo: ConnectError")
    member, platform = (_page(signed_in(user)) for user in (shops["Bob"].members["accountant"], root))
    assert "The last look failed" in member
    assert "ConnectError" not in member
    assert "ConnectError" in platform


def test_guests_are_sent_to_sign_in(client: Client) -> None:
    assert client.get(reverse("admin:fee_queues")).status_code == 302


def test_bars_are_coloured_by_when_their_turn_comes(shops: dict[str, Shop], queued: dict[str, list[str]]) -> None:
    drawn = picture(QueueLook.objects.get(), [])
    assert [bar.when for bar in drawn.bars] == ["below", *["later"] * 2, *["soon"] * 3, *["next"] * 4]
    assert [bar.rate for bar in drawn.bars] == ["0.8", "1.2", "2.5", "5", "9", "14", "22", "35", "60", "110"]
    assert [bar.blocks for bar in drawn.bars][:2] == ["0.4", "9.0"]
    assert "the next block takes what pays more than 14 sat/vB" in drawn.summary
    assert max(bar.height for bar in drawn.bars) == drawn.bars[1].height


def test_many_bands_share_a_bar_and_none_is_lost() -> None:
    bands = tuple(Band(100 * number, 1_000, 1) for number in range(1, 91))
    row = QueueLook(chain_code=CHAIN.code, looked_at=None)
    assert picture(row, []).bars == []
    row = _stored(Queue(bands, 0, 1_000_000, waiting=90), CHAIN.code)
    drawn = picture(row, [])
    assert len(drawn.bars) == 12
    assert sum(bar.waiting for bar in drawn.bars) == 90
    assert all(bar.x + bar.width <= 360 for bar in drawn.bars)


def test_where_a_base_fee_is_asked_bars_are_above_or_below_it() -> None:
    bands = (Band(1 * GWEI, 21_000, 1), Band(20 * GWEI, 15_000_000, 300))
    row = _stored(Queue(bands, 12 * GWEI, 30_000_000, past=(PastBlock(1, 1, False),), waiting=301), "ethereum-dev")
    drawn = picture(row, [])
    assert [(bar.when, bar.rate, bar.blocks) for bar in drawn.bars] == [("below", "1", "0.1"), ("next", "20", "0.5")]
    assert drawn.by_gas


def _stored(queue: Queue, code: str) -> QueueLook:
    Cursor.objects.get_or_create(chain_code=code, defaults={"height": 1})
    queues.look(Standings(1, queue), CHAINS[code].code)
    return QueueLook.objects.get(chain_code=code)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_picture_fits_and_breaks_no_policy(
    shops: dict[str, Shop], queued: dict[str, list[str]], looking: Looking, scheme: str
) -> None:
    bands = (Band(1 * GWEI, 2_100_000, 100), Band(20 * GWEI, 15_000_000, 300), Band(50 * GWEI, 5_000_000, 90))
    _stored(Queue(bands, 12 * GWEI, 30_000_000, past=(PastBlock(1, 1, False),), waiting=490), "ethereum-dev")
    looking.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    for width in WIDTHS:
        page = looking.at(reverse("admin:fee_queues"), width)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert not looking.complaints
        assert "transactions wait" in (page.get_by_role("img").first.get_attribute("aria-label") or "")
        smallest = page.evaluate("Math.min(...[...document.querySelectorAll('.fee-queue svg text')]"
                                 ".map(text => text.getBoundingClientRect().height))")  # fmt: skip
        assert smallest >= 9
        if folder := os.environ.get("CRYPTOPAY_SCREENSHOTS"):
            page.screenshot(path=str(Path(folder) / f"fee-queues-{scheme}-{width}.png"), full_page=True)
