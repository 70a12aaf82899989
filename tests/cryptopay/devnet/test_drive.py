"""The nodes are real: what `drive` promises is asked of the chain itself."""

from decimal import Decimal

import pytest

from cryptopay.devnet.drive import BitcoinNode, EthereumNode
from monitor.connectors.jsonrpc import RpcRefused

STRANGER = "0x" + "ab" * 20
OTHER_STRANGER = "0x" + "cd" * 20


@pytest.fixture(params=["bitcoind", "litecoind"])
def node(request: pytest.FixtureRequest) -> BitcoinNode:
    """The same promises on both nodes of the family."""
    found: BitcoinNode = request.getfixturevalue(request.param)
    return found


def _values(node: BitcoinNode, txid: str) -> list[Decimal]:
    return [output["value"] for output in node.rpc("getrawtransaction", txid, True)["vout"]]


def _mined_in(node: BitcoinNode, txid: str) -> str | None:
    block: str | None = node.rpc("getrawtransaction", txid, True).get("blockhash")
    return block


def test_a_payment_waits_in_the_mempool_and_is_mined(node: BitcoinNode) -> None:
    txid = node.pay(node.new_address(), 123_456)
    assert txid in node.rpc("getrawmempool")
    before = node.height()
    blocks = node.mine(2)
    assert node.height() == before + 2
    assert blocks[-1] == node.rpc("getbestblockhash")
    assert _mined_in(node, txid) == blocks[0]


def test_outputs_keep_their_order_and_may_repeat_an_address(node: BitcoinNode) -> None:
    first, second = node.new_address(), node.new_address()
    txid = node.pay([(first, 100_000), (second, 30_000), (first, 200_000)])
    assert _values(node, txid)[:3] == [Decimal("0.00100000"), Decimal("0.00030000"), Decimal("0.00200000")]
    assert len(_values(node, txid)) == 4
    assert _values(node, node.pay({first: 40_000}))[0] == Decimal("0.00040000")


def test_a_replaced_payment_is_gone(node: BitcoinNode) -> None:
    txid = node.pay(node.new_address(), 500_000)
    thief = node.new_address()
    replacement = node.replace(txid, thief)
    pool = node.rpc("getrawmempool")
    assert replacement in pool
    assert txid not in pool
    paid = node.rpc("getrawtransaction", replacement, True)["vout"][0]["scriptPubKey"]["hex"]
    assert paid == node.rpc("validateaddress", thief)["scriptPubKey"]


def test_a_reorg_puts_a_mined_payment_back_into_the_mempool(node: BitcoinNode) -> None:
    node.mine()
    txid = node.pay(node.new_address(), 600_000)
    lost = node.mine(2)
    before = node.height()
    branch = node.reorg(2)
    assert node.height() == before + 1
    assert node.rpc("getblockhash", before) == branch[1] != lost[1]
    assert txid in node.rpc("getrawmempool")
    tips = {tip["hash"]: tip["status"] for tip in node.rpc("getchaintips")}
    assert tips[lost[1]] == "valid-fork"
    again = node.mine()
    assert _mined_in(node, txid) == again[0]


def test_a_reorg_can_confirm_a_double_spend(node: BitcoinNode) -> None:
    node.mine()
    txid = node.pay(node.new_address(), 700_000)
    node.mine()
    branch = node.reorg(1, 2, [node.conflicting(txid)])
    assert txid not in node.rpc("getrawmempool")
    with pytest.raises(RpcRefused):
        node.rpc("getrawtransaction", txid, True, branch[0])
    assert len(node.rpc("getblock", branch[0])["tx"]) == 2


def test_a_shorter_branch_is_no_reorg(node: BitcoinNode) -> None:
    with pytest.raises(ValueError, match="longer"):
        node.reorg(2, 2)


def test_funding_twice_changes_nothing(node: BitcoinNode) -> None:
    before = node.height()
    node.fund()
    assert node.height() == before


def test_ether_waits_until_mined(anvil: EthereumNode) -> None:
    tx = anvil.pay(STRANGER, 10**17 + 1)
    assert anvil.rpc("eth_getTransactionReceipt", tx) is None
    before = anvil.height()
    blocks = anvil.mine(3)
    assert anvil.height() == before + 3
    assert len(blocks) == 3
    receipt = anvil.rpc("eth_getTransactionReceipt", tx)
    assert receipt["blockHash"] == blocks[0]
    assert receipt["status"] == "0x1"


def test_ether_replaced_or_dropped_never_arrives(anvil: EthereumNode) -> None:
    replaced = anvil.pay(STRANGER, 5)
    replacement = anvil.replace(replaced, OTHER_STRANGER)
    dropped = anvil.pay(STRANGER, 6, payer=anvil.accounts()[1])
    anvil.drop(dropped)
    anvil.mine()
    assert anvil.rpc("eth_getTransactionReceipt", replaced) is None
    assert anvil.rpc("eth_getTransactionReceipt", dropped) is None
    assert anvil.rpc("eth_getTransactionReceipt", replacement)["to"] == OTHER_STRANGER


def test_a_reorg_takes_ether_back_and_it_can_be_sent_again(anvil: EthereumNode) -> None:
    anvil.mine()
    tx = anvil.pay(STRANGER, 7)
    lost = anvil.mine(2)
    raw, before = anvil.raw(tx), anvil.height()
    branch = anvil.reorg(2)
    assert anvil.height() == before + 1
    assert len(branch) == 3
    assert set(branch).isdisjoint(lost)
    assert anvil.rpc("eth_getTransactionByHash", tx) is None
    assert anvil.resend(raw) == tx
    anvil.mine()
    assert anvil.rpc("eth_getTransactionReceipt", tx)["status"] == "0x1"


def test_a_reorg_can_confirm_other_ether(anvil: EthereumNode) -> None:
    anvil.mine()
    tx = anvil.pay(STRANGER, 8)
    anvil.mine()
    branch = anvil.reorg(1, 2, [anvil.conflicting(tx, OTHER_STRANGER)])
    (transaction,) = anvil.rpc("eth_getBlockByHash", branch[0], True)["transactions"]
    assert transaction["to"] == OTHER_STRANGER
    assert anvil.rpc("eth_getTransactionReceipt", tx) is None
