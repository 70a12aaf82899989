"""CryptoPay from Python: `Client`, `AsyncClient`, and `WebhookVerifier`. Needs httpx and nothing else of anybody's.

    with Client("https://pay.example.com", "sk_test_...") as client:
        invoice = client.invoices.create(amount="25.00", currency="EUR")
        for payment in client.payments.list(invoice=invoice.id): ...

Amounts are `Decimal`, base units `int`. What CryptoPay refuses raises `Refused`, with its `code`.
"""

from types import TracebackType
from typing import Any

import httpx

from .errors import (
    BadRequest,
    Conflict,
    ConnectionFailed,
    CryptoPayError,
    Fault,
    Forbidden,
    NotFound,
    Refused,
    ServerFault,
    SignatureRefused,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    Unprocessable,
)
from .groups import AsyncGroups, Groups
from .sending import AsyncListing, AsyncSender, Listing, Patience, Sender
from .verifying import WebhookEvent, WebhookVerifier

__all__ = [
    "AsyncClient",
    "AsyncListing",
    "BadRequest",
    "Client",
    "Conflict",
    "ConnectionFailed",
    "CryptoPayError",
    "Fault",
    "Forbidden",
    "Listing",
    "NotFound",
    "Patience",
    "Refused",
    "ServerFault",
    "SignatureRefused",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
    "Unprocessable",
    "WebhookEvent",
    "WebhookVerifier",
]

TIMEOUT_SECONDS = 30.0


class Client(Groups):
    """One API key at one installation. Safe to share among threads; close it when you are done.

    `patience` says how often is tried. What else is given goes to httpx: `timeout`, `proxy`, `verify`, `transport`.
    """

    def __init__(self, url: str, api_key: str, *, patience: Patience | None = None, **options: Any) -> None:
        self._http = httpx.Client(**_settings(url, api_key, options))
        super().__init__(Sender(self._http, patience or Patience()))

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient(AsyncGroups):
    """The same in an event loop."""

    def __init__(self, url: str, api_key: str, *, patience: Patience | None = None, **options: Any) -> None:
        self._http = httpx.AsyncClient(**_settings(url, api_key, options))
        super().__init__(AsyncSender(self._http, patience or Patience()))

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _settings(url: str, api_key: str, options: dict[str, Any]) -> dict[str, Any]:
    """Redirects are not followed: the key would go with them."""
    return {
        "timeout": TIMEOUT_SECONDS,
        **options,
        "base_url": f"{url.rstrip('/')}/api/v1",
        "headers": {"Authorization": f"Bearer {api_key}", "User-Agent": "cryptopay-client/0.1.0"},
        "follow_redirects": False,
    }
