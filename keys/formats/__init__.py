"""What a merchant gives for a chain, and how its addresses are written: one file a family, one line in `_FAMILIES`.

A *credential* is what a merchant gives: an extended public key, an account name, a view key. Its *form* says how
addresses are made from it. A *destination* is what the chain itself carries (a script, 20 bytes of the EVM); a *text*
is what people read.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Protocol

from keys.errors import UnknownFamily
from keys.formats import antelope, bitcoin, evm, monero
from monitor.chains import Chain


class Credential(Protocol):
    """One credential, known to be sound. Its `repr` gives nothing of it away."""

    @property
    def payload(self) -> bytes:
        """What is sealed and stored; `Format.restore` reads it back."""

    @property
    def identity(self) -> bytes:
        """The same in every writing, and for no other credential: two books must not hold it. Names the chain where
        it means nothing beyond it, as an account name does."""

    @property
    def form(self) -> str: ...
    @property
    def path(self) -> str:
        """Where it stands in the wallet it came from, for people: m/84'/0'/0'."""


class Deriver(Protocol):
    """The addresses of one credential on one chain, by index: 0 to 2**31 - 1."""

    def destination(self, index: int, /) -> bytes:
        """What the chain carries. Raises `NoChildKey`, `DerivationExhausted`."""

    def address(self, index: int, /) -> tuple[str, bytes]:
        """Text and destination. Raises as `destination` does."""

    def confirms(self, index: int, text: str, destination: bytes, /) -> bool:
        """Whether a second way, sharing as little as can be with the first, leads to the same."""


class Format(Protocol):
    """What a family's module offers."""

    PARTS: tuple[str, ...]
    """Names, as the API has them, of the texts that make up a credential."""

    def read(self, text: str, chain: Chain, form: str = "", /) -> Credential:
        """The credential in `text`, which holds its parts, one a line. No `form`: the one it asks for, or the chain's
        usual one. Raises `InvalidCredential`; the reason never repeats the text."""

    def restore(self, payload: bytes, chain: Chain, /) -> Credential:
        """What `read` made. Raises `InvalidCredential`."""

    def deriver(self, credential: Any, chain: Chain, /) -> Deriver: ...

    def text(self, destination: bytes, chain: Chain, /) -> str:
        """Raises `InvalidAddress`."""

    def parse(self, text: str, chain: Chain, /) -> bytes:
        """The destination an address of any form stands for. Raises `InvalidAddress`."""


_FAMILIES: Mapping[str, Format] = MappingProxyType(
    {
        "bitcoin": bitcoin,
        "evm": evm,
        "monero": monero,
        "antelope": antelope,
    }
)


def format_of(chain: Chain) -> Format:
    """The format of the chain's family. Raises `UnknownFamily`."""
    try:
        return _FAMILIES[chain.family]
    except KeyError:
        raise UnknownFamily(f"{chain.title} is of the family {chain.family}, which has no address format.") from None
