"""Contracts for the development node, compiled from Vyper when they are needed."""

import json
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from eth_abi.abi import encode

from cryptopay.devnet.drive import EthereumNode
from cryptopay.devnet.errors import PartFailed

DEMO_DOLLAR = Path(__file__).with_name("DemoDollar.vy")
DEMO_DOLLAR_CODE = "USDX"
_GAS = hex(5_000_000)
"""Said, because an estimate runs on the chain as it is and not on what waits before it."""


class Contract:
    """A deployed contract. Amounts are ints of base units; methods are named as in the source."""

    def __init__(self, node: EthereumNode, address: str, source: Path) -> None:
        self.node = node
        self.address = address.lower()
        identifiers: Mapping[str, str] = compiled(source)["method_identifiers"]
        self._methods = {signature.partition("(")[0]: signature for signature in identifiers}
        self._selectors = identifiers

    def send(self, method: str, *arguments: Any, payer: str | None = None, value: int = 0) -> str:
        """A transaction that calls it, from one of the node's accounts; its hash. Mine it."""
        call = {"from": payer or self.node.accounts()[0], "to": self.address, "value": hex(value), "gas": _GAS}
        return str(self.node.rpc("eth_sendTransaction", {**call, "data": self.data(method, *arguments)}))

    def ask(self, method: str, *arguments: Any) -> int:
        """What it answers now, as a number."""
        return int(self.node.rpc("eth_call", {"to": self.address, "data": self.data(method, *arguments)}, "latest"), 16)

    def data(self, method: str, *arguments: Any) -> str:
        """The call as bytes, in hex."""
        signature = self._methods[method]
        inside = signature.partition("(")[2].removesuffix(")")
        types = inside.split(",") if inside else []
        return f"0x{int(self._selectors[signature], 16):08x}{encode(types, arguments).hex()}"


def deploy(node: EthereumNode, source: Path, payer: str | None = None) -> Contract:
    """Deploys it and mines a block. Raises `PartFailed` if the node refuses it."""
    payer = payer or node.accounts()[0]
    creation = {"from": payer, "data": compiled(source)["bytecode"], "gas": _GAS}
    created = node.rpc("eth_sendTransaction", creation)
    node.mine()
    receipt = node.rpc("eth_getTransactionReceipt", created)
    if receipt is None or receipt["status"] != "0x1":
        raise PartFailed(f"{source.name} was not deployed")
    return Contract(node, receipt["contractAddress"], source)


@cache
def compiled(source: Path) -> dict[str, Any]:
    """Its bytecode and method identifiers. Raises `PartFailed` with the compiler's words."""
    command = [sys.executable, "-W", "ignore", "-m", "vyper", "-f", "combined_json", source.name]
    done = subprocess.run(command, cwd=source.parent, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PartFailed(f"{source.name} does not compile:\n{done.stderr.strip()}")
    found: dict[str, Any] = json.loads(done.stdout)[source.name]
    return found
