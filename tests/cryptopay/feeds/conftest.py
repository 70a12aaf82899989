"""Sources without their network: answers of the shape that each source documents, with figures of our own."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx

NOW = datetime(2026, 11, 23, tzinfo=UTC)
"""Just after the recorded answers were made."""
RECORDED = Path(__file__).parent / "recorded"

Reply = Callable[[httpx.Request], httpx.Response]


def recorded(name: str, status: int = 200) -> httpx.Response:
    """An answer made at `NOW`."""
    body = (RECORDED / name).read_bytes()
    return httpx.Response(status, content=body, headers={"Date": "Mon, 23 Nov 2026 00:00:00 GMT"})


def answers(request: httpx.Request) -> httpx.Response:
    """All sources, each as it answers on a good day."""
    match request.url.host:
        case "api.kraken.com":
            return recorded("kraken.json")
        case "www.bitstamp.net":
            return recorded("bitstamp.json")
        case "api-pub.bitfinex.com":
            return recorded("bitfinex.json")
        case "data-api.ecb.europa.eu":
            return recorded("ecb.csv")
        case "api.coinbase.com":
            asset = request.url.params["currency"]
            known = (RECORDED / f"coinbase_{asset}.json").exists()
            return recorded(f"coinbase_{asset}.json") if known else recorded("coinbase_error.json", 400)
    raise AssertionError(request.url)


def times_out(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("nothing came", request=request)


def refuses(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("nobody there", request=request)
