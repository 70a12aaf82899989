"""How a development node is asked: by the monitor's own transport, with answers of any form.

Raises `RpcRefused` in the node's own words, and `NodeError` where it gives no usable answer.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from monitor.connectors.jsonrpc import JsonRpc, RpcRefused

_PATIENCE_SECONDS = 300
"""Monero mines a hundred blocks in that time on a busy machine."""


class Calls:
    """One node, or one wallet. Fractions in answers are `Decimal`; amounts in parameters go out as strings or ints."""

    def __init__(self, url: str) -> None:
        self._rpc = JsonRpc(url, read_seconds=_PATIENCE_SECONDS, answer_seconds=_PATIENCE_SECONDS)

    def __call__(self, method: str, *params: Any) -> Any:
        """JSON-RPC with positional parameters; None for `null`."""
        found = self._rpc.find(method, *params, returns=msgspec.Raw)
        return None if found is None else _read(found)

    def named(self, method: str, params: Mapping[str, Any]) -> Any:
        """JSON-RPC with named parameters, as Monero speaks it."""
        body = {"jsonrpc": "2.0", "id": "0", "method": method, "params": params}
        answer = self.ask("json_rpc", body)
        if error := answer.get("error"):
            raise RpcRefused(f"{method}: {error['message']} ({error['code']})", error["code"])
        return answer["result"]

    def ask(self, path: str, body: Mapping[str, Any]) -> Any:
        """A plain POST."""
        return _read(self._rpc.ask(path, body, returns=msgspec.Raw))

    def close(self) -> None:
        """Ends idle connections, for which litecoind would wait when it is stopped."""
        self._rpc.close()


def _read(raw: msgspec.Raw) -> Any:
    return json.loads(bytes(raw), parse_float=Decimal)
