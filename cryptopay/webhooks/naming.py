"""Public ids of many rows at once."""

import os
import time
from collections.abc import Iterator
from itertools import islice, product

from ulid import ULID

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's, in lower case."""
_COUNTED = 4
"""Characters that count, of the 16 that are random in a ULID: a million ids before the others must change."""


def ulids(prefix: str, many: int) -> Iterator[str]:
    """So many, ascending: the random part is drawn once, then counted up, as the ULID specification has it for ids of
    one millisecond."""
    while many > 0:
        moment = (time.time_ns() // 1_000_000).to_bytes(6)
        # Not ULID(): that one counts up itself, where two are drawn in one millisecond.
        drawn = f"{prefix}{ULID.from_bytes(moment + os.urandom(10))}".lower()[:-_COUNTED]
        portion = min(many, len(_ALPHABET) ** _COUNTED)
        yield from (drawn + "".join(counted) for counted in islice(product(_ALPHABET, repeat=_COUNTED), portion))
        many -= portion
