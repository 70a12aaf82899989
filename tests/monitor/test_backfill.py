"""Blocks read again by request: in slices, without a gap, beside a follower that goes on."""

from collections.abc import Callable

import pytest

from cryptopay.devnet.drive import BitcoinNode
from monitor import backfill, tasks
from monitor.connectors import connect
from monitor.errors import RangeInvalid
from monitor.models import Backfill, ReadBlock
from tests.lying_node import LyingNode
from tests.monitor.conftest import Watching, dump

pytestmark = pytest.mark.django_db

SEEN, CONFIRMED = ("seen", "confirmed")
COINS = 1_000_000


@pytest.fixture
def paid_before(bitcoin: Watching, bitcoind: BitcoinNode) -> tuple[int, list[str]]:
    """From that height on, one payment a block to addresses that nobody watched then: twelve of them."""
    first, keys, addresses = bitcoind.height() + 1, [], []
    for _ in range(12):
        addresses.append(bitcoind.new_address())
        keys.append(f"{bitcoind.pay(addresses[-1], COINS)}:0")
        bitcoind.mine()
    bitcoind.mine()
    bitcoin.step()
    for address in addresses:
        bitcoin.hear_of(address)
    bitcoin.step()
    assert bitcoin.told() == []
    return first, keys


def test_a_request_is_worked_off_in_slices_to_where_the_follower_stands(
    bitcoin: Watching, paid_before: tuple[int, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "BLOCKS_A_SLICE", 5)
    first, keys = paid_before
    row = backfill.request(bitcoin.chain, first, asked_for="Alice's old addresses")
    assert (row.last_height, row.finished_at) == (None, None)
    read = []
    while Backfill.objects.filter(finished_at__isnull=True).exists():
        read.append(backfill.work_off(bitcoin.chain, bitcoin.connector))
    assert read == [5, 5, 3]
    row.refresh_from_db()
    assert (row.found, row.last_height, row.next_height) == (12, bitcoin.cursor.height, first + 13)
    assert all(bitcoin.told(key) == [(SEEN, 1), (CONFIRMED, 1)] for key in keys)
    before = dump()
    assert backfill.work_off(bitcoin.chain, bitcoin.connector) == 0
    backfill.rescan(bitcoin.chain, bitcoin.connector, first, first + 12)
    assert dump() == before


def test_the_follower_goes_on_between_the_slices(
    bitcoin: Watching, bitcoind: BitcoinNode, paid_before: tuple[int, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "BLOCKS_A_SLICE", 5)
    first, keys = paid_before
    backfill.request(bitcoin.chain, first)
    backfill.work_off(bitcoin.chain, bitcoin.connector)
    address = bitcoind.new_address()
    bitcoin.hear_of(address)
    new = f"{bitcoind.pay(address, COINS)}:0"
    bitcoind.mine(2)
    bitcoin.step()
    assert bitcoin.told(new) == [(SEEN, 1), (CONFIRMED, 1)]
    while backfill.work_off(bitcoin.chain, bitcoin.connector):
        pass
    assert all(bitcoin.told(key) == [(SEEN, 1), (CONFIRMED, 1)] for key in [*keys, new])
    assert Backfill.objects.get().last_height == bitcoin.cursor.height - 2, "all above is the follower's"


def test_requests_that_stand_at_one_block_share_its_reading_and_none_starves(
    bitcoin: Watching, paid_before: tuple[int, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "BLOCKS_A_SLICE", 4)
    first, keys = paid_before
    early = backfill.request(bitcoin.chain, first)
    assert backfill.request(bitcoin.chain, first + 3) == early, "not begun yet: it holds this one, too"
    backfill.work_off(bitcoin.chain, bitcoin.connector)
    late = backfill.request(bitcoin.chain, first)
    assert late != early
    assert backfill.request(bitcoin.chain, first + 6, first + 7) == early, "those are still to be read"
    slices = 0
    while backfill.work_off(bitcoin.chain, bitcoin.connector):
        slices += 1
        assert slices < 10
    assert not Backfill.objects.filter(finished_at__isnull=True).exists()
    assert all(bitcoin.told(key) == [(SEEN, 1), (CONFIRMED, 1)] for key in keys)


def test_a_node_that_fails_is_noted_and_the_work_goes_on_where_it_stood(
    bitcoin: Watching,
    bitcoind: BitcoinNode,
    paid_before: tuple[int, list[str]],
    lying: Callable[[str], LyingNode],
) -> None:
    first, keys = paid_before
    node = lying(bitcoind.url)
    connector = connect(bitcoin.chain, node.url)
    sixth = bitcoind.rpc("getblockhash", first + 5)
    node.lie("getblock", lambda params, true: true[:-2] if params[0] == sixth else true)
    row = backfill.request(bitcoin.chain, first)
    assert backfill.work_off(bitcoin.chain, connector) == 5
    row.refresh_from_db()
    assert (row.next_height, row.found) == (first + 5, 5)
    assert row.failing_since is not None
    assert row.failure
    assert bitcoin.cursor.failing_since is None, "the follower is another matter"
    node.alter = None
    while backfill.work_off(bitcoin.chain, connector):
        pass
    row.refresh_from_db()
    assert (row.found, row.failing_since, row.failure) == (12, None, "")
    assert all(bitcoin.told(key) == [(SEEN, 1), (CONFIRMED, 1)] for key in keys)


def test_a_block_that_does_not_follow_the_last_one_is_not_taken_in(
    bitcoin: Watching, bitcoind: BitcoinNode, paid_before: tuple[int, list[str]], lying: Callable[[str], LyingNode]
) -> None:
    """Blocks so old that the follower has forgotten their names: what links them is all there is."""
    first, _ = paid_before
    ReadBlock.objects.filter(height__lt=first + 12).delete()
    node = lying(bitcoind.url)
    elsewhere = bitcoind.rpc("getblockhash", first + 9)
    node.lie("getblockhash", lambda params, true: elsewhere if params == [first + 4] else true)
    row = backfill.request(bitcoin.chain, first, first + 6)
    assert backfill.work_off(bitcoin.chain, connect(bitcoin.chain, node.url)) == 4
    row.refresh_from_db()
    assert "does not follow" in row.failure


def test_a_reorg_below_the_work_makes_it_begin_anew(
    bitcoin: Watching, bitcoind: BitcoinNode, paid_before: tuple[int, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "BLOCKS_A_SLICE", 11)
    first, keys = paid_before
    raws = [bitcoind.rpc("getrawtransaction", key.partition(":")[0]) for key in keys]
    row = backfill.request(bitcoin.chain, first)
    backfill.work_off(bitcoin.chain, bitcoin.connector)
    # As deep in the new branch as in the old one, lest a coin they spend be too young there (coinbase maturity).
    bitcoind.rebuild(5, [*5 * [()], raws[-4:], *5 * [()]])
    bitcoin.step()
    while backfill.work_off(bitcoin.chain, bitcoin.connector):
        pass
    row.refresh_from_db()
    assert row.finished_at is not None
    assert all(bitcoin.told(key)[-1][0] == CONFIRMED for key in keys)
    assert all(len(set(bitcoin.told(key))) == len(bitcoin.told(key)) for key in keys)


def test_before_the_chain_was_read_a_request_waits(bitcoin: Watching) -> None:
    cursor = bitcoin.cursor
    height, cursor.height = cursor.height, None
    cursor.save()
    row = backfill.request(bitcoin.chain, 5)
    assert backfill.work_off(bitcoin.chain, bitcoin.connector) == 0
    row.refresh_from_db()
    assert (row.finished_at, row.last_height) == (None, None)
    cursor.height = height
    cursor.save()
    assert backfill.work_off(bitcoin.chain, bitcoin.connector) > 0


def test_what_lies_above_the_cursor_is_the_followers(bitcoin: Watching) -> None:
    row = backfill.request(bitcoin.chain, 10**6)
    assert backfill.work_off(bitcoin.chain, bitcoin.connector) == 0
    row.refresh_from_db()
    assert row.finished_at is not None
    assert row.found == 0


@pytest.mark.parametrize(("first", "last"), [(-1, 5), (-1, None), (6, 5)])
def test_no_such_blocks(bitcoin: Watching, first: int, last: int | None) -> None:
    with pytest.raises(RangeInvalid):
        backfill.request(bitcoin.chain, first, last)


def test_the_doorbell_works_off_what_waits(
    bitcoin: Watching, bitcoind: BitcoinNode, paid_before: tuple[int, list[str]], settings: object
) -> None:
    settings.NODE_URLS = {bitcoin.chain.code: bitcoind.url}  # type: ignore[attr-defined]
    backfill.request(bitcoin.chain, paid_before[0])
    tasks.read_again(bitcoin.chain.code)
    assert Backfill.objects.get().found == 12
    tasks.read_again("no such chain")
