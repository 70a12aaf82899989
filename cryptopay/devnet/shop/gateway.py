"""The shop's side of CryptoPay's REST interface: three calls of the Python client."""

from collections.abc import Iterator
from contextlib import contextmanager

from cryptopay.client import Client, CryptoPayError, Patience
from cryptopay.client import Refused as RefusedByCryptoPay
from cryptopay.client.kinds import Invoice, Method

_TIMEOUT_SECONDS = 20
_TRIES = 2
"""A person is waiting for the page."""


class Refused(Exception):
    """CryptoPay did not do as asked; the message is its own, for a person."""

    code = "refused"


class Gateway:
    """One API key at one installation. Every method raises `Refused`."""

    def __init__(self, url: str, api_key: str) -> None:
        self._client = Client(url, api_key, patience=Patience(_TRIES), timeout=_TIMEOUT_SECONDS, trust_env=False)

    def open_invoice(self, *, amount: str, order_id: str, description: str, return_url: str) -> Invoice:
        """An invoice in euros; its payer chooses the coin."""
        with _told():
            return self._client.invoices.create(
                amount=amount, currency="EUR", order_id=order_id, description=description, return_url=return_url
            )

    def invoice(self, invoice_id: str) -> Invoice:
        with _told():
            return self._client.invoices.get(invoice_id)

    def choose(self, invoice_id: str, coin: str) -> Method:
        """An address for that coin; the same again where it was chosen before."""
        with _told():
            return self._client.invoices.choose_payment_method(invoice_id, method=coin)

    def close(self) -> None:
        self._client.close()


@contextmanager
def _told() -> Iterator[None]:
    """What went wrong, in words for the shop's visitor."""
    try:
        yield
    except RefusedByCryptoPay as error:
        raise Refused(f"CryptoPay says: {error.detail or error.code}") from error
    except CryptoPayError as error:
        raise Refused("CryptoPay does not answer. Try again in a moment.") from error
