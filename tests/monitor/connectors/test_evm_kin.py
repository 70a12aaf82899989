"""Each live chain of Ethereum's family is a row: a recorded block under its id, read without a line of code for it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cryptopay.devnet import nodes, places
from cryptopay.devnet.drive import EthereumNode
from monitor.chains import CHAINS, Chain
from monitor.connectors import connect
from monitor.connectors.base import NodeError
from monitor.connectors.jsonrpc import node_at

BLOCKS = Path(__file__).with_name("blocks")
LIVE = [chain for chain in CHAINS.values() if chain.family == "evm" and chain.live]
PAYEE = bytes.fromhex("5a" * 20)


@pytest.fixture(params=LIVE, ids=lambda chain: chain.code)
def chain(request: pytest.FixtureRequest) -> Chain:
    row: Chain = request.param
    return row


@pytest.fixture
def recorded(chain: Chain, fake_node: Any) -> Iterator[dict[str, Any]]:
    """The node of the record, asked again."""
    answers: dict[str, Any] = json.loads((BLOCKS / f"{chain.code}.json").read_text())
    fake_node.results(answers)
    yield answers
    node_at(fake_node.url).close()


def test_a_recorded_block_shows_what_it_paid(chain: Chain, recorded: dict[str, Any], fake_node: Any) -> None:
    block = recorded["eth_getBlockByNumber"]
    found = connect(chain, fake_node.url, frozenset({recorded["contract"]})).block(int(block["number"], 16))
    plain, by_contract, _failed, tokens = (transaction["hash"] for transaction in block["transactions"])
    assert [(t.txid, t.base_units, t.contract) for t in found.transfers_to({PAYEE})] == [
        (plain, 10**18, ""),
        (by_contract, 10**17, ""),
        (tokens, 25_000_000, recorded["contract"]),
    ]
    assert found.txids() == {plain, by_contract, tokens}


def test_threat_21_the_right_id_without_the_right_first_block_is_refused(
    chain: Chain, recorded: dict[str, Any], fake_node: Any
) -> None:
    first = {**recorded["eth_getBlockByNumber"], "number": "0x0"}
    fake_node.results({**recorded, "eth_getBlockByNumber": first})
    with pytest.raises(NodeError, match="block 0") as caught:
        connect(chain, fake_node.url).check()
    assert caught.value.permanent
    fake_node.results({**recorded, "eth_getBlockByNumber": {**first, "hash": chain.genesis}})
    connect(chain, fake_node.url).check()


def test_threat_21_a_node_swapped_for_another_chains_is_refused(chain: Chain) -> None:
    folder = places.temporary_folder("anvil")
    running = nodes.start_anvil(folder, chain.chain_id or 0)
    node = EthereumNode(running.url)
    try:
        others = [row for row in CHAINS.values() if row.family == "evm" and row is not chain]
        assert others
        for other in others:
            with pytest.raises(NodeError, match=f"chain id {chain.chain_id}") as caught:
                connect(other, running.url).check()
            assert caught.value.permanent
    finally:
        node_at(running.url).close()
        node.close()
        running.stop()
