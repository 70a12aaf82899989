"""What a price is of, and in what."""

from typing import NamedTuple


class Pair(NamedTuple):
    """One whole `asset_code`, priced in `currency`."""

    asset_code: str
    currency: str

    def __str__(self) -> str:
        return f"{self.asset_code}/{self.currency}"
