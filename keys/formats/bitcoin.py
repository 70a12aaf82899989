"""Addresses of the Bitcoin family. A destination is the output script.

Forms: p2pkh (BIP44), p2sh-p2wpkh (BIP49, BIP141), p2wpkh (BIP84, BIP141), p2tr (BIP86, BIP341).
"""

from collections.abc import Callable, Mapping
from hashlib import sha256
from types import MappingProxyType

from coincurve import PublicKey

from keys.errors import InvalidAddress, NoChildKey
from keys.formats import accounts, base58, bech32, cashaddr
from keys.formats.accounts import Account
from keys.formats.bip32 import AccountDeriver
from keys.formats.hashes import hash160
from monitor.chains import Chain

PARTS: tuple[str, ...] = accounts.PARTS
read, restore = accounts.read, accounts.restore

_HASH_BYTES = 20
_P2PKH = (bytes.fromhex("76a914"), bytes.fromhex("88ac"))
_P2SH = (bytes.fromhex("a914"), bytes.fromhex("87"))
_P2WPKH = bytes((0, _HASH_BYTES))
_P2TR = bytes((0x51, 32))
_P2PKH_BYTES, _P2SH_BYTES, _LONGEST_PROGRAM_SCRIPT = 25, 23, 42
_PUSH_1 = 0x51
_TAP_TWEAK = sha256(b"TapTweak").digest() * 2
"""What BIP340's tagged hash puts before the message."""


def _p2pkh(key: PublicKey) -> bytes:
    return b"".join((_P2PKH[0], hash160(key.format()), _P2PKH[1]))


def _p2sh_p2wpkh(key: PublicKey) -> bytes:
    return b"".join((_P2SH[0], hash160(_p2wpkh(key)), _P2SH[1]))


def _p2wpkh(key: PublicKey) -> bytes:
    return _P2WPKH + hash160(key.format())


def _p2tr(key: PublicKey) -> bytes:
    """BIP86: the output key is the internal one, tweaked by itself alone, so that no script can spend (BIP341)."""
    internal = key.format()[1:]
    try:
        output: bytes = PublicKey(b"\x02" + internal).add(sha256(_TAP_TWEAK + internal).digest()).format()
    except ValueError:
        raise NoChildKey("Its taproot output has no key.") from None
    return _P2TR + output[1:]


_SCRIPTS: Mapping[str, Callable[[PublicKey], bytes]] = MappingProxyType(
    {"p2pkh": _p2pkh, "p2sh-p2wpkh": _p2sh_p2wpkh, "p2wpkh": _p2wpkh, "p2tr": _p2tr}
)


def deriver(account: Account, chain: Chain) -> AccountDeriver:
    return AccountDeriver(account.key, chain, _SCRIPTS[account.form], text, parse)


def text(script: bytes, chain: Chain) -> str:
    """The address of a standard script. Raises `InvalidAddress` for others, and for forms the chain does not have."""
    if chain.cashaddr_prefix:
        return _in_cashaddr(script, chain)
    if chain.bech32_hrp and 2 < len(script) <= _LONGEST_PROGRAM_SCRIPT and len(script) == script[1] + 2:  # noqa: PLR2004
        version = script[0] - _PUSH_1 + 1 if script[0] else 0
        try:
            return bech32.encode(chain.bech32_hrp, version, script[2:])
        except bech32.NotBech32 as error:
            raise InvalidAddress(f"This script has no address: {error}.") from None
    if len(script) == _P2PKH_BYTES and (script[:3], script[-2:]) == _P2PKH and chain.p2pkh_version:
        return base58.encode(chain.p2pkh_version + script[3:-2])
    if len(script) == _P2SH_BYTES and (script[:2], script[-1:]) == _P2SH and chain.p2sh_version:
        return base58.encode(chain.p2sh_version + script[2:-1])
    raise InvalidAddress(f"This script has no address on {chain.title}.")


def parse(address: str, chain: Chain) -> bytes:
    """The script an address of any form stands for. Raises `InvalidAddress`."""
    try:
        if chain.cashaddr_prefix:
            return cashaddr.script(chain.cashaddr_prefix, address)
        if chain.bech32_hrp and address[: len(chain.bech32_hrp) + 1].lower() == f"{chain.bech32_hrp}1":
            return _of_witness(address, chain)
        return _of_base58(address, chain)
    except (bech32.NotBech32, base58.NotBase58, cashaddr.NotCashAddr) as error:
        raise InvalidAddress(f"This is not an address of {chain.title}: {error}.") from None


def _in_cashaddr(script: bytes, chain: Chain) -> str:
    try:
        return cashaddr.text(chain.cashaddr_prefix, script)
    except cashaddr.NotCashAddr as error:
        raise InvalidAddress(f"This script has no address on {chain.title}: {error}.") from None


def _of_witness(address: str, chain: Chain) -> bytes:
    version, program = bech32.decode(chain.bech32_hrp, address)
    return bytes((_PUSH_1 - 1 + version if version else 0, len(program))) + program


def _of_base58(address: str, chain: Chain) -> bytes:
    payload = base58.decode(address)
    version, digest = payload[:-_HASH_BYTES], payload[-_HASH_BYTES:]
    if len(digest) == _HASH_BYTES and version:
        for known, (head, tail) in ((chain.p2pkh_version, _P2PKH), (chain.p2sh_version, _P2SH)):
            if version == known:
                return b"".join((head, digest, tail))
    raise InvalidAddress(f"This is not an address of {chain.title}: it is of another network or kind.")
