"""JSON-RPC to a development node."""

from decimal import Decimal
from json import JSONDecodeError, dumps, loads
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx

from cryptopay.devnet.errors import NodeRefused


class Rpc:
    """One endpoint. Fractions in answers are `Decimal`; amounts in parameters go out as strings or ints."""

    def __init__(self, url: str, *, path: str = "") -> None:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        login = (parts.username or "", parts.password or "") if parts.username else None
        self._url = urlunsplit((parts.scheme, host, path or parts.path, "", ""))
        self._client = httpx.Client(auth=login, timeout=120, trust_env=False)

    def __call__(self, method: str, *params: Any) -> Any:
        """Raises `NodeRefused` with the node's own words, `httpx.HTTPError` if it does not answer."""
        body = dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        response = self._client.post(self._url, content=body, headers={"Content-Type": "application/json"})
        try:
            answer = loads(response.text, parse_float=Decimal)
        except JSONDecodeError:
            response.raise_for_status()
            raise
        if error := answer.get("error"):
            raise NodeRefused(method, error["code"], error["message"])
        return answer["result"]

    def close(self) -> None:
        self._client.close()
