"""The chain turns: what was taken back, what came again, and that nothing else remains of the lost branch."""

from dataclasses import replace
from io import StringIO
from random import Random

import pytest
from django.conf import LazySettings
from django.core.management import call_command

from cryptopay.devnet.drive import BitcoinNode, EthereumNode
from monitor.connectors.base import BlockRef, Tip
from monitor.connectors.jsonrpc import RpcRefused
from monitor.errors import ChainHalted
from monitor.models import ChainEvent, Cursor, Deposit, ReadBlock
from tests.monitor.conftest import Watching

pytestmark = pytest.mark.django_db

SEEN, CONFIRMED, DROPPED, REORGED = ("seen", "confirmed", "dropped", "reorged")
_SMALL = 10_000_000


def _pay(node: BitcoinNode, watching: Watching, base_units: int = _SMALL) -> str:
    address = node.new_address()
    watching.hear_of(address)
    return f"{node.pay(address, base_units)}:0"


def _rows_are_the_chains(watching: Watching, node: BitcoinNode) -> None:
    rows = ReadBlock.objects.filter(chain_code=watching.chain.code).order_by("height")
    assert [row.height for row in rows] == list(range(rows[0].height, node.height() + 1))
    for row in rows.reverse()[:12]:
        assert row.hash == node.rpc("getblockhash", row.height)


@pytest.mark.parametrize("depth", [1, 2, 3, 7])
def test_a_reorg_before_confirmation_only_moves_the_deposit(
    bitcoin: Watching, bitcoind: BitcoinNode, depth: int
) -> None:
    key = _pay(bitcoind, bitcoin, 10**9)
    bitcoin.step()
    bitcoind.mine(min(depth, 5))
    bitcoin.step()
    lost = bitcoin.deposit(key).block_hash
    bitcoind.reorg(min(depth, 5))
    step = bitcoin.step()
    assert step.taken_back_blocks == min(depth, 5)
    deposit = bitcoin.deposit(key)
    assert (deposit.state, deposit.block_height, deposit.block_hash, deposit.block_time) == (SEEN, None, "", None)
    bitcoind.mine(6)
    bitcoin.step()
    deposit = bitcoin.deposit(key)
    assert deposit.state == CONFIRMED
    assert deposit.block_hash not in {lost, ""}
    assert bitcoin.told(key) == [(SEEN, 1), (CONFIRMED, 1)]
    _rows_are_the_chains(bitcoin, bitcoind)


@pytest.mark.parametrize("depth", [2, 3, 8])
def test_threat_02_a_reorg_after_confirmation_takes_back_and_the_new_branch_confirms_anew(
    bitcoin: Watching, bitcoind: BitcoinNode, depth: int
) -> None:
    key = _pay(bitcoind, bitcoin)
    bitcoin.step()
    bitcoind.mine(depth)
    bitcoin.step()
    assert bitcoin.state(key) == CONFIRMED
    bitcoind.reorg(depth)
    bitcoin.step()
    assert bitcoin.told(key) == [(SEEN, 1), (CONFIRMED, 1), (REORGED, 1), (SEEN, 2)]
    bitcoind.mine(2)
    bitcoin.step()
    assert bitcoin.told(key) == [(SEEN, 1), (CONFIRMED, 1), (REORGED, 1), (SEEN, 2), (CONFIRMED, 2)]
    assert bitcoin.deposit(key).appearance == 2


def test_a_reorg_that_mines_the_payment_at_once_takes_back_first(bitcoin: Watching, bitcoind: BitcoinNode) -> None:
    key = _pay(bitcoind, bitcoin)
    raw = bitcoind.rpc("getrawtransaction", key.partition(":")[0])
    bitcoind.mine(2)
    bitcoin.step()
    bitcoind.reorg(2, transactions=[raw])
    bitcoin.step()
    assert bitcoin.told(key) == [(SEEN, 1), (CONFIRMED, 1), (REORGED, 1), (SEEN, 2), (CONFIRMED, 2)]


def test_what_stood_below_the_fork_is_not_touched(bitcoin: Watching, bitcoind: BitcoinNode) -> None:
    below = _pay(bitcoind, bitcoin)
    bitcoind.mine(2)
    above = _pay(bitcoind, bitcoin)
    bitcoind.mine(2)
    bitcoin.step()
    bitcoind.reorg(2)
    bitcoin.step()
    assert bitcoin.told(below) == [(SEEN, 1), (CONFIRMED, 1)]
    assert bitcoin.told(above) == [(SEEN, 1), (CONFIRMED, 1), (REORGED, 1), (SEEN, 2)]


def test_threat_02_a_double_spend_confirmed_by_a_reorg_leaves_nothing_credited(
    bitcoin: Watching, bitcoind: BitcoinNode
) -> None:
    key = _pay(bitcoind, bitcoin)
    bitcoind.mine(2)
    bitcoin.step()
    bitcoind.reorg(2, transactions=[bitcoind.conflicting(key.partition(":")[0])])
    bitcoin.step()
    bitcoind.mine(6)
    bitcoin.step()
    assert bitcoin.told(key) == [(SEEN, 1), (CONFIRMED, 1), (REORGED, 1)]
    assert bitcoin.state(key) == "orphaned"


def test_a_double_spend_confirmed_by_a_reorg_drops_what_was_not_confirmed(
    bitcoin: Watching, bitcoind: BitcoinNode
) -> None:
    key = _pay(bitcoind, bitcoin)
    bitcoind.mine()
    bitcoin.step()
    bitcoind.reorg(1, transactions=[bitcoind.conflicting(key.partition(":")[0])])
    bitcoin.step()
    assert bitcoin.told(key) == [(SEEN, 1), (DROPPED, 1)]


def test_threat_01_a_replaced_payment_was_seen_never_confirmed_and_is_dropped(
    bitcoin: Watching, bitcoind: BitcoinNode
) -> None:
    key = _pay(bitcoind, bitcoin)
    bitcoin.step()
    assert bitcoin.told(key) == [(SEEN, 1)]
    bitcoind.replace(key.partition(":")[0], bitcoind.new_address())
    bitcoin.step()
    assert bitcoin.told(key) == [(SEEN, 1), (DROPPED, 1)]
    bitcoind.mine(6)
    bitcoin.step()
    assert bitcoin.told() == [(SEEN, 1), (DROPPED, 1)]


def test_threat_01_a_payment_replaced_and_mined_between_two_looks_is_dropped(
    bitcoin: Watching, bitcoind: BitcoinNode
) -> None:
    key = _pay(bitcoind, bitcoin)
    bitcoin.step()
    bitcoind.replace(key.partition(":")[0], bitcoind.new_address())
    bitcoind.mine(2)
    bitcoin.step()
    assert bitcoin.told(key) == [(SEEN, 1), (DROPPED, 1)]


def test_threat_01_a_payment_replaced_by_one_to_us_counts_once(bitcoin: Watching, bitcoind: BitcoinNode) -> None:
    address = bitcoind.new_address()
    bitcoin.hear_of(address)
    txid = bitcoind.pay(address, _SMALL)
    bitcoin.step()
    replacement = bitcoind.replace(txid, address)
    bitcoin.step()
    assert bitcoin.told() == [(SEEN, 1), (SEEN, 1), (DROPPED, 1)]
    bitcoind.mine(6)
    bitcoin.step()
    (credited,) = Deposit.objects.filter(state=CONFIRMED)
    assert credited.txid == replacement


def _fresh_scan(watching: Watching, node: BitcoinNode, first: int) -> dict[str, tuple[str, int]]:
    """What the chain says now, read by the node's own JSON: key -> block and amount."""
    scripts = {bytes(w.destination).hex() for w in watching.book_watches()}
    found = {}
    for height in range(first, node.height() + 1):
        block = node.rpc("getblock", node.rpc("getblockhash", height), 2)
        for transaction in block["tx"]:
            for output in transaction["vout"]:
                if output["scriptPubKey"]["hex"] in scripts:
                    units = int(output["value"].scaleb(8))
                    found[f"{transaction['txid']}:{output['n']}"] = (block["hash"], units)
    return found


def test_threat_02_after_any_reorgs_the_deposits_are_those_of_a_fresh_scan(
    bitcoin: Watching, bitcoind: BitcoinNode
) -> None:
    first = bitcoind.height() + 1
    for seed in range(20):
        random = Random(seed)
        for _ in range(random.randint(1, 3)):
            _pay(bitcoind, bitcoin, random.choice([1_000, _SMALL, _SMALL + 1]))
            if random.random() < 0.6:
                bitcoind.mine(random.randint(1, 3))
            if random.random() < 0.7:
                bitcoin.step()
        depth = random.randint(1, min(25, bitcoind.height() - first + 1) if bitcoind.height() >= first else 1)
        _reorg(bitcoind, depth, random)
        bitcoin.step()
        _agree(bitcoin, bitcoind, first)
    bitcoind.mine(6)
    bitcoin.step()
    _agree(bitcoin, bitcoind, first)
    _rows_are_the_chains(bitcoin, bitcoind)


def _reorg(node: BitcoinNode, depth: int, random: Random) -> None:
    """With a double spend of the newest payment in the new branch, now and then."""
    spends = []
    pool = node.rpc("getrawmempool")
    if pool and random.random() < 0.4:
        try:
            spends = [node.conflicting(random.choice(pool))]
            node.reorg(depth, transactions=spends)
        except RpcRefused:  # it spends what the reorg took back
            node.rpc("reconsiderblock", node.rpc("getbestblockhash"))
        else:
            return
    node.reorg(depth)


def _agree(watching: Watching, node: BitcoinNode, first: int) -> None:
    chain = _fresh_scan(watching, node, first)
    rows = Deposit.objects.filter(chain_code=watching.chain.code, block_height__isnull=False)
    assert {row.key: (row.block_hash, row.base_units) for row in rows} == chain
    for row in Deposit.objects.all():
        deep = row.block_height is not None and node.height() - row.block_height + 1 >= (
            row.required_confirmations or 0
        )
        assert (row.state == CONFIRMED) == deep
        _story_is_whole(row)


def _story_is_whole(row: Deposit) -> None:
    """Events alternate as states may move, and the last one is the row's state."""
    may_follow = {"": {SEEN}, SEEN: {CONFIRMED, DROPPED}, CONFIRMED: {REORGED}, DROPPED: {SEEN}, REORGED: {SEEN}}
    last, appearance = "", 0
    for event in ChainEvent.objects.filter(deposit=row).order_by("pk"):
        assert event.kind in may_follow[last]
        appearance += event.kind == SEEN
        assert event.appearance == appearance
        last = event.kind
    assert row.state == {REORGED: "orphaned"}.get(last, last)
    assert row.appearance == appearance


def test_threat_02_a_reorg_beyond_the_limit_halts_the_chain_until_a_person_says_so(
    bitcoin: Watching, bitcoind: BitcoinNode, settings: LazySettings
) -> None:
    settings.NODE_URLS = {bitcoin.chain.code: bitcoind.url}
    bitcoin.chain = replace(bitcoin.chain, reorg_limit=5)
    key = _pay(bitcoind, bitcoin)
    bitcoind.mine(6)
    bitcoin.step()
    bitcoind.reorg(6)
    bitcoin.step()
    cursor = bitcoin.cursor
    assert cursor.halted_at is not None
    assert "turned deeper than 5 blocks" in cursor.failure
    with pytest.raises(ChainHalted) as halted:
        bitcoin.step()
    assert halted.value.code == "chain_halted"
    assert bitcoin.told(key) == [(SEEN, 1), (CONFIRMED, 1)]
    call_command("resume_chain", bitcoin.chain.code, stdout=StringIO())
    bitcoin.step()
    assert bitcoin.cursor.halted_at is not None, "the cause is still there"


def test_a_halted_chain_is_read_on_once_its_branch_is_back(
    bitcoin: Watching, bitcoind: BitcoinNode, settings: LazySettings
) -> None:
    settings.NODE_URLS = {bitcoin.chain.code: bitcoind.url}
    bitcoin.chain = replace(bitcoin.chain, reorg_limit=2)
    bitcoind.mine(3)
    bitcoin.step()
    lost = bitcoind.rpc("getbestblockhash")
    bitcoind.reorg(3)
    bitcoin.step()
    assert bitcoin.cursor.halted_at is not None
    usurper = bitcoind.rpc("getblockhash", bitcoind.height() - 3)
    bitcoind.rpc("invalidateblock", usurper)
    try:
        assert bitcoind.rpc("getbestblockhash") == lost
        call_command("resume_chain", bitcoin.chain.code, stdout=StringIO())
        bitcoind.mine()
        assert bitcoin.step().blocks == 1
        assert (bitcoin.cursor.halted_at, bitcoin.cursor.failure) == (None, "")
    finally:
        bitcoind.mine(3)
        bitcoind.rpc("reconsiderblock", usurper)


def test_a_reorg_as_deep_as_the_limit_is_followed(bitcoin: Watching, bitcoind: BitcoinNode) -> None:
    bitcoin.chain = replace(bitcoin.chain, reorg_limit=5)
    key = _pay(bitcoind, bitcoin)
    bitcoind.mine(5)
    bitcoin.step()
    bitcoind.reorg(5)
    step = bitcoin.step()
    assert (step.taken_back_blocks, step.blocks) == (5, 6)
    assert bitcoin.told(key) == [(SEEN, 1), (CONFIRMED, 1), (REORGED, 1), (SEEN, 2)]


def test_a_reorg_rooted_below_where_reading_began_is_followed(bitcoin: Watching, bitcoind: BitcoinNode) -> None:
    bitcoind.mine(3)
    Cursor.objects.all().delete()
    ReadBlock.objects.all().delete()
    bitcoin.step()
    bitcoind.reorg(3)
    step = bitcoin.step()
    assert (step.taken_back_blocks, step.blocks) == (3, 4)


def test_threat_12_a_reorg_on_ethereum_before_finality_credits_nothing(ethereum: Watching, anvil: EthereumNode) -> None:
    address = "0x" + "33" * 20
    ethereum.hear_of(address)
    tx = anvil.pay(address, 10**18)
    anvil.mine()
    ethereum.step()
    assert ethereum.told(tx) == [(SEEN, 1)]
    anvil.reorg(1, 2, [anvil.conflicting(tx, "0x" + "44" * 20)])
    anvil.mine(4)
    ethereum.step()
    assert ethereum.told(tx) == [(SEEN, 1), (DROPPED, 1)]


def test_threat_12_a_payment_mined_again_by_a_reorg_counts_once_and_when_final(
    ethereum: Watching, anvil: EthereumNode
) -> None:
    address = "0x" + "55" * 20
    ethereum.hear_of(address)
    tx = anvil.pay(address, 10**18)
    raw = anvil.raw(tx)
    (lost,) = anvil.mine()
    ethereum.step()
    anvil.reorg(1, 2)
    anvil.resend(raw)
    (block,) = anvil.mine()
    ethereum.step()
    assert ethereum.deposit(tx).block_hash == block != lost
    assert CONFIRMED not in dict(ethereum.told(tx))
    anvil.mine(2)
    ethereum.step()
    assert [kind for kind, _ in ethereum.told(tx)].count(CONFIRMED) == 1
    assert ethereum.state(tx) == CONFIRMED


def test_threat_12_even_a_final_block_that_is_lost_is_taken_back(ethereum: Watching, anvil: EthereumNode) -> None:
    address = "0x" + "66" * 20
    ethereum.hear_of(address)
    tx = anvil.pay(address, 10**18)
    anvil.mine(3)
    ethereum.step()
    assert ethereum.state(tx) == CONFIRMED
    anvil.reorg(3)
    ethereum.step()
    assert ethereum.told(tx) == [(SEEN, 1), (CONFIRMED, 1), (REORGED, 1)]


class _Behind:
    """A node of the same chain that has not caught up."""

    def __init__(self, watching: Watching, height: int) -> None:
        self._node, self._height = watching.connector, height

    def __getattr__(self, name: str) -> object:
        return getattr(self._node, name)

    def tip(self) -> Tip:
        return Tip(BlockRef(self._height, self.hash_at(self._height) or ""), self._node.tip().time)

    def hash_at(self, height: int) -> str | None:
        return self._node.hash_at(height) if height <= self._height else None


def test_threat_22_a_node_that_is_behind_takes_nothing_back(bitcoin: Watching, bitcoind: BitcoinNode) -> None:
    key = _pay(bitcoind, bitcoin)
    bitcoind.mine(4)
    bitcoin.step()
    read = bitcoin.cursor.height
    assert read is not None
    behind = Watching(bitcoin.chain, _Behind(bitcoin, read - 3), bitcoin.book, bitcoin.destination)  # type: ignore[arg-type]
    behind.step()
    cursor = bitcoin.cursor
    assert (cursor.height, cursor.halted_at) == (read, None)
    assert "behind" in cursor.failure
    assert bitcoin.state(key) == CONFIRMED
    bitcoin.step()
    assert bitcoin.cursor.failing_since is None


def test_threat_22_a_shorter_branch_is_no_proof(bitcoin: Watching, bitcoind: BitcoinNode) -> None:
    key = _pay(bitcoind, bitcoin)
    bitcoind.mine(4)
    bitcoin.step()
    read = bitcoin.cursor.height
    orphaned = bitcoind.rpc("getblockhash", bitcoind.height() - 3)
    bitcoind.rpc("invalidateblock", orphaned)
    try:
        bitcoind.mine_exactly()
        bitcoin.step()
        assert bitcoin.cursor.height == read
        assert "behind" in bitcoin.cursor.failure
        assert bitcoin.told(key) == [(SEEN, 1), (CONFIRMED, 1)]
    finally:
        bitcoind.rpc("reconsiderblock", orphaned)
    bitcoin.step()
    assert bitcoin.cursor.failing_since is None
