"""The patched bcash: what tests of Bitcoin Cash lean on. The connector's own tests run on it, too."""

from decimal import Decimal
from pathlib import Path

import pytest

from cryptopay.devnet import install, nodes, programs
from cryptopay.devnet.drive import BcoinNode
from monitor.connectors.jsonrpc import RpcRefused

pytestmark = pytest.mark.timeout(60)


def test_addresses_are_cashaddr_and_each_is_new(bcash: BcoinNode) -> None:
    first, second = bcash.new_address(), bcash.new_address()
    assert first.startswith("bchreg:q")
    assert first != second


def test_a_transaction_that_the_mempool_refuses_is_an_error(bcash: BcoinNode) -> None:
    """Stock bcash answers with an id even then. What was heard first stays, as with its miners."""
    txid = bcash.pay(bcash.new_address(), 100_000)
    with pytest.raises(RpcRefused) as refused:
        bcash.rpc("sendrawtransaction", bcash.conflicting(txid))
    assert refused.value.number == -26
    winner = bcash.replace(txid)
    assert winner in bcash.rpc("getrawmempool")
    assert txid not in bcash.rpc("getrawmempool")


def test_a_reorg_puts_chained_payments_back_whatever_their_order(bcash: BcoinNode) -> None:
    """Blocks are in the order of transaction ids, so a child may stand before its parent."""
    address = bcash.new_address()
    bcash.mine()
    paid = {bcash.pay(address, 10_000 + number) for number in range(12)}
    (lost,) = bcash.mine()
    txids = bcash.rpc("getblock", lost, 1)["tx"][1:]
    assert sorted(txids) == txids
    assert bcash.rpc("scantxoutset", "start", [f"addr({address})"])["total_amount"] == Decimal("0.00120066")
    bcash.reorg(1)
    assert set(bcash.rpc("getrawmempool")) == paid
    assert bcash.rpc("scantxoutset", "start", [f"addr({address})"])["total_amount"] == 0
    bcash.mine()


def test_a_reorg_may_confirm_a_double_spend(bcash: BcoinNode) -> None:
    txid = bcash.pay(bcash.new_address(), 100_000)
    bcash.mine(3)
    winner = bcash.conflicting(txid)
    branch = bcash.reorg(3, transactions=[winner])
    assert bcash.rpc("getblockhash", bcash.height()) == branch[-1]
    assert txid not in bcash.rpc("getrawmempool")
    (_, mined) = bcash.rpc("getblock", branch[0], 1)["tx"]
    assert bcash.rpc("getrawtransaction", mined) == winner


def test_a_block_holds_exactly_what_is_asked_for(bcash: BcoinNode) -> None:
    bcash.mine()
    left, taken = bcash.pay(bcash.new_address(), 100_000), bcash.pay(bcash.new_address(), 100_000)
    bcash.mine_exactly([taken])
    assert bcash.rpc("getrawmempool") == [left]
    with pytest.raises(RpcRefused):
        bcash.mine_exactly(["ab" * 32])


def test_its_blocks_are_kept_from_run_to_run(tmp_path: Path) -> None:
    running = nodes.start_bcash(tmp_path)
    node = BcoinNode(running.url)
    node.pay(node.new_address(), 100_000)
    node.mine(2)
    node.reorg(1)
    best = node.rpc("getbestblockhash")
    node.close()
    running.stop()
    again = nodes.start_bcash(tmp_path)
    node = BcoinNode(again.url)
    try:
        assert node.rpc("getbestblockhash") == best
        node.pay(node.new_address(), 100_000)
    finally:
        node.close()
        again.stop()


def test_the_launcher_says_its_version() -> None:
    assert install.version_of(programs.BCASH.command()) == "1.1.1"
