"""The shop's side of CryptoPay's REST interface."""

from typing import Any
from uuid import uuid4

import httpx


class Refused(Exception):
    """CryptoPay did not do as asked; the message is its own, for a person."""

    code = "refused"


class Gateway:
    """One API key at one installation. Every method raises `Refused`."""

    def __init__(self, url: str, api_key: str) -> None:
        self._client = httpx.Client(
            base_url=f"{url}/api/v1", headers={"Authorization": f"Bearer {api_key}"}, timeout=20, trust_env=False
        )

    def open_invoice(self, *, amount: str, order_id: str, description: str, return_url: str) -> dict[str, Any]:
        """An invoice in euros; its payer chooses the coin."""
        asked = {"amount": amount, "currency": "EUR", "order_id": order_id, "description": description}
        return self._ask("POST", "/invoices", {**asked, "return_url": return_url})

    def invoice(self, invoice_id: str) -> dict[str, Any]:
        return self._ask("GET", f"/invoices/{invoice_id}")

    def choose(self, invoice_id: str, coin: str) -> dict[str, Any]:
        """An address for that coin; the same again where it was chosen before."""
        return self._ask("POST", f"/invoices/{invoice_id}/payment-methods", {"method": coin})

    def close(self) -> None:
        self._client.close()

    def _ask(self, verb: str, path: str, body: dict[str, str] | None = None) -> dict[str, Any]:
        headers = {"Idempotency-Key": str(uuid4())} if verb == "POST" else {}
        try:
            answer = self._client.request(verb, path, json=body, headers=headers)
            said: dict[str, Any] = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise Refused("CryptoPay does not answer. Try again in a moment.") from error
        if answer.is_error:
            raise Refused(f"CryptoPay says: {said.get('detail') or said.get('title')}")
        return said
