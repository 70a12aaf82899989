"""The seam between prices and who tells them: bytes in, what they say out.

A source makes no judgement: whether a price can be believed is decided in `fetching`, for all alike. It raises
`SourceError` for an answer that it cannot read.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol, TypeVar

import msgspec

from cryptopay.feeds.errors import SourceError
from ledger.pairs import Pair

_T = TypeVar("_T")

EURO = "EUR"
"""Other currencies are reached over it, where too few sources price a coin in them."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A body, and when it was made: by the source, or by a cache on the way that kept it."""

    body: bytes
    made_at: datetime


Ask = Callable[[str, Mapping[str, str]], Answer]
"""GET of a URL with parameters. Raises `SourceError`."""


@dataclass(frozen=True, slots=True)
class Told:
    """Best bid and ask of a market, as they were written; both the same where a source tells one price."""

    pair: Pair
    bid: str | Decimal
    ask: str | Decimal
    told_at: datetime


class Source(Protocol):
    """One public source of prices. `name` is what settings and rates call it."""

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str: ...

    @property
    def least_seconds(self) -> int:
        """Between two questions, however often one would like to ask."""
        ...

    @property
    def fresh_seconds(self) -> int | None:
        """How old its prices may be; None: RATE_MAX_AGE_SECONDS."""
        ...

    def tell(self, pairs: Collection[Pair], ask: Ask) -> Iterator[Told]:
        """Those of the pairs it has."""
        ...


def decoded(body: bytes, form: type[_T]) -> _T:
    """JSON of that form; numbers stay exact. Raises `SourceError`."""
    try:
        return msgspec.json.decode(body, type=form)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SourceError(f"the answer cannot be read: {str(error)[:150]}") from error
