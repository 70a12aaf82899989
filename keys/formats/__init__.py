"""How the families of chains write their addresses. A new family is one file here and one line in `_FAMILIES`.

A *destination* is what the chain itself carries (a script, 20 bytes of the EVM); a *text* is what people read.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from coincurve import PublicKey

from keys.errors import UnknownFamily
from keys.formats import bitcoin, evm
from monitor.chains import Chain


class Format(Protocol):
    """What a family's module offers."""

    def destination(self, public_key: PublicKey) -> bytes: ...
    def text(self, destination: bytes, chain: Chain, /) -> str: ...
    def parse(self, text: str, chain: Chain, /) -> bytes: ...


_FAMILIES: Mapping[str, Format] = MappingProxyType({"bitcoin": bitcoin, "evm": evm})


def format_of(chain: Chain) -> Format:
    """The format of the chain's family. Raises `UnknownFamily`."""
    try:
        return _FAMILIES[chain.family]
    except KeyError:
        raise UnknownFamily(f"{chain.title} is of the family {chain.family}, which has no address format.") from None
