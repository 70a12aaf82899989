"""A transaction that cannot be read is set aside; its chain reads on, and it is neither lost nor skipped in silence."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

import pytest
from structlog.testing import capture_logs

from cryptopay.devnet.drive import BitcoinNode
from ledger.money import LARGEST_BASE_UNITS
from monitor import backfill, parking
from monitor.connectors.base import Block, Parked, Transfer
from monitor.errors import ReasonMissing
from monitor.models import Deposit, ParkedTransaction
from tests.monitor.conftest import Watching, dump

pytestmark = pytest.mark.django_db

SEEN, CONFIRMED = ("seen", "confirmed")
COINS = 1_000_000
State = ParkedTransaction.State


@dataclass
class CannotRead:
    """The node's blocks as a connector reads them that does not understand some transactions."""

    node: Any
    txids: set[str] = field(default_factory=set)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.node, name)

    def block(self, height: int) -> Any:
        return _Misread(self.node.block(height), self.txids)

    def mempool(self, known: AbstractSet[str]) -> Any:
        return self.node.mempool({*known, *self.txids})


@dataclass
class _Misread:
    block: Block
    txids: set[str]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.block, name)

    @property
    def parked(self) -> list[Parked]:
        return [Parked(txid, "a form nobody knows", b"raw") for txid in sorted(self.txids & self.block.txids())]

    def transfers_to(self, watched: AbstractSet[bytes]) -> list[Transfer]:
        return [transfer for transfer in self.block.transfers_to(watched) if transfer.txid not in self.txids]


@pytest.fixture
def cannot_read(bitcoin: Watching) -> CannotRead:
    connector = CannotRead(bitcoin.connector)
    bitcoin.connector = connector  # type: ignore[assignment]
    return connector


def _pay(node: BitcoinNode, watching: Watching) -> str:
    address = node.new_address()
    watching.hear_of(address)
    return str(node.pay(address, COINS))


def test_threat_06_a_transaction_that_cannot_be_read_stalls_nobody_and_is_told(
    bitcoin: Watching, bitcoind: BitcoinNode, cannot_read: CannotRead
) -> None:
    strange, plain = _pay(bitcoind, bitcoin), _pay(bitcoind, bitcoin)
    cannot_read.txids.add(strange)
    with capture_logs() as logs:
        bitcoind.mine(2)
        bitcoin.step()
    assert bitcoin.told() == [(SEEN, 1), (CONFIRMED, 1)]
    assert bitcoin.state(f"{plain}:0") == CONFIRMED
    row = ParkedTransaction.objects.get()
    block = bitcoind.rpc("getblockhash", bitcoind.height() - 1)
    assert (row.txid, row.height, row.hash) == (strange, bitcoind.height() - 1, block)
    assert (row.state, row.reason, bytes(row.raw)) == (State.OPEN, "a form nobody knows", b"raw")
    (alarm,) = [entry for entry in logs if entry["event"] == "transaction.parked"]
    assert (alarm["log_level"], alarm["txid"]) == ("critical", strange)


def test_read_again_it_is_taken_in_and_needs_nobody_any_longer(
    bitcoin: Watching, bitcoind: BitcoinNode, cannot_read: CannotRead
) -> None:
    txid = _pay(bitcoind, bitcoin)
    cannot_read.txids.add(txid)
    bitcoind.mine(2)
    bitcoin.step()
    row = ParkedTransaction.objects.get()
    assert backfill.rescan(bitcoin.chain, bitcoin.connector, row.height, row.height) == 0
    row.refresh_from_db()
    assert row.state == State.OPEN, "nothing was understood since"

    cannot_read.txids.clear()
    for found in (1, 0):
        assert backfill.rescan(bitcoin.chain, bitcoin.connector, row.height, row.height) == found
        row.refresh_from_db()
        assert row.state == State.READ
    assert row.resolved_at is not None
    assert bitcoin.told(f"{txid}:0") == [(SEEN, 1), (CONFIRMED, 1)]


def test_what_a_person_dismissed_stays_dismissed(
    bitcoin: Watching, bitcoind: BitcoinNode, cannot_read: CannotRead
) -> None:
    cannot_read.txids.add(_pay(bitcoind, bitcoin))
    bitcoind.mine(2)
    bitcoin.step()
    row = ParkedTransaction.objects.get()
    with pytest.raises(ReasonMissing):
        parking.dismiss(ParkedTransaction.objects.all(), by="Alice", because=" ")
    assert parking.dismiss(ParkedTransaction.objects.all(), by="Alice", because="a stranger's") == 1
    assert parking.dismiss(ParkedTransaction.objects.all(), by="Bob", because="mine") == 0
    backfill.rescan(bitcoin.chain, bitcoin.connector, row.height, row.height)
    row.refresh_from_db()
    assert (row.state, row.resolved_by, row.resolved_because) == (State.DISMISSED, "Alice", "a stranger's")


def test_a_reorg_takes_it_back_and_a_new_block_sets_it_aside_anew(
    bitcoin: Watching, bitcoind: BitcoinNode, cannot_read: CannotRead
) -> None:
    txid = _pay(bitcoind, bitcoin)
    raw = bitcoind.rpc("getrawtransaction", txid)
    cannot_read.txids.add(txid)
    bitcoind.mine(2)
    bitcoin.step()
    bitcoind.reorg(2)
    bitcoin.step()
    assert ParkedTransaction.objects.get().state == State.ORPHANED
    bitcoind.mine_exactly([raw])
    bitcoin.step()
    states = ParkedTransaction.objects.order_by("height", "pk").values_list("state", flat=True)
    assert sorted(states) == [State.OPEN, State.ORPHANED]
    before = dump()
    bitcoin.step()
    assert dump() == before


@pytest.mark.parametrize(
    ("flaw", "reason"),
    [
        ({"base_units": LARGEST_BASE_UNITS + 1}, "amount"),
        ({"base_units": -1}, "amount"),
        ({"key": "k" * 141}, "key"),
        ({"contract": "c" * 65}, "contract"),
    ],
)
def test_threat_06_what_no_deposit_can_hold_is_set_aside(
    bitcoin: Watching, bitcoind: BitcoinNode, flaw: dict[str, Any], reason: str
) -> None:
    """Whatever its connector made of it: the database would refuse it, and the chain would stand still."""
    plain, strange = _pay(bitcoind, bitcoin), _pay(bitcoind, bitcoin)
    bitcoin.connector = _Overdone(bitcoin.connector, strange, flaw)  # type: ignore[assignment]
    bitcoind.mine(2)
    bitcoin.step()
    row = ParkedTransaction.objects.get()
    assert row.txid == strange
    assert reason in row.reason
    assert list(Deposit.objects.values_list("txid", "state")) == [(plain, CONFIRMED)]


@dataclass
class _Overdone:
    node: Any
    txid: str
    flaw: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.node, name)

    def block(self, height: int) -> Any:
        return _OverdoneBlock(self.node.block(height), self.txid, self.flaw)

    def mempool(self, known: AbstractSet[str]) -> Any:
        return self.node.mempool({*known, self.txid})


@dataclass
class _OverdoneBlock:
    block: Block
    txid: str
    flaw: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.block, name)

    def transfers_to(self, watched: AbstractSet[bytes]) -> list[Transfer]:
        found = self.block.transfers_to(watched)
        fields = [{name: getattr(t, name) for name in Transfer.__slots__} for t in found]
        return [Transfer(**{**each, **(self.flaw if each["txid"] == self.txid else {})}) for each in fields]
