"""The node is real: what `MoneroNode` promises is asked of the chain itself."""

import pytest

from cryptopay.devnet.monero import MoneroNode
from monitor.connectors.jsonrpc import RpcRefused

XMR = 10**12


@pytest.fixture
def node(monerod: MoneroNode) -> MoneroNode:
    """With an empty pool."""
    if monerod.pool():
        monerod.mine()
    return monerod


def _mined_in(node: MoneroNode, txid: str) -> int | None:
    found = node.ask("get_transactions", txs_hashes=[txid], prune=True)["txs"][0]
    return None if found["in_pool"] else int(found["block_height"])


def test_a_payment_waits_in_the_pool_and_is_mined(node: MoneroNode) -> None:
    txid = node.pay(node.new_address(), XMR)
    assert node.pool() == [txid]
    before = node.height()
    *_, last = node.mine(2)
    assert node.height() == before + 2
    assert node.rpc("get_last_block_header")["block_header"]["hash"] == last
    assert _mined_in(node, txid) == before + 1


def test_payments_in_a_row_need_not_wait_for_change(node: MoneroNode) -> None:
    txids = {node.pay(node.new_address(), XMR) for _ in range(3)}
    assert {*node.pool()} == txids
    node.mine()
    assert node.pool() == []


def test_a_reorg_puts_a_payment_back_into_the_pool(node: MoneroNode) -> None:
    txid = node.pay(node.new_address(), XMR)
    node.mine(2)
    before = node.height()
    branch = node.reorg(2)
    assert (len(branch), node.height(), node.pool()) == (3, before + 1, [txid])
    node.mine()
    assert _mined_in(node, txid) == before + 2


def test_of_rivals_one_alone_is_taken(node: MoneroNode) -> None:
    rivals = node.rivals(node.new_address(), XMR)
    node.resend(rivals.raw)
    with pytest.raises(RpcRefused):
        node.resend(rivals.rival_raw)
    node.drop(rivals.txid)
    node.resend(rivals.rival_raw)
    assert node.pool() == [rivals.rival_txid]
    node.mine()
    with pytest.raises(RpcRefused):
        node.resend(rivals.raw)


def test_a_locked_transfer_is_refused_by_todays_wallet(node: MoneroNode) -> None:
    destinations = [{"address": node.new_address(), "amount": XMR}]
    with pytest.raises(RpcRefused, match="unlock time"):
        node.wallet("transfer", destinations=destinations, unlock_time=1000)
