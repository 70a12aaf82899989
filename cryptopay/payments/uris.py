"""Payment URIs that wallets open: BIP-321 and its kin (UTXO chains), EIP-681 (EVM), Monero's own, EEP-7 (EOS)."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from cryptopay.payments import esr
from ledger.money import Amount
from monitor.chains import Chain


def payment_uri(chain: Chain, address: str, amount: Amount, contract: str = "") -> str:
    """A URI asking for `amount`, of a token by its `contract`; without an amount where nothing is left to pay."""
    return _FORMS[chain.family](chain, address, amount, contract)


def _bip321(chain: Chain, address: str, amount: Amount, _: str) -> str:
    query = f"?amount={amount.text.rstrip('0').rstrip('.')}" if amount.base_units else ""
    return f"{address if chain.cashaddr_prefix else f'{chain.uri_scheme}:{address}'}{query}"


def _eip681(chain: Chain, address: str, amount: Amount, contract: str) -> str:
    """A token is not sent to an address but moved by its contract: the wallet is asked to call that."""
    asked = f"{'uint256' if contract else 'value'}={amount.base_units}" if amount.base_units else ""
    if contract:
        parameters = "&".join(filter(None, (f"address={address}", asked)))
        return f"{chain.uri_scheme}:{contract}@{chain.chain_id}/transfer?{parameters}"
    return f"{chain.uri_scheme}:{address}@{chain.chain_id}{'?' if asked else ''}{asked}"


def _monero(chain: Chain, address: str, amount: Amount, _: str) -> str:
    query = f"?tx_amount={amount.text.rstrip('0').rstrip('.')}" if amount.base_units else ""
    return f"{chain.uri_scheme}:{address}{query}"


def _signing_request(chain: Chain, address: str, amount: Amount, _: str) -> str:
    return esr.transfer_request(chain, address, amount)


_FORMS: Mapping[str, Callable[[Chain, str, Amount, str], str]] = MappingProxyType(
    {"bitcoin": _bip321, "evm": _eip681, "monero": _monero, "antelope": _signing_request}
)
