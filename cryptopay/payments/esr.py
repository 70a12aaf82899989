"""Signing requests that wallets of the Antelope family open: a transfer in which the wallet fills in who pays.

Source: EEP-7, "EOSIO Signing Request", revision 2: header, payload, placeholders, Base64u, raw deflate.
"""

import zlib
from base64 import urlsafe_b64encode

from keys.formats import antelope
from ledger.money import Amount
from monitor.chains import Chain

_VERSION, _COMPRESSED = 2, 0x80
_BY_CHAIN_ID, _ONE_ACTION = b"\x01", b"\x00"
_BROADCAST = b"\x01"
_NO_CALLBACK, _NO_INFO = b"\x00", b"\x00"
_SIGNER, _PERMISSION = (1).to_bytes(8, "little"), (2).to_bytes(8, "little")
"""Placeholders: whoever signs, with whatever permission."""
_RAW_DEFLATE = -15
_LETTERS = ".12345abcdefghijklmnopqrstuvwxyz"
_NAME_LETTERS = 13


def transfer_request(chain: Chain, address: str, amount: Amount) -> str:
    """Asks for that amount to be sent to account and memo; empty where nothing is left to pay: none sends nothing."""
    if not amount.base_units:
        return ""
    account, memo = antelope.parts(address)
    data = _SIGNER + _name(account) + _asset(amount) + _counted(memo.encode())
    action = _name(chain.coin_contract) + _name("transfer") + b"\x01" + _SIGNER + _PERMISSION + _counted(data)
    payload = _BY_CHAIN_ID + bytes.fromhex(chain.genesis) + _ONE_ACTION + action + _BROADCAST + _NO_CALLBACK + _NO_INFO
    deflate = zlib.compressobj(9, zlib.DEFLATED, _RAW_DEFLATE)
    packed = bytes([_VERSION | _COMPRESSED]) + deflate.compress(payload) + deflate.flush()
    return f"{chain.uri_scheme}://{urlsafe_b64encode(packed).decode().rstrip('=')}"


def _asset(amount: Amount) -> bytes:
    """The amount with its sign, the decimals, the code; eight bytes, one, seven."""
    code = amount.asset.code.encode().ljust(7, b"\0")
    return amount.base_units.to_bytes(8, "little", signed=True) + bytes([amount.asset.decimals]) + code


def _name(text: str) -> bytes:
    """Twelve letters of five bits and a thirteenth of four, from the highest bit down."""
    value = 0
    for letter in text.ljust(_NAME_LETTERS, ".")[: _NAME_LETTERS - 1]:
        value = value << 5 | _LETTERS.index(letter)
    value = value << 4 | _LETTERS.index(text.ljust(_NAME_LETTERS, ".")[-1])
    return value.to_bytes(8, "little")


def _counted(content: bytes) -> bytes:
    """The length first, seven bits a byte; two such bytes hold any memo."""
    length = len(content)
    head = bytes([length]) if length < 0x80 else bytes([length & 0x7F | 0x80, length >> 7])  # noqa: PLR2004
    return head + content
