"""Records a block of each live chain of Ethereum's family: `python -m tests.monitor.connectors.record_evm`.

The chains' own blocks cannot be had here, so anvil makes one under each chain's id: a plain payment, one by a contract,
a token's, and a call that fails.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

from cryptopay.devnet import nodes
from cryptopay.devnet.contracts import DEMO_DOLLAR, deploy
from cryptopay.devnet.drive import EthereumNode
from monitor.chains import CHAINS, Chain

BLOCKS = Path(__file__).with_name("blocks")
SENDER = Path(__file__).parents[2] / "contracts" / "Sender.vy"
PAYEE = "0x" + "5a" * 20


def record(chain: Chain) -> dict[str, Any]:
    """What the node answered for that block, by method."""
    assert chain.chain_id is not None
    with tempfile.TemporaryDirectory() as folder:
        running = nodes.start_anvil(Path(folder), chain.chain_id)
        node = EthereumNode(running.url)
        try:
            token, sender = deploy(node, DEMO_DOLLAR), deploy(node, SENDER)
            token.send("mint", sender.address, 10**9)
            node.mine()
            node.pay(PAYEE, 10**18)
            sender.send("pay", [PAYEE], 10**17, value=10**17)
            sender.send("pay_and_fail", [PAYEE], 10**17, value=10**17)
            sender.send("pay_tokens", token.address, [PAYEE], 25_000_000)
            (name,) = node.mine()
            height = hex(node.height())
            return {
                "contract": token.address,
                "eth_chainId": node.rpc("eth_chainId"),
                "eth_getBlockByNumber": node.rpc("eth_getBlockByNumber", height, True),
                "eth_getBlockReceipts": node.rpc("eth_getBlockReceipts", name),
                "trace_block": node.rpc("trace_block", height),
            }
        finally:
            node.close()
            running.stop()


if __name__ == "__main__":
    for row in CHAINS.values():
        if row.family == "evm" and row.live:
            (BLOCKS / f"{row.code}.json").write_text(json.dumps(record(row), indent=1) + "\n")
