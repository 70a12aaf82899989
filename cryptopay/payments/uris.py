"""Payment URIs that wallets open: BIP-321 (and its kin) for UTXO chains, EIP-681 for EVM chains, Monero's own."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from ledger.money import Amount
from monitor.chains import Chain


def payment_uri(chain: Chain, address: str, amount: Amount) -> str:
    """A URI asking for `amount`; without an amount where nothing is left to pay."""
    return _FORMS[chain.family](chain, address, amount)


def _bip321(chain: Chain, address: str, amount: Amount) -> str:
    query = f"?amount={amount.text.rstrip('0').rstrip('.')}" if amount.base_units else ""
    return f"{chain.uri_scheme}:{address}{query}"


def _eip681(chain: Chain, address: str, amount: Amount) -> str:
    query = f"?value={amount.base_units}" if amount.base_units else ""
    return f"{chain.uri_scheme}:{address}@{chain.chain_id}{query}"


def _monero(chain: Chain, address: str, amount: Amount) -> str:
    query = f"?tx_amount={amount.text.rstrip('0').rstrip('.')}" if amount.base_units else ""
    return f"{chain.uri_scheme}:{address}{query}"


_FORMS: Mapping[str, Callable[[Chain, str, Amount], str]] = MappingProxyType(
    {"bitcoin": _bip321, "evm": _eip681, "monero": _monero}
)
