"""Coins that contracts send, followed on a real node with its traces and without them: each credited once."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from secrets import token_bytes
from typing import Any

import pytest

from cryptopay.devnet.contracts import Contract, deploy
from cryptopay.devnet.drive import EthereumNode
from monitor import backfill
from monitor.connectors.base import Connector
from monitor.connectors.evm import EvmConnector
from monitor.connectors.jsonrpc import METHOD_MISSING, JsonRpc, RpcRefused
from monitor.models import Deposit

from .conftest import Watching, dump

pytestmark = pytest.mark.django_db

SENDER = Path(__file__).parents[1] / "contracts" / "Sender.vy"
WEI = 10**15


class WithoutTraces(JsonRpc):
    """What most providers rent out."""

    def find(self, method: str, *params: Any, returns: Any) -> Any:
        if "trace" in method:
            raise RpcRefused(f"{method}: not available", METHOD_MISSING)
        return super().find(method, *params, returns=returns)


@pytest.fixture
def sender(anvil: EthereumNode) -> Contract:
    contract = deploy(anvil, SENDER)
    anvil.pay(contract.address, 100 * WEI)
    anvil.mine()
    return contract


@pytest.fixture
def without_traces(anvil: EthereumNode, ethereum: Watching) -> Iterator[Connector]:
    rpc = WithoutTraces(anvil.url)
    yield EvmConnector(ethereum.chain, rpc)
    rpc.close()


@pytest.fixture(params=["traces", "balances"])
def watching(
    request: pytest.FixtureRequest, sender: Contract, ethereum: Watching, without_traces: Connector
) -> Watching:
    ethereum.step()
    return ethereum if request.param == "traces" else replace(ethereum, connector=without_traces)


def new_address() -> str:
    return "0x" + token_bytes(20).hex()


def confirmed(watching: Watching) -> int:
    rows = Deposit.objects.filter(book=watching.book, state=Deposit.State.CONFIRMED)
    return sum(row.base_units for row in rows)


def held(node: EthereumNode, address: str) -> int:
    return int(node.rpc("eth_getBalance", address, "latest"), 16)


def test_threat_11_coins_of_contracts_count_once_final(
    anvil: EthereumNode, watching: Watching, sender: Contract
) -> None:
    alice = new_address()
    watching.hear_of(alice)
    sender.send("pay", [alice, new_address(), alice], WEI)
    plain = anvil.pay(alice, 7 * WEI)
    sender.send("pay_and_fail", [alice], WEI)
    anvil.mine()
    watching.step()
    assert {row.state for row in Deposit.objects.filter(book=watching.book)} == {"seen"}
    assert watching.deposit(plain).base_units == 7 * WEI
    anvil.mine(2)
    watching.step()
    assert confirmed(watching) == held(anvil, alice) == 9 * WEI


def test_threat_12_a_reorg_takes_them_back_and_they_count_again_where_they_are_mined_anew(
    anvil: EthereumNode, watching: Watching, sender: Contract
) -> None:
    alice = new_address()
    watching.hear_of(alice)
    raw = anvil.raw(sender.send("pay", [alice], WEI))
    anvil.mine(3)
    watching.step()
    assert confirmed(watching) == WEI
    anvil.reorg(3)
    watching.step()
    assert (confirmed(watching), held(anvil, alice)) == (0, 0)
    anvil.resend(raw)
    anvil.mine(3)
    watching.step()
    assert confirmed(watching) == held(anvil, alice) == WEI
    assert Deposit.objects.filter(book=watching.book).exclude(state="confirmed").count() <= 1


@pytest.mark.parametrize("first", ["traces", "balances"])
def test_a_block_read_again_the_other_way_counts_nothing_twice(
    anvil: EthereumNode, sender: Contract, ethereum: Watching, without_traces: Connector, first: str
) -> None:
    ethereum.step()
    ways = {"traces": ethereum.connector, "balances": without_traces}
    reader = replace(ethereum, connector=ways.pop(first))
    (other,) = ways.values()
    alice, late = new_address(), new_address()
    reader.hear_of(alice)
    sender.send("pay", [alice, late], WEI)
    anvil.pay(alice, WEI)
    anvil.mine(3)
    reader.step()
    assert confirmed(reader) == 2 * WEI
    before, last = dump(), reader.cursor.height or 0
    assert backfill.rescan(reader.chain, other, last - 2, last) == 0
    assert dump() == before
    reader.hear_of(late)  # and what was overlooked is found, either way
    assert backfill.rescan(reader.chain, other, last - 2, last) == 1
    assert confirmed(reader) == 3 * WEI
